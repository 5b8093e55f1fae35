"""When an act may be done: so many within any hour and any day, a pause after each, and an account not too new.

Arithmetic over what was done and when; the rows that say so are the store's.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from attrs import frozen

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Why(Enum):
    TOO_NEW = auto()  # the account has not been online long enough
    SPENT = auto()
    TOO_SOON = auto()


@frozen(kw_only=True)
class Window:
    """At most `most` within any `span`, wherever it begins."""

    span: timedelta
    most: int
    used: int
    edge: datetime | None  # of the `most`-th newest act: the next has to wait until it has left the window

    def frees_at(self, now: datetime) -> datetime | None:
        """None while there is room."""
        if self.most <= 0:
            return now + self.span
        return None if self.edge is None else self.edge + self.span


@frozen(kw_only=True)
class Wait:
    until: datetime
    why: Why
    window: Window | None = None  # the one that is spent


def wait(
    now: datetime, *, windows: Sequence[Window], rested_at: datetime | None, ripe_at: datetime | None
) -> Wait | None:
    """What the next act has to wait for longest; None where it may be done now.

    `rested_at`: the end of the pause after the last one. `ripe_at`: when the account is no longer too new.
    """
    waits = [Wait(until=at, why=Why.SPENT, window=w) for w in windows if (at := w.frees_at(now)) is not None]
    if rested_at is not None:
        waits.append(Wait(until=rested_at, why=Why.TOO_SOON))
    if ripe_at is not None:
        waits.append(Wait(until=ripe_at, why=Why.TOO_NEW))
    return max((wait for wait in waits if wait.until > now), key=lambda wait: wait.until, default=None)


def between(low: timedelta, high: timedelta, drawn: float) -> timedelta:
    """A pause of no fixed length, for machines are known by theirs. `drawn` is a chance from 0 to 1."""
    return low + (high - low) * drawn
