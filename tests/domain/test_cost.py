"""Money and units as integers."""

from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.cost import MOST, Price, Units, cost_of, estimate_of, plain
from daemon.domain.workflow import Usage
from tests.engine.charging import BEGINNING

FREE = Price(
    id="p",
    provider="fastgpt",
    model="*",
    point_micro=0,
    input_micro=0,
    output_micro=0,
    embedding_micro=0,
    act_micro=0,
    valid_from=BEGINNING,
    created_at=BEGINNING,
    updated_at=BEGINNING,
    version=1,
)
small = st.integers(0, 10**9)


@given(small, small, small, small, st.integers(0, 100), st.tuples(small, small, small, small, small))
def test_the_cost_is_exact_and_rounded_up_once(
    points: int, given_in: int, given_out: int, embedded: int, acts: int, prices: tuple[int, ...]
) -> None:
    fields: dict[str, Any] = dict(
        zip(("point_micro", "input_micro", "output_micro", "embedding_micro", "act_micro"), prices, strict=True)
    )
    units = Units(
        points_micro=points, input_tokens=given_in, output_tokens=given_out, embedding_tokens=embedded, acts=acts
    )
    tokens = Fraction(given_in * prices[1] + given_out * prices[2] + embedded * prices[3], 1000)
    exact = Fraction(points * prices[0], 10**6) + tokens + acts * prices[4]
    assert cost_of(units, evolve(FREE, **fields)) == min(ceil(exact), MOST)


def test_without_a_price_nothing_is_known_to_cost() -> None:
    assert cost_of(Units(points_micro=5), None) == 0


def test_an_estimate_is_half_as_much_again_as_nearly_all_calls_used() -> None:
    earlier = [Units(points_micro=number, input_tokens=1000 - number) for number in range(1, 101)]
    assert estimate_of(earlier, Units()) == Units(points_micro=149, input_tokens=1497)


def test_one_earlier_call_is_enough_for_an_estimate_and_none_is_not() -> None:
    first = Units(points_micro=7)
    assert estimate_of([], first) == first
    assert estimate_of([Units(points_micro=3, output_tokens=1)], first) == Units(points_micro=5, output_tokens=2)


def test_what_a_service_says_of_itself_is_bounded() -> None:
    told: dict[str, Any] = {"input_tokens": 10**30, "output_tokens": -5, "points_micro": 2, "known": True}
    assert Units.of(Usage(**told)) == Units(input_tokens=MOST, output_tokens=0, points_micro=2)
    assert Units.of(Usage(input_tokens=5)) is None


@pytest.mark.parametrize(("micro", "text"), [(0, "0"), (1, "0.000001"), (1_500_000, "1.5"), (10_000_000, "10")])
def test_millionths_are_shown_as_people_write_them(micro: int, text: str) -> None:
    assert plain(micro) == text
