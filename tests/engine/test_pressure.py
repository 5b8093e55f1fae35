"""Shedding: what is measured decides the level, and the level decides what waits."""

from typing import Any

import pytest

from daemon.engine.pressure import Level, Pressure, Signals, level_of
from daemon.errors import RateLimited, Unavailable
from tests.clock import FakeClock


@pytest.mark.parametrize(
    ("measured", "level"),
    [
        ({}, Level.GREEN),
        ({"lag": 0.049, "oldest_job": 29, "wal_bytes": 2**25}, Level.GREEN),
        ({"lag": 0.051}, Level.YELLOW),
        ({"oldest_job": 31}, Level.YELLOW),
        ({"wal_bytes": 2**25 + 1}, Level.YELLOW),
        ({"lag": 0.151}, Level.ORANGE),
        ({"oldest_job": 121}, Level.ORANGE),
        ({"memory": 0.76}, Level.ORANGE),
        ({"free_disk": 0.09}, Level.ORANGE),
        ({"write_age": 1.1}, Level.RED),
        ({"memory": 0.91}, Level.RED),
        ({"free_disk": 0.02}, Level.RED),
    ],
)
def test_any_one_signal_is_enough_for_its_level(measured: dict[str, Any], level: Level) -> None:
    assert level_of(Signals(**measured)) is level


def look(pressed: Pressure, signals: Signals, times: int = 1, *, late: float = 0.0) -> Level:
    for _ in range(times):
        assert isinstance(pressed.clock, FakeClock)
        pressed.clock.advance(1.0 + late)
        pressed.look(signals)
    return pressed.level


def test_it_rises_at_once_and_falls_after_ten_calm_seconds() -> None:
    pressed = Pressure(FakeClock())
    assert look(pressed, Signals(write_age=2)) is Level.RED
    assert look(pressed, Signals(), 9) is Level.RED
    assert look(pressed, Signals()) is Level.GREEN


def test_one_slow_moment_of_the_loop_is_no_pressure_and_three_in_five_are() -> None:
    pressed = Pressure(FakeClock())
    assert look(pressed, Signals(), 4) is Level.GREEN
    assert look(pressed, Signals(), late=0.5) is Level.GREEN
    assert look(pressed, Signals(), 2, late=0.5) is Level.ORANGE


def test_what_waits_grows_with_the_level() -> None:
    pressed = Pressure(FakeClock())
    look(pressed, Signals(wal_bytes=2**26))
    assert pressed.pressed
    pressed.admit_reading()
    look(pressed, Signals(oldest_job=200))
    with pytest.raises(RateLimited):
        pressed.admit_reading()
    pressed.admit_work()
    look(pressed, Signals(free_disk=0.01))
    with pytest.raises(Unavailable):
        pressed.admit_work()
