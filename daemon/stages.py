"""Steps of the start and of the stop that are more than a call: each is entered on the bridge's stack."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog
from attrs import define

from daemon import memory
from daemon.engine.access import MOST_KNOWN
from daemon.engine.audit import Audit
from daemon.engine.clockwatch import ClockWatch
from daemon.engine.intake import Intake
from daemon.engine.jobs import Jobs
from daemon.engine.outbox import ADDRESSEES, LEVELS
from daemon.engine.pressure import Pressure, Signals
from daemon.engine.timers import Timers
from daemon.errors import CannotOpen, StoreUnavailable
from daemon.limits.pace import Pace
from daemon.net.server.auth import Door
from daemon.net.server.lockout import MOST_KEPT
from daemon.net.server.readiness import Readiness
from daemon.store import acts, friend_requests, keys, levels, lockouts, revokes, sends
from daemon.store.database import Database
from daemon.store.faults import Fault
from daemon.tasks import running

log = structlog.get_logger()

PLENTY = 4 * 1024**3  # bytes free that are enough whatever share of a large disk they are
FORGOTTEN = timedelta(days=7)  # an addressee's level is full long before, whatever the wall clock did meanwhile
WATCH_JOBS_EVERY = 5.0  # seconds
REPLAY_EVERY = timedelta(seconds=1)  # while something is spooled: the store may be well again


@asynccontextmanager
async def fatal(db: Database, hurry: asyncio.Event) -> AsyncIterator[None]:
    """Leave the block, and the daemon, when the store says that only a new process can help: nothing is waited for."""
    verdict: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def give_up(reason: str) -> None:
        if not verdict.done():
            hurry.set()
            verdict.set_result(reason)

    async def watch() -> None:
        raise CannotOpen(await verdict)

    db.on_fatal = give_up
    async with running(watch(), "store.fatal"):
        yield


async def restore_levels(db: Database, pace: Pace) -> None:
    await db.write(levels.forget, ADDRESSEES, older_than=FORGOTTEN)
    pace.restore(await db.read(levels.load, LEVELS))
    pace.addressees.restore(await db.read(levels.load, ADDRESSEES))


async def restore_door(db: Database, door: Door) -> None:
    """A restart frees nobody, and forgets nobody who is trusted."""
    door.restore(await db.read(lockouts.load, MOST_KEPT), await db.read(keys.places, MOST_KNOWN))


async def put_right(db: Database, intake: Intake) -> None:
    """What an older process left: sends that nobody knows of, callbacks that were only spooled."""
    unknown = await db.write(sends.recover)
    if unknown:
        log.warning("sends.unknown", count=unknown)
    await db.write(revokes.recover)
    await db.write(friend_requests.recover)
    if undone := await db.write(acts.recover):
        log.warning("acts.unknown", count=undone)
    await intake.replay()


@asynccontextmanager
async def working(jobs: Jobs, db: Database, *, grace: timedelta, hurry: asyncio.Event) -> AsyncIterator[None]:
    """Jobs are worked off inside the block. Leaving it lets what runs finish for `grace`, or until `hurry` is set."""
    db.on_jobs = jobs.wake
    async with running(jobs.run(), "jobs"):
        yield
        stopping = asyncio.create_task(jobs.stop(grace), name="jobs.stop")
        hurried = asyncio.create_task(hurry.wait(), name="jobs.hurry")
        await asyncio.wait({stopping, hurried}, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not stopping.done():
            await jobs.stop(timedelta())
        await stopping


@asynccontextmanager
async def ready(readiness: Readiness) -> AsyncIterator[None]:
    """Traffic may come inside the block."""
    readiness.free_of("starting")
    try:
        yield
    finally:
        readiness.begin_stop()


async def replay(intake: Intake, interval: timedelta = REPLAY_EVERY) -> None:
    """Take in what is spooled as soon as the store takes it, until cancelled."""
    while True:
        await asyncio.sleep(interval.total_seconds())
        if intake.spool.pending():
            try:
                await intake.replay()
            except StoreUnavailable as error:
                log.info("spool.waiting", code=error.code)


@define
class Gauge:
    """Measures what presses the daemon; the age of the jobs is read from the store now and then."""

    db: Database
    jobs: Jobs
    memory_limit: int
    oldest_job: float = 0.0

    def __call__(self) -> Signals:
        state, disk = self.db.status(), os.statvfs(self.db.path.parent)
        plenty = disk.f_bavail * disk.f_frsize > PLENTY
        return Signals(
            oldest_job=self.oldest_job,
            write_age=state.age,
            wal_bytes=state.wal_bytes,
            free_disk=1.0 if plenty else disk.f_bavail / max(disk.f_blocks, 1),
            memory=memory.resident() / self.memory_limit,
        )

    async def watch_jobs(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(WATCH_JOBS_EVERY)
            try:
                depths = await self.jobs.depths()
            except StoreUnavailable:
                continue  # what presses then is seen in the other signals
            self.oldest_job = max((depth.oldest.total_seconds() for depth in depths), default=0.0)


@asynccontextmanager
async def watching(db: Database, timers: Timers, jobs: Jobs, pressure: Pressure, audit: Audit) -> AsyncIterator[None]:
    """Each second inside the block: what presses the daemon, and whether somebody set the clock."""
    gauge, told = Gauge(db, jobs, memory.limit()), set[asyncio.Task[None]]()

    def note(action: str, **detail: object) -> None:
        task = asyncio.create_task(audit.note(action, "daemon", **detail), name=action)
        told.add(task)  # or it might be collected before it is done
        task.add_done_callback(told.discard)

    def moved(by: timedelta) -> None:
        jobs.clock_moved(by)
        note("clock.jumped", seconds=round(by.total_seconds(), 3))

    def mended(fault: Fault, seconds: float) -> None:
        note("store.faulted", fault=fault, seconds=round(seconds, 1))

    db.tell_mended(mended)
    pressure.on_change = lambda before, level: note("pressure.changed", before=before, level=level)
    each_second(timers, lambda: pressure.look(gauge()))
    each_second(timers, ClockWatch(db.clock, moved).look)
    async with running(gauge.watch_jobs(), "jobs.watch"):
        yield


def each_second(timers: Timers, look: Callable[[], None]) -> None:
    """Call `look` now and each second from now on."""
    look()
    timers.call_later(1.0, partial(each_second, timers, look))
