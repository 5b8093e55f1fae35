"""A send leaves when its account, all accounts together and a human pause allow it, all at once or not at all."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.limits.addressees import Addressees
from daemon.limits.bucket import NOTHING, Bucket
from daemon.limits.keyed import KeyedBuckets
from daemon.limits.pace import OVERALL, Pace
from tests.clock import FakeClock

MINUTE = timedelta(minutes=1)


def a_pace(
    clock: FakeClock, *, seed: int = 1, pause: tuple[float, float] = (1, 3), overall: int = 120, most_keys: int = 100
) -> Pace:
    return Pace(
        accounts=KeyedBuckets.per_window(limit=40, window=MINUTE, burst=3, clock=clock, most_keys=most_keys),
        overall=Bucket.per_window(limit=overall, window=MINUTE, burst=overall / 10, clock=clock),
        pause=(timedelta(seconds=pause[0]), timedelta(seconds=pause[1])),
        clock=clock,
        random=Random(seed),
        addressees=Addressees(
            KeyedBuckets(1e9, 1e9, clock), KeyedBuckets(1e9, 1e9, clock), NOTHING, (NOTHING, NOTHING), clock, Random(1)
        ),
    )


def test_two_sends_of_an_account_are_a_drawn_pause_apart() -> None:
    clock = FakeClock()
    pace = a_pace(clock)
    assert pace.take("a", "ann") == NOTHING
    pause = pace.take("a", "ann")
    assert timedelta(seconds=1) <= pause <= timedelta(seconds=3)
    assert pace.take("b", "ann") == NOTHING
    clock.advance(pause.total_seconds())
    assert pace.take("a", "ann") == NOTHING


def test_the_pauses_differ() -> None:
    clock = FakeClock()
    pace = a_pace(clock)
    pauses = set()
    for _ in range(20):
        assert pace.take("a", "ann") == NOTHING
        pauses.add(pace.take("a", "ann"))
        clock.advance(60)
    assert len(pauses) > 15


def test_an_account_that_must_wait_uses_up_nothing_of_what_all_share() -> None:
    pace = a_pace(FakeClock())
    pace.take("a", "ann")
    shared = pace.overall.level()
    for _ in range(10):
        assert pace.take("a", "ann") > NOTHING
    assert pace.overall.level() == shared


def test_an_account_held_up_by_the_others_keeps_its_own_tokens() -> None:
    pace = a_pace(FakeClock(), overall=10)
    assert pace.take("a", "ann") == NOTHING
    assert pace.take("b", "ann") > NOTHING
    assert pace.level("b") == 3


@given(st.integers(0, 2**32), st.lists(st.floats(0, 200), max_size=8))
def test_a_greedy_account_never_passes_forty_a_minute_across_restarts(seed: int, stops: list[float]) -> None:
    clock = FakeClock()
    pace, sent = a_pace(clock, seed=seed, pause=(0, 1)), list[float]()
    for stop in [*stops, 100.0]:
        until = clock.elapsed + stop
        while clock.elapsed < until:
            if wait := pace.take("a", "ann"):
                clock.advance(wait.total_seconds())
            else:
                sent.append(clock.elapsed)
        levels, pace = pace.levels(), a_pace(clock, seed=seed, pause=(0, 1))
        pace.restore(levels)
    assert max(sum(start <= m <= start + 60 for m in sent) for start in sent) <= 40


def test_after_a_restart_levels_go_on_and_a_recent_sender_pauses_first() -> None:
    clock = FakeClock()
    before = a_pace(clock)
    before.take("a", "ann")
    levels = before.levels()
    after = a_pace(clock)
    after.restore(levels)
    assert levels == pytest.approx({"a": 2, OVERALL: 11})
    assert after.levels() == pytest.approx(levels)
    assert after.take("a", "ann") >= timedelta(seconds=1)
    assert after.take("b", "ann") == NOTHING


def test_a_stored_account_without_the_overall_level_is_taken_up_alone() -> None:
    pace = a_pace(FakeClock())
    pace.restore({"a": 0.5})
    assert pace.levels() == {"a": pytest.approx(0.5), OVERALL: 12}


def test_pauses_that_are_over_are_not_kept_for_ever() -> None:
    clock = FakeClock()
    pace = a_pace(clock, most_keys=10)
    for account in range(1000):
        assert pace.take(f"account-{account}", "ann") == NOTHING
        clock.advance(5)
    assert len(pace._paused_until) <= 11
