"""How much memory the daemon's process holds: at rest, and when 10,000 people have written to it.

At rest it is held against a Python that has imported the packages the daemon is built on, and nothing else. Then 10,000
people write, and a turn waits for each of them. Timers for what waits are few: what is due later is a row, and the
wheel holds the next of each lane. So what 100,000 timers take in the wheel is measured apart and added.
"""

import gc
import os
import time
from collections.abc import Iterator

import uvloop

from bench import load
from bench.bench_intake import prepare
from bench.load import Callbacks
from bench.processes import LOAD, daemon, process, resident
from bench.report import Figure, apart, compare, main, measured, pin
from daemon.clock import SystemClock
from daemon.engine.timers import Timers

MEGABYTE = 1e6
SETTLED = 0.5  # seconds
ACCOUNTS, PEOPLE = 50, 200
CONVERSATIONS = ACCOUNTS * PEOPLE
RATE = 2000.0  # callbacks a second: within what an account may have answered
TIMERS = 100_000
HOUR = 3600.0
GROWN_RUNS = 3


def run() -> Iterator[Figure]:
    pin(LOAD)
    yield compare(
        "memory",
        "at rest",
        unit="MB",
        ours=_at_rest,
        baseline="packages imported",
        theirs=_imported,
        goal="<=1.5",
    )
    grown = [_grown() + apart(wheel) for _ in range(GROWN_RUNS)]
    yield measured("memory", "10,000 and 100,000", unit="MB more", samples=grown, goal="<=60")


def _at_rest() -> float:
    with daemon() as bridge:
        time.sleep(SETTLED)
        return bridge.resident() / MEGABYTE


def _imported() -> float:
    with process(("bench.imported",), core=1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        return resident(child.pid) / MEGABYTE


def _grown() -> float:
    with daemon() as bridge:
        time.sleep(SETTLED)
        before = bridge.resident()
        url = prepare(bridge, ACCOUNTS)
        callbacks = Callbacks(accounts=ACCOUNTS, people=PEOPLE, parts=1, series=1)
        load.paced(url, callbacks, seconds=CONVERSATIONS / RATE, connections=64, rate=RATE)
        time.sleep(SETTLED)
        return (bridge.resident() - before) / MEGABYTE


def wheel() -> float:
    """Megabytes that the timers take, in an interpreter of their own."""
    return uvloop.run(_wheel())


async def _wheel() -> float:
    timers = Timers(SystemClock())
    gc.collect()
    before = resident(os.getpid())
    for number in range(TIMERS):
        timers.call_later(HOUR + number / TIMERS, _nothing)
    held = (resident(os.getpid()) - before) / MEGABYTE
    await timers.aclose()
    return held


def _nothing() -> None:
    raise AssertionError("it was not due")


if __name__ == "__main__":
    main(run)
