"""One timer wheel for the whole daemon, and the single loop timer behind it.

The wheel is hierarchical: level 0 has a slot for each 10 ms tick of the block of 256 ticks that now is in, level 1 one
for each block of the 256 blocks around it, and so on; a slot exists while something is in it. A timer lies on the level
of the highest digit (base 256) in which its tick differs from the present one, so inserting is arithmetic and an
append, and everything on a level is due before everything on the next. Coming to a slot above level 0 spreads its
timers over the levels below. A jump over days visits the slots that are passed and are not empty, never the ticks.
"""

import asyncio
import math
from collections.abc import Callable
from operator import attrgetter

import structlog
from attrs import define

from daemon.clock import Clock

log = structlog.get_logger()

TICKS = 100  # a second: nothing here needs better than 10 ms, and 10 ms of timers are run in one go
_BITS = 8  # 256 slots a level: five levels hold 348 years
_LEVELS = 8  # 2^64 ticks, so that no deadline needs a case of its own
_LEVEL_OF = tuple(max(0, length - 1) // _BITS for length in range(_BITS * _LEVELS + 1))  # by length of the difference
_SWEEP_FROM = 4096  # fewer cancelled timers than this are not worth a look at every slot
_RESOLUTION = 0.001  # of uvloop's timers, in seconds; shorter waits would spin

Callback = Callable[[], object]


@define(eq=False)
class Timer:
    """What is to be called, and when; `callback` is None once it has been called or cancelled."""

    when: float
    callback: Callback | None


_when = attrgetter("when")


class Wheel:
    """The pure part: which timers are due. Times are monotonic seconds.

    A cancelled timer is only emptied, and dropped when its slot is come to, or when more than half of what lies in
    the slots is cancelled: that keeps cancelling at one assignment.
    """

    __slots__ = ("_levels", "_live", "_stored", "_tick")

    def __init__(self, now: float) -> None:
        self._tick = _passed(now)  # every timer of this tick and those before it has been handed out
        self._levels: tuple[dict[int, list[Timer]], ...] = tuple({} for _ in range(_LEVELS))
        self._live = 0  # neither called nor cancelled
        self._stored = 0  # in the slots, cancelled ones included

    def __len__(self) -> int:
        return self._live

    def add(self, when: float, callback: Callback) -> Timer:
        """What is overdue already is due at the next tick."""
        timer = Timer(when, callback)
        self._place(timer)
        self._live += 1
        self._stored += 1
        return timer

    def disarm(self, timer: Timer) -> Callback | None:
        """Take away what the timer would have called; None where that has happened before."""
        callback = timer.callback
        if callback is not None:
            timer.callback = None
            self._live -= 1
            if self._stored > _SWEEP_FROM and self._live * 2 < self._stored:
                self._sweep()
        return callback

    def advance(self, now: float) -> list[Timer]:
        """The timers that came due, earliest first, equal ones as they were added. Disarm each before calling it."""
        before, self._tick = self._tick, _passed(now)
        due: list[Timer] = []
        for level, slots in enumerate(self._levels):
            reached = self._tick >> (_BITS * level)
            if reached == before >> (_BITS * level):
                break  # nor has any level above moved on
            for slot in [slot for slot in slots if slot <= reached]:
                self._empty(slots.pop(slot), due)
        due.sort(key=_when)
        return due

    def next_due(self) -> float | None:
        """When to advance next: the time of the nearest slot, which above level 0 may be ahead of its timers."""
        if self._live:
            for level, slots in enumerate(self._levels):
                if slots:
                    return (min(slots) << (_BITS * level)) / TICKS
        return None

    def clear(self) -> None:
        """Disarm them all."""
        for timers in [timers for slots in self._levels for timers in slots.values()]:
            for timer in timers:
                self.disarm(timer)
        self._sweep()

    def _place(self, timer: Timer) -> None:
        when, present = timer.when, self._tick
        tick = int(when * TICKS)
        if tick / TICKS < when:
            tick += 1  # the first that is not before it: looking at it earlier would be for nothing
        if tick <= present:
            tick = present + 1
        level = _LEVEL_OF[(tick ^ present).bit_length()]
        slots, slot = self._levels[level], tick >> (_BITS * level)
        if slot in slots:
            slots[slot].append(timer)
        else:
            slots[slot] = [timer]

    def _empty(self, timers: list[Timer], due: list[Timer]) -> None:
        """Hand out those of a slot that are due; the others now belong on a lower level."""
        self._stored -= len(timers)
        for timer in timers:
            if timer.callback is None:
                continue
            if timer.when <= self._tick / TICKS:
                due.append(timer)
            else:
                self._place(timer)
                self._stored += 1

    def _sweep(self) -> None:
        for slots in self._levels:
            for slot, timers in list(slots.items()):
                slots[slot] = [timer for timer in timers if timer.callback is not None]
                if not slots[slot]:
                    del slots[slot]
        self._stored = sum(len(timers) for slots in self._levels for timers in slots.values())


def _passed(now: float) -> int:
    """The last tick that is not in the future."""
    tick = int(now * TICKS) + 1
    while tick / TICKS > now:
        tick -= 1
    return tick


class Timers:
    """The wheel on the running loop: at most one loop timer is pending, none where there is nothing to wait for."""

    cancel: Callable[[Timer], object]  # it will not be called, also where it is due in this very moment

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wheel = Wheel(clock.monotonic())
        self.cancel = self._wheel.disarm  # the wheel's own: what is cancelled most should cost one call
        self._alarm: asyncio.TimerHandle | None = None
        self._earlier = math.inf  # a timer up to then needs an earlier alarm; -inf where none would be of use
        self._closed = False

    def __len__(self) -> int:
        return len(self._wheel)

    def call_at(self, when: float, callback: Callback) -> Timer:
        """Call it at `when` (monotonic): never early, at most a tick and the loop's lag late."""
        timer = self._wheel.add(when, callback)
        if when <= self._earlier:
            self._set_alarm()
        return timer

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        return self.call_at(self._clock.monotonic() + seconds, callback)

    def run_due(self) -> None:
        """Call what is due by the clock. The alarm does this; a test that moved its clock may too."""
        self._earlier = -math.inf  # what the callbacks add is seen to after them, once
        for timer in self._wheel.advance(self._clock.monotonic()):
            callback = self._wheel.disarm(timer)
            if callback is not None:
                _call(callback)
        self._set_alarm()

    async def aclose(self) -> None:
        """Nothing is called any more, also not what is added from now on."""
        self._closed = True
        self._wheel.clear()
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = self._wheel.next_due()
        if self._closed:
            self._earlier = -math.inf
        elif due is None:
            self._earlier = math.inf
        else:
            self._earlier = (round(due * TICKS) - 1) / TICKS
            wait = math.ceil((due - self._clock.monotonic()) / _RESOLUTION) * _RESOLUTION
            self._alarm = asyncio.get_running_loop().call_later(max(wait, _RESOLUTION), self.run_due)


def _call(callback: Callback) -> None:
    try:
        callback()
    except Exception:
        log.exception("timer.failed", callback=getattr(callback, "__qualname__", type(callback).__name__))
