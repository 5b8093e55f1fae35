"""The table `lockouts`: who is refused for a while, so that a restart frees nobody."""

from datetime import datetime, timedelta

from attrs import frozen

from daemon.clock import from_ms, to_ms
from daemon.store.tx import Tx


@frozen(kw_only=True)
class Ban:
    kind: str  # address, or key
    name: str
    bans: int  # so far, this one included
    until: datetime


def save(tx: Tx, ban: Ban) -> None:
    tx.run(
        """
        INSERT INTO lockouts (kind, name, bans, until_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (kind, name) DO UPDATE SET bans = excluded.bans, until_ms = excluded.until_ms, ended = 0
        """,
        ban.kind,
        ban.name,
        ban.bans,
        to_ms(ban.until),
    )


def load(tx: Tx, limit: int) -> list[Ban]:
    """Those that last, and those whose next would be longer; the soonest to end first."""
    rows = tx.all(
        "SELECT * FROM (SELECT * FROM lockouts ORDER BY until_ms DESC LIMIT $1) ORDER BY until_ms, name", limit
    )
    return [Ban(kind=row["kind"], name=row["name"], bans=row["bans"], until=from_ms(row["until_ms"])) for row in rows]


def end(tx: Tx, limit: int) -> list[Ban]:
    """Those that came to their end since this was asked last, up to `limit`."""
    rows = tx.all(
        """
        UPDATE lockouts SET ended = 1 WHERE (kind, name) IN (
            SELECT kind, name FROM lockouts WHERE ended = 0 AND until_ms <= $1 LIMIT $2)
        RETURNING *
        """,
        tx.now_ms,
        limit,
    )
    return [Ban(kind=row["kind"], name=row["name"], bans=row["bans"], until=from_ms(row["until_ms"])) for row in rows]


def forget(tx: Tx, *, after: timedelta, most: int) -> int:
    """Those that ended so long ago that the next ban is a first one again, and what is more than `most`."""
    gone = tx.run("DELETE FROM lockouts WHERE ended = 1 AND until_ms < $1", to_ms(tx.now - after))
    return gone + tx.run(
        """
        DELETE FROM lockouts WHERE (kind, name) IN (
            SELECT kind, name FROM lockouts ORDER BY until_ms DESC LIMIT -1 OFFSET $1)
        """,
        most,
    )
