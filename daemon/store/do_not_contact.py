"""The table `do_not_contact`: whom campaigns and API sends leave alone, for one account or for all."""

import sqlite3
from collections.abc import Collection

from daemon.clock import from_ms
from daemon.domain.do_not_contact import LeftAlone, Reason
from daemon.domain.message import AccountId, Wxid
from daemon.store.sends import listed
from daemon.store.tx import Tx


def add(tx: Tx, account_id: AccountId | None, peer: Wxid, *, reason: Reason, note: str, by: str) -> tuple[str, bool]:
    """Its id, and whether it is new: one that is on the list already stays as it is."""
    identifier = tx.new_id()
    changed = tx.run(
        """
        INSERT INTO do_not_contact (id, account_id, peer, reason, note, created_ms, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (peer, coalesce(account_id, '')) DO NOTHING
        """,
        identifier,
        account_id,
        peer,
        reason,
        note,
        tx.now_ms,
        by,
    )
    if changed:
        return identifier, True
    known = tx.value(
        "SELECT id FROM do_not_contact WHERE peer = $1 AND coalesce(account_id, '') = coalesce($2, '')",
        peer,
        account_id,
    )
    return str(known), False


def holds(tx: Tx, account_id: AccountId, peer: Wxid) -> bool:
    """Whether this account leaves `peer` alone."""
    row = tx.one(
        """
        SELECT 1 FROM do_not_contact
         WHERE peer = $1 AND coalesce(account_id, '') IN ('', $2)
        """,
        peer,
        account_id,
    )
    return row is not None


def among(tx: Tx, account_id: AccountId, peers: Collection[Wxid]) -> frozenset[Wxid]:
    """Those of `peers` that this account leaves alone."""
    rows = tx.all(
        """
        SELECT peer FROM do_not_contact
         WHERE peer IN (SELECT value FROM json_each($1)) AND coalesce(account_id, '') IN ('', $2)
        """,
        listed(peers),
        account_id,
    )
    return frozenset(Wxid(row["peer"]) for row in rows)


def get(tx: Tx, identifier: str) -> LeftAlone | None:
    row = tx.one("SELECT * FROM do_not_contact WHERE id = $1", identifier)
    return None if row is None else _left_alone(row)


def remove(tx: Tx, identifier: str) -> bool:
    return tx.run("DELETE FROM do_not_contact WHERE id = $1", identifier) > 0


def page(tx: Tx, *, scope: Collection[str] | None, peer: str | None, before: str | None, limit: int) -> list[LeftAlone]:
    """Newest first. `scope`: those of these accounts, and of all accounts; None: every one."""
    rows = tx.all(
        f"SELECT * FROM do_not_contact WHERE {_WANTED} AND ($3 IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",  # noqa: S608
        listed(scope),
        peer,
        before,
        limit,
    )
    return [_left_alone(row) for row in rows]


def count(tx: Tx, *, scope: Collection[str] | None, peer: str | None) -> int:
    total: int = tx.value(f"SELECT count(*) FROM do_not_contact WHERE {_WANTED}", listed(scope), peer)  # noqa: S608
    return total


_WANTED = """
    ($1 IS NULL OR account_id IS NULL OR account_id IN (SELECT value FROM json_each($1)))
    AND ($2 IS NULL OR peer = $2)
"""


def _left_alone(row: sqlite3.Row) -> LeftAlone:
    return LeftAlone(
        id=row["id"],
        account_id=None if row["account_id"] is None else AccountId(row["account_id"]),
        peer=Wxid(row["peer"]),
        reason=Reason(row["reason"]),
        note=row["note"],
        created_at=from_ms(row["created_ms"]),
        created_by=row["created_by"],
    )
