"""Retries are jittered, bounded by attempts and age, and follow what the service asks for."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.limits.retry import Retry, RetryBudget, parse_retry_after
from tests.clock import FakeClock

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
WEEK = timedelta(weeks=1)


@given(st.integers(1, 10_000), st.integers(0, 2**32))
def test_a_delay_lies_between_nothing_and_the_doubled_base_under_the_cap(attempt: int, seed: int) -> None:
    delay = Retry(age=WEEK).delay(attempt, Random(seed))
    assert timedelta() <= delay <= min(60, 2 ** min(attempt - 1, 10)) * SECOND


def test_the_first_delays_spread_over_the_doubled_base() -> None:
    random = Random(1)
    longest = [max(Retry(age=WEEK).delay(n, random) for _ in range(500)) for n in (1, 2, 3, 7, 8)]
    assert [round(delay / SECOND) for delay in longest] == [1, 2, 4, 60, 60]


def test_it_ends_with_the_last_attempt() -> None:
    retry = Retry(attempts=3, age=WEEK)
    waits = [retry.next(n, started=START, now=START, random=Random(1)) for n in (1, 2, 3, 4)]
    assert [wait is None for wait in waits] == [False, False, True, True]


def test_without_a_number_of_attempts_only_the_age_ends_it() -> None:
    retry = Retry(age=HOUR)
    assert retry.next(500, started=START, now=START + HOUR - SECOND, random=Random(1)) == SECOND
    assert retry.next(1, started=START, now=START + HOUR, random=Random(1)) is None


@given(st.integers(1, 50), st.floats(0, 7200), st.floats(0, 7200) | st.none(), st.integers(0, 2**32))
def test_no_attempt_is_made_beyond_the_age_nor_before_the_service_wants_one(
    attempt: int, passed: float, asked: float | None, seed: int
) -> None:
    retry_after = None if asked is None else timedelta(seconds=asked)
    wait = Retry(age=HOUR).next(
        attempt,
        started=START,
        now=START + timedelta(seconds=passed),
        random=Random(seed),
        retry_after=retry_after,
    )
    if wait is not None:
        assert timedelta(seconds=passed) + wait <= HOUR
        assert retry_after is None or wait >= min(retry_after, HOUR)


def test_the_services_wish_counts_for_an_hour_at_most() -> None:
    wait = Retry(age=WEEK).next(1, started=START, now=START, random=Random(1), retry_after=timedelta(days=2))
    assert wait == HOUR


def test_a_clock_that_was_set_back_does_not_break_it() -> None:
    wait = Retry(age=HOUR).next(1, started=START, now=START - timedelta(days=400), random=Random(1))
    assert wait is not None


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", 120 * SECOND),
        (" 0 ", 0 * SECOND),
        ("7200", HOUR),
        ("9" * 5000, HOUR),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60 * SECOND),
        ("Fri, 02 Jan 2026 03:05:05 -0000", 60 * SECOND),
        ("Friday, 02-Jan-26 03:05:05 GMT", 60 * SECOND),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0 * SECOND),
        ("Fri, 02 Jan 2099 03:05:05 GMT", HOUR),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Fri, 32 Jan 2026 03:05:05 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, wait: timedelta | None) -> None:
    assert parse_retry_after(value, START) == wait


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,6} (Jan|Feb) \d{1,6} \d+:\d+:\d+ [-+A-Z]\w*"))
def test_no_header_breaks_the_reading(value: str) -> None:
    wait = parse_retry_after(value, START)
    assert wait is None or timedelta() <= wait <= HOUR


def test_a_budget_lends_ten_retries_and_takes_a_tenth_back_for_each_success() -> None:
    budget = RetryBudget(FakeClock())
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(11):
        budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]


def test_a_budget_never_holds_more_than_ten() -> None:
    budget = RetryBudget(FakeClock())
    for _ in range(1000):
        budget.earn()
    assert sum(budget.spend() for _ in range(100)) == 10


def test_an_empty_budget_lets_one_through_after_half_a_minute_of_silence() -> None:
    clock = FakeClock()
    budget = RetryBudget(clock)
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    clock.advance(31)
    assert [budget.spend(), budget.spend()] == [True, False]
