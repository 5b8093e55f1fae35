"""JSON in and out: exact with what is ours, lenient with what is not, and every fault named."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
from attrs import field, frozen

from daemon.codec import decode, encode, parse, recall, structure
from daemon.errors import Invalid


class Colour(StrEnum):
    RED = "red"


@frozen(kw_only=True)
class Inner:
    number: int
    word: str = "x"


@frozen(kw_only=True)
class Outer:
    inner: list[Inner]
    flag: bool = False
    share: float = 0.0
    at: datetime | None = None
    span: timedelta = timedelta()
    colour: Colour = Colour.RED
    names: tuple[str, ...] = field(default=())


def problems(document: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        structure(document, Outer)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_what_is_written_is_read_back() -> None:
    outer = Outer(
        inner=[Inner(number=2**63)],
        flag=True,
        share=0.5,
        at=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        span=timedelta(seconds=1.5),
        names=("甲",),
    )
    assert decode(encode(outer), Outer) == outer
    assert b'"at":"2026-01-02T03:04:05.678Z"' in encode(outer)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"inner": [{"number": "1"}]}, "inner[0].number"),
        ({"inner": [{"number": True}]}, "inner[0].number"),
        ({"inner": [{}]}, "inner[0].number"),
        ({"inner": [], "flag": "false"}, "flag"),
        ({"inner": [], "flag": 1}, "flag"),
        ({"inner": [{"number": 1, "word": None}]}, "inner[0].word"),
        ({"inner": [], "at": "2026-01-02T03:04:05"}, "at"),
        ({"inner": [], "colour": "blue"}, "colour"),
        ({"inner": [], "more": 1}, ""),
        ([], ""),
        ("text", ""),
        (None, ""),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(document: Any, field: str) -> None:
    assert field in problems(document)


def test_every_fault_is_told_at_once() -> None:
    assert set(problems({"inner": [{"number": "1"}, {}], "flag": 3})) == {"inner[0].number", "inner[1].number", "flag"}


def test_other_peoples_documents_may_have_more_fields() -> None:
    assert structure({"inner": [], "more": 1}, Outer, foreign=True) == Outer(inner=[])


def test_what_is_no_json_is_invalid() -> None:
    with pytest.raises(Invalid, match="not valid JSON"):
        decode(b"{", Outer)


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_what_is_read_can_be_written_with_more_around_it(opens: str, closes: str, *, as_bytes: bool) -> None:
    def read(depth: int) -> Any:
        text = opens * depth + "1" + closes * depth
        return parse(text.encode() if as_bytes else text)

    assert len(encode({"ours": [[read(200)]]})) > 400
    for depth in (201, 254, 255, 1000, 100_000):
        with pytest.raises(Invalid, match="not valid JSON"):
            read(depth)
    flat: Any = [[{}]] * 1000
    assert parse(encode(flat)) == flat


def test_a_stored_row_that_does_not_fit_is_no_fault_of_a_caller() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        recall('{"inner": 3}', Outer)
