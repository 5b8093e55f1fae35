"""Group commit: what fails, fails alone; nobody is told before the commit."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.errors import StoreUnavailable
from daemon.store.database import Database, open_database
from daemon.store.tx import Tx
from daemon.store.writer import LONGEST


@asynccontextmanager
async def store(directory: Path) -> AsyncIterator[Database]:
    async with open_database(directory / "qiaod.db", SystemClock()) as db:
        yield db


def put(tx: Tx, name: str, *lanes: str) -> str:
    tx.run("INSERT INTO levels (name, tokens, at_ms) VALUES ($1, 1.0, $2)", name, tx.now_ms)
    tx.lanes.update(lanes)
    return name


def names(tx: Tx) -> list[str]:
    return [row["name"] for row in tx.all("SELECT name FROM levels ORDER BY name")]


def held(tx: Tx, started: threading.Event, go: threading.Event) -> None:
    """Keeps the writer busy, so that what follows waits in one line."""
    started.set()
    assert go.wait(10)


@asynccontextmanager
async def busy(db: Database) -> AsyncIterator[None]:
    started, go = threading.Event(), threading.Event()
    holding = asyncio.create_task(db.write(held, started, go))
    assert await asyncio.to_thread(started.wait, 10)
    try:
        yield
    finally:
        go.set()
        await holding


def overflow(tx: Tx) -> None:
    tx.value("SELECT $1", 2**63)


def lone_surrogate(tx: Tx) -> None:
    tx.value("SELECT $1", "\ud800")


def out_of_memory(tx: Tx) -> None:
    bytearray(2**62)


def too_deep(tx: Tx) -> None:
    too_deep(tx)


def taken_name(tx: Tx) -> None:
    put(tx, "before")


def wrong_sql(tx: Tx) -> None:
    tx.run("INSERT INTO nowhere VALUES (1)")


FAILING: list[tuple[Callable[[Tx], None], type[Exception]]] = [
    (overflow, OverflowError),
    (lone_surrogate, UnicodeEncodeError),
    (out_of_memory, MemoryError),
    (too_deep, RecursionError),
    (taken_name, sqlite3.IntegrityError),
    (wrong_sql, sqlite3.OperationalError),
]


async def test_what_a_unit_returns_comes_back_and_is_there_for_readers(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        assert await db.write(put, "a") == "a"
        assert await db.read(names) == ["a"]


@pytest.mark.parametrize(("failing", "error"), FAILING, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_unit_that_fails_leaves_nothing_and_its_neighbours_alone(
    tmp_path: Path, failing: Callable[[Tx], None], error: type[Exception]
) -> None:
    def half_way(tx: Tx) -> None:
        put(tx, "half")
        failing(tx)

    async with store(tmp_path) as db:
        async with busy(db):
            asked = [asyncio.create_task(db.write(put, "before")), asyncio.create_task(db.write(half_way))]
            asked.append(asyncio.create_task(db.write(put, "after")))
            await asyncio.sleep(0)
        before, failed, after = await asyncio.gather(*asked, return_exceptions=True)
        assert (before, after) == ("before", "after")
        assert isinstance(failed, error)
        assert await db.read(names) == ["after", "before"]


async def test_a_unit_that_raises_stop_iteration_does_not_stop_the_writer(tmp_path: Path) -> None:
    def stops(tx: Tx) -> None:
        next(iter(()))

    async with store(tmp_path) as db:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await db.write(stops)
        assert await db.write(put, "a") == "a"


async def test_what_waits_together_is_committed_together(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        async with busy(db):
            asked = [asyncio.create_task(db.write(put, f"{n:03}")) for n in range(200)]
            await asyncio.sleep(0)
            before = db.status()
        await asyncio.gather(*asked)
        assert before.waiting == 200
        assert db.status().commits == 2
        assert len(await db.read(names)) == 200


async def test_a_caller_that_goes_away_while_waiting_breaks_nothing(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        async with busy(db):
            leaving, staying = asyncio.create_task(db.write(put, "a")), asyncio.create_task(db.write(put, "b"))
            await asyncio.sleep(0)
            leaving.cancel()
        assert await staying == "b"
        assert await db.read(names) == ["b"]


async def test_a_caller_that_goes_away_during_the_commit_breaks_nothing(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        started, go = threading.Event(), threading.Event()

        def slow(tx: Tx) -> None:
            held(tx, started, go)
            put(tx, "a")

        leaving = asyncio.create_task(db.write(slow))
        await asyncio.to_thread(started.wait, 10)
        leaving.cancel()
        go.set()
        await db.write(put, "b")
        assert await db.read(names) == ["a", "b"]


async def test_lanes_are_woken_after_the_commit_and_only_those_of_units_that_committed(tmp_path: Path) -> None:
    woken: asyncio.Queue[tuple[set[str], list[str]]] = asyncio.Queue()

    def fails(tx: Tx) -> None:
        put(tx, "x", "never")
        raise ValueError

    async with store(tmp_path) as db:
        db.on_jobs = lambda lanes: woken.put_nowait((lanes, _committed(db.path)))
        async with busy(db):
            asked = [asyncio.create_task(db.write(put, "a", "turn", "send")), asyncio.create_task(db.write(fails))]
            asked.append(asyncio.create_task(db.write(put, "b", "turn")))
            await asyncio.sleep(0)
        await asyncio.gather(*asked, return_exceptions=True)
        assert await asyncio.wait_for(woken.get(), 5) == ({"turn", "send"}, ["a", "b"])
        assert woken.empty()


def _committed(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as other:
        return [name for (name,) in other.execute("SELECT name FROM levels ORDER BY name")]


async def test_a_line_that_is_too_long_takes_no_more(tmp_path: Path) -> None:
    def nothing(tx: Tx) -> None:
        pass

    async with store(tmp_path) as db:
        async with busy(db):
            asked = [asyncio.create_task(db.write(nothing)) for _ in range(LONGEST)]
            await asyncio.sleep(0)
            with pytest.raises(StoreUnavailable) as refused:
                await db.write(nothing)
        assert refused.value.code == "store.overloaded"
        await asyncio.gather(*asked)


async def test_everything_that_was_asked_is_written_before_the_store_closes(tmp_path: Path) -> None:
    async with store(tmp_path) as db:
        asked = [asyncio.create_task(db.write(put, f"{n}")) for n in range(5)]
        await asyncio.sleep(0)
    await asyncio.gather(*asked)
    assert len(_committed(tmp_path / "qiaod.db")) == 5


async def test_a_unit_that_ends_the_transaction_itself_fails_its_whole_batch(tmp_path: Path) -> None:
    def commits(tx: Tx) -> None:
        tx.run("ROLLBACK")

    async with store(tmp_path) as db:
        with pytest.raises(StoreUnavailable):
            await db.write(commits)
        assert await db.write(put, "a") == "a"


async def test_the_exception_of_the_block_leaves_it_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        async with store(tmp_path):
            raise LookupError
