"""The queue: durable jobs a second, how soon one starts, and what 100,000 waiting ones cost a start.

Each run is a fresh interpreter with uvloop and a fresh store (`synchronous=FULL`); nothing else is written meanwhile.
The bare queue is SQLite and three statements: a job is added by one, ended by one, and claimed with others; commits are
batched alike. It has no handler to call, no event loop to be in, no retries, no order, no limits.
"""

import asyncio
import contextlib
import logging
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import structlog
import uvloop

from bench.report import Figure, apart, compare, main, measured
from daemon.clock import SystemClock
from daemon.domain.job import Job, NewJob
from daemon.engine.jobs import Done, Handler, Jobs, Lane, Result
from daemon.engine.timers import Timers
from daemon.limits.retry import Retry
from daemon.main import settle
from daemon.store import jobs
from daemon.store.database import Database, open_database
from daemon.store.tx import Tx
from daemon.tasks import running

JOBS = 320 * 64
BATCH = 64  # jobs in a commit of the bare queue; in ours, added by one unit of work and at work at once
ARGS = b"x" * 200
STARTS = 50  # jobs whose start is timed; at 10 a second they take 5 s
PACE = 0.1
WAITING = 100_000


def run() -> Iterator[Figure]:
    yield compare(
        "jobs",
        "rate",
        unit="1/s",
        ours=lambda: apart(rate),
        baseline="bare SQLite queue",
        theirs=lambda: apart(bare_rate),
        goal=">=0.2",
    )
    latencies = [apart(latency) for _ in range(3)]
    yield measured("jobs", "latency p50", unit="ms", samples=[p50 for p50, _ in latencies], goal="<=2")
    yield measured("jobs", "latency p99", unit="ms", samples=[p99 for _, p99 in latencies], goal="<=7")
    yield measured(
        "recovery", "jobs waiting", unit="ms more", samples=[apart(recovery) for _ in range(5)], goal="<=1000"
    )


@contextlib.asynccontextmanager
async def at_work(path: Path, handler: Handler) -> AsyncIterator[Database]:
    clock = SystemClock()
    timers = Timers(clock)
    lane = Lane(
        name="bench",
        handler=handler,
        concurrency=BATCH,
        retry=Retry(age=timedelta(hours=1)),
        timeout=timedelta(seconds=30),
    )
    async with open_database(path, clock) as db:
        service = Jobs(db, clock, timers, Random(), [lane])
        db.on_jobs = service.wake
        async with running(service.run(), "jobs"):
            settle()  # as the daemon does once it is built
            yield db
            await service.stop(timedelta(seconds=10))
    await timers.aclose()


def quiet() -> None:
    """Log as the daemon does by default, less what a bench provokes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def add_some(tx: Tx, count: int) -> None:
    for _ in range(count):
        jobs.add(tx, NewJob(lane="bench", args=ARGS))


def rate() -> float:
    quiet()
    return uvloop.run(_rate())


async def _rate() -> float:
    """Jobs a second, added and ended: adding goes on while they are worked off."""
    left, ended = JOBS, asyncio.Event()

    async def handler(_: Job) -> Result:
        nonlocal left
        left -= 1
        if not left:
            ended.set()
        return Done()

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        async with at_work(Path(folder) / "db", handler) as db:
            start = time.perf_counter()
            for _ in range(JOBS // BATCH):
                await db.write(add_some, BATCH)
            await ended.wait()
        return JOBS / (time.perf_counter() - start)


def bare_rate() -> float:
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(_bare(Path(folder) / "db")) as db:
        start = time.perf_counter()
        for _ in range(JOBS // BATCH):
            with db:
                for _ in range(BATCH):
                    db.execute(ADD, (ARGS, time.time()))
            with db:
                claimed = db.execute(CLAIM, (time.time(), BATCH)).fetchall()
            with db:
                for number, _ in claimed:
                    db.execute(END, (time.time(), number))
        return JOBS / (time.perf_counter() - start)


ADD = "INSERT INTO jobs (args, state, due) VALUES (?, 'ready', ?)"
CLAIM = """
    UPDATE jobs SET state = 'running'
     WHERE id IN (SELECT id FROM jobs WHERE state = 'ready' AND due <= ? ORDER BY due, id LIMIT ?)
    RETURNING id, args
"""
END = "UPDATE jobs SET state = 'done', ended = ? WHERE id = ? AND state = 'running'"


def _bare(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    db.executescript(
        """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        CREATE TABLE jobs (id INTEGER PRIMARY KEY, args BLOB, state TEXT, due REAL, ended REAL);
        CREATE INDEX jobs_due ON jobs (due, id) WHERE state = 'ready';
        """
    )
    return db


def latency() -> tuple[float, float]:
    quiet()
    return uvloop.run(_latency())


async def _latency() -> tuple[float, float]:
    """Milliseconds from asking for a job to the first line of its handler, at 10 a second: p50 and p99."""
    started: asyncio.Queue[float] = asyncio.Queue()

    async def handler(_: Job) -> Result:
        started.put_nowait(time.perf_counter())
        return Done()

    taken = []
    with tempfile.TemporaryDirectory() as folder:
        async with at_work(Path(folder) / "db", handler) as db:
            for _ in range(STARTS):
                await asyncio.sleep(PACE)
                asked = time.perf_counter()
                await db.write(add_some, 1)
                taken.append((await started.get() - asked) * 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def recovery() -> float:
    quiet()
    return uvloop.run(_recovery())


async def _recovery() -> float:
    """Milliseconds that 100,000 waiting jobs add to a start: open, recover, first job at work."""
    with tempfile.TemporaryDirectory() as folder:
        without, crowded = Path(folder) / "none" / "db", Path(folder) / "many" / "db"
        for path, waiting in ((without, 1), (crowded, WAITING)):
            path.parent.mkdir()
            async with open_database(path, SystemClock()) as db:
                await db.write(add_some, waiting)
                await db.write(jobs.claim, "bench", 1)  # left running
        return (await _start(crowded) - await _start(without)) * 1000


async def _start(path: Path) -> float:
    first = asyncio.Event()

    async def handler(_: Job) -> Result:
        first.set()
        return Done()

    start = time.perf_counter()
    async with at_work(path, handler):
        await first.wait()
        return time.perf_counter() - start


if __name__ == "__main__":
    main(run)
