"""Who guesses keys is refused for a while, longer each time: per address and per key id, in a table of bounded size."""

from collections import OrderedDict
from datetime import timedelta

from attrs import define, field

from daemon.clock import Clock

MOST_KEPT = 100_000  # about 20 MB: nobody can eat more by inventing addresses
NOTHING = timedelta()


@define
class _Record:
    failures: int
    since: float  # monotonic: when the failures that count began
    until: float = 0.0  # refused until then
    bans: int = 0


@define
class Lockout:
    """After `failures` within `window`: refused for `ban`, then twice as long, up to `longest`."""

    clock: Clock
    failures: int
    window: timedelta
    ban: timedelta
    longest: timedelta
    most: int = MOST_KEPT
    _records: OrderedDict[str, _Record] = field(factory=OrderedDict, init=False)

    def refused_for(self, name: str) -> timedelta:
        """Nothing where `name` may try."""
        record = self._records.get(name)
        left = 0.0 if record is None else record.until - self.clock.monotonic()
        return timedelta(seconds=left) if left > 0 else NOTHING

    def failed(self, name: str) -> bool:
        """Count a failure; True where it began a ban."""
        now = self.clock.monotonic()
        record = self._records.setdefault(name, _Record(0, now))
        self._records.move_to_end(name)
        if now - record.since > self.window.total_seconds():
            record.failures, record.since = 0, now
        record.failures += 1
        if len(self._records) > self.most:
            self._records.popitem(last=False)
        if record.failures < self.failures:
            return False
        record.until = now + min(self.ban * 2 ** min(record.bans, 10), self.longest).total_seconds()
        record.bans, record.failures, record.since = record.bans + 1, 0, now
        return True


def by_address(clock: Clock) -> Lockout:
    """30 failures in 10 minutes: a shared office mistypes less, a guesser does it in seconds."""
    return Lockout(clock, 30, timedelta(minutes=10), timedelta(minutes=15), timedelta(hours=24))


def by_key(clock: Clock) -> Lockout:
    """10 failures in 5 minutes."""
    return Lockout(clock, 10, timedelta(minutes=5), timedelta(minutes=5), timedelta(hours=1))
