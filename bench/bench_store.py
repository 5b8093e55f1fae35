"""The store: units of work committed, log rows written, rows read by key, against SQLite and aiosqlite alone."""

import asyncio
import itertools
import logging
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import aiosqlite
import structlog
import uvloop

from bench.report import Figure, compare, main
from daemon.clock import SystemClock
from daemon.store.database import open_database
from daemon.store.tx import Tx

WRITERS = 64
SECONDS = 0.7  # of each run
ROWS = 10_000  # to read from
FLUSH = 8  # rows of one unit: log and metric rows are written as they gather, not each by itself
LINE = "x" * 200  # bytes of one row, as in the table of baselines
TABLE = "CREATE TABLE lines (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, line TEXT NOT NULL) STRICT"
INSERT = "INSERT INTO lines (at_ms, line) VALUES (?, ?)"
SELECT = "SELECT at_ms, line FROM lines WHERE id = ?"


def run() -> Iterator[Figure]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield compare(
        "store",
        "commit",
        unit="1/s",
        ours=lambda: uvloop.run(_units()),
        baseline="aiosqlite commit each",
        theirs=lambda: uvloop.run(_aiosqlite_commits()),
        goal=">=5",
    )
    yield compare(
        "store",
        "log",
        unit="rows/s",
        ours=lambda: uvloop.run(_flushes()),
        baseline="executemany of 64, FULL",
        theirs=_executemany,
        goal=">=0.5",
    )
    yield compare(
        "store",
        "read",
        unit="1/s",
        ours=lambda: uvloop.run(_reads()),
        baseline="aiosqlite by key",
        theirs=lambda: uvloop.run(_aiosqlite_reads()),
        goal=">=1",
    )


def _add(tx: Tx, line: str) -> None:
    tx.run("INSERT INTO lines (at_ms, line) VALUES ($1, $2)", tx.now_ms, line)


def _flush(tx: Tx, line: str) -> None:
    tx.many("INSERT INTO lines (at_ms, line) VALUES ($1, $2)", [(tx.now_ms, line)] * FLUSH)


def _get(tx: Tx, number: int) -> sqlite3.Row | None:
    return tx.one("SELECT at_ms, line FROM lines WHERE id = $1", number)


async def _units() -> float:
    """One row a unit of work: each writer goes on only when its own is durable."""
    with tempfile.TemporaryDirectory() as directory:
        async with open_database(Path(directory) / "qiaod.db", SystemClock()) as db:
            await db.write(lambda tx: tx.run(TABLE))
            return await _rate(lambda: db.write(_add, LINE), WRITERS)


async def _flushes() -> float:
    """Several rows a unit of work, else as `_units`."""
    with tempfile.TemporaryDirectory() as directory:
        async with open_database(Path(directory) / "qiaod.db", SystemClock()) as db:
            await db.write(lambda tx: tx.run(TABLE))
            return FLUSH * await _rate(lambda: db.write(_flush, LINE), WRITERS)


async def _reads() -> float:
    with tempfile.TemporaryDirectory() as directory:
        async with open_database(Path(directory) / "qiaod.db", SystemClock()) as db:
            await db.write(lambda tx: tx.run(TABLE))
            await db.write(lambda tx: tx.many(INSERT, ((n, LINE) for n in range(ROWS))))
            numbers = itertools.cycle(range(1, ROWS + 1))
            return await _rate(lambda: db.read(_get, next(numbers)), WRITERS)


async def _aiosqlite_commits() -> float:
    with tempfile.TemporaryDirectory() as directory:
        async with aiosqlite.connect(Path(directory) / "bare.db") as db:
            await _prepare(db)
            turn = asyncio.Lock()

            async def commit() -> None:
                async with turn:
                    await db.execute(INSERT, (1, LINE))
                    await db.commit()

            return await _rate(commit, WRITERS)


async def _aiosqlite_reads() -> float:
    with tempfile.TemporaryDirectory() as directory:
        async with aiosqlite.connect(Path(directory) / "bare.db") as db:
            await _prepare(db)
            await db.executemany(INSERT, ((n, LINE) for n in range(ROWS)))
            await db.commit()
            numbers = itertools.cycle(range(1, ROWS + 1))

            async def read() -> object:
                async with db.execute(SELECT, (next(numbers),)) as cursor:
                    return await cursor.fetchone()

            return await _rate(read, WRITERS)


def _executemany() -> float:
    with tempfile.TemporaryDirectory() as directory, closing(sqlite3.connect(Path(directory) / "bare.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(TABLE)
        rows, began = 0, time.perf_counter()
        while (took := time.perf_counter() - began) < SECONDS:
            with db:
                db.executemany(INSERT, ((1, LINE) for _ in range(WRITERS)))
            rows += WRITERS
        return rows / took


async def _prepare(db: aiosqlite.Connection) -> None:
    for sql in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", TABLE):
        await db.execute(sql)
    await db.commit()


async def _rate(once: Callable[[], Awaitable[object]], clients: int) -> float:
    """How often `once` is done in a second by so many, each waiting for its own."""
    done, began = 0, time.perf_counter()

    async def client() -> None:
        nonlocal done
        while time.perf_counter() - began < SECONDS:
            await once()
            done += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return done / (time.perf_counter() - began)


if __name__ == "__main__":
    main(run)
