"""One SQLite file: one connection that writes, others that only read, each on a thread of its own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from attrs import define

from daemon.clock import Clock
from daemon.ids import Ids
from daemon.store.migrate import migrate
from daemon.store.tx import P, T, Tx, Work
from daemon.store.writer import Writer
from daemon.tasks import running

@define
class Session:
    connection: aiosqlite.Connection
    async def run(self, work):
        return await self.connection._execute(work, self.connection._conn)

@define
class Database:
    _writer: Writer
    _reader: aiosqlite.Connection
    clock: Clock
    ids: Ids
    epoch: int = 0

    async def write(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns, once everything it did is durable; all of it or nothing."""
        return await self._writer.write(work, *args, **kwargs)

    async def read(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(
            self._reader, lambda db: work(Tx(db, self.ids, self.clock.now(), self.epoch), *args, **kwargs)
        )

    async def _run(self, connection: aiosqlite.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        result: T = await connection._execute(work, connection._conn)  # type: ignore[no-untyped-call]
        return result


@asynccontextmanager
async def open_database(path: Path, clock: Clock) -> AsyncIterator[Database]:
    async with (
        aiosqlite.connect(path, isolation_level=None) as writer,
        aiosqlite.connect(path, isolation_level=None) as reader,
    ):
        for connection in (writer, reader):
            connection.row_factory = sqlite3.Row
        await writer.execute("PRAGMA journal_mode = WAL")
        await writer.execute("PRAGMA synchronous = FULL")
        await asyncio.shield(writer._execute(migrate, writer._conn))  # type: ignore[no-untyped-call]
        await reader.execute("PRAGMA query_only = ON")
        w = Writer(Session(writer), clock, Ids(clock), 1)
        async with running(w.run(), "store writer"):
            yield Database(w, reader, clock, Ids(clock))
            await w.drained()
