"""Every outcome an attempt can have, and what it makes of the job."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.job import Job, JobId, JobState
from daemon.engine.lifecycle import (
    FAR,
    LONGEST_ERROR,
    Cancelled,
    Done,
    Failed,
    Interrupted,
    Outcome,
    Snooze,
    TimedOut,
    settle,
)
from daemon.limits.retry import Retry

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RETRY = Retry(attempts=3, age=timedelta(hours=1))

spans = st.timedeltas()
errors = st.text(max_size=LONGEST_ERROR * 2)
outcomes = st.one_of(
    st.just(Done()),
    st.builds(Snooze, delay=spans, reason=errors),
    st.builds(Failed, error=errors, final=st.booleans(), retry_after=st.none() | spans),
    st.just(Interrupted()),
    st.builds(TimedOut, after=spans),
    st.just(Cancelled()),
)


def running(**fields: Any) -> Job:
    job = Job(
        id=JobId("j"),
        lane="ask",
        key="k",
        args=b"{}",
        state=JobState.RUNNING,
        attempts=1,
        interrupted=0,
        epoch=4,
        due_at=NOW - timedelta(seconds=3),
        created_at=NOW - timedelta(seconds=5),
        started_at=NOW - timedelta(seconds=1),
        ended_at=None,
        unique_key=None,
        rerun=False,
        last_error=None,
        request_id=None,
    )
    return evolve(job, **fields)


def settled(job: Job, outcome: Outcome, retry: Retry = RETRY) -> Job:
    return settle(job, outcome, now=NOW, retry=retry, random=Random(1))


@given(
    outcomes,
    st.integers(1, 10_000),
    st.timedeltas(timedelta(), timedelta(days=2)),
    st.none() | st.integers(1, 10_000),
    st.timedeltas(timedelta(), timedelta(days=3650)),
)
def test_any_outcome_ends_the_attempt_in_a_state_that_makes_sense(
    outcome: Outcome, attempts: int, since: timedelta, most: int | None, age: timedelta
) -> None:
    before = running(attempts=attempts, created_at=NOW - since)

    after = settled(before, outcome, Retry(attempts=most, age=age))

    assert after.state is not JobState.RUNNING
    assert (after.ended_at == NOW) is (after.state is not JobState.READY)
    assert after.attempts == attempts - isinstance(outcome, Snooze | Interrupted)
    assert len(after.last_error or "") <= LONGEST_ERROR
    assert after.due_at <= NOW + FAR
    if after.state is JobState.READY and not isinstance(outcome, Interrupted):
        assert after.due_at >= NOW
    untouched = ("id", "lane", "key", "args", "epoch", "started_at", "created_at", "interrupted", "unique_key")
    assert all(getattr(after, name) == getattr(before, name) for name in untouched)


def test_done_is_done_and_forgets_earlier_errors() -> None:
    after = settled(running(last_error="earlier"), Done())

    assert (after.state, after.ended_at, after.last_error) == (JobState.DONE, NOW, None)


def test_a_snooze_waits_counts_no_attempt_and_says_why() -> None:
    after = settled(running(attempts=2), Snooze(timedelta(seconds=9), reason="send.pace"))

    assert (after.state, after.attempts, after.due_at) == (JobState.READY, 1, NOW + timedelta(seconds=9))
    assert after.last_error == "send.pace"


def test_an_interruption_counts_no_attempt_and_keeps_the_place_among_the_due() -> None:
    before = running(attempts=2)

    after = settled(before, Interrupted())

    assert (after.state, after.attempts, after.due_at) == (JobState.READY, 1, before.due_at)


def test_a_failure_is_retried_later_until_the_attempts_are_used_up() -> None:
    first = settled(running(attempts=2), Failed("gewe.down: no answer"))
    last = settled(running(attempts=3), Failed("gewe.down: no answer"))

    assert first.state is JobState.READY
    assert first.due_at > NOW
    assert (first.attempts, first.last_error) == (2, "gewe.down: no answer")
    assert (last.state, last.ended_at, last.last_error) == (JobState.DEAD, NOW, "gewe.down: no answer")


def test_a_failure_past_the_age_is_the_last_one() -> None:
    assert settled(running(created_at=NOW - timedelta(hours=1)), Failed("x")).state is JobState.DEAD


def test_a_final_failure_is_not_retried() -> None:
    assert settled(running(), Failed("x", final=True)).state is JobState.DEAD


def test_a_failure_is_not_retried_before_the_service_allows_it() -> None:
    after = settled(running(), Failed("x", retry_after=timedelta(minutes=5)))

    assert after.due_at >= NOW + timedelta(minutes=5)


def test_a_timeout_is_a_failure() -> None:
    after = settled(running(attempts=3), TimedOut(timedelta(seconds=30)))

    assert (after.state, after.last_error) == (JobState.DEAD, "job.timed_out: no end after 30 s")


def test_what_nobody_wants_is_cancelled() -> None:
    assert settled(running(), Cancelled()).state is JobState.CANCELLED


def test_only_what_runs_can_be_settled() -> None:
    with pytest.raises(AssertionError):
        settled(running(state=JobState.READY), Done())
