"""The wheel calls everything once, in order, never early and at most a tick late, however time moves."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest
import uvloop
from attrs import define, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from daemon.clock import SystemClock
from daemon.engine.timers import TICKS, Timer, Timers, Wheel
from tests.clock import FakeClock

TICK = 1 / TICKS
DAY = 86_400.0
START = 1000.0


def nothing() -> None:
    pass


def due(wheel: Wheel, now: float) -> list[float]:
    """When those that are due at `now` were to be called; they are disarmed."""
    timers = wheel.advance(now)
    for timer in timers:
        wheel.disarm(timer)
    return [timer.when for timer in timers]


@frozen
class Armed:
    due_from: float  # its time, or when it was added, where it was overdue by then
    timer: Timer


@define
class Model:
    """What a wheel should do, held against a plain list."""

    wheel: Wheel
    now: float = START
    armed: list[Armed] = field(factory=list)

    def add(self, when: float) -> None:
        self.armed.append(Armed(max(when, self.now), self.wheel.add(when, nothing)))

    def cancel(self, choice: float) -> None:
        if self.armed:
            timer = self.armed.pop(int(choice * len(self.armed))).timer
            assert self.wheel.disarm(timer) is nothing
            assert self.wheel.disarm(timer) is None

    def advance(self, seconds: float) -> None:
        self.now += seconds
        fired = self.wheel.advance(self.now)
        called = [armed.timer for armed in self.armed if armed.timer in fired]
        assert fired == sorted(called, key=lambda timer: timer.when), "in the order of their times, then as added"
        assert all(timer.when <= self.now for timer in fired), "never early"
        self.armed = [armed for armed in self.armed if armed.timer not in fired]
        assert all(armed.due_from > self.now - 1.001 * TICK for armed in self.armed), "at most a tick late"
        for timer in fired:
            self.wheel.disarm(timer)

    def check(self) -> None:
        assert len(self.wheel) == len(self.armed)
        next_due = self.wheel.next_due()
        assert (next_due is None) == (not self.armed)
        if next_due is not None:
            assert next_due <= min(armed.due_from for armed in self.armed) + 1.001 * TICK, "nothing is slept through"


spans = st.one_of(
    st.floats(0, 0.05), st.floats(0, 5), st.floats(0, 3000), st.floats(0, 400 * DAY), st.integers(0, 600).map(float)
)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("add"), spans),
        st.tuples(st.just("add"), spans),
        st.tuples(st.just("overdue"), spans),
        st.tuples(st.just("cancel"), st.floats(0, 0.999)),
        st.tuples(st.just("advance"), spans),
    ),
    max_size=80,
)


@settings(max_examples=300)
@given(happenings)
def test_the_wheel_does_what_a_sorted_list_does(happened: list[tuple[str, float]]) -> None:
    model = Model(Wheel(START))
    for what, number in happened:
        match what:
            case "add":
                model.add(model.now + number)
            case "overdue":
                model.add(model.now - number)
            case "cancel":
                model.cancel(number)
            case _:
                model.advance(number)
        model.check()
    model.advance(500 * DAY)
    assert not model.armed


@given(st.floats(0, 1e9), st.floats(0, 1e6))
def test_a_timer_is_due_at_its_tick_and_not_before(now: float, seconds: float) -> None:
    wheel = Wheel(now)
    when = now + seconds
    wheel.add(when, nothing)
    assert due(wheel, max(now, when - 1e-6)) in ([], [when])
    assert len(wheel) == 0 or wheel.next_due() is not None
    due(wheel, when + 1.001 * TICK)
    assert len(wheel) == 0


def test_whole_ticks_are_due_exactly_at_their_time() -> None:
    for hundredths in range(1, 2000):  # 0.29 * 100 is less than 29, and there are more like it
        wheel = Wheel(0)
        wheel.add(hundredths / 100, nothing)
        assert due(wheel, hundredths / 100 - 1e-9) == []
        assert due(wheel, hundredths / 100) == [hundredths / 100]


def test_timers_of_the_same_moment_come_in_the_order_they_were_added() -> None:
    wheel, called = Wheel(START), list[int]()
    wheel.add(START + 700, lambda: called.append(1))
    due(wheel, START + 690)
    wheel.add(START + 700, lambda: called.append(2))
    due(wheel, START + 699.99)
    wheel.add(START + 700, lambda: called.append(3))
    for timer in wheel.advance(START + 700):
        callback = wheel.disarm(timer)
        assert callback is not None
        callback()
    assert called == [1, 2, 3]


def test_a_jump_over_a_century_costs_no_more_than_what_lies_on_the_way() -> None:
    wheel = Wheel(START)
    whens = sorted(START + Random(1).random() * 36_500 * DAY for _ in range(1000))
    for when in whens:
        wheel.add(when, nothing)
    assert due(wheel, START + 36_500 * DAY + 1) == whens
    assert wheel.next_due() is None


def test_monotonic_time_that_steps_back_changes_nothing() -> None:
    wheel = Wheel(START)
    wheel.add(START + 5, nothing)
    assert due(wheel, START + 3) == []
    assert due(wheel, START - 100) == []
    assert due(wheel, START + 5) == [START + 5]


def test_cancelled_timers_do_not_pile_up() -> None:
    wheel = Wheel(START)
    kept = [wheel.add(START + DAY + n, nothing) for n in range(1000)]
    for _ in range(100_000):
        wheel.disarm(wheel.add(START + 30 * DAY, nothing))
    assert len(wheel) == 1000
    assert wheel._stored < 6000
    assert due(wheel, START + 60 * DAY) == [timer.when for timer in kept]


@pytest.mark.parametrize("when", [float("nan"), float("inf"), 1e30])
def test_a_time_that_is_none_is_refused(when: float) -> None:
    wheel = Wheel(START)
    with pytest.raises((ValueError, OverflowError, IndexError)):
        wheel.add(when, nothing)
    assert len(wheel) == 0


async def test_callbacks_come_in_order_and_may_add_and_cancel() -> None:
    clock, called = FakeClock(), list[str]()
    timers = Timers(clock)

    def first() -> None:
        called.append("first")
        timers.cancel(second)
        timers.call_later(0, lambda: called.append("added"))

    timers.call_later(3, lambda: called.append("third"))
    timers.call_later(1, first)
    second = timers.call_later(2, lambda: called.append("second"))
    clock.advance(3)
    timers.run_due()
    assert called == ["first", "third"]
    clock.advance(TICK)
    timers.run_due()
    assert called == ["first", "third", "added"]
    assert len(timers) == 0


async def test_a_callback_that_fails_is_logged_and_the_others_are_called() -> None:
    clock, called = FakeClock(), list[str]()
    timers = Timers(clock)

    def broken() -> None:
        raise ZeroDivisionError

    timers.call_later(1, broken)
    timers.call_later(2, lambda: called.append("fine"))
    clock.advance(2)
    with capture_logs() as logs:
        timers.run_due()
    assert called == ["fine"]
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("timer.failed", "error")]


async def test_setting_the_wall_clock_fires_nothing_and_delays_nothing() -> None:
    clock, called = FakeClock(), list[str]()
    timers = Timers(clock)
    timers.call_later(10, lambda: called.append("x"))
    clock.jump_wall(7200)
    timers.run_due()
    assert called == []
    clock.jump_wall(-14_400)
    clock.advance(10)
    timers.run_due()
    assert called == ["x"]


async def test_after_a_pause_of_days_each_timer_is_called_once() -> None:
    clock, called = FakeClock(), list[int]()
    timers = Timers(clock)
    for n in range(100):
        timers.call_later(n * 3600, lambda n=n: called.append(n))  # type: ignore[misc]
    clock.advance(10 * DAY)
    timers.run_due()
    timers.run_due()
    assert called == list(range(100))


async def test_closed_it_calls_nothing_any_more() -> None:
    clock, called = FakeClock(), list[str]()
    timers = Timers(clock)
    timers.call_later(TICK, lambda: called.append("before"))
    await timers.aclose()
    assert len(timers) == 0
    timers.call_later(TICK, lambda: called.append("after"))
    clock.advance(10)
    await asyncio.sleep(0.05)
    assert called == []


@define
class WatchedLoop:
    """Counts the loop timers that are pending at once, through the running loop's own call_later."""

    pending: list[asyncio.TimerHandle] = field(factory=list)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        original: Callable[..., asyncio.TimerHandle] = loop.call_later

        def call_later(delay: float, callback: Callable[..., object], *args: object) -> asyncio.TimerHandle:
            handle = original(delay, callback, *args)
            self.pending.append(handle)
            return handle

        loop.call_later = call_later  # type: ignore[method-assign, assignment]

    def alive(self) -> list[asyncio.TimerHandle]:
        return [handle for handle in self.pending if not handle.cancelled()]


async def test_one_loop_timer_is_pending_for_the_nearest_and_none_when_empty() -> None:
    clock, watched = FakeClock(), WatchedLoop()
    loop = asyncio.get_running_loop()
    watched.watch(loop)
    timers = Timers(clock)
    assert watched.alive() == []
    handles = [timers.call_later(seconds, nothing) for seconds in (50, 30, 2, 2.001, 40, 1, 1)]
    (alarm,) = watched.alive()
    assert alarm.when() - loop.time() == pytest.approx(1, abs=0.1)
    assert len(watched.pending) <= 4  # 50, 30, 2, 1: later ones and those of the same tick set none
    for handle in handles:
        timers.cancel(handle)
    timers.run_due()
    assert watched.alive() == []


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_on_a_real_loop_nothing_is_early_and_all_is_called(run: Callable[..., list[float]]) -> None:
    lateness = run(real_lateness())
    assert len(lateness) == 300
    assert min(lateness) >= 0


async def real_lateness() -> list[float]:
    clock, random, done = SystemClock(), Random(3), asyncio.Event()
    timers, lateness = Timers(clock), list[float]()

    def called(when: float) -> None:
        lateness.append(clock.monotonic() - when)
        if len(lateness) == 300:
            done.set()

    for _ in range(300):
        when = clock.monotonic() + random.random() * 0.4
        timers.call_at(when, lambda when=when: called(when))  # type: ignore[misc]
    async with asyncio.timeout(20):
        await done.wait()
    await timers.aclose()
    return lateness
