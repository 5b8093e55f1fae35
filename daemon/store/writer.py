"""Group commit: whatever waits to be written is committed together, and only then is anybody told.

One hop to the writing thread, one transaction and one fdatasync serve everything that waits. Where a unit of work
fails, the transaction is rolled back and done again with a savepoint around each unit, so that what fails, fails alone:
units may run twice, and the many batches without a failure are spared the savepoints, a tenth of their time.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.errors import StoreUnavailable
from daemon.ids import Ids
from daemon.store.faults import Fault, fault_of, refusal
from daemon.store.session import Session
from daemon.store.tx import P, T, Tx, Work

log = structlog.get_logger()

BATCH = 256  # units in one transaction: bounds how long it holds the write lock, and what one fault can fail
LONGEST = 20_000  # units waiting: past this, being told "no" at once is kinder than a place in the line
AFTER_A_FULL_LINE = timedelta(seconds=5)


@define(eq=False)
class Unit:
    """One unit of work and who waits for it; then, how it went."""

    work: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    waiter: asyncio.Future[Any]
    asked: float  # monotonic
    result: Any = None
    error: BaseException | None = None

    def run(self, tx: Tx) -> None:
        self.result = self.work(tx, *self.args, **self.kwargs)

    def attempt(self, tx: Tx) -> None:
        """Do it, or leave nothing of it. Raises only what spoils the whole transaction."""
        tx.connection.execute("SAVEPOINT unit")
        try:
            self.run(tx)
        except BaseException as error:
            if spoils(error, tx.connection):
                raise
            tx.connection.execute("ROLLBACK TO unit")
            self.error = error
        tx.connection.execute("RELEASE unit")

    def tell(self) -> None:
        if self.waiter.done():  # nobody waits any more
            return
        if self.error is None:
            self.waiter.set_result(self.result)
        elif isinstance(self.error, StopIteration):  # which a future refuses to carry
            self.waiter.set_exception(RuntimeError("a unit of work raised StopIteration"))
        else:
            self.waiter.set_exception(self.error)


@frozen
class Committed:
    """How a batch went: the lanes that got jobs, or the fault that let none of it through."""

    lanes: set[str]
    fault: Fault | None = None


@define(eq=False)
class Writer:
    """The line in front of the one connection that writes."""

    session: Session
    clock: Clock
    ids: Ids
    epoch: int
    guard: Callable[[], Fault | None]  # asked on the thread, before each batch
    on_fault: Callable[[Fault], None]
    audit_key: bytes = b""
    on_jobs: Callable[[set[str]], None] | None = None
    commits: int = field(default=0, init=False)
    _line: deque[Unit] = field(factory=deque, init=False)
    _filled: asyncio.Event = field(factory=asyncio.Event, init=False)
    _empty: asyncio.Event = field(factory=asyncio.Event, init=False)

    def ask(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Done when what `work` did is durable."""
        if len(self._line) >= LONGEST:
            raise StoreUnavailable("store.overloaded", retry_after=AFTER_A_FULL_LINE, waiting=len(self._line))
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._line.append(Unit(work, args, kwargs, waiter, self.clock.monotonic()))
        self._filled.set()
        return waiter

    @property
    def waiting(self) -> int:
        return len(self._line)

    def age(self) -> float:
        """Seconds that the first in the line has waited."""
        return self.clock.monotonic() - self._line[0].asked if self._line else 0.0

    async def run(self) -> None:
        """Commit batch after batch, until cancelled; `drained` says when that loses nothing."""
        while True:
            self._empty.set()
            await self._filled.wait()
            self._empty.clear()
            self._filled.clear()
            while batch := self._batch():
                await self._finish(batch)

    async def drained(self) -> None:
        """Everything asked for so far is answered."""
        while self._line or not self._empty.is_set():
            await self._empty.wait()

    def turn_away(self, error: BaseException) -> None:
        """Tell everybody in the line."""
        while self._line:
            unit = self._line.popleft()
            unit.error = error
            unit.tell()

    def _batch(self) -> list[Unit]:
        line = self._line
        taken = [line.popleft() for _ in range(min(BATCH, len(line)))]
        return [unit for unit in taken if not unit.waiter.done()]

    async def _finish(self, units: list[Unit]) -> None:
        try:
            committed = await self.session.run(lambda db: self._commit(db, units))
        except StoreUnavailable as error:  # between two connections
            committed = _failed(units, error)
        for unit in units:
            unit.tell()
        self.commits += 1
        if committed.lanes and self.on_jobs is not None:
            asyncio.get_running_loop().call_soon(self.on_jobs, committed.lanes)  # its crash is not ours
        if committed.fault is not None:
            self.on_fault(committed.fault)

    def _commit(self, db: sqlite3.Connection, units: Sequence[Unit]) -> Committed:
        fault = self.guard()
        if fault is not None:
            return _failed(units, refusal(fault), fault)
        try:
            return Committed(self._transaction(db, units))
        except BaseException as error:
            rollback(db)
            fault = fault_of(error)
            log.warning("store.commit_failed", units=len(units), fault=fault, error=repr(error))
            return _failed(units, refusal(fault), fault)

    def _transaction(self, db: sqlite3.Connection, units: Sequence[Unit]) -> set[str]:
        tx = Tx(db, self.ids, self.clock.now(), self.epoch, self.audit_key)
        if not self._together(tx, units):
            self._apart(tx, units)
        return tx.lanes

    def _together(self, tx: Tx, units: Sequence[Unit]) -> bool:
        """Whether every unit succeeded; nothing is left of them where one did not."""
        tx.connection.execute("BEGIN IMMEDIATE")
        try:
            for unit in units:
                unit.run(tx)
        except BaseException as error:
            if spoils(error, tx.connection):
                raise
            rollback(tx.connection)
            tx.lanes.clear()
            return False
        tx.connection.execute("COMMIT")
        return True

    def _apart(self, tx: Tx, units: Sequence[Unit]) -> None:
        woken: set[str] = set()
        tx.connection.execute("BEGIN IMMEDIATE")
        for unit in units:
            unit.attempt(tx)
            if unit.error is None:
                woken |= tx.lanes
            tx.lanes.clear()
        tx.connection.execute("COMMIT")
        tx.lanes |= woken


def spoils(error: BaseException, db: sqlite3.Connection) -> bool:
    """Whether an error inside a unit is the end of the whole transaction."""
    return fault_of(error) is not None or not db.in_transaction


def _failed(units: Sequence[Unit], error: StoreUnavailable, fault: Fault | None = None) -> Committed:
    for unit in units:
        unit.error = error
    return Committed(set(), fault)


def rollback(db: sqlite3.Connection) -> None:
    """Back to no transaction; SQLite may have got there by itself."""
    try:
        if db.in_transaction:
            db.execute("ROLLBACK")
    except sqlite3.Error as error:
        log.warning("store.rollback_failed", error=repr(error))
