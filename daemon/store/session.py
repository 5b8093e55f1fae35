"""What the store asks of a connection and the thread it lives on; `database` has it from aiosqlite."""

import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

R = TypeVar("R")


class Session(Protocol):
    def run(self, work: Callable[[sqlite3.Connection], R]) -> Coroutine[Any, Any, R]:
        """What `work` returns, done on the thread, after what was asked before."""
