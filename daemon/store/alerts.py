"""The table `alerts`: what a person should know of, raised inside the unit of work that finds it out."""

import sqlite3
from collections.abc import Collection

from attrs import frozen

from daemon.clock import from_ms, optional_from_ms
from daemon.codec import encode_text, parse
from daemon.domain.alert import Alert, AlertType, NewAlert, Severity
from daemon.store.tx import Tx


def raise_(tx: Tx, new: NewAlert) -> bool:
    """True where it is news; an open one of the same fingerprint is counted up and told anew."""
    known = tx.run(
        """
        UPDATE alerts SET count = count + 1, last_ms = $2, severity = $3, code = $4, facts = $5
         WHERE fingerprint = $1 AND resolved_ms IS NULL
        """,
        new.fingerprint,
        tx.now_ms,
        new.severity,
        new.code,
        encode_text(new.facts),
    )
    if known:
        return False
    tx.run(
        """
        INSERT INTO alerts (id, fingerprint, service, type, severity, code, facts, account_id, raised_ms, last_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
        """,
        tx.new_id(),
        new.fingerprint,
        new.service,
        new.type,
        new.severity,
        new.code,
        encode_text(new.facts),
        new.account_id,
        tx.now_ms,
    )
    return True


def resolve(tx: Tx, fingerprint: str, *, by: str = "system") -> bool:
    """Whether one was open."""
    changed = tx.run(
        "UPDATE alerts SET resolved_ms = $2, resolved_by = $3 WHERE fingerprint = $1 AND resolved_ms IS NULL",
        fingerprint,
        tx.now_ms,
        by,
    )
    return changed > 0


def resolve_under(tx: Tx, beginning: str, *, by: str = "system") -> int:
    """Every open one whose fingerprint begins so; how many those were."""
    return tx.run(
        """
        UPDATE alerts SET resolved_ms = $2, resolved_by = $3
         WHERE resolved_ms IS NULL AND substr(fingerprint, 1, length($1)) = $1
        """,
        beginning,
        tx.now_ms,
        by,
    )


@frozen(kw_only=True)
class Filter:
    """Which alerts are wanted; None: whatever it is."""

    service: str | None = None
    severity: Severity | None = None
    resolved: bool | None = None
    unread: bool | None = None
    account_ids: Collection[str] | None = None  # only those of these accounts


def page(tx: Tx, wanted: Filter, *, before: str | None, limit: int) -> tuple[list[Alert], int]:
    """Newest first, and how many there are in all."""
    rows = tx.all(
        f"SELECT * FROM alerts WHERE {_WANTED} AND ($6 IS NULL OR id < $6) ORDER BY id DESC LIMIT $7",  # noqa: S608
        *_values(wanted),
        before,
        limit,
    )
    total: int = tx.value(f"SELECT count(*) FROM alerts WHERE {_WANTED}", *_values(wanted))  # noqa: S608  # ours
    return [_alert(row) for row in rows], total


def mark_read(tx: Tx, alert_id: str) -> Alert | None:
    """The alert, read by now; None where there is none."""
    tx.run("UPDATE alerts SET read_ms = coalesce(read_ms, $2) WHERE id = $1", alert_id, tx.now_ms)
    return get(tx, alert_id)


def get(tx: Tx, alert_id: str) -> Alert | None:
    row = tx.one("SELECT * FROM alerts WHERE id = $1", alert_id)
    return None if row is None else _alert(row)


_WANTED = """
    ($1 IS NULL OR service = $1) AND ($2 IS NULL OR severity = $2) AND ($3 IS NULL OR (resolved_ms IS NOT NULL) = $3)
    AND ($4 IS NULL OR (read_ms IS NULL) = $4)
    AND ($5 IS NULL OR account_id IN (SELECT value FROM json_each($5)))
"""


def _values(wanted: Filter) -> tuple[object, ...]:
    listed = None if wanted.account_ids is None else encode_text(sorted(wanted.account_ids))
    return wanted.service, wanted.severity, wanted.resolved, wanted.unread, listed


def _alert(row: sqlite3.Row) -> Alert:
    return Alert(
        id=row["id"],
        fingerprint=row["fingerprint"],
        service=row["service"],
        type=AlertType(row["type"]),
        severity=Severity(row["severity"]),
        code=row["code"],
        facts=parse(row["facts"]),
        account_id=row["account_id"],
        raised_at=from_ms(row["raised_ms"]),
        last_at=from_ms(row["last_ms"]),
        count=row["count"],
        resolved_at=optional_from_ms(row["resolved_ms"]),
        resolved_by=row["resolved_by"],
        read_at=optional_from_ms(row["read_ms"]),
    )
