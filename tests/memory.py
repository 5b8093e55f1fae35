"""A real SQLite database in memory, for units of work without a loop."""

import sqlite3

from daemon.ids import Ids
from daemon.store.migrate import migrate
from daemon.store.tx import Tx
from tests.clock import FakeClock


def open_tx(clock: FakeClock | None = None, *, epoch: int = 1) -> Tx:
    """A Tx over a fresh schema. `tx.now` stands still: build another over `tx.connection` to move it."""
    clock = clock or FakeClock()
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrate(connection)
    return Tx(connection, Ids(clock), clock.now(), epoch)
