"""The table `audit`: what was done by whom, each row chained to the one before by a keyed hash.

`record` is called inside the unit of work that makes the change, so neither is kept without the other. Whoever can
write the file but has not the master key can neither change, remove nor swap a row without `verify` naming it.
"""

import hmac
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from itertools import takewhile
from typing import Any

from attrs import frozen

from daemon.clock import from_ms, optional_to_ms, to_ms
from daemon.codec import encode, encode_text, parse
from daemon.domain.access import Actor
from daemon.domain.audit import AuditEntry
from daemon.store import meta
from daemon.store.tx import Tx

GENESIS = b"\x00" * 32  # before the first row
HEAD = "audit.head"  # in the table `meta`
DONE, REFUSED = "done", "refused"
NOBODY = "none"  # the role of whoever we do not know
_COLUMNS = ("seq", "at_ms", "actor", "role", "source", "action", "target", "outcome", "detail", "request_id")


def record(
    tx: Tx, by: Actor, action: str, target: str, *, outcome: str = DONE, detail: dict[str, Any] | None = None
) -> None:
    """One more row, in the transaction of the change it tells of."""
    seq, before = _end(tx)
    told = encode_text(detail or {})
    row = (seq + 1, tx.now_ms, by.id, by.role or NOBODY, by.source, action, target, outcome, told, by.request_id)
    chained = _chained(tx.audit_key, before, row)
    tx.run(
        f"INSERT INTO audit ({', '.join(_COLUMNS)}, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",  # noqa: S608
        *row,
        chained,
    )
    meta.put(tx, HEAD, _head(tx.audit_key, seq + 1, chained))


def _end(tx: Tx) -> tuple[int, bytes]:
    """What the next row is chained to."""
    last = tx.one("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    return (last["seq"], last["hash"]) if last else _root(tx)


def _root(tx: Tx) -> tuple[int, bytes]:
    """Where the chain begins: after what retention took away."""
    pruned = tx.one("SELECT seq, hash FROM audit_pruned ORDER BY seq DESC LIMIT 1")
    return (pruned["seq"], pruned["hash"]) if pruned else (0, GENESIS)


def _chained(key: bytes, before: bytes, row: Iterable[object]) -> bytes:
    return hmac.digest(key, before + encode(list(row)), "sha256")


def _head(key: bytes, seq: int, chained: bytes) -> str:
    """Says how long the log is, so that its end cannot be cut off unseen."""
    return f"{seq}:{hmac.digest(key, b'head' + chained, 'sha256').hex()}"


@frozen(kw_only=True)
class Break:
    """The first place where the chain does not hold."""

    seq: int
    why: str  # changed, or missing


@frozen
class Link:
    """A row that was found good, or the place before the first one."""

    seq: int
    hash: bytes


@frozen(kw_only=True)
class Walked:
    """How far a part of the log was looked through: to its end, or to where the chain breaks."""

    last: Link
    ended: bool = False
    broken: Break | None = None


def start(tx: Tx) -> Link:
    return Link(*_root(tx))


def walk(tx: Tx, link: Link, limit: int) -> Walked:
    """Look through the next `limit` rows after `link`."""
    rows = tx.all("SELECT * FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2", link.seq, limit)
    for row in rows:
        if row["seq"] != link.seq + 1:
            return _broken(link, "missing")
        if not hmac.compare_digest(row["hash"], _chained(tx.audit_key, link.hash, [row[name] for name in _COLUMNS])):
            return _broken(link, "changed")
        link = Link(row["seq"], row["hash"])
    if len(rows) == limit:
        return Walked(last=link)
    told = meta.get(tx, HEAD)
    if link.seq and (told is None or not hmac.compare_digest(told, _head(tx.audit_key, link.seq, link.hash))):
        return _broken(link, "missing")
    return Walked(last=link, ended=True)


def _broken(link: Link, why: str) -> Walked:
    return Walked(last=link, broken=Break(seq=link.seq + 1, why=why))


def head(tx: Tx) -> tuple[int, str]:
    """The last row's number and hash."""
    seq, chained = _end(tx)
    return seq, chained.hex()


def page(
    tx: Tx,
    *,
    actor: str | None,
    action: str | None,
    target: str | None,
    since: datetime | None,
    until: datetime | None,
    before: int | None,
    limit: int,
) -> tuple[list[AuditEntry], int]:
    """Newest first, and how many there are in all. `action` also matches what begins with it and a dot."""
    wanted = (actor, action, target, optional_to_ms(since), optional_to_ms(until))
    rows = tx.all(
        f"SELECT * FROM audit WHERE {_WANTED} AND ($6 IS NULL OR seq < $6) ORDER BY seq DESC LIMIT $7",  # noqa: S608
        *wanted,
        before,
        limit,
    )
    total: int = tx.value(f"SELECT count(*) FROM audit WHERE {_WANTED}", *wanted)  # noqa: S608  # text of ours
    return [_entry(row) for row in rows], total


_WANTED = """
    ($1 IS NULL OR actor = $1) AND ($2 IS NULL OR action = $2 OR action GLOB $2 || '.*') AND ($3 IS NULL OR target = $3)
    AND ($4 IS NULL OR at_ms >= $4) AND ($5 IS NULL OR at_ms < $5)
"""


def prune(tx: Tx, *, older_than: datetime, limit: int) -> int:
    """Take away up to `limit` of the oldest rows; the hash of the last one stays, and the chain goes on from it."""
    oldest = tx.all("SELECT seq, at_ms, hash FROM audit WHERE seq > 0 ORDER BY seq LIMIT $1", limit)
    rows = list(takewhile(lambda row: row["at_ms"] < to_ms(older_than), oldest))  # a closed piece
    if not rows:
        return 0
    last = rows[-1]
    tx.run("DELETE FROM audit WHERE seq <= $1", last["seq"])
    tx.run("INSERT INTO audit_pruned (seq, hash, pruned_ms) VALUES ($1, $2, $3)", last["seq"], last["hash"], tx.now_ms)
    return len(rows)


def _entry(row: sqlite3.Row) -> AuditEntry:
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
