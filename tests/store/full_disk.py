"""Run by test_faults on a file system of 8 MB: `python -m tests.store.full_disk DIRECTORY`."""

import asyncio
import sqlite3
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

from daemon.clock import SystemClock
from daemon.errors import StoreUnavailable
from daemon.store.database import Database, open_database
from daemon.store.tx import Tx

RESERVE = 1 << 20
EVERY = 0.05


def put(tx: Tx, number: int) -> None:
    tx.run("INSERT INTO levels (name, tokens, at_ms) VALUES ($1, 1.0, 1)", f"{number:0500}")


async def write_until_refused(db: Database, first: int) -> list[int]:
    """What was acknowledged."""
    acknowledged = list[int]()
    for number in range(first, first + 100_000):
        try:
            await db.write(put, number)
        except StoreUnavailable:
            assert db.status().fault == "full", db.status()
            return acknowledged
        acknowledged.append(number)
    raise AssertionError("a disk of 8 MB has no end")


async def fill(db: Database) -> list[int]:
    """Write until nothing goes any more, also after the WAL has given its room back."""
    acknowledged = await write_until_refused(db, 0)
    while True:
        await asyncio.sleep(3 * EVERY)  # for the keeper to look
        more = await write_until_refused(db, len(acknowledged))
        if not more:
            return acknowledged
        acknowledged += more


async def seconds_until_written(db: Database, number: int) -> float:
    began = time.monotonic()
    while True:
        try:
            await db.write(put, number)
        except StoreUnavailable:
            await asyncio.sleep(0.005)
        else:
            return time.monotonic() - began


async def reserve_held(db: Database) -> None:
    async with asyncio.timeout(5):
        while not db.status().reserve_held:  # noqa: ASYNC110  # a file appears; nobody calls
            await asyncio.sleep(EVERY)


async def start_on_a_full_disk(path: Path, hog: Path) -> None:
    with hog.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    async with open_database(path, SystemClock(), reserve=RESERVE, every=EVERY) as db:
        assert db.status().state == "short", db.status()
        await db.settle(put, 4_000_000)
        assert not await write_until_refused(db, 6_000_000)
        hog.unlink()
        await seconds_until_written(db, 5_000_000)


async def main(directory: Path) -> None:
    path, hog = directory / "qiaod.db", directory / "hog"
    hog.write_bytes(b"x" * (3 << 20))
    async with open_database(path, SystemClock(), reserve=RESERVE, every=EVERY) as db:
        await reserve_held(db)
        acknowledged = await fill(db)
        assert db.status().state == "short", db.status()
        assert not db.status().reserve_held

        settled = list(range(1_000_000, 1_000_100))
        for number in settled:
            await db.settle(put, number)
        assert await db.read(lambda tx: tx.value("SELECT count(*) FROM levels")) == len(acknowledged) + len(settled)
        again = await write_until_refused(db, 2_000_000)
        assert not again, "new work was taken on the room kept for settling"

        hog.unlink()
        took = await seconds_until_written(db, 3_000_000)
        assert took < 1, took
        await reserve_held(db)
        assert db.status().state == "open"
    await start_on_a_full_disk(path, hog)
    with closing(sqlite3.connect(path)) as after:
        kept = {int(name) for (name,) in after.execute("SELECT name FROM levels")}
        assert kept == {*acknowledged, *settled, 3_000_000, 4_000_000, 5_000_000}
        assert after.execute("PRAGMA integrity_check").fetchone() == ("ok",)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
