"""A store is looked at without a trace, whatever state its daemon left it in."""

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.errors import Conflict
from daemon.store import meta
from daemon.store.database import open_database
from daemon.store.examine import examined, held


def traces(folder: Path) -> dict[str, tuple[int, str]]:
    return {path.name: (path.stat().st_mtime_ns, sha256(path.read_bytes()).hexdigest()) for path in folder.iterdir()}


def read(path: Path) -> str | None:
    with examined(path) as db:
        row = db.execute("SELECT value FROM meta WHERE key = 'mark'").fetchone()
        return None if row is None else str(row[0])


async def test_a_store_that_was_closed_is_read_as_it_is(tmp_path: Path) -> None:
    async with open_database(tmp_path / "qiaod.db", SystemClock()) as db:
        await db.write(meta.put, "mark", "closed")
    before = traces(tmp_path)
    assert read(tmp_path / "qiaod.db") == "closed"
    assert traces(tmp_path) == before


async def test_what_a_crash_left_in_the_wal_counts(tmp_path: Path) -> None:
    live, crashed = tmp_path / "live", tmp_path / "crashed"
    crashed.mkdir()
    async with open_database(live / "qiaod.db", SystemClock()) as db:
        await db.write(meta.put, "mark", "in the wal")
        for name in ("qiaod.db", "qiaod.db-wal"):
            (crashed / name).write_bytes((live / name).read_bytes())
    assert (crashed / "qiaod.db-wal").stat().st_size > 0
    before = traces(crashed)
    assert read(crashed / "qiaod.db") == "in the wal"
    assert traces(crashed) == before


async def test_the_store_of_a_living_daemon_is_its_own(tmp_path: Path) -> None:
    async with open_database(tmp_path / "qiaod.db", SystemClock()):
        assert held(tmp_path)
        with pytest.raises(Conflict) as caught:
            read(tmp_path / "qiaod.db")
        assert caught.value.code == "store.in_use"
    assert not held(tmp_path)


async def test_a_reader_that_is_less_careful_leaves_files(tmp_path: Path) -> None:
    async with open_database(tmp_path / "qiaod.db", SystemClock()):
        pass
    before = traces(tmp_path)
    with closing(sqlite3.connect(f"file:{tmp_path}/qiaod.db?mode=ro", uri=True)) as db:
        db.execute("SELECT * FROM meta").fetchall()
    assert traces(tmp_path) != before
