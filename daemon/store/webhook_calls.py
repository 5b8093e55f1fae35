"""The table `webhook_calls`: the log of what n8n was asked, and of what needed no asking."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from daemon.clock import from_ms, to_ms
from daemon.domain.call_log import CallEntry, CallFilter, CallOutcome, CallSums, Served, Via
from daemon.ids import least_at
from daemon.store.tx import Tx

MOST = 1_000_000  # rows, whatever their age: answers from the cache come by the thousand a second
MEASURED = 1000  # of the latest runs, for how long they take


def add(tx: Tx, entries: Iterable[CallEntry]) -> None:
    """Those that are there already stay as they are: what was not sure to be written is written again."""
    tx.many(
        """
        INSERT INTO webhook_calls (id, call_id, webhook_id, task_type, session_id, via, served, outcome, request,
                                   response, status, attempts, duration_ms, error, detail, actor, request_id,
                                   created_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
        ON CONFLICT (id) DO NOTHING
        """,
        map(_values, entries),
    )


def page(tx: Tx, wanted: CallFilter, *, before: str | None, limit: int) -> list[CallEntry]:
    """Newest first, those with an id below `before`."""
    where, values = _where(wanted, before)
    rows = tx.all(
        f"SELECT * FROM webhook_calls WHERE {where} ORDER BY id DESC LIMIT ${len(values) + 1}",  # noqa: S608  # ours
        *values,
        limit,
    )
    return [_entry(row) for row in rows]


def count(tx: Tx, wanted: CallFilter) -> int:
    where, values = _where(wanted, None)
    total: int = tx.value(f"SELECT count(*) FROM webhook_calls WHERE {where}", *values)  # noqa: S608  # text of ours
    return total


def sums(tx: Tx, webhook_id: str, *, since: datetime) -> CallSums:
    """Of one webhook."""
    rows = tx.all(
        """
        SELECT outcome, count(*) AS calls, coalesce(sum(served <> 'run'), 0) AS without_run FROM webhook_calls
         WHERE webhook_id = $1 AND created_ms >= $2 GROUP BY outcome
        """,
        webhook_id,
        to_ms(since),
    )
    counts = {row["outcome"]: row["calls"] for row in rows}
    without = sum(row["without_run"] for row in rows if row["outcome"] == CallOutcome.ANSWERED)
    took = _took(tx, webhook_id, since)
    return CallSums(
        webhook_id=webhook_id,
        **{outcome.value: counts.get(outcome, 0) for outcome in CallOutcome},
        without_run=without,
        p50_ms=_nearest(took, 50),
        p95_ms=_nearest(took, 95),
    )


def prune(tx: Tx, *, below: str, limit: int) -> int:
    """Take away up to `limit` of those with an id below that, and of those past what the table may hold."""
    gone = tx.run(
        "DELETE FROM webhook_calls WHERE seq IN (SELECT seq FROM webhook_calls WHERE id < $1 ORDER BY id LIMIT $2)",
        below,
        limit,
    )
    edge = (tx.value("SELECT max(seq) FROM webhook_calls") or 0) - MOST  # they go from the oldest on: no gaps to count
    return gone + tx.run(
        "DELETE FROM webhook_calls WHERE seq IN (SELECT seq FROM webhook_calls WHERE seq <= $1 ORDER BY seq LIMIT $2)",
        edge,
        limit - gone,
    )


def _took(tx: Tx, webhook_id: str, since: datetime) -> list[int]:
    """How long the latest runs took that were answered, shortest first."""
    rows = tx.all(
        """
        SELECT duration_ms FROM (
            SELECT duration_ms FROM webhook_calls
             WHERE webhook_id = $1 AND created_ms >= $2 AND served = 'run' AND outcome = 'answered'
             ORDER BY created_ms DESC LIMIT $3)
         ORDER BY duration_ms
        """,
        webhook_id,
        to_ms(since),
        MEASURED,
    )
    return [row["duration_ms"] for row in rows]


def _nearest(ordered: list[int], percent: int) -> int | None:
    """The percentile by nearest rank."""
    return ordered[-(-percent * len(ordered) // 100) - 1] if ordered else None


def _where(wanted: CallFilter, before: str | None) -> tuple[str, list[object]]:
    """Only what is asked for, so that the indexes serve. Ids begin with their time: a time is a range of them."""
    told: tuple[tuple[str, object], ...] = (
        ("webhook_id = $", wanted.webhook_id),
        ("task_type = $", wanted.task_type),
        ("session_id = $", wanted.session_id),
        ("call_id = $", wanted.call_id),
        ("outcome = $", wanted.outcome),
        ("(served <> 'run') = $", wanted.cached),
        ("id >= $", None if wanted.since is None else least_at(to_ms(wanted.since))),
        ("id < $", None if wanted.until is None else least_at(to_ms(wanted.until))),
        ("id < $", before),
    )
    given = [(text, value) for text, value in told if value is not None]
    conditions = [f"{text}{number}" for number, (text, _) in enumerate(given, start=1)]
    return " AND ".join(conditions) or "1 = 1", [value for _, value in given]


def _values(entry: CallEntry) -> tuple[object, ...]:
    return (
        entry.id,
        entry.call_id,
        entry.webhook_id,
        entry.task_type,
        entry.session_id,
        entry.via,
        entry.served,
        entry.outcome,
        entry.request,
        entry.response,
        entry.status,
        entry.attempts,
        entry.duration_ms,
        entry.error,
        entry.detail,
        entry.actor,
        entry.request_id,
        to_ms(entry.created_at),
    )


def _entry(row: sqlite3.Row) -> CallEntry:
    return CallEntry(
        id=row["id"],
        call_id=row["call_id"],
        webhook_id=row["webhook_id"],
        task_type=row["task_type"],
        session_id=row["session_id"],
        via=Via(row["via"]),
        served=Served(row["served"]),
        outcome=CallOutcome(row["outcome"]),
        request=row["request"],
        response=row["response"],
        status=row["status"],
        attempts=row["attempts"],
        duration_ms=row["duration_ms"],
        error=row["error"],
        detail=row["detail"],
        actor=row["actor"],
        request_id=row["request_id"],
        created_at=from_ms(row["created_ms"]),
    )
