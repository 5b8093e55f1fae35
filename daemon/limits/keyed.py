"""A token bucket for each key of a set that is not known beforehand, in a table of bounded size."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Self

from attrs import define, field
from attrs.validators import ge, gt

from daemon.clock import Clock
from daemon.limits.bucket import GRAIN, NOTHING, refill, span

MOST_KEYS = 100_000  # about 15 MB; strangers who invent keys cannot make it more
_FREED_AT_ONCE = 16  # a full table drops a sixteenth, so that finding the oldest keys costs each newcomer little


@define
class KeyedBuckets:
    """Behaves as one `Bucket(rate, burst)` a key; a key it has not seen, or has forgotten, has a full one.

    One number a key, see `Bucket`. The table is in the order in which the keys last took, so that a full one forgets
    those that have been idle longest: they are full, or the nearest to it.
    """

    rate: float = field(validator=gt(0))
    burst: float = field(validator=gt(0))
    clock: Clock
    most_keys: int = field(default=MOST_KEYS, validator=ge(1))
    _full_at: dict[str, float] = field(factory=dict, init=False)

    @classmethod
    def per_window(
        cls, *, limit: int, window: timedelta, burst: float, clock: Clock, most_keys: int = MOST_KEYS
    ) -> Self:
        """For each key never more than `limit` in any `window`, see `Bucket.per_window`."""
        return cls(refill(limit, window, burst), burst, clock, most_keys)

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, amount: float = 1) -> timedelta:
        """Take `amount` of the key's bucket and return nothing, or take none and return how long until it is there."""
        now = self.clock.monotonic()
        full_at = self._full_at.pop(key, now)  # put back below: at the end, as the one last used
        if full_at < now:
            full_at = now
        over = full_at - now - (self.burst - amount) / self.rate
        if over > GRAIN:
            self._full_at[key] = full_at
            return self._refused(over, amount)
        self._full_at[key] = full_at + amount / self.rate
        if len(self._full_at) > self.most_keys:
            self._forget_idle()
        return NOTHING

    def wait_for(self, key: str, amount: float = 1) -> timedelta:
        """How long until `amount` is there; nothing is taken."""
        over = self._missing(key) - (self.burst - amount) / self.rate
        return self._refused(over, amount) if over > GRAIN else NOTHING

    def level(self, key: str) -> float:
        return self.burst - self._missing(key) * self.rate

    def levels(self) -> dict[str, float]:
        """The level of each key whose bucket is not full."""
        levels = {key: self.level(key) for key in self._full_at}
        return {key: level for key, level in levels.items() if level < self.burst}

    def restore(self, levels: Mapping[str, float]) -> None:
        """Take up stored levels as they were stored; why the time in between earns nothing, see `Bucket.restore`."""
        now = self.clock.monotonic()
        for key, tokens in levels.items():
            self._full_at.pop(key, None)
            self._full_at[key] = now + (self.burst - min(max(tokens, 0), self.burst)) / self.rate
        while len(self._full_at) > self.most_keys:
            self._forget_idle()

    def _missing(self, key: str) -> float:
        """Seconds until the key's bucket is full."""
        now = self.clock.monotonic()
        return max(self._full_at.get(key, now) - now, 0)

    def _refused(self, over: float, amount: float) -> timedelta:
        if amount > self.burst:
            raise ValueError(f"{amount} can never be had from a burst of {self.burst}")
        return span(over)

    def _forget_idle(self) -> None:
        for key in list(islice(self._full_at, len(self._full_at) // _FREED_AT_ONCE + 1)):
            del self._full_at[key]
