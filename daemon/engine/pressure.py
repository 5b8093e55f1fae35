"""How hard pressed the daemon is, and what it leaves undone because of it, the least important first.

Callbacks are never shed: their sender does not come again. Nor is what operators do to put things right: look, cancel,
settle, take over.
"""

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from enum import IntEnum
from statistics import median

import structlog
from attrs import define, evolve, field, frozen

from daemon.clock import Clock
from daemon.errors import RateLimited, Unavailable

log = structlog.get_logger()

CALM_AFTER = 10.0  # seconds below a level before it is left: else it flaps at its edge
LAGS = 5  # looks whose median counts: one slow moment is no pressure
COME_BACK = timedelta(seconds=5)


class Level(IntEnum):
    GREEN = 0
    YELLOW = 1  # retention and backups wait
    ORANGE = 2  # reading by viewers waits
    RED = 3  # nothing new is begun but callbacks: no sends through the API, no questions to workflows


@frozen(kw_only=True)
class Signals:
    """What is measured. Shares are of 1."""

    lag: float = 0.0  # seconds by which the loop is late
    oldest_job: float = 0.0  # seconds that the longest due job is due
    write_age: float = 0.0  # seconds that the first unit of work waits
    wal_bytes: int = 0
    free_disk: float = 1.0
    memory: float = 0.0


@frozen(kw_only=True)
class Bounds:
    """From where on a level holds; any one of them is enough. The figures are those of PROMISES 2.9."""

    lag: float = float("inf")
    oldest_job: float = float("inf")
    write_age: float = float("inf")
    wal_bytes: float = float("inf")
    free_disk: float = 0.0
    memory: float = float("inf")

    def passed(self, signals: Signals) -> bool:
        return (
            signals.lag > self.lag
            or signals.oldest_job > self.oldest_job
            or signals.write_age > self.write_age
            or signals.wal_bytes > self.wal_bytes
            or signals.free_disk < self.free_disk
            or signals.memory > self.memory
        )


BOUNDS = {
    Level.RED: Bounds(write_age=1.0, memory=0.90, free_disk=0.03),
    Level.ORANGE: Bounds(lag=0.150, oldest_job=120.0, memory=0.75, free_disk=0.10),
    Level.YELLOW: Bounds(lag=0.050, oldest_job=30.0, wal_bytes=32 * 1024 * 1024),
}


def level_of(signals: Signals) -> Level:
    """The highest level that holds. Pure."""
    return next((level for level, bounds in BOUNDS.items() if bounds.passed(signals)), Level.GREEN)


@define
class Pressure:
    """Rises at once, and falls only after a calm while. `look` is called each second."""

    clock: Clock
    on_change: Callable[[str, str], None] = field(default=lambda _before, _level: None, kw_only=True)
    level: Level = field(default=Level.GREEN, init=False)
    _expected: float | None = field(default=None, init=False)
    _lags: deque[float] = field(factory=lambda: deque(maxlen=LAGS), init=False)
    _pressed_at: float = field(default=0.0, init=False)

    def look(self, signals: Signals) -> None:
        """`signals` are all but the lag: how late this look is tells that."""
        now = self.clock.monotonic()
        self._lags.append(0.0 if self._expected is None else max(now - self._expected, 0.0))
        self._expected = now + 1.0
        self._move(level_of(evolve(signals, lag=median(self._lags))), now)

    def _move(self, found: Level, now: float) -> None:
        if found >= self.level:
            self._pressed_at = now
        elif now - self._pressed_at < CALM_AFTER:
            return
        if found is not self.level:
            log.warning("pressure.changed", before=self.level.name.lower(), level=found.name.lower())
            before, self.level = self.level, found
            self.on_change(before.name.lower(), found.name.lower())

    @property
    def pressed(self) -> bool:
        """Whether upkeep should wait."""
        return self.level >= Level.YELLOW

    def admit_reading(self) -> None:
        """By a viewer. Raises RateLimited while there is no time for it."""
        if self.level >= Level.ORANGE:
            raise RateLimited("pressure.reading", retry_after=COME_BACK)

    def admit_work(self) -> None:
        """Something new that is not a callback. Raises Unavailable while there is too much already."""
        if self.level >= Level.RED:
            raise Unavailable("pressure.work", retry_after=COME_BACK)
