"""Ids sort in the order they were made, whatever the wall clock does."""

import uuid
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from daemon.clock import to_ms
from daemon.ids import Ids
from tests.clock import FakeClock


def test_an_id_is_a_uuid_of_version_7_that_tells_when_it_was_made() -> None:
    clock = FakeClock()
    made = uuid.UUID(Ids(clock, Random(1)).new())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == to_ms(clock.now())


@given(st.lists(st.floats(-10_000, 10_000), max_size=50))
def test_each_id_is_greater_than_the_one_before_also_when_the_clock_is_set_back(jumps: list[float]) -> None:
    clock = FakeClock()
    ids = Ids(clock, Random(1))
    made = [ids.new()]
    for jump in jumps:
        clock.jump_wall(jump)
        made.append(ids.new())
    assert made == sorted(set(made))


def test_more_ids_than_a_millisecond_counts_still_sort() -> None:
    ids = Ids(FakeClock(), Random(1))
    made = [ids.new() for _ in range(10_000)]
    assert made == sorted(set(made))


def test_after_a_restart_with_a_clock_set_back_ids_go_on_above_the_stored_ones() -> None:
    clock = FakeClock()
    stored = Ids(clock, Random(1)).new()
    clock.jump_wall(-3600)
    later = Ids(clock, Random(2))
    later.continue_after(stored)
    assert later.new() > stored
