"""The tables `keys` and `key_places`: API keys, only hashes of whose secrets are kept, and where they are used."""

import sqlite3
from collections.abc import Collection
from datetime import datetime

from attrs import frozen

from daemon.clock import from_ms, optional_from_ms, optional_to_ms, to_ms
from daemon.codec import encode_text, parse
from daemon.domain.access import Key, Role
from daemon.store.tx import Tx

MOST_PLACES = 50  # kept of one key, the latest


@frozen
class Found:
    """A key, and the hashes of the secrets that it may have."""

    key: Key
    hash: bytes
    old_hash: bytes | None  # counts until `key.old_until`


def add(tx: Tx, key: Key, digest: bytes, *, by: str) -> None:
    tx.run(
        """
        INSERT INTO keys (id, name, role, hash, created_ms, expires_ms, created_by, networks, accounts, rate_limit)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        key.id,
        key.name,
        key.role,
        digest,
        to_ms(key.created_at),
        optional_to_ms(key.expires_at),
        by,
        encode_text(key.networks),
        _listed(key.accounts),
        key.rate_limit,
    )


def find(tx: Tx, key_id: str) -> Found | None:
    row = tx.one("SELECT * FROM keys WHERE id = $1", key_id)
    return None if row is None else Found(_key(row), row["hash"], row["old_hash"])


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


def admins(tx: Tx, *, besides: str = "", for_ever: bool = False) -> int:
    """How many keys are admin of everything now; `for_ever`: of those that never expire."""
    total: int = tx.value(
        """
        SELECT count(*) FROM keys
         WHERE role = 'admin' AND accounts IS NULL AND revoked_ms IS NULL AND id <> $2
           AND (expires_ms IS NULL OR (expires_ms > $1 AND NOT $3))
        """,
        tx.now_ms,
        besides,
        for_ever,
    )
    return total


def save(tx: Tx, key: Key) -> None:
    """What people may change of it, and its version."""
    tx.run(
        """
        UPDATE keys SET name = $2, role = $3, networks = $4, accounts = $5, expires_ms = $6, rate_limit = $7,
                        version = $8
         WHERE id = $1
        """,
        key.id,
        key.name,
        key.role,
        encode_text(key.networks),
        _listed(key.accounts),
        optional_to_ms(key.expires_at),
        key.rate_limit,
        key.version,
    )


def revoke(tx: Tx, key_id: str) -> None:
    """From now on; what was revoked before stays so."""
    tx.run(
        "UPDATE keys SET revoked_ms = coalesce(revoked_ms, $2), version = version + 1 WHERE id = $1", key_id, tx.now_ms
    )


def renew(tx: Tx, key_id: str, digest: bytes, *, old_until: datetime | None) -> None:
    """Another secret in the place of the one before, which works on until `old_until`; None: it is void now."""
    tx.run(
        """
        UPDATE keys SET old_hash = CASE WHEN $3 IS NULL THEN NULL ELSE hash END, old_until_ms = $3, hash = $2,
                        version = version + 1
         WHERE id = $1
        """,
        key_id,
        digest,
        optional_to_ms(old_until),
    )


def touch(tx: Tx, key_id: str, place: str) -> None:
    """It was used well, now and there."""
    tx.run("UPDATE keys SET last_used_ms = max(coalesce(last_used_ms, 0), $2) WHERE id = $1", key_id, tx.now_ms)
    tx.run(
        """
        INSERT INTO key_places (key_id, place, used_ms) VALUES ($1, $2, $3)
        ON CONFLICT (key_id, place) DO UPDATE SET used_ms = excluded.used_ms
        """,
        key_id,
        place,
        tx.now_ms,
    )
    tx.run(
        """
        DELETE FROM key_places WHERE key_id = $1 AND place NOT IN (
            SELECT place FROM key_places WHERE key_id = $1 ORDER BY used_ms DESC, place LIMIT $2)
        """,
        key_id,
        MOST_PLACES,
    )


def places(tx: Tx, limit: int) -> list[tuple[str, str]]:
    """Keys and the places they were used well at, the latest first."""
    rows = tx.all("SELECT key_id, place FROM key_places ORDER BY used_ms DESC LIMIT $1", limit)
    return [(row["key_id"], row["place"]) for row in rows]


def tell_expired(tx: Tx) -> list[Key]:
    """Those that expired since this was asked last."""
    rows = tx.all(
        """
        UPDATE keys SET expiry_told = 1
         WHERE expires_ms <= $1 AND revoked_ms IS NULL AND expiry_told = 0 RETURNING *
        """,
        tx.now_ms,
    )
    return [_key(row) for row in rows]


def unknown_accounts(tx: Tx, account_ids: Collection[str]) -> list[str]:
    """Those of the ids that no account has."""
    rows = tx.all(
        "SELECT value FROM json_each($1) WHERE value NOT IN (SELECT id FROM accounts) ORDER BY value",
        encode_text(sorted(account_ids)),
    )
    return [row["value"] for row in rows]


def _listed(accounts: frozenset[str] | None) -> str | None:
    return None if accounts is None else encode_text(sorted(accounts))


def _key(row: sqlite3.Row) -> Key:
    return Key(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        created_at=from_ms(row["created_ms"]),
        expires_at=optional_from_ms(row["expires_ms"]),
        revoked_at=optional_from_ms(row["revoked_ms"]),
        last_used_at=optional_from_ms(row["last_used_ms"]),
        networks=tuple(parse(row["networks"])),
        accounts=None if row["accounts"] is None else frozenset(parse(row["accounts"])),
        old_until=optional_from_ms(row["old_until_ms"]),
        rate_limit=row["rate_limit"],
        version=row["version"],
    )
