"""The breaker opens on the service's failures, lets one probe through, and stays open where it was told to."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.limits.breaker import LOOK_AGAIN_HELD, Breaker, Breakers, State, Why
from tests.clock import FakeClock

NOTHING = timedelta()


def a_breaker(clock: FakeClock | None = None, seed: int = 1) -> Breaker:
    return Breaker(clock or FakeClock(), Random(seed))


def opened(clock: FakeClock, seed: int = 1) -> Breaker:
    breaker = a_breaker(clock, seed)
    for _ in range(5):
        breaker.failed()
    return breaker


def wait_out(breaker: Breaker, clock: FakeClock) -> timedelta:
    """Until it is half open, and this caller is the probe."""
    wait = breaker.before()
    if wait:
        clock.advance(wait.total_seconds())
        assert breaker.before() == NOTHING
    return wait


def test_the_fifth_failure_in_a_row_opens_it() -> None:
    breaker = a_breaker()
    assert [breaker.failed() for _ in range(5)] == [False, False, False, False, True]
    assert breaker.state is State.OPEN
    assert breaker.why is Why.FAILURES
    assert breaker.before() > NOTHING


def test_a_success_breaks_the_row() -> None:
    breaker = a_breaker()
    for _ in range(4):
        breaker.failed()
    breaker.succeeded()
    assert not any(breaker.failed() for _ in range(4))


def test_half_of_ten_results_opens_it_and_not_half_of_nine() -> None:
    breaker = a_breaker()
    turns = [breaker.failed() if n % 2 else breaker.succeeded() for n in range(10)]
    assert turns == [False] * 9 + [True]
    assert breaker.why is Why.FAILURE_RATE


def test_results_older_than_the_window_do_not_count() -> None:
    clock = FakeClock()
    breaker = a_breaker(clock)
    for _ in range(4):
        breaker.failed()
        breaker.succeeded()
    clock.advance(31)
    for _ in range(4):
        breaker.failed()
        breaker.succeeded()
    assert breaker.state is State.CLOSED
    assert breaker.standing().results == 8


@given(st.integers(0, 2**32))
def test_each_failed_probe_doubles_the_time_up_to_a_minute(seed: int) -> None:
    clock = FakeClock()
    breaker = opened(clock, seed)
    for longest in (5, 10, 20, 40, 60, 60):
        wait = wait_out(breaker, clock)
        assert longest / 2 <= wait.total_seconds() <= longest + 1e-5
        assert breaker.failed()
        assert breaker.why is Why.PROBE_FAILED


def test_it_never_waits_longer_after_a_thousand_failed_probes() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    for _ in range(1100):
        assert wait_out(breaker, clock) <= timedelta(seconds=60, microseconds=1)
        breaker.failed()


def test_half_open_lets_one_probe_through_and_its_success_closes_it() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    wait_out(breaker, clock)
    assert breaker.standing().state is State.HALF_OPEN
    assert breaker.before() == timedelta(seconds=1)
    assert breaker.succeeded()
    assert breaker.state is State.CLOSED
    assert breaker.before() == NOTHING
    assert breaker.standing().results == 0
    assert not breaker.failed()


def test_a_closed_breaker_starts_from_five_seconds_again() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    for _ in range(4):
        wait_out(breaker, clock)
        breaker.failed()
    wait_out(breaker, clock)
    breaker.succeeded()
    for _ in range(5):
        breaker.failed()
    assert breaker.before() <= timedelta(seconds=5, microseconds=1)


def test_a_probe_that_never_reports_is_given_up() -> None:
    clock = FakeClock()
    breaker = Breaker(clock, Random(1), probe_limit=timedelta(seconds=30))
    for _ in range(5):
        breaker.failed()
    wait_out(breaker, clock)
    clock.advance(29.5)
    assert breaker.before() == timedelta(seconds=0.5)
    clock.advance(0.5)
    assert breaker.before() == NOTHING
    assert breaker.before() > NOTHING


def test_an_abandoned_probe_lets_the_next_one_through() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    wait_out(breaker, clock)
    breaker.abandoned()
    assert breaker.before() == NOTHING
    assert breaker.before() > NOTHING


def test_late_answers_are_no_news_while_it_is_open() -> None:
    breaker = opened(FakeClock())
    wait = breaker.before()
    assert [breaker.failed(), breaker.succeeded()] == [False, False]
    assert breaker.state is State.OPEN
    assert breaker.before() == wait


@pytest.mark.parametrize("why", [Why.BY_HAND, Why.CREDENTIAL_REJECTED])
def test_held_open_it_never_probes_until_it_is_reset(why: Why) -> None:
    clock = FakeClock()
    breaker = a_breaker(clock)
    breaker.hold(why)
    clock.advance(86_400)
    assert breaker.before() == LOOK_AGAIN_HELD
    assert [breaker.succeeded(), breaker.failed()] == [False, False]
    assert (breaker.standing().state, breaker.standing().why, breaker.standing().open_for) == (State.OPEN, why, None)
    breaker.reset()
    assert breaker.before() == NOTHING
    assert breaker.state is State.CLOSED


def test_a_standing_says_how_things_are() -> None:
    clock = FakeClock()
    breaker = a_breaker(clock)
    breaker.succeeded()
    breaker.failed()
    standing = breaker.standing()
    assert (standing.state, standing.results, standing.failures, standing.in_a_row) == (State.CLOSED, 2, 1, 1)
    assert standing.why is None
    opened_one = opened(clock).standing()
    assert opened_one.state is State.OPEN
    assert opened_one.open_for is not None
    assert opened_one.open_for <= timedelta(seconds=5, microseconds=1)


def test_ten_minutes_of_outage_cost_few_calls_and_none_is_lost() -> None:
    clock = FakeClock()
    breaker, calls = a_breaker(clock), 0
    until = clock.elapsed + 600
    while clock.elapsed < until:
        if wait := breaker.before():
            clock.advance(wait.total_seconds())
        else:
            calls += 1
            clock.advance(0.1)
            breaker.failed()
    assert 10 <= calls <= 30
    wait_out(breaker, clock)
    assert breaker.succeeded()


def test_each_service_and_credential_has_its_own_breaker() -> None:
    breakers = Breakers(FakeClock(), Random(1))
    breakers.of("fastgpt", "key-1").hold(Why.CREDENTIAL_REJECTED)
    assert breakers.of("fastgpt", "key-2").before() == NOTHING
    assert breakers.of("n8n", "key-1").before() == NOTHING
    assert breakers.of("fastgpt", "key-1").before() > NOTHING
    assert [key for key, s in breakers.standings().items() if s.state is State.OPEN] == [("fastgpt", "key-1")]
    breakers.forget("fastgpt", "key-1")
    assert breakers.of("fastgpt", "key-1").before() == NOTHING


def test_the_registry_is_bounded_and_forgets_closed_ones_first() -> None:
    breakers = Breakers(FakeClock(), Random(1), most=3)
    breakers.of("gewe", "bad").hold(Why.BY_HAND)
    for number in range(10):
        breakers.of("fastgpt", f"key-{number}")
    assert len(breakers.standings()) == 3
    assert breakers.of("gewe", "bad").state is State.OPEN


def test_a_registry_full_of_open_ones_forgets_the_oldest() -> None:
    breakers = Breakers(FakeClock(), Random(1), most=2)
    for number in range(3):
        breakers.of("gewe", str(number)).hold(Why.BY_HAND)
    assert list(breakers.standings()) == [("gewe", "1"), ("gewe", "2")]
