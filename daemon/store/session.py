"""What the store asks of a connection and the thread it lives on; `database` has it from aiosqlite."""

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

R = TypeVar("R")


class Session(Protocol):
    def run(self, work: Callable[[sqlite3.Connection], R]) -> Awaitable[R]:
        """What `work` returns, done on the thread, after what was asked before."""

    async def renew(self) -> None:
        """A fresh connection in place of this one."""
