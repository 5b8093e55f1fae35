"""The cache of answers held against a plain model: room, time, order, owners; and keys that tell calls apart."""

from collections import OrderedDict
from datetime import timedelta
from typing import Any

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from daemon.engine.answer_cache import LARGEST_SHARE, OVERHEAD, AnswerCache, digest
from tests.clock import FakeClock

ROOM = 8 * OVERHEAD
KEYS = [bytes([number]) for number in range(12)]
OWNERS = ["a", "b"]


@define
class Model:
    """What the cache should hold: key to owner, end, size, value; the least recently asked for first."""

    kept: "OrderedDict[bytes, tuple[str, float, int, int]]" = field(factory=OrderedDict)

    def put(self, key: bytes, owner: str, until: float, size: int, value: int) -> None:
        self.kept.pop(key, None)
        if size * LARGEST_SHARE > ROOM:
            return
        self.kept[key] = (owner, until, size, value)
        while sum(size for _, _, size, _ in self.kept.values()) > ROOM:
            self.kept.popitem(last=False)

    def find(self, key: bytes, now: float) -> int | None:
        if key in self.kept and now >= self.kept[key][1]:
            del self.kept[key]
        if key not in self.kept:
            return None
        self.kept.move_to_end(key)
        return self.kept[key][3]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(KEYS), st.sampled_from(OWNERS), st.sampled_from([0, 0, 0, 1])),
        st.tuples(st.just("find"), st.sampled_from(KEYS), st.just(""), st.just(0)),
        st.tuples(st.just("clear"), st.just(b""), st.sampled_from(OWNERS), st.just(0)),
        st.tuples(st.just("pass"), st.just(b""), st.just(""), st.integers(1, 40)),
    ),
    max_size=60,
)


@given(STEPS)
def test_it_holds_what_the_model_holds_and_never_more_than_its_room(steps: list[tuple[Any, ...]]) -> None:
    clock = FakeClock()
    cache, model = AnswerCache[int](clock, ROOM), Model()
    for number, (what, key, owner, amount) in enumerate(steps):
        if what == "put":
            cache.put(key, owner, timedelta(seconds=60), number, amount)
            model.put(key, owner, clock.monotonic() + 60, amount + OVERHEAD, number)
        elif what == "find":
            assert cache.find(key, "a") == model.find(key, clock.monotonic())
        elif what == "clear":
            gone = [key for key, kept in model.kept.items() if kept[0] == owner]
            assert cache.clear(owner) == len(gone)
            for key in gone:
                del model.kept[key]
        else:
            clock.advance(amount)
        assert cache.bytes <= ROOM
        assert cache.bytes == sum(size for _, _, size, _ in model.kept.values())
        assert cache.bytes == sum(cache.counts(owner).bytes for owner in OWNERS)
        assert len(cache) == sum(cache.counts(owner).entries for owner in OWNERS) == len(model.kept)


def test_an_answer_that_would_drive_out_all_others_is_not_kept() -> None:
    cache = AnswerCache[int](FakeClock(), ROOM)
    assert cache.put(b"k", "a", timedelta(seconds=60), 1, ROOM // LARGEST_SHARE - OVERHEAD)
    assert not cache.put(b"k", "a", timedelta(seconds=60), 2, ROOM // LARGEST_SHARE)
    assert cache.find(b"k", "a") is None


def test_who_was_asked_for_longest_ago_goes_first() -> None:
    cache = AnswerCache[int](FakeClock(), ROOM)
    for number in range(8):
        assert cache.put(KEYS[number], "a", timedelta(seconds=60), number, 0)
    assert cache.find(KEYS[0], "a") == 0
    cache.put(KEYS[8], "a", timedelta(seconds=60), 8, 0)
    assert (cache.find(KEYS[0], "a"), cache.find(KEYS[1], "a"), cache.counts("a").evicted) == (0, None, 1)


def test_without_room_nothing_is_kept() -> None:
    cache = AnswerCache[int](FakeClock(), 0)
    assert not cache.put(b"k", "a", timedelta(seconds=60), 1, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def turned(document: Any) -> Any:
    """The same with every object's fields in the opposite order."""
    if isinstance(document, dict):
        return {key: turned(document[key]) for key in reversed(document)}
    return [turned(item) for item in document] if isinstance(document, list) else document


def plain(document: Any) -> Any:
    """Told apart as JSON tells them apart: True is no 1."""
    if isinstance(document, dict):
        return {key: plain(value) for key, value in document.items()}
    return [plain(item) for item in document] if isinstance(document, list) else (type(document), document)


@given(JSON, JSON)
def test_two_calls_have_one_key_exactly_where_they_are_equal(one: Any, other: Any) -> None:
    assert digest("w", 1, one) == digest("w", 1, turned(one))
    assert (digest(one) == digest(other)) == (plain(one) == plain(other))


def test_parts_do_not_run_into_each_other() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a", None) != digest("a")
