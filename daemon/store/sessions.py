"""The table `sessions`: people at the console, each known by the hash of what their cookie holds."""

from datetime import datetime

from daemon.clock import from_ms, to_ms
from daemon.domain.access import Key, Session
from daemon.store.tx import Tx

MOST = 20  # of one key: who begins another loses the oldest


def add(tx: Tx, digest: bytes, key: Key) -> None:
    tx.run(
        "INSERT INTO sessions (hash, key_id, key_version, created_ms, used_ms) VALUES ($1, $2, $3, $4, $4)",
        digest,
        key.id,
        key.version,
        tx.now_ms,
    )
    tx.run(
        """
        DELETE FROM sessions WHERE key_id = $1 AND hash NOT IN (
            SELECT hash FROM sessions WHERE key_id = $1 ORDER BY created_ms DESC, hash = $3 DESC LIMIT $2)
        """,
        key.id,
        MOST,
        digest,
    )


def find(tx: Tx, digest: bytes) -> Session | None:
    row = tx.one("SELECT * FROM sessions WHERE hash = $1", digest)
    if row is None:
        return None
    return Session(
        key_id=row["key_id"],
        key_version=row["key_version"],
        created_at=from_ms(row["created_ms"]),
        used_at=from_ms(row["used_ms"]),
    )


def touch(tx: Tx, digest: bytes) -> None:
    tx.run("UPDATE sessions SET used_ms = max(used_ms, $2) WHERE hash = $1", digest, tx.now_ms)


def remove(tx: Tx, digest: bytes) -> bool:
    """Whether there was one."""
    return tx.run("DELETE FROM sessions WHERE hash = $1", digest) > 0


def prune(tx: Tx, *, idle_since: datetime, begun_before: datetime) -> int:
    """Those that count no more: too old, too long unused, or of a key that is not as it was."""
    return tx.run(
        """
        DELETE FROM sessions
         WHERE used_ms <= $1 OR created_ms <= $2
            OR NOT EXISTS (SELECT 1 FROM keys WHERE id = key_id AND version = key_version)
        """,
        to_ms(idle_since),
        to_ms(begun_before),
    )
