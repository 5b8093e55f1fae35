"""Who guesses keys is refused for a while, longer each time: per address and per key id, in a table of bounded size."""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import timedelta

from attrs import define, field

from daemon.clock import Clock
from daemon.store.lockouts import Ban

MOST_KEPT = 100_000  # about 20 MB: nobody can eat more by inventing addresses
NOTHING = timedelta()
FORGIVEN = timedelta(hours=24)  # after the end of a ban the next is a first one again
ADDRESS, KEY = "address", "key"  # what is banned


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
    kind: str = ADDRESS
    _records: OrderedDict[str, _Record] = field(factory=OrderedDict, init=False)

    def refused_for(self, name: str) -> timedelta:
        """Nothing where `name` may try."""
        record = self._records.get(name)
        left = 0.0 if record is None else record.until - self.clock.monotonic()
        return timedelta(seconds=left) if left > 0 else NOTHING

    def failed(self, name: str) -> Ban | None:
        """Count a failure; the ban that it began, if it did."""
        now = self.clock.monotonic()
        record = self._of(name, now)
        if now - record.since > self.window.total_seconds():
            record.failures, record.since = 0, now
        record.failures += 1
        if record.failures < self.failures:
            return None
        if now - record.until > FORGIVEN.total_seconds():
            record.bans = 0
        length = min(self.ban * 2 ** min(record.bans, 10), self.longest)
        record.until = now + length.total_seconds()
        record.bans, record.failures, record.since = record.bans + 1, 0, now
        return Ban(kind=self.kind, name=name, bans=record.bans, until=self.clock.now() + length)

    def restore(self, bans: Iterable[Ban]) -> None:
        """Take up what was stored. A clock that was set back meanwhile makes no ban longer than any may be."""
        now, wall = self.clock.monotonic(), self.clock.now()
        for ban in bans:
            if ban.kind == self.kind:
                record = self._of(ban.name, now)
                record.bans, record.until = ban.bans, now + min(ban.until - wall, self.longest).total_seconds()

    def _of(self, name: str, now: float) -> _Record:
        record = self._records.setdefault(name, _Record(0, now))
        self._records.move_to_end(name)
        if len(self._records) > self.most:
            self._records.popitem(last=False)
        return record


def by_address(clock: Clock) -> Lockout:
    """30 failures in 10 minutes: a shared office mistypes less, a guesser does it in seconds."""
    return Lockout(clock, 30, timedelta(minutes=10), timedelta(minutes=15), timedelta(hours=24), kind=ADDRESS)


def by_key(clock: Clock) -> Lockout:
    """10 failures in 5 minutes."""
    return Lockout(clock, 10, timedelta(minutes=5), timedelta(minutes=5), timedelta(hours=1), kind=KEY)
