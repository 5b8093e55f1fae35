"""The table `audit`: what was done by whom, each row chained to the one before by a keyed hash.

`record` is called inside the unit of work that makes the change, so neither is kept without the other. Whoever can
write the file but has not the master key can neither change, remove nor swap a row without `broken` naming it.
"""

import hmac
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import frozen

from daemon.clock import from_ms
from daemon.codec import encode, encode_text, parse
from daemon.domain.access import Actor
from daemon.domain.audit import AuditEntry
from daemon.store.tx import Tx

GENESIS = b"\x00" * 32  # before the first row
DONE, REFUSED = "done", "refused"
_COLUMNS = ("seq", "at_ms", "actor", "role", "source", "action", "target", "outcome", "detail", "request_id")


def record(
    tx: Tx, by: Actor, action: str, target: str, *, outcome: str = DONE, detail: dict[str, Any] | None = None
) -> None:
    """One more row, in the transaction of the change it tells of."""
    last = tx.one("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    seq, before = (last["seq"] + 1, last["hash"]) if last else _root(tx)
    row = (
        seq,
        tx.now_ms,
        by.id,
        by.role,
        by.source,
        action,
        target,
        outcome,
        encode_text(detail or {}),
        by.request_id,
    )
    tx.run(
        f"""
        INSERT INTO audit ({", ".join(_COLUMNS)}, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,  # noqa: S608  # names of ours
        *row,
        _chained(tx.audit_key, before, row),
    )


def _root(tx: Tx) -> tuple[int, bytes]:
    """Where the chain goes on after what retention took away."""
    pruned = tx.one("SELECT seq, hash FROM audit_pruned ORDER BY seq DESC LIMIT 1")
    return (pruned["seq"] + 1, pruned["hash"]) if pruned else (1, GENESIS)


def _chained(key: bytes, before: bytes, row: Iterable[object]) -> bytes:
    return hmac.digest(key, before + encode(list(row)), "sha256")


@frozen(kw_only=True)
class Break:
    """The first place where the chain does not hold."""

    seq: int
    why: str  # changed, missing


def broken(tx: Tx) -> Break | None:
    """The first row that is not what was written, or is not there; None where the chain is whole."""
    expected, before = _start(tx)
    for row in _rows(tx):
        if row["seq"] != expected:
            return Break(seq=expected, why="missing")
        if not hmac.compare_digest(row["hash"], _chained(tx.audit_key, before, tuple(row[name] for name in _COLUMNS))):
            return Break(seq=expected, why="changed")
        expected, before = expected + 1, row["hash"]
    return None


def _start(tx: Tx) -> tuple[int, bytes]:
    pruned = tx.one("SELECT seq, hash FROM audit_pruned ORDER BY seq DESC LIMIT 1")
    return (pruned["seq"] + 1, pruned["hash"]) if pruned else (1, GENESIS)


def _rows(tx: Tx) -> Iterator[sqlite3.Row]:
    yield from tx.connection.execute("SELECT * FROM audit ORDER BY seq")


def head(tx: Tx) -> tuple[int, str] | None:
    """The last row's number and hash: kept elsewhere, it tells when the end of the log was cut off."""
    row = tx.one("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    return None if row is None else (row["seq"], row["hash"].hex())


def entry(row: sqlite3.Row) -> AuditEntry:
    return AuditEntry(
        seq=row["seq"],
        at=from_ms(row["at_ms"]),
        actor=row["actor"],
        role=row["role"],
        source=row["source"],
        action=row["action"],
        target=row["target"],
        outcome=row["outcome"],
        detail=parse(row["detail"]),
        request_id=row["request_id"],
        hash=row["hash"].hex(),
    )
