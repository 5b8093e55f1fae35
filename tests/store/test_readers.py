"""Reads: they cannot write, and none lasts for ever."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from daemon.errors import StoreUnavailable
from daemon.store.database import open_database
from daemon.store.tx import Tx
from tests.clock import FakeClock

FOR_EVER = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


async def test_a_read_cannot_write(tmp_path: Path) -> None:
    def writes(tx: Tx) -> None:
        tx.run("INSERT INTO levels (name, tokens, at_ms) VALUES ('a', 1.0, 1)")

    async with open_database(tmp_path / "qiaod.db", FakeClock()) as db:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await db.read(writes)
        assert db.status().state == "open"


async def test_a_read_that_takes_too_long_is_stopped_and_the_next_is_served(tmp_path: Path) -> None:
    clock = FakeClock()

    def endless(tx: Tx) -> None:
        clock.advance(3)
        tx.value(FOR_EVER)

    async with open_database(tmp_path / "qiaod.db", clock) as db:
        for _ in range(4):  # more than there are connections
            with pytest.raises(StoreUnavailable) as stopped:
                await db.read(endless)
            assert stopped.value.code == "store.read_timeout"
        assert await db.read(lambda tx: tx.value("SELECT 1")) == 1


async def test_a_read_that_nobody_waits_for_any_more_ends(tmp_path: Path) -> None:
    started = threading.Event()

    def endless(tx: Tx) -> None:
        started.set()
        tx.value(FOR_EVER)

    async with open_database(tmp_path / "qiaod.db", FakeClock()) as db:
        for _ in range(4):
            started.clear()
            leaving = asyncio.create_task(db.read(endless))
            await asyncio.to_thread(started.wait, 10)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
        assert await asyncio.wait_for(db.read(lambda tx: tx.value("SELECT 1")), 10) == 1


async def test_a_mistake_in_a_read_is_not_taken_for_a_fault_of_the_disk(tmp_path: Path) -> None:
    async with open_database(tmp_path / "qiaod.db", FakeClock()) as db:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await db.read(lambda tx: tx.value("SELECT 1 FROM nowhere"))
        assert db.status().state == "open"


async def test_reads_go_on_while_something_is_being_written(tmp_path: Path) -> None:
    started, go = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        tx.run("INSERT INTO levels (name, tokens, at_ms) VALUES ('a', 1.0, 1)")
        started.set()
        go.wait(10)

    async with open_database(tmp_path / "qiaod.db", FakeClock()) as db:
        writing = asyncio.create_task(db.write(slow))
        await asyncio.to_thread(started.wait, 10)
        assert await db.read(lambda tx: tx.value("SELECT count(*) FROM levels")) == 0
        go.set()
        await writing
        assert await db.read(lambda tx: tx.value("SELECT count(*) FROM levels")) == 1
