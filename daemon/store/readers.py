"""A few connections that only read; each read is limited in time, and all that wait are limited in number."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta

from attrs import define, field

from daemon.clock import Clock
from daemon.errors import StoreUnavailable
from daemon.ids import Ids
from daemon.store.faults import SOON, Fault, fault_of, refusal
from daemon.store.session import Session
from daemon.store.tx import P, T, Tx, Work

LIMIT = timedelta(seconds=2)  # a reader left open keeps the WAL from being emptied: 127 MB were seen
LONGEST = 1000  # reads waiting for one connection
CHECKED_EVERY = 2000  # steps of SQLite's machine, about 0.1 ms: rare enough not to be felt


@define(eq=False)
class Reading:
    """One read under way."""

    until: float = 0.0
    unwanted: bool = False  # whoever asked has gone


@define(eq=False)
class Reader:
    """One connection: what it reads waits in line for its thread."""

    session: Session
    clock: Clock
    waiting: int = field(default=0, init=False)
    _current: Reading = field(factory=Reading, init=False)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        reading = Reading()
        self.waiting += 1
        try:
            return await self.session.run(lambda db: self._limited(db, reading, work))
        except asyncio.CancelledError:
            reading.unwanted = True  # the thread finds out by itself
            raise
        finally:
            self.waiting -= 1

    def _limited(self, db: sqlite3.Connection, reading: Reading, work: Callable[[sqlite3.Connection], T]) -> T:
        reading.until = self.clock.monotonic() + LIMIT.total_seconds()
        self._current = reading
        db.set_progress_handler(self._overdue, CHECKED_EVERY)
        return work(db)

    def _overdue(self) -> bool:
        """Asked by SQLite between its steps: True makes it stop."""
        return self._current.unwanted or self.clock.monotonic() > self._current.until


@define(eq=False)
class Readers:
    """Gives each read to the connection with the shortest line."""

    readers: Sequence[Reader]
    clock: Clock
    ids: Ids
    epoch: int
    on_fault: Callable[[Fault], None]
    audit_key: bytes = b""

    async def read(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        reader = min(self.readers, key=lambda reader: reader.waiting)
        if reader.waiting >= LONGEST:
            raise StoreUnavailable("store.overloaded", retry_after=SOON, waiting=reader.waiting)
        try:
            return await reader.run(
                lambda db: work(Tx(db, self.ids, self.clock.now(), self.epoch, self.audit_key), *args, **kwargs)
            )
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> BaseException:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_INTERRUPT:
            return StoreUnavailable("store.read_timeout", retry_after=SOON, seconds=LIMIT.total_seconds())
        fault = fault_of(error)
        if fault is None or code == sqlite3.SQLITE_READONLY:  # a unit of work that writes has come to the wrong door
            return error
        self.on_fault(fault)
        return refusal(fault)
