"""When to try again, and when no more: full jitter under a cap, for so many attempts and so long.

`RetryBudget` bounds the retries of one service over all its callers. Arithmetic only: waiting is the queue's business.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random

from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.limits.bucket import NOTHING

LONGEST_WAIT = timedelta(hours=1)  # what a service may ask for with Retry-After; more is taken as this
_DOUBLINGS = 40  # beyond it any cap is reached, and a timedelta overflows soon after
_DIGITS = 9  # of a Retry-After that is worth reading
BUDGET = 10.0  # retries in hand
PER_SECOND = 1 / 30  # without it the last job of a quiet evening would wait for a success that nobody asks for
EARNED = 0.1  # by a success: at most one call in ten is a retry, over time


@frozen(kw_only=True)
class Retry:
    """The defaults are for AI services and webhooks; mail has a cap of 5 minutes."""

    base: timedelta = timedelta(seconds=1)
    cap: timedelta = timedelta(seconds=60)
    attempts: int | None = None  # None: only the age counts
    age: timedelta  # from the start: whatever else is said, nothing is tried after it

    def delay(self, attempt: int, random: Random) -> timedelta:
        """The wait after failed attempt number `attempt` (from 1): anything from nothing to the doubled base."""
        doublings = min(attempt - 1, _DOUBLINGS)
        return min(self.cap, self.base * (1 << doublings)) * random.random()

    def next(
        self,
        attempt: int,
        *,
        started: datetime,
        now: datetime,
        random: Random,
        retry_after: timedelta | None = None,
    ) -> timedelta | None:
        """The wait before the next attempt after `attempt` of them failed; None: give up.

        A drawn wait that reaches past the age is cut to it, for a last attempt. One that the service asked for is
        never cut: before it there is nothing to be had.
        """
        left = self.age - (now - started)
        if left <= NOTHING or (self.attempts is not None and attempt >= self.attempts):
            return None
        drawn = min(self.delay(attempt, random), left)
        asked = NOTHING if retry_after is None else min(retry_after, LONGEST_WAIT)
        return max(drawn, asked) if asked < left else None


def parse_retry_after(value: str, now: datetime) -> timedelta | None:
    """The header as a wait from `now`, within an hour; None where it says nothing we understand."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        seconds = timedelta(seconds=int(value[:_DIGITS]))
        return min(seconds, LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # "-0000": the standard says GMT
            moment = moment.replace(tzinfo=UTC)
        return min(max(moment - now, NOTHING), LONGEST_WAIT)
    except (ValueError, OverflowError):
        return None


@define
class RetryBudget:
    """Retries of one service over all its callers. An empty one makes a job wait, no more.

    It is filled by successes, and by time so slowly that one that is empty still lets a last caller through.
    """

    clock: Clock
    _left: float = field(default=BUDGET, init=False)
    _counted_at: float | None = field(default=None, init=False)

    @property
    def left(self) -> float:
        now = self.clock.monotonic()
        if self._counted_at is not None:
            self._left = min(BUDGET, self._left + (now - self._counted_at) * PER_SECOND)
        self._counted_at = now
        return self._left

    def spend(self) -> bool:
        """Whether there was one to spend."""
        if self.left < 1:
            return False
        self._left -= 1
        return True

    def earn(self) -> None:
        """A call succeeded."""
        self._left = min(BUDGET, self.left + EARNED)
