"""The token bucket holds its limit in every window, and says honestly how long to wait."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.limits.bucket import NOTHING, Bucket, span
from tests.clock import FakeClock

MINUTE = timedelta(minutes=1)

# What a run does between two takes: time passes, the wall clock is set, the daemon restarts, or nothing.
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("passes"), st.floats(0, 100)),
        st.tuples(st.just("set"), st.floats(-1e6, 1e6)),
        st.tuples(st.just("restarts"), st.floats(0, 100)),
        st.tuples(st.just("waits"), st.just(0.0)),
        st.tuples(st.just("takes"), st.integers(1, 60)),
    ),
    max_size=120,
)


def sendings(happened: list[tuple[str, float]], *, limit: int, burst: float) -> list[float]:
    """When each token was taken."""
    clock = FakeClock()
    bucket = Bucket.per_window(limit=limit, window=MINUTE, burst=burst, clock=clock)
    taken: list[float] = []
    for what, how_much in happened:
        match what:
            case "passes":
                clock.advance(how_much)
            case "set":
                clock.jump_wall(how_much)
            case "restarts":
                level = bucket.level()
                clock.advance(how_much)
                bucket = Bucket.per_window(limit=limit, window=MINUTE, burst=burst, clock=clock)
                bucket.restore(level)
            case "waits":
                clock.advance(bucket.wait_for().total_seconds())
            case _:
                taken += [clock.elapsed for _ in range(int(how_much)) if not bucket.take()]
    return taken


def most_in_a_window(moments: list[float], seconds: float) -> int:
    return max((sum(start <= m <= start + seconds for m in moments) for start in moments), default=0)


@given(happenings, st.integers(2, 60), st.floats(0.1, 0.9))
def test_no_sliding_minute_ever_holds_more_than_the_limit(
    happened: list[tuple[str, float]], limit: int, share: float
) -> None:
    taken = sendings(happened, limit=limit, burst=max(1, limit * share))
    assert most_in_a_window(taken, 60) <= limit


def test_a_greedy_sender_over_three_days_gets_its_burst_and_the_refill_and_no_more() -> None:
    clock = FakeClock(elapsed=4e6)
    bucket = Bucket.per_window(limit=40, window=MINUTE, burst=3, clock=clock)
    taken: list[float] = []
    while clock.elapsed < 4e6 + 72 * 3600:
        wait = bucket.take()
        if wait:
            clock.advance(wait.total_seconds())
        else:
            taken.append(clock.elapsed)
    fullest = max(sum(1 for m in taken[i : i + 60] if m <= start + 60) for i, start in enumerate(taken))
    assert 39 <= fullest <= 40  # the fortieth comes on the stroke of the minute
    assert len(taken) == pytest.approx(72 * 60 * 37, rel=0.001)


def test_the_burst_is_there_at_once_and_the_next_after_its_refill() -> None:
    clock = FakeClock()
    bucket = Bucket(rate=2, burst=3, clock=clock)
    assert [bucket.take() for _ in range(4)] == [NOTHING, NOTHING, NOTHING, timedelta(seconds=0.5)]
    clock.advance(0.5)
    assert bucket.take() == NOTHING


def test_a_refused_take_takes_nothing() -> None:
    bucket = Bucket(rate=1, burst=3, clock=FakeClock())
    bucket.take(2)
    assert bucket.take(2) == timedelta(seconds=1)
    assert bucket.level() == 1


@given(st.floats(0, 1e8), st.floats(0.001, 1e5), st.floats(1, 1000), st.floats(0, 1))
def test_who_waits_as_told_gets_it(uptime: float, rate: float, burst: float, share: float) -> None:
    clock = FakeClock(elapsed=uptime)
    bucket = Bucket(rate, burst, clock)
    bucket.take(burst)
    amount = burst * share
    clock.elapsed += bucket.wait_for(amount).total_seconds()
    assert bucket.take(amount) == NOTHING


@given(st.floats(0, 1e8), st.floats(0.001, 1e5))
def test_a_wait_is_never_rounded_to_nothing(uptime: float, rate: float) -> None:
    clock = FakeClock(elapsed=uptime)
    bucket = Bucket(rate, 1, clock)
    assert bucket.take() == NOTHING
    if 1 / rate > 2e-6:
        assert bucket.take() > NOTHING


def test_a_span_too_short_to_say_is_still_one() -> None:
    assert span(1e-9) == timedelta(microseconds=1)


def test_what_can_never_be_had_is_refused_loudly() -> None:
    with pytest.raises(ValueError, match="can never be had"):
        Bucket(rate=1, burst=3, clock=FakeClock()).take(4)


@pytest.mark.parametrize("burst", [0, 40, 41])
def test_a_burst_that_leaves_no_refill_within_the_limit_is_refused(burst: int) -> None:
    with pytest.raises(ValueError, match="leaves nothing"):
        Bucket.per_window(limit=40, window=MINUTE, burst=burst, clock=FakeClock())


def test_a_restored_level_is_the_stored_one_whatever_the_wall_clock_says() -> None:
    clock = FakeClock()
    bucket = Bucket(rate=1, burst=10, clock=clock)
    clock.jump_wall(86_400)
    bucket.restore(2.5)
    assert bucket.level() == 2.5
    clock.jump_wall(-90_000)
    assert bucket.level() == 2.5


@pytest.mark.parametrize(("stored", "level"), [(-5, 0), (99, 10)])
def test_a_stored_level_that_makes_no_sense_is_brought_into_range(stored: float, level: float) -> None:
    bucket = Bucket(rate=1, burst=10, clock=FakeClock())
    bucket.restore(stored)
    assert bucket.level() == level
