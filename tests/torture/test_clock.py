"""A wall clock that is set does not move a timer, and each jump is told once."""

from functools import partial

import pytest
from attrs import define, field

from daemon.clock import Clock
from daemon.engine.clockwatch import ClockWatch
from daemon.engine.timers import Timers
from tests.clock import FakeClock

JUMPS = (7200.0, -14400.0)
DELAYS = (0.5, 3.0, 60.0, 3600.0)


@define
class OneClock(FakeClock):
    """The seeded fault: delays are counted by the wall clock."""

    def monotonic(self) -> float:
        return self.wall.timestamp()


@define
class Fired:
    """When each timer was called, in seconds that really passed."""

    passed: float = 0.0
    at: dict[float, float] = field(factory=dict)

    def note(self, delay: float) -> None:
        self.at[delay] = self.passed


async def fired_over_jumps(clock: FakeClock) -> Fired:
    """Timers over an hour in steps of half a second, with the clock set forward after a second and back after 30."""
    timers, fired = Timers(clock), Fired()
    for delay in DELAYS:
        timers.call_later(delay, partial(fired.note, delay))
    for step in range(2 * 3600 + 2):
        if step in {2, 60}:
            clock.jump_wall(JUMPS[step == 60])
        timers.run_due()
        clock.advance(0.5)
        fired.passed += 0.5
    await timers.aclose()
    return fired


async def test_timers_are_exact_whatever_the_wall_clock_does() -> None:
    fired = await fired_over_jumps(FakeClock())
    assert fired.at == pytest.approx({delay: delay for delay in DELAYS}, abs=0.5)


async def test_timers_on_the_wall_clock_would_be_found() -> None:
    fired = await fired_over_jumps(OneClock())
    assert fired.at != pytest.approx({delay: delay for delay in DELAYS}, abs=0.5)


def told(clock: FakeClock, watched: Clock) -> list[float]:
    """What a watch that looks each second tells of both jumps."""
    jumps: list[float] = []
    watch = ClockWatch(watched, lambda by: jumps.append(by.total_seconds()))
    for jump in (0.0, *JUMPS):
        clock.jump_wall(jump)
        for _ in range(5):
            watch.look()
            clock.advance(1)
    return jumps


def test_each_jump_is_told_once() -> None:
    clock = FakeClock()
    assert told(clock, clock) == list(JUMPS)


def test_a_watch_that_cannot_tell_the_clocks_apart_would_be_found() -> None:
    clock = OneClock()
    assert told(clock, clock) == []
