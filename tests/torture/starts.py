"""What a start finds and takes up again, and what the service manager hears while the store is in trouble."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from attrs import evolve

from daemon.clock import SystemClock
from daemon.codec import encode
from daemon.domain.job import Job, JobState, NewJob
from daemon.domain.message import AccountId, ConversationId
from daemon.engine.turn_steps import LANE, Args
from daemon.errors import Stale
from daemon.ids import Ids
from daemon.sim.fastgpt_script import Script
from daemon.store import connect, jobs
from daemon.store.tx import Tx
from tests.torture.history import Rule, Violation
from tests.torture.house import House, house
from tests.torture.sabotage import STUCK
from tests.torture.scenarios import Verdict, verdict

COMPLETIONS = "*/chat/completions"
ORPHANS = 10  # questions under way: as many as are asked at the same time
AT_ONCE = 30.0  # seconds in which orphans are begun again on a busy machine; a lease would be over after 20 minutes

Settle = Callable[[Tx, Job], None]


async def orphans(folder: Path, *, waiting: int, bug: str = "", settle: Settle = jobs.settle) -> Verdict:
    """P5: with many jobs waiting, a start takes up at once what a killed process had begun, and fences that off."""
    async with house(folder, bug=bug) as h:
        h.fastgpt.play(Script(delay_s=600))
        await h.load.write(ORPHANS)
        await h.fastgpt.ledger.wait_for(COMPLETIONS, ORPHANS, timeout=60)
        await h.daemon.kill()
        stale = await asyncio.to_thread(_running, h.database)
        await asyncio.to_thread(_fill, h.database, waiting)
        broken, again = await _taken_up(h)
        await h.daemon.kill()
        broken += await asyncio.to_thread(_settled_by, h.database, stale, settle)
        h.fastgpt.play(Script())
        await h.daemon.start()
        return await verdict(h, broken, waiting_jobs=waiting, start=round(h.daemon.starts[1], 3), again=again)


async def _taken_up(h: House) -> tuple[list[Violation], float | None]:
    """Start; whether the orphans were asked again, and after how many seconds the last of them was."""
    began = time.monotonic()
    await h.daemon.start()
    try:
        await h.fastgpt.ledger.wait_for(COMPLETIONS, 2 * ORPHANS, timeout=3.0 if h.daemon.bug else AT_ONCE)
    except TimeoutError:
        asked = len(h.fastgpt.ledger.of(COMPLETIONS)) - ORPHANS
        return [Violation(Rule.ORPHANS_LEFT, f"{asked} of {ORPHANS} were begun again")], None
    return [], round(time.monotonic() - began, 3)


def _running(database: Path) -> list[Job]:
    with closing(connect.for_reading(database)) as db:
        rows = db.execute(
            """
            SELECT id, lane, key, args, state, attempts, interrupted, epoch, due_ms, created_ms, started_ms, ended_ms,
                   unique_key, rerun, last_error, request_id FROM jobs WHERE state = 'running'
            """
        )
        return [jobs.job_of(row) for row in rows]


def _fill(database: Path, number: int) -> None:
    """Jobs that are due tomorrow, as a store that is in use has them."""
    clock = SystemClock()
    due_at = clock.now() + timedelta(days=1)
    with closing(connect.for_writing(database)) as db:
        db.execute("BEGIN IMMEDIATE")
        tx = Tx(db, Ids(clock), clock.now())
        for index in range(number):
            key = f"nobody-{index}"
            args = encode(Args(conversation_id=ConversationId(key), account_id=AccountId("none")))
            jobs.add(tx, NewJob(lane=LANE, key=key, args=args, due_at=due_at, unique_key=key))
        db.execute("COMMIT")


def _settled_by(database: Path, stale: list[Job], settle: Settle) -> list[Violation]:
    """Which of the running jobs an owner of an earlier epoch could end. Nothing of it is kept."""
    clock, ended = SystemClock(), []
    with closing(connect.for_writing(database)) as db:
        for job in stale:
            db.execute("BEGIN IMMEDIATE")
            try:
                tx = Tx(db, Ids(clock), clock.now(), job.epoch)
                settle(tx, evolve(job, state=JobState.DONE, ended_at=clock.now()))
                ended.append(Violation(Rule.STALE_OWNER, f"{job.id} of epoch {job.epoch}"))
            except Stale:
                pass
            db.execute("ROLLBACK")
    if len(stale) != ORPHANS:
        ended.append(Violation(Rule.ORPHANS_LEFT, f"{len(stale)} of {ORPHANS} were running at the kill"))
    return ended


async def watchdog_while_refusing(folder: Path, *, bug: str = "") -> Verdict:
    """A store that answers "no" (another process holds its write lock) is an answer: fed, and callbacks are spooled."""
    async with house(folder, bug=bug, environ={"WATCHDOG_USEC": "4000000"}) as h:
        broken = []
        await h.daemon.until("WATCHDOG=1")
        with closing(sqlite3.connect(h.database, isolation_level=None)) as intruder:
            intruder.execute("BEGIN IMMEDIATE")
            await h.load.write(10)
            fed = h.daemon.said("WATCHDOG=1")
            try:
                await h.daemon.until("WATCHDOG=1", fed + 2, limit=30)
            except AssertionError as error:
                broken.append(Violation(Rule.UNTOLD, f"not fed while the store refuses: {error}"))
            intruder.execute("ROLLBACK")
        if h.load.failed:
            broken.append(Violation(Rule.REQUEST_LOST, f"{h.load.outcomes}"))
        return await verdict(h, broken, spooled=h.daemon.logged("callback.spooled"))


async def watchdog_while_stuck(folder: Path, *, bug: str = "stuck_store") -> Verdict:
    """A store that answers nobody: the service manager is not told that we live, until it does again."""
    stuck = folder / "stuck"
    async with house(folder, bug=bug, environ={"WATCHDOG_USEC": "1000000", STUCK: os.fspath(stuck)}) as h:
        broken = []
        await h.daemon.until("WATCHDOG=1", 2)
        stuck.touch()
        await h.daemon.listen(0.5)  # a probe may have been answered just before
        fed = h.daemon.said("WATCHDOG=1")
        await h.daemon.listen(2.0)
        if h.daemon.said("WATCHDOG=1") > fed:
            broken.append(Violation(Rule.UNTOLD, "fed while the store answers nobody"))
        stuck.unlink()
        await h.daemon.until("WATCHDOG=1", fed + 1)
        return await verdict(h, broken, withheld=h.daemon.logged("watchdog.withheld"))
