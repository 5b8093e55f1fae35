"""Notices when somebody sets the wall clock, or the machine slept: what is due by it is looked at anew."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from attrs import define, field

from daemon.clock import Clock

log = structlog.get_logger()

TOLERATED = timedelta(seconds=2)  # slewing by NTP stays far below it in the second between two looks


def jump(before: tuple[datetime, float], after: tuple[datetime, float]) -> timedelta | None:
    """How far the wall clock moved beyond the time that passed; None within what is tolerated. Pure."""
    drift = (after[0] - before[0]) - timedelta(seconds=after[1] - before[1])
    return drift if abs(drift) > TOLERATED else None


@define
class ClockWatch:
    """`look` is called each second. It tells `on_jump` of every jump once."""

    clock: Clock
    on_jump: Callable[[timedelta], None]
    jumps: int = field(default=0, init=False)
    _last: tuple[datetime, float] | None = field(default=None, init=False)

    def look(self) -> None:
        now = (self.clock.now(), self.clock.monotonic())
        moved = jump(self._last, now) if self._last else None
        self._last = now
        if moved is not None:
            self.jumps += 1
            log.warning("clock.jumped", seconds=round(moved.total_seconds(), 3))
            self.on_jump(moved)
