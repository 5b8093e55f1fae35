"""The table `quota_windows`: what was reserved and used of a quota in one day or month. Amounts in millionths."""

import sqlite3
from collections.abc import Collection

from daemon.clock import from_ms, to_ms
from daemon.codec import encode_text
from daemon.domain.quota import Window
from daemon.store.tx import Tx

Place = tuple[str, str, int]  # quota, scope id, start in milliseconds


def add(tx: Tx, window: Window) -> None:
    tx.run(
        "INSERT INTO quota_windows (quota_id, scope_id, start_ms, end_ms, debt) VALUES ($1, $2, $3, $4, $5)",
        window.quota_id,
        window.scope_id,
        to_ms(window.start),
        to_ms(window.end),
        window.debt,
    )


def place_of(window: Window) -> Place:
    return window.quota_id, window.scope_id, to_ms(window.start)


def get(tx: Tx, place: Place) -> Window | None:
    row = tx.one("SELECT * FROM quota_windows WHERE quota_id = $1 AND scope_id = $2 AND start_ms = $3", *place)
    return None if row is None else _window(row)


def latest_before(tx: Tx, place: Place) -> Window | None:
    row = tx.one(
        """
        SELECT * FROM quota_windows WHERE quota_id = $1 AND scope_id = $2 AND start_ms < $3
         ORDER BY start_ms DESC LIMIT 1
        """,
        *place,
    )
    return None if row is None else _window(row)


def later(tx: Tx, place: Place) -> list[Window]:
    """Those that began after it, oldest first."""
    rows = tx.all(
        "SELECT * FROM quota_windows WHERE quota_id = $1 AND scope_id = $2 AND start_ms > $3 ORDER BY start_ms",
        *place,
    )
    return [_window(row) for row in rows]


def reserve(tx: Tx, place: Place, amount: int, *, cap: int | None) -> bool:
    """Whether it fitted under the cap; None: everything fits. One statement, so nobody comes between look and act."""
    changed = tx.run(
        """
        UPDATE quota_windows SET reserved = reserved + $4
         WHERE quota_id = $1 AND scope_id = $2 AND start_ms = $3
           AND ($5 IS NULL OR debt + used + reserved + $4 <= $5)
        """,
        *place,
        amount,
        cap,
    )
    return changed > 0


def free(tx: Tx, place: Place, amount: int) -> None:
    """What was reserved is not used."""
    tx.run(
        "UPDATE quota_windows SET reserved = reserved - $4 WHERE quota_id = $1 AND scope_id = $2 AND start_ms = $3",
        *place,
        amount,
    )


def book(tx: Tx, place: Place, reserved: int, used: int) -> None:
    """What was reserved is used: so much of it, or more."""
    tx.run(
        """
        UPDATE quota_windows SET reserved = reserved - $4, used = used + $5
         WHERE quota_id = $1 AND scope_id = $2 AND start_ms = $3
        """,
        *place,
        reserved,
        used,
    )


def owe(tx: Tx, place: Place, debt: int) -> None:
    tx.run("UPDATE quota_windows SET debt = $4 WHERE quota_id = $1 AND scope_id = $2 AND start_ms = $3", *place, debt)


def refuse(tx: Tx, place: Place) -> None:
    tx.run(
        "UPDATE quota_windows SET refused = refused + 1 WHERE quota_id = $1 AND scope_id = $2 AND start_ms = $3",
        *place,
    )


def tell(tx: Tx, place: Place, level: int) -> None:
    tx.run("UPDATE quota_windows SET told = $4 WHERE quota_id = $1 AND scope_id = $2 AND start_ms = $3", *place, level)


def ended_and_told(tx: Tx, *, limit: int) -> list[Window]:
    """Over by now, with an alert that is open still."""
    rows = tx.all(
        "SELECT * FROM quota_windows WHERE told > 0 AND end_ms <= $1 ORDER BY end_ms LIMIT $2", tx.now_ms, limit
    )
    return [_window(row) for row in rows]


def told_of(tx: Tx, quota_id: str) -> list[Window]:
    """With an alert that is open still."""
    rows = tx.all("SELECT * FROM quota_windows WHERE quota_id = $1 AND told > 0", quota_id)
    return [_window(row) for row in rows]


def current(tx: Tx, quota_id: str, *, owners: Collection[str] | None, limit: int) -> list[Window]:
    """Those that run now, the fullest first. `owners`: only these; None: all."""
    rows = tx.all(
        """
        SELECT * FROM quota_windows
         WHERE quota_id = $1 AND start_ms <= $2 AND end_ms > $2
           AND ($3 IS NULL OR scope_id IN (SELECT value FROM json_each($3)))
         ORDER BY debt + used + reserved DESC, scope_id LIMIT $4
        """,
        quota_id,
        tx.now_ms,
        None if owners is None else encode_text(sorted(owners)),
        limit,
    )
    return [_window(row) for row in rows]


def _window(row: sqlite3.Row) -> Window:
    return Window(
        quota_id=row["quota_id"],
        scope_id=row["scope_id"],
        start=from_ms(row["start_ms"]),
        end=from_ms(row["end_ms"]),
        debt=row["debt"],
        used=row["used"],
        reserved=row["reserved"],
        told=row["told"],
        refused=row["refused"],
    )
