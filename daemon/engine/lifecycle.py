"""How a job moves: what became of an attempt, and the job as it stands after it. Pure; docs/jobs.md draws it.

Every transition out of `running` stands here, but those of a process that died (`recover` in daemon/store/jobs.py).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from random import Random
from typing import assert_never

from attrs import evolve, frozen

from daemon.domain.job import Job, JobState, NewJob
from daemon.limits.retry import Retry
from daemon.store.tx import Tx

Work = Callable[[Tx], None]  # committed together with the end of the attempt

FAR = timedelta(days=366)  # no wait is longer: a date past year 9999 would be an error at the worst moment
LONGEST_ERROR = 500  # characters kept of `last_error`; the log has the rest


@frozen
class Done:
    """The job is done."""

    work: Work | None = None
    follow_ups: tuple[NewJob, ...] = ()


@frozen
class Snooze:
    """Not its turn: ready again after `delay`. No attempt is counted."""

    delay: timedelta
    work: Work | None = None
    reason: str = ""


@frozen
class Failed:
    """An attempt failed: retried by the lane's policy, dead when that is used up or `final`."""

    error: str  # machine code and short text, no secrets
    final: bool = False
    retry_after: timedelta | None = None
    work: Work | None = None


Result = Done | Snooze | Failed
Handler = Callable[[Job], Awaitable[Result]]


@frozen
class Interrupted:
    """We are stopping: ready again at once. No attempt is counted."""


@frozen
class TimedOut:
    """The attempt was cut off after the lane's time for one: it failed."""

    after: timedelta


@frozen
class Cancelled:
    """A person wants it no more."""


Outcome = Result | Interrupted | TimedOut | Cancelled


def settle(job: Job, outcome: Outcome, *, now: datetime, retry: Retry, random: Random) -> Job:
    """`job` as it stands after an attempt that ended in `outcome` at `now`."""
    assert job.state is JobState.RUNNING, job
    match outcome:
        case Done():
            return evolve(job, state=JobState.DONE, ended_at=now, last_error=None)
        case Snooze(delay, _, reason):
            return evolve(_unattempted(job), due_at=now + _bounded(delay), last_error=_short(reason) or job.last_error)
        case Interrupted():
            return _unattempted(job)  # due as before: it keeps its place before those that became due later
        case TimedOut(after):
            error = f"job.timed_out: no end after {after.total_seconds():g} s"
            return _failed(job, Failed(error), now, retry, random)
        case Failed():
            return _failed(job, outcome, now, retry, random)
        case Cancelled():
            return evolve(job, state=JobState.CANCELLED, ended_at=now)
        case _:
            assert_never(outcome)


def _failed(job: Job, failed: Failed, now: datetime, retry: Retry, random: Random) -> Job:
    error = _short(failed.error)
    delay = _delay(job, failed, now, retry, random)
    if delay is None:
        return evolve(job, state=JobState.DEAD, ended_at=now, last_error=error)
    return evolve(job, state=JobState.READY, due_at=now + _bounded(delay), last_error=error)


def _delay(job: Job, failed: Failed, now: datetime, retry: Retry, random: Random) -> timedelta | None:
    if failed.final:
        return None
    return retry.next(job.attempts, started=job.created_at, now=now, random=random, retry_after=failed.retry_after)


def _unattempted(job: Job) -> Job:
    return evolve(job, state=JobState.READY, attempts=job.attempts - 1)


def _bounded(delay: timedelta) -> timedelta:
    return min(max(delay, timedelta()), FAR)


def _short(error: str) -> str:
    return error[:LONGEST_ERROR]
