"""What the store needs now and then: old rows deleted, pages given back, a backup taken."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import structlog
from attrs import field, frozen

from daemon.engine.audit import Audit
from daemon.engine.costs import tidy
from daemon.errors import QiaodError, StoreUnavailable
from daemon.store import backup, retention
from daemon.store.database import Database

log = structlog.get_logger()

PAUSE = 0.02  # seconds between two batches: what waits to be written goes first
ROUND = timedelta(minutes=10)  # between two looks for what is old
AFTER_A_FAILED_BACKUP = timedelta(minutes=5)
LOOK_AGAIN = timedelta(minutes=10)  # whether backups have been switched on meanwhile


@frozen(kw_only=True)
class Backups:
    """Where to, how often, and how many stay."""

    directory: Path
    every: timedelta  # zero: none are made
    hourly: int = 24
    daily: int = 7
    weekly: int = 4


@frozen(kw_only=True)
class Upkeep:
    """Runs beside the daemon; each tick says what it did."""

    db: Database
    keep: Callable[[], retention.Keep]  # asked each time: settings may be read again
    backups: Callable[[], Backups]
    audit: Audit
    pressed: Callable[[], bool] = field(default=lambda: False)  # callers are waiting: upkeep can wait instead

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._prune_for_ever(), name="upkeep.prune")
            group.create_task(self._back_up_for_ever(), name="upkeep.backup")

    async def prune(self) -> retention.Pruned:
        """Delete all that is old, in small batches; stops early when pressed."""
        rows, cursor = dict[str, int](), retention.Cursor()
        while not self.pressed():
            pruned = await self.db.write(retention.prune_once, self.keep(), cursor)
            for table, count in pruned.rows.items():
                rows[table] = rows.get(table, 0) + count
            if pruned.next is None:
                await self._shrink()
                return retention.Pruned(rows=rows)
            cursor = pruned.next
            await asyncio.sleep(PAUSE)
        return retention.Pruned(rows=rows, next=cursor)

    async def tidy_costs(self) -> None:
        """Settle the charges whose answer never came, and close the alerts of quotas that have renewed."""
        while not self.pressed():
            if await self.db.write(tidy) == 0:
                return
            await asyncio.sleep(PAUSE)

    async def back_up(self) -> backup.Report:
        """One more backup; the oldest go."""
        wanted = self.backups()
        report = await asyncio.to_thread(backup.make, self.db.path, wanted.directory, self.db.clock)
        await asyncio.to_thread(
            backup.thin_out, wanted.directory, hourly=wanted.hourly, daily=wanted.daily, weekly=wanted.weekly
        )
        await self.audit.note("backup.made", f"backup:{report.path.name}", bytes=report.bytes, sha256=report.sha256)
        return report

    async def _shrink(self) -> None:
        while not self.pressed():
            left = await self.db.write(retention.shrink)
            if left == 0:
                return
            await asyncio.sleep(PAUSE)

    async def _prune_for_ever(self) -> None:
        while True:
            try:
                await self.tidy_costs()
                pruned = await self.prune()
            except StoreUnavailable as error:
                log.warning("upkeep.postponed", error=str(error))
            else:
                if pruned.total:
                    log.info("upkeep.pruned", rows=pruned.rows, finished=pruned.next is None)
                    await self.audit.note("retention.run", "store", **pruned.rows)
            await asyncio.sleep(ROUND.total_seconds())

    async def _back_up_for_ever(self) -> None:
        """The first one an interval after the start: a daemon that restarts in a circle makes none."""
        pause = self.backups().every or LOOK_AGAIN
        while True:
            await asyncio.sleep(pause.total_seconds())
            pause = self.backups().every or LOOK_AGAIN
            if not self.backups().every:
                continue
            try:
                await self.back_up()
            except (QiaodError, OSError, sqlite3.Error) as error:
                log.error("backup.failed", error=str(error))
                await self.audit.note("backup.failed", "store", error=type(error).__name__)
                pause = AFTER_A_FAILED_BACKUP
