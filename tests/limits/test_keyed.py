"""Keyed buckets behave as one bucket a key, and their table stays bounded."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.limits.bucket import NOTHING, Bucket
from daemon.limits.keyed import KeyedBuckets
from tests.clock import FakeClock

steps = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3), st.floats(0, 5)), max_size=60)


@given(steps)
def test_each_key_behaves_as_a_bucket_of_its_own(taken: list[tuple[str, float, float]]) -> None:
    clock = FakeClock()
    keyed = KeyedBuckets(rate=0.7, burst=5, clock=clock)
    single = {key: Bucket(rate=0.7, burst=5, clock=clock) for key in "abc"}
    for key, passed, amount in taken:
        clock.advance(passed)
        assert keyed.wait_for(key, amount) == single[key].wait_for(amount)
        assert keyed.take(key, amount) == single[key].take(amount)
        assert keyed.level(key) == single[key].level()


def test_levels_survive_a_restart_as_they_were() -> None:
    clock = FakeClock()
    before = KeyedBuckets(rate=1, burst=5, clock=clock)
    before.take("spent", 5)
    before.take("half", 2)
    before.take("idle", 1)
    clock.advance(1.5)
    after = KeyedBuckets(rate=1, burst=5, clock=FakeClock(elapsed=3))
    after.restore(before.levels())
    assert after.levels() == {"spent": 1.5, "half": 4.5}
    assert after.take("spent", 2) == timedelta(seconds=0.5)


def test_a_full_table_forgets_those_idle_longest() -> None:
    clock = FakeClock()
    buckets = KeyedBuckets(rate=1, burst=5, clock=clock, most_keys=4)
    for key in ("old", "b", "c", "d", "old", "e"):
        buckets.take(key, 5 if key == "b" else 1)
    assert len(buckets) <= 4
    assert buckets.level("b") == 5
    assert buckets.level("old") == 3


def test_a_stranger_for_every_take_does_not_grow_the_table() -> None:
    buckets = KeyedBuckets(rate=1, burst=5, clock=FakeClock(), most_keys=100)
    for stranger in range(10_000):
        assert buckets.take(f"stranger-{stranger}") == NOTHING
    assert len(buckets) <= 100


def test_restoring_more_than_the_table_holds_keeps_to_the_bound() -> None:
    buckets = KeyedBuckets(rate=1, burst=5, clock=FakeClock(), most_keys=10)
    buckets.restore({f"key-{n}": 1.0 for n in range(100)})
    assert len(buckets) <= 10


def test_per_window_leaves_the_refill_what_the_burst_leaves() -> None:
    buckets = KeyedBuckets.per_window(limit=40, window=timedelta(minutes=1), burst=3, clock=FakeClock())
    assert (buckets.rate, buckets.burst) == (37 / 60, 3)


@pytest.mark.parametrize("call", ["take", "wait_for"])
def test_what_can_never_be_had_is_refused_loudly(call: str) -> None:
    with pytest.raises(ValueError, match="can never be had"):
        getattr(KeyedBuckets(rate=1, burst=3, clock=FakeClock()), call)("key", 4)
