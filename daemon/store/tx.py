"""The connection as a unit of work sees it: SQL with $1 parameters, one moment of time, ids in commit order.

`$1` is what SQLite and PostgreSQL both read. To SQLite it would be a named parameter, bound by looking each name up;
`?1` is the same parameter by its number, bound from the tuple as it stands.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Concatenate, ParamSpec, TypeVar

from attrs import define, field

from daemon.clock import to_ms
from daemon.ids import Ids

P = ParamSpec("P")
T = TypeVar("T")


@define
class Tx:
    """Valid only while its unit of work runs. `now` is when the batch it is in began."""

    connection: sqlite3.Connection
    ids: Ids
    now: datetime
    epoch: int = 0  # of this process
    audit_key: bytes = b""  # what the audit log is chained with
    lanes: set[str] = field(factory=set)  # that got jobs in this unit: woken after its commit
    now_ms: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.now_ms = to_ms(self.now)

    def new_id(self) -> str:
        return self.ids.new()

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self.connection.execute(numbered(sql), values).fetchall()

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row, if any."""
        cursor = self.connection.execute(numbered(sql), values)
        row: sqlite3.Row | None = cursor.fetchone()
        cursor.close()  # an unfinished statement would keep its read lock
        return row

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row; None without one."""
        row = self.one(sql, *values)
        return None if row is None else row[0]

    def run(self, sql: str, *values: object) -> int:
        """How many rows it changed."""
        return self.connection.execute(numbered(sql), values).rowcount

    def many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        self.connection.executemany(numbered(sql), rows)


Work = Callable[Concatenate[Tx, P], T]


@lru_cache(maxsize=1024)  # far more texts than the store has
def numbered(sql: str) -> str:
    """`sql` with its parameters as SQLite numbers them."""
    return re.sub(r"\$(\d+)", r"?\1", sql)
