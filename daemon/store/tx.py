"""The connection as a unit of work sees it: SQL with $1 parameters, one moment of time, ids in commit order.

`$1` is what SQLite and PostgreSQL both read; to SQLite it is a named parameter, so values are bound by name.
"""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from attrs import define, field

from daemon.clock import to_ms
from daemon.ids import Ids

P = ParamSpec("P")
T = TypeVar("T")

_NAMES = tuple(str(number) for number in range(1, 41))  # no statement of ours has more parameters


@define
class Tx:
    """Valid only while its unit of work runs. `now` is when the unit began."""

    connection: sqlite3.Connection
    ids: Ids
    now: datetime
    epoch: int = 0  # of this process
    lanes: set[str] = field(factory=set)  # that got jobs in this unit: woken after its commit

    @property
    def now_ms(self) -> int:
        return to_ms(self.now)

    def new_id(self) -> str:
        return self.ids.new()

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self.connection.execute(sql, _bound(values)).fetchall()

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row, if any."""
        cursor = self.connection.execute(sql, _bound(values))
        row: sqlite3.Row | None = cursor.fetchone()
        cursor.close()  # an unfinished statement would keep its read lock
        return row

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row; None without one."""
        row = self.one(sql, *values)
        return None if row is None else row[0]

    def run(self, sql: str, *values: object) -> int:
        """How many rows it changed."""
        return self.connection.execute(sql, _bound(values)).rowcount

    def many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        self.connection.executemany(sql, (_bound(row) for row in rows))


Work = Callable[Concatenate[Tx, P], T]


def _bound(values: tuple[object, ...]) -> dict[str, object]:
    return dict(zip(_NAMES, values, strict=False))
