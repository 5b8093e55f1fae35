"""The table `quotas`: what an operator allows. What was used of it is in `daemon.store.quota_windows`."""

import sqlite3

from daemon.clock import from_ms, to_ms
from daemon.codec import canonical, encode_text
from daemon.domain.cost import ChargeKind, Scopes
from daemon.domain.quota import EACH, Measure, Period, Quota, QuotaScope, owner_of
from daemon.store.tx import Tx


def add(tx: Tx, quota: Quota) -> None:
    tx.run(
        """
        INSERT INTO quotas (id, name, scope, scope_id, kind, period, time_zone, measure, cap_micro, hard, created_ms,
                            updated_ms, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        quota.id,
        quota.name,
        quota.scope,
        quota.scope_id,
        quota.kind,
        quota.period,
        quota.time_zone,
        quota.measure,
        quota.cap_micro,
        quota.hard,
        to_ms(quota.created_at),
        to_ms(quota.updated_at),
        quota.version,
    )


def save(tx: Tx, quota: Quota) -> None:
    """Its name, cap and hardness; the rest says what its windows count, and stays."""
    tx.run(
        "UPDATE quotas SET name = $2, cap_micro = $3, hard = $4, updated_ms = $5, version = $6 WHERE id = $1",
        quota.id,
        quota.name,
        quota.cap_micro,
        quota.hard,
        to_ms(quota.updated_at),
        quota.version,
    )


def remove(tx: Tx, quota_id: str) -> None:
    """With its windows; charges that were reserved in them are settled without it."""
    tx.run("DELETE FROM quota_windows WHERE quota_id = $1", quota_id)
    tx.run("DELETE FROM quotas WHERE id = $1", quota_id)


def get(tx: Tx, quota_id: str) -> Quota | None:
    row = tx.one("SELECT * FROM quotas WHERE id = $1", quota_id)
    return None if row is None else _quota(row)


def matching(tx: Tx, scopes: Scopes, kind: ChargeKind) -> list[Quota]:
    """All that a charge counts in, always in the same order."""
    owners = [[scope, name] for scope in QuotaScope if (owner := owner_of(scope, scopes)) for name in {owner, EACH}]
    rows = tx.all(
        """
        SELECT * FROM quotas
         WHERE (scope, scope_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each($1)) AND (kind IS NULL OR kind = $2)
         ORDER BY id
        """,
        canonical(owners).decode(),
        kind,
    )
    return [_quota(row) for row in rows]


def page(
    tx: Tx, *, scope: QuotaScope | None, accounts: frozenset[str] | None, before: str | None, limit: int
) -> list[Quota]:
    """Newest first. `accounts`: only the quotas of these, and those of each account by itself; None: all."""
    rows = tx.all(
        f"SELECT * FROM quotas WHERE {_WANTED} AND ($3 IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",  # noqa: S608
        scope,
        _listed(accounts),
        before,
        limit,
    )
    return [_quota(row) for row in rows]


def count(tx: Tx, *, scope: QuotaScope | None = None, accounts: frozenset[str] | None = None) -> int:
    total: int = tx.value(
        f"SELECT count(*) FROM quotas WHERE {_WANTED}",  # noqa: S608  # text of ours
        scope,
        _listed(accounts),
    )
    return total


_WANTED = """
    ($1 IS NULL OR scope = $1)
    AND ($2 IS NULL OR scope = 'account' AND (scope_id = '*' OR scope_id IN (SELECT value FROM json_each($2))))
"""


def _listed(accounts: frozenset[str] | None) -> str | None:
    return None if accounts is None else encode_text(sorted(accounts))


def _quota(row: sqlite3.Row) -> Quota:
    return Quota(
        id=row["id"],
        name=row["name"],
        scope=QuotaScope(row["scope"]),
        scope_id=row["scope_id"],
        kind=None if row["kind"] is None else ChargeKind(row["kind"]),
        period=Period(row["period"]),
        time_zone=row["time_zone"],
        measure=Measure(row["measure"]),
        cap_micro=row["cap_micro"],
        hard=bool(row["hard"]),
        created_at=from_ms(row["created_ms"]),
        updated_at=from_ms(row["updated_ms"]),
        version=row["version"],
    )
