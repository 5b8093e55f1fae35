"""Upkeep: all that is old goes, a backup is made, and neither is in anybody's way."""

from datetime import timedelta
from pathlib import Path

from daemon.engine.audit import Audit
from daemon.engine.upkeep import Backups, Upkeep
from daemon.store import backup
from daemon.store.database import Database, open_database
from daemon.store.retention import ROWS, Keep
from daemon.store.tx import Tx
from tests.clock import FakeClock


def fill(tx: Tx, rows: int) -> None:
    tx.many(
        "INSERT INTO callback_events VALUES ($1, 'a', 'k', '{}', $2)", [(tx.new_id(), tx.now_ms) for _ in range(rows)]
    )


def upkeep(db: Database, directory: Path, *, pressed: bool = False) -> Upkeep:
    backups = Backups(directory=directory, every=timedelta(hours=1), hourly=2, daily=0, weekly=0)
    return Upkeep(db=db, keep=Keep, backups=lambda: backups, audit=Audit(db), pressed=lambda: pressed)


async def test_everything_old_goes_in_several_units_of_work(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_database(tmp_path / "qiaod.db", clock) as db:
        await db.write(fill, ROWS * 2 + 1)
        clock.advance(timedelta(days=100).total_seconds())
        await db.write(fill, 1)
        before = db.status().commits
        pruned = await upkeep(db, tmp_path / "backups").prune()
        assert pruned.rows == {"callback_events": ROWS * 2 + 1}
        assert db.status().commits >= before + 3
        assert await db.read(lambda tx: tx.value("SELECT count(*) FROM callback_events")) == 1


async def test_nothing_is_pruned_while_callers_wait(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_database(tmp_path / "qiaod.db", clock) as db:
        await db.write(fill, 1)
        clock.advance(timedelta(days=100).total_seconds())
        pruned = await upkeep(db, tmp_path / "backups", pressed=True).prune()
    assert pruned.total == 0
    assert pruned.next is not None


async def test_a_backup_is_made_and_the_oldest_go(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_database(tmp_path / "qiaod.db", clock) as db:
        keeping = upkeep(db, tmp_path / "backups")
        reports = []
        for _ in range(3):
            reports.append(await keeping.back_up())
            clock.advance(3600)
    assert not reports[0].path.exists()
    assert all(backup.verify(report.path).whole for report in reports[1:])
