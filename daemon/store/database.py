"""One SQLite file: one connection that writes, others that only read, each on a thread of its own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog
from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.errors import CannotOpen, StoreUnavailable
from daemon.ids import Ids
from daemon.store import connect, meta
from daemon.store.faults import LATER, Fault
from daemon.store.keeper import EVERY, Keeper, State
from daemon.store.lock import locked
from daemon.store.opening import Opened, damage, mark, prepare
from daemon.store.readers import Reader, Readers
from daemon.store.reserve import Reserve
from daemon.store.tx import P, T, Tx, Work
from daemon.store.writer import Writer

log = structlog.get_logger()

R = TypeVar("R")

READERS = 2  # connections that read: one may be busy with a page of history while the other answers at once


@define(eq=False)
class Threaded:
    """A connection on aiosqlite's thread, which takes whole functions instead of statements."""

    connect: Callable[[], sqlite3.Connection]
    _connection: aiosqlite.Connection | None = field(default=None, init=False)

    async def run(self, work: Callable[[sqlite3.Connection], R]) -> R:
        connection = self._connection
        if connection is None:
            raise StoreUnavailable("store.stopped", retry_after=LATER)
        result: R = await connection._execute(work, connection._conn)  # type: ignore[no-untyped-call]
        return result

    async def open(self) -> None:
        self._connection = await aiosqlite.Connection(self.connect, iter_chunk_size=1)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # what it could not write is in the WAL still
                await connection.close()


@frozen(kw_only=True)
class Status:
    """How the store does, for health pages and for whoever sheds load."""

    state: State
    fault: Fault | None
    waiting: int  # units of work in line
    age: float  # seconds that the first of them has waited
    commits: int
    epoch: int
    reserve_held: bool
    free_bytes: int
    wal_bytes: int
    sqlite: str = sqlite3.sqlite_version


@define(eq=False)
class Database:
    """Units of work go in; what they return comes out, once it is durable."""

    path: Path
    clock: Clock
    epoch: int
    _writing: Threaded
    _reading: Sequence[Threaded]
    _opened: Opened
    _reserve: Reserve
    _every: float
    _short: bool = field(kw_only=True)  # the reserve had to be given up to open the file
    _writer: Writer = field(init=False)
    _readers: Readers = field(init=False)
    _keeper: Keeper = field(init=False)
    _rested: tuple[int, int] = field(default=(0, 0), init=False)  # commits at the last look, and at the last checkpoint

    def __attrs_post_init__(self) -> None:
        ids = Ids(self.clock)
        if self._opened.greatest_id is not None:
            ids.continue_after(self._opened.greatest_id)
        self._keeper = Keeper(self, self.clock, self._opened.identity, self._reserve, self._every)
        if self._short:
            self._keeper.give_reserve()
        self._writer = Writer(self._writing, self.clock, ids, self.epoch, self._keeper.guard, self._keeper.met)
        readers = [Reader(session, self.clock) for session in self._reading]
        self._readers = Readers(readers, self.clock, Ids(self.clock), self.epoch, self._keeper.met)

    async def write(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns, once everything it did is durable; all of it or nothing."""
        self._keeper.admit()
        return await self._writer.ask(work, *args, **kwargs)

    async def settle(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `write`, for what ends something begun: on a full disk it has the room that the reserve held."""
        self._keeper.admit(settling=True)
        try:
            return await self._writer.ask(work, *args, **kwargs)
        except StoreUnavailable:
            self._keeper.admit(settling=True)  # raises unless that very fault has made the room
            return await self._writer.ask(work, *args, **kwargs)

    async def read(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns, which reads only; limited in time."""
        return await self._readers.read(work, *args, **kwargs)

    @property
    def on_jobs(self) -> Callable[[set[str]], None] | None:
        """Told, after a commit that added jobs, the lanes that got them."""
        return self._writer.on_jobs

    @on_jobs.setter
    def on_jobs(self, callback: Callable[[set[str]], None] | None) -> None:
        self._writer.on_jobs = callback

    @property
    def on_fatal(self) -> Callable[[str], None]:
        """Told, once, why only a new process can help: exit with 75."""
        return self._keeper.on_fatal

    @on_fatal.setter
    def on_fatal(self, callback: Callable[[str], None]) -> None:
        self._keeper.tell(callback)

    def tell_mended(self, callback: Callable[[Fault, float], None]) -> None:
        """Have `callback` told of each fault that is over, and how many seconds it took."""
        self._keeper.on_mended = callback

    @property
    def clean(self) -> bool:
        """Whether the process before closed the file, or there was none."""
        return self._opened.clean

    @property
    def audit_key(self) -> bytes:
        """What the audit log is chained with: known once the store is unlocked."""
        return self._writer.audit_key

    @audit_key.setter
    def audit_key(self, key: bytes) -> None:
        self._writer.audit_key = self._readers.audit_key = key

    def status(self) -> Status:
        return Status(
            state=self._keeper.state,
            fault=self._keeper.fault,
            waiting=self._writer.waiting,
            age=self._writer.age(),
            commits=self._writer.commits,
            epoch=self.epoch,
            reserve_held=self._reserve.held(),
            free_bytes=self._reserve.free(),
            wal_bytes=_size(self.path.with_name(self.path.name + "-wal")),
        )

    async def probe(self) -> None:
        await self._writing.run(self._transaction(meta.probe))

    async def renew(self) -> None:
        for session in (*self._reading, self._writing):
            await session.close()
        for session in (self._writing, *self._reading):
            await session.open()

    async def whole(self) -> bool:
        found = await asyncio.to_thread(damage, self.path, connect.for_reading)
        if found:
            log.critical("store.damaged", path=str(self.path), problems=found)
            mark(self.path)
        return not found

    async def rest(self) -> None:
        """Checkpoint when nothing was written for a while, rather than inside somebody's commit."""
        seen, done = self._rested
        commits = self._writer.commits
        if commits == seen != done:
            await self._writing.run(_checkpoint)
            done = commits
        self._rested = (commits, done)

    async def save_room(self, *, on: bool) -> None:
        await self._writing.run(partial(connect.save_room, on=on))

    def turn_away(self, error: StoreUnavailable) -> None:
        self._writer.turn_away(error)

    async def run(self) -> None:
        """Write, and keep writing possible, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._writer.run(), name="store.writer")
            group.create_task(self._keeper.run(), name="store.keeper")

    async def drained(self) -> None:
        await self._writer.drained()

    async def close(self) -> None:
        """After the last write: leave one file, and say in it that it was left so."""
        for session in self._reading:
            await session.close()
        if self._keeper.state is State.OPEN and self._keeper.guard() is None:
            with suppress(sqlite3.Error, StoreUnavailable):
                await self._writing.run(self._transaction(meta.close_cleanly))
                await self._writing.run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        await self._writing.close()

    def crashed(self, task: asyncio.Task[None]) -> None:
        """The writer or the keeper ended by a mistake of ours."""
        if not task.cancelled() and task.exception() is not None:
            log.critical("store.crashed", exc_info=task.exception())
            self._keeper.give_up("store.crashed")

    def _transaction(self, work: Callable[[Tx], None]) -> Callable[[sqlite3.Connection], None]:
        def transaction(db: sqlite3.Connection) -> None:
            with db:
                db.execute("BEGIN IMMEDIATE")
                work(Tx(db, self._writer.ids, self.clock.now(), self.epoch))

        return transaction


@asynccontextmanager
async def open_database(
    path: Path,
    clock: Clock,
    *,
    backups: Path | None = None,
    reserve: int = 0,
    every: float = EVERY,
) -> AsyncIterator[Database]:
    """The store for as long as the block lasts. `reserve`: bytes of disk held back for the day it is full.

    Raises CannotOpen, whose `exit_code` says whether a restart may help.
    """
    with locked(path.parent):
        kept, short = Reserve(path.parent, reserve), False
        preparing = partial(prepare, path, backups or path.parent / "backups", clock)
        try:
            opened = await asyncio.to_thread(preparing)
        except CannotOpen:
            if not (kept.held() and kept.starved()):
                raise
            kept.release()
            opened, short = await asyncio.to_thread(preparing), True
        writing = Threaded(partial(connect.for_writing, path))
        reading = [Threaded(partial(connect.for_reading, path)) for _ in range(READERS)]
        db = Database(path, clock, opened.epoch, writing, reading, opened, kept, every, short=short)
        await db.renew()
        try:
            async with _beside(db.run(), db.crashed):
                yield db
                await db.drained()
        finally:
            await db.close()


@asynccontextmanager
async def _beside(
    coroutine: Coroutine[Any, Any, None], ended: Callable[[asyncio.Task[None]], None]
) -> AsyncIterator[None]:
    """As `tasks.running`, but the block's own exceptions leave it as they are."""
    task = asyncio.create_task(coroutine, name="store")
    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _checkpoint(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
