"""The table `keys`: API keys, of which only a hash of the secret is kept."""

import sqlite3
from datetime import datetime

from daemon.clock import from_ms, to_ms
from daemon.domain.access import Key, Role
from daemon.store.tx import Tx


def add(tx: Tx, key: Key, digest: bytes, *, by: str) -> None:
    tx.run(
        """
        INSERT INTO keys (id, name, role, hash, created_ms, expires_ms, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        key.id,
        key.name,
        key.role,
        digest,
        to_ms(key.created_at),
        _ms(key.expires_at),
        by,
    )


def find(tx: Tx, key_id: str) -> tuple[Key, bytes] | None:
    """The key and the hash of its secret."""
    row = tx.one("SELECT * FROM keys WHERE id = $1", key_id)
    return None if row is None else (_key(row), row["hash"])


def page(tx: Tx, *, role: Role | None, before: tuple[int, str] | None, limit: int) -> list[Key]:
    """Newest first, those made before `(created_ms, id)`."""
    created_ms, key_id = before or (None, None)
    rows = tx.all(
        """
        SELECT * FROM keys
         WHERE ($1 IS NULL OR role = $1) AND ($2 IS NULL OR (created_ms, id) < ($2, $3))
         ORDER BY created_ms DESC, id DESC LIMIT $4
        """,
        role,
        created_ms,
        key_id,
        limit,
    )
    return [_key(row) for row in rows]


def count(tx: Tx, *, role: Role | None) -> int:
    total: int = tx.value("SELECT count(*) FROM keys WHERE $1 IS NULL OR role = $1", role)
    return total


def admins(tx: Tx) -> int:
    """How many admin keys work now."""
    total: int = tx.value(
        """
        SELECT count(*) FROM keys
         WHERE role = 'admin' AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $1)
        """,
        tx.now_ms,
    )
    return total


def revoke(tx: Tx, key_id: str) -> None:
    """From now on; what was revoked before stays so."""
    tx.run("UPDATE keys SET revoked_ms = coalesce(revoked_ms, $2) WHERE id = $1", key_id, tx.now_ms)


def renew(tx: Tx, key_id: str, digest: bytes) -> None:
    """Another secret in the place of the one before."""
    tx.run("UPDATE keys SET hash = $2 WHERE id = $1", key_id, digest)


def touch(tx: Tx, key_id: str) -> None:
    tx.run("UPDATE keys SET last_used_ms = max(coalesce(last_used_ms, 0), $2) WHERE id = $1", key_id, tx.now_ms)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)


def _key(row: sqlite3.Row) -> Key:
    return Key(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        created_at=from_ms(row["created_ms"]),
        expires_at=_moment(row["expires_ms"]),
        revoked_at=_moment(row["revoked_ms"]),
        last_used_at=_moment(row["last_used_ms"]),
    )
