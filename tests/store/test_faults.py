"""What goes wrong underneath, for real: another writer, a full disk, a file that goes away, a page that rots."""

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.clock import SystemClock
from daemon.errors import StoreUnavailable
from daemon.store import backup, faults
from daemon.store.database import Database, open_database
from daemon.store.faults import Fault, Step, fault_of, next_step, refusal
from daemon.store.tx import Tx

FILE = "qiaod.db"
SOON = 0.02  # seconds between looks: the tests' own impatience


@asynccontextmanager
async def store(directory: Path, *, reserve: int = 0) -> AsyncIterator[Database]:
    async with open_database(directory / FILE, SystemClock(), reserve=reserve, every=SOON) as db:
        yield db


def put(tx: Tx, name: str, size: int = 0) -> None:
    tx.run("INSERT INTO levels (name, tokens, at_ms) VALUES ($1, 1.0, 1)", name + "x" * size)


def count(tx: Tx) -> int:
    return int(tx.value("SELECT count(*) FROM levels"))


async def until_written(db: Database, name: str) -> None:
    """Try until the store takes it again, as callers do."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await db.write(put, name)
            except StoreUnavailable:
                await asyncio.sleep(SOON)


def told(db: Database) -> asyncio.Future[str]:
    """Why the store asks for a restart."""
    reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    db.on_fatal = reason.set_result
    return reason


async def test_another_writer_makes_writes_fail_until_it_is_gone(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        holder = (
            "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "db.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\nsys.stdin.read()\n"
        )
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", holder, str(tmp_path / FILE), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert other.stdout is not None
        assert await asyncio.wait_for(other.stdout.readline(), 20) == b"held\n"
        with pytest.raises(StoreUnavailable) as refused:
            await db.write(put, "a")
        assert refused.value.code == "store.busy"
        assert await db.read(count) == 0
        await other.communicate(b"")
        await until_written(db, "b")
        assert await db.read(count) == 1


async def test_a_full_file_refuses_writes_goes_on_reading_and_recovers(tmp_path: Path) -> None:
    def allow(tx: Tx, pages: int) -> None:
        tx.value(f"PRAGMA max_page_count = {pages}")

    async with store(tmp_path) as db:
        await db.write(put, "a")
        await db.write(allow, 1)  # SQLite takes it for the present size
        with pytest.raises(StoreUnavailable) as refused:
            await db.write(put, "b", 50_000)
        assert refused.value.code == "store.full"
        assert await db.read(count) == 1
        await until_written(db, "c")
        await db.write(allow, 1_000_000)
        await db.write(put, "d", 50_000)
        assert await db.read(count) == 3


async def test_a_removed_file_stops_the_store_at_once(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        fatal = told(db)
        await db.write(put, "a")
        (tmp_path / FILE).unlink()
        with pytest.raises(StoreUnavailable) as refused:
            await db.write(put, "b")
        assert refused.value.code == "store.replaced"
        assert await asyncio.wait_for(fatal, 5) == "store.replaced"


async def test_a_replaced_file_is_noticed_though_nobody_writes(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        fatal = told(db)
        shutil.copy(tmp_path / FILE, tmp_path / "copy")
        (tmp_path / "copy").replace(tmp_path / FILE)
        assert await asyncio.wait_for(fatal, 5) == "store.replaced"
        with pytest.raises(StoreUnavailable):
            await db.write(put, "a")
        assert await asyncio.wait_for(told(db), 5) == "store.replaced"  # also to those who ask late


async def test_a_second_name_for_the_file_is_noticed(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        fatal = told(db)
        (tmp_path / "other").hardlink_to(tmp_path / FILE)
        assert await asyncio.wait_for(fatal, 5) == "store.replaced"


async def test_a_rotten_page_freezes_the_store_and_the_next_start_restores_the_backup(tmp_path: Path) -> None:
    path = tmp_path / FILE
    async with store(tmp_path) as db:
        await db.write(put, "a")
        await asyncio.to_thread(backup.make, path, tmp_path / "backups", SystemClock())
        await db.write(
            lambda tx: tx.many("INSERT INTO levels VALUES ($1, 1.0, 1)", ((f"{n:0200}",) for n in range(500)))
        )
        root = await db.read(lambda tx: tx.value("SELECT rootpage FROM sqlite_schema WHERE name = 'levels'"))
    async with store(tmp_path) as db:
        fatal = told(db)
        with path.open("r+b") as file:
            file.seek((root - 1) * 4096)
            file.write(b"\xff" * 64)
        with pytest.raises(StoreUnavailable) as refused:
            await db.read(count)
        assert refused.value.code == "store.read"
        assert await asyncio.wait_for(fatal, 5) == "store.corrupt"
        with pytest.raises(StoreUnavailable):
            await db.write(put, "lost")
    async with store(tmp_path) as db:
        assert await db.read(count) == 1
        await db.write(put, "b")
    assert len(list(tmp_path.glob("corrupt-*/qiaod.db"))) == 1


async def test_a_passing_read_fault_is_not_taken_for_corruption(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        fatal = told(db)
        await db.write(put, "a")

        def malformed(tx: Tx) -> None:
            with closing(sqlite3.connect(tmp_path / "garbage")) as other:
                other.execute("SELECT 1 FROM sqlite_schema")

        (tmp_path / "garbage").write_bytes(b"no database at all" * 1000)
        with pytest.raises(StoreUnavailable):
            await db.read(malformed)
        await until_written(db, "b")
        assert not fatal.done()
        assert await db.read(count) == 2


async def test_a_file_that_cannot_be_opened_any_more_asks_for_a_restart(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        fatal = told(db)

        def cannot_open(tx: Tx) -> None:
            (tmp_path / f"{FILE}-wal").unlink()
            (tmp_path / f"{FILE}-wal").mkdir()
            sqlite3.connect(tmp_path / "none" / "at all").close()

        with pytest.raises(StoreUnavailable) as refused:
            await db.write(cannot_open)
        assert refused.value.code == "store.locked_out"
        assert await asyncio.wait_for(fatal, 5) == "store.locked_out"
        (tmp_path / f"{FILE}-wal").rmdir()


async def test_one_failed_sync_costs_its_batch_and_a_new_connection_goes_on(tmp_path: Path) -> None:
    def fails(tx: Tx) -> None:
        put(tx, "never")
        raise error_with(sqlite3.SQLITE_IOERR_FSYNC)

    async with store(tmp_path) as db:
        fatal = told(db)
        await db.write(lambda tx: tx.run("CREATE TEMP TABLE only_on_this_connection (x)"))
        with pytest.raises(StoreUnavailable) as refused:
            await db.write(fails)
        assert refused.value.code == "store.sync"
        await until_written(db, "a")
        assert await db.write(lambda tx: tx.value("SELECT count(*) FROM sqlite_temp_schema")) == 0
        assert await db.read(count) == 1
        assert not fatal.done()


async def test_writing_that_keeps_failing_asks_for_a_restart_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        fatal = told(db)
        await db.write(put, "a")
        with files_of_at_most(sum(path.stat().st_size for path in tmp_path.iterdir())):
            with pytest.raises(StoreUnavailable) as refused:
                await db.write(put, "b", 5_000_000)
            assert refused.value.code == "store.sync"
            async with asyncio.timeout(10):
                while not fatal.done():
                    await until_failed(db)
        assert fatal.result() == "store.sync"
    async with store(tmp_path) as db:
        assert await db.read(lambda tx: tx.value("SELECT max(name) FROM levels")) == "a"


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The kernel lets no file of ours grow beyond it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def until_failed(db: Database) -> None:
    """Write what does not fit, whenever the store takes something."""
    try:
        await db.write(put, "b", 5_000_000)
    except StoreUnavailable:
        await asyncio.sleep(SOON)


async def test_what_waits_when_a_fault_comes_is_told_at_once(tmp_path: Path) -> None:
    started, go = threading.Event(), threading.Event()

    def breaks(tx: Tx) -> None:
        started.set()
        go.wait(10)
        sqlite3.connect(tmp_path / "none" / "at all").close()

    async with store(tmp_path) as db:
        breaking = asyncio.create_task(db.write(breaks))
        await asyncio.to_thread(started.wait, 10)
        waiting = [asyncio.create_task(db.write(put, f"{n}")) for n in range(300)]
        await asyncio.sleep(0)
        go.set()
        outcomes = await asyncio.wait_for(asyncio.gather(breaking, *waiting, return_exceptions=True), 5)
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
        await until_written(db, "again")


@pytest.mark.torture
def test_a_full_disk_is_refused_survived_and_left_behind(tmp_path: Path) -> None:
    """An 8 MB file system of its own, filled by somebody else, with a reserve of 1 MB."""
    script = f'mount -t tmpfs -o size=8m none "$1" && exec {sys.executable} -m tests.store.full_disk "$1"'
    map_root = [] if os.geteuid() == 0 else ["-Ur"]
    run = subprocess.run(
        ["unshare", *map_root, "-m", "sh", "-c", script, "sh", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def error_with(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (sqlite3.SQLITE_FULL, Fault.FULL),
        (sqlite3.SQLITE_IOERR_SHMSIZE, Fault.FULL),
        (sqlite3.SQLITE_BUSY, Fault.BUSY),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Fault.BUSY),
        (sqlite3.SQLITE_IOERR_FSYNC, Fault.SYNC),
        (sqlite3.SQLITE_IOERR_WRITE, Fault.SYNC),
        (sqlite3.SQLITE_IOERR_READ, Fault.READ),
        (sqlite3.SQLITE_IOERR_SHORT_READ, Fault.READ),
        (sqlite3.SQLITE_CORRUPT, Fault.READ),
        (sqlite3.SQLITE_CORRUPT_INDEX, Fault.READ),
        (sqlite3.SQLITE_NOTADB, Fault.READ),
        (sqlite3.SQLITE_READONLY_DBMOVED, Fault.LOCKED_OUT),
        (sqlite3.SQLITE_CANTOPEN, Fault.LOCKED_OUT),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, None),
        (sqlite3.SQLITE_INTERRUPT, None),
        (sqlite3.SQLITE_ERROR, None),
    ],
)
def test_each_result_code_is_one_kind_of_fault(code: int, fault: Fault | None) -> None:
    assert fault_of(error_with(code)) is fault


@pytest.mark.parametrize("error", [ValueError(), MemoryError(), OverflowError(), sqlite3.ProgrammingError()])
def test_a_mistake_of_ours_is_no_fault(error: Exception) -> None:
    assert fault_of(error) is None


@pytest.mark.parametrize(
    ("fault", "met", "step"),
    [
        (Fault.FULL, 100, Step.PROBE),
        (Fault.BUSY, 100, Step.PROBE),
        (Fault.SYNC, 1, Step.REOPEN),
        (Fault.SYNC, 2, Step.GIVE_UP),
        (Fault.READ, 1, Step.EXAMINE),
        (Fault.READ, faults.READ_FAULTS, Step.GIVE_UP),
        (Fault.LOCKED_OUT, 3, Step.REOPEN),
        (Fault.LOCKED_OUT, 4, Step.GIVE_UP),
        (Fault.REPLACED, 1, Step.GIVE_UP),
    ],
)
def test_what_follows_a_fault_depends_on_how_often_it_came(fault: Fault, met: int, step: Step) -> None:
    assert next_step(fault, [100.0] * met, 100.0) is step


@given(st.sampled_from(Fault), st.lists(st.floats(0, 1000)))
def test_faults_older_than_a_minute_count_no_more(fault: Fault, times: list[float]) -> None:
    now = 2000.0
    assert next_step(fault, [*times, now], now) is next_step(fault, [now], now)


@given(st.one_of(st.none(), st.sampled_from(Fault)))
def test_every_refusal_says_when_to_come_back_and_has_its_text(fault: Fault | None) -> None:
    error = refusal(fault)
    assert error.retry_after > timedelta(0)
    assert error.text("en") != error.code
    assert error.text("zh") != error.code
