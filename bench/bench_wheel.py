"""The timer wheel against uvloop's own timers: 500,000 pending at once, half of them cancelled, the rest called.

Both run on a uvloop, each run in a process of its own. A run takes four figures: inserting them all, the memory they
hold, cancelling every second one, and calling the rest. Nothing is called before all are due, as the loop is kept busy
until then. It is half a million, not a million, so that five pairs end within the minute of a bench.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from resource import getpagesize

import uvloop
from attrs import define, frozen

from bench.report import PAIRS, Figure, apart, figure_of, measured
from bench.report import main as command
from daemon.clock import SystemClock
from daemon.engine.timers import Timers

TIMERS = 500_000
SPREAD = 1.0  # seconds over which they are due
HOUR = 3600.0
IDLE = 2.0  # seconds of watching a wheel with nothing near


@frozen
class Taken:
    """What one run took."""

    insert: float  # a second
    bytes: float  # each
    cancel: float  # a second
    expire: float  # a second


def run() -> Iterator[Figure]:
    pairs = [(apart(once, ours=True), apart(once, ours=False)) for _ in range(PAIRS)]
    for metric, unit, goal in (
        ("insert", "1/s", ">=1.3"),
        ("expire", "1/s", ">=1.5"),
        ("cancel", "1/s", ">=5"),
        ("bytes", "B", "<=0.4"),
    ):
        taken = [(getattr(ours, metric), getattr(theirs, metric)) for ours, theirs in pairs]
        yield figure_of("wheel", metric, unit=unit, pairs=taken, baseline="uvloop call_later", goal=goal)
    yield measured("wheel", "idle", unit="wake-ups/s", samples=[uvloop.run(_idle())], goal="<=0")


def once(*, ours: bool) -> Taken:
    return uvloop.run(_once(ours=ours))


async def _once(*, ours: bool) -> Taken:
    draw = Random(1)
    delays = [draw.random() * SPREAD for _ in range(TIMERS)]
    timers, loop = Timers(SystemClock()), asyncio.get_running_loop()
    countdown = Countdown(TIMERS // 2, asyncio.Event())
    call_later: Callable[..., object] = timers.call_later if ours else loop.call_later
    gc.collect()
    before = _resident()
    handles, insert = _insert(call_later, delays, countdown)
    held = _resident() - before
    cancel = _cancel_ours(timers, handles[::2]) if ours else _cancel_theirs(handles[::2])
    del handles
    time.sleep(SPREAD)  # noqa: ASYNC251 - the loop must not run yet
    started = time.perf_counter()
    await countdown.done.wait()
    expire = time.perf_counter() - started
    return Taken(TIMERS / insert, held / TIMERS, TIMERS / 2 / cancel, TIMERS / 2 / expire)


@define
class Countdown:
    """What every timer calls; the last one ends the run."""

    left: int
    done: asyncio.Event

    def __call__(self) -> None:
        self.left -= 1
        if not self.left:
            self.done.set()


def _insert(
    call_later: Callable[..., object], delays: list[float], callback: Callable[[], None]
) -> tuple[list[object], float]:
    """The timers, and how long it took."""
    handles: list[object] = [None] * len(delays)
    started = time.perf_counter()
    for place, delay in enumerate(delays):
        handles[place] = call_later(delay, callback)
    return handles, time.perf_counter() - started


def _cancel_ours(timers: Timers, handles: list[object]) -> float:
    cancel: Callable[..., object] = timers.cancel
    started = time.perf_counter()
    for handle in handles:
        cancel(handle)
    return time.perf_counter() - started


def _cancel_theirs(handles: list[object]) -> float:
    started = time.perf_counter()
    for handle in handles:
        handle.cancel()  # type: ignore[attr-defined] # an asyncio.TimerHandle, or uvloop's own
    return time.perf_counter() - started


def _resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()


@define
class CountingClock(SystemClock):
    """Each wake-up of the wheel asks for the time."""

    asked: int = 0

    def monotonic(self) -> float:
        self.asked += 1
        return super().monotonic()


async def _idle() -> float:
    """Wake-ups a second of a wheel whose 100,000 timers are an hour away."""
    clock = CountingClock()
    timers = Timers(clock)
    for _ in range(100_000):
        timers.call_later(HOUR, _nothing)
    await asyncio.sleep(0.1)  # what setting the alarm asks is not counted
    before = clock.asked
    await asyncio.sleep(IDLE)
    wakeups = (clock.asked - before) / IDLE
    await timers.aclose()
    return wakeups


def _nothing() -> None:
    raise AssertionError("it was not due")


if __name__ == "__main__":
    command(run)
