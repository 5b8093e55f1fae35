"""A token bucket: `burst` at once, then `rate` a second. Arithmetic only; it never sleeps.

It is kept as one number, the moment at which it will be full again: taking a token moves that moment one refill
further, and so much as it lies ahead is missing from the bucket.
"""

import math
from datetime import timedelta
from typing import Self

from attrs import define, field
from attrs.validators import gt

from daemon.clock import Clock

NOTHING = timedelta()
GRAIN = 1e-6  # seconds: what timedelta can say, and still above what a float of monotonic time rounds away


@define
class Bucket:
    """Counts in monotonic time only: a wall clock that is set gives nothing and takes nothing."""

    rate: float = field(validator=gt(0))  # tokens a second
    burst: float = field(validator=gt(0))  # tokens in the full bucket
    clock: Clock
    _full_at: float = field(default=-math.inf, init=False)

    @classmethod
    def per_window(cls, *, limit: int, window: timedelta, burst: float, clock: Clock) -> Self:
        """Never more than `limit` in any `window`, however it is laid over time, `burst` of them at once.

        What a window can see is a full bucket and its refill during the window, so the refill is what is left of the
        limit: 37 a minute for 40 with a burst of 3.
        """
        return cls(refill(limit, window, burst), burst, clock)

    def take(self, amount: float = 1) -> timedelta:
        """Take `amount` and return nothing, or take none and return how long until it is there."""
        wait = self.wait_for(amount)
        if not wait:
            self._full_at = max(self._full_at, self.clock.monotonic()) + amount / self.rate
        return wait

    def wait_for(self, amount: float = 1) -> timedelta:
        """How long until `amount` is there; nothing is taken."""
        if amount > self.burst:
            raise ValueError(f"{amount} can never be had from a burst of {self.burst}")
        over = max(self._full_at - self.clock.monotonic(), 0) - (self.burst - amount) / self.rate
        return span(over) if over > GRAIN else NOTHING

    def level(self) -> float:
        """The tokens that are there now."""
        return self.burst - max(self._full_at - self.clock.monotonic(), 0) * self.rate

    def restore(self, tokens: float) -> None:
        """Take up a stored level as it was stored, never more than `burst`.

        The time in between earns nothing. Only a wall clock could tell how long it was, and wall clocks jump: an hour
        of summer time would be an hour of tokens. A bucket that starts too low is full again after burst / rate.
        """
        self._full_at = self.clock.monotonic() + (self.burst - min(max(tokens, 0), self.burst)) / self.rate


def refill(limit: int, window: timedelta, burst: float) -> float:
    """The tokens a second that keep a bucket of `burst` within `limit` in any `window`."""
    if not 0 < burst < limit:
        raise ValueError(f"a burst of {burst} leaves nothing of {limit} in {window} to refill with")
    return (limit - burst) / window.total_seconds()


def span(seconds: float) -> timedelta:
    """Rounded up: a wait that were rounded to zero would read as "taken"."""
    return timedelta(microseconds=math.ceil(seconds * 1_000_000))
