"""The tables `batches` and `batch_items`."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta

from daemon.clock import from_ms, optional_from_ms
from daemon.codec import encode_text, parse
from daemon.domain.batch import Batch, BatchState, Item, ItemState, NewItem, Progress
from daemon.domain.workflow import Answer, Usage
from daemon.store.tx import Tx


def add(tx: Tx, items: Sequence[NewItem], *, name: str, workflow_id: str, actor: str, request_id: str | None) -> str:
    identifier = tx.new_id()
    tx.run(
        """
        INSERT INTO batches (id, name, workflow_id, actor, state, total, request_id, created_ms)
        VALUES ($1, $2, $3, $4, 'running', $5, $6, $7)
        """,
        identifier,
        name,
        workflow_id,
        actor,
        len(items),
        request_id,
        tx.now_ms,
    )
    tx.many(
        """
        INSERT INTO batch_items (batch_id, position, ref, message, variables, state)
        VALUES ($1, $2, $3, $4, $5, 'queued')
        """,
        ((identifier, place, item.ref, item.message, encode_text(item.variables)) for place, item in enumerate(items)),
    )
    return identifier


def get(tx: Tx, batch_id: str) -> Batch | None:
    row = tx.one("SELECT * FROM batches WHERE id = $1", batch_id)
    return None if row is None else _batch(row)


def page(tx: Tx, *, actor: str | None, before: str | None, limit: int) -> list[Batch]:
    """Newest first; `actor`: only those of this one."""
    rows = tx.all(
        """
        SELECT * FROM batches
         WHERE ($1 IS NULL OR actor = $1) AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        """,
        actor,
        before,
        limit,
    )
    return [_batch(row) for row in rows]


def count(tx: Tx, *, actor: str | None) -> int:
    total: int = tx.value("SELECT count(*) FROM batches WHERE $1 IS NULL OR actor = $1", actor)
    return total


def item(tx: Tx, batch_id: str, position: int) -> Item | None:
    row = tx.one("SELECT * FROM batch_items WHERE batch_id = $1 AND position = $2", batch_id, position)
    return None if row is None else _item(row)


def items(tx: Tx, batch_id: str, *, state: ItemState | None, after: int | None, limit: int) -> list[Item]:
    """In the order they were given."""
    rows = tx.all(
        """
        SELECT * FROM batch_items
         WHERE batch_id = $1 AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR position > $3)
         ORDER BY position LIMIT $4
        """,
        batch_id,
        state,
        after,
        limit,
    )
    return [_item(row) for row in rows]


def count_items(tx: Tx, batch_id: str, *, state: ItemState | None) -> int:
    total: int = tx.value(
        "SELECT count(*) FROM batch_items WHERE batch_id = $1 AND ($2 IS NULL OR state = $2)", batch_id, state
    )
    return total


def attempt(tx: Tx, batch_id: str, position: int, *, workflow_id: str) -> None:
    tx.run(
        """
        UPDATE batch_items
           SET attempts = attempts + 1, workflow_id = $3, started_ms = coalesce(started_ms, $4)
         WHERE batch_id = $1 AND position = $2
        """,
        batch_id,
        position,
        workflow_id,
        tx.now_ms,
    )


def trouble(tx: Tx, batch_id: str, position: int, *, error: str, detail: str) -> None:
    """Why it is not answered yet."""
    tx.run(
        """
        UPDATE batch_items SET error = $3, detail = $4
         WHERE batch_id = $1 AND position = $2 AND state = 'queued'
        """,
        batch_id,
        position,
        error,
        detail,
    )


def end(
    tx: Tx,
    batch_id: str,
    position: int,
    state: ItemState,
    *,
    answer: Answer | None = None,
    workflow_id: str | None = None,
    error: str | None = None,
    detail: str | None = None,
) -> None:
    """Its end; the last one's is the batch's."""
    usage = answer.usage if answer else Usage()
    tx.run(
        """
        UPDATE batch_items
           SET state = $3, answer = $4, error = $5, detail = $6, workflow_id = coalesce($7, workflow_id),
               input_tokens = $8, output_tokens = $9, embedding_tokens = $10, points_micro = $11, usage_known = $12,
               ended_ms = $13
         WHERE batch_id = $1 AND position = $2 AND state = 'queued'
        """,
        batch_id,
        position,
        state,
        answer.text if answer else None,
        error,
        detail,
        workflow_id,
        usage.input_tokens,
        usage.output_tokens,
        usage.embedding_tokens,
        usage.points_micro,
        usage.known,
        tx.now_ms,
    )
    tx.run(
        """
        UPDATE batches SET state = 'done', ended_ms = $2
         WHERE id = $1 AND state = 'running'
           AND NOT EXISTS (SELECT 1 FROM batch_items WHERE batch_id = $1 AND state = 'queued')
        """,
        batch_id,
        tx.now_ms,
    )


def stop(tx: Tx, batch_id: str) -> int:
    """What was never asked is cancelled; how many that were. What is under way, or waits for another try, ends so."""
    tx.run(
        "UPDATE batches SET state = 'stopped', ended_ms = $2 WHERE id = $1 AND state = 'running'", batch_id, tx.now_ms
    )
    return tx.run(
        """
        UPDATE batch_items SET state = 'cancelled', ended_ms = $2
         WHERE batch_id = $1 AND state = 'queued' AND attempts = 0
        """,
        batch_id,
        tx.now_ms,
    )


def progress(tx: Tx, batch_id: str) -> Progress:
    counts = tx.all("SELECT state, count(*) AS n FROM batch_items WHERE batch_id = $1 GROUP BY state", batch_id)
    row = tx.one(
        """
        SELECT coalesce(sum(input_tokens), 0) AS input, coalesce(sum(output_tokens), 0) AS output,
               coalesce(sum(embedding_tokens), 0) AS embedding, coalesce(sum(points_micro), 0) AS points,
               coalesce(min(usage_known), 0) AS known, avg(ended_ms - started_ms) AS each, min(started_ms) AS first
          FROM batch_items WHERE batch_id = $1 AND state = 'done'
        """,
        batch_id,
    )
    assert row is not None  # a sum always has its row
    return Progress(
        counts={ItemState(counted["state"]): counted["n"] for counted in counts},
        usage=Usage(
            input_tokens=row["input"],
            output_tokens=row["output"],
            embedding_tokens=row["embedding"],
            points_micro=row["points"],
            known=bool(row["known"]),
        ),
        each=None if row["each"] is None else timedelta(milliseconds=row["each"]),
        first_at=optional_from_ms(row["first"]),
    )


def prune(tx: Tx, *, before_ms: int, limit: int) -> int:
    """Up to `limit` rows of the batch that ended first, if before then: its items first."""
    batch_id = tx.value("SELECT id FROM batches WHERE ended_ms < $1 ORDER BY ended_ms LIMIT 1", before_ms)
    if batch_id is None:
        return 0
    gone = tx.run(
        """
        DELETE FROM batch_items WHERE batch_id = $1 AND position IN (
            SELECT position FROM batch_items WHERE batch_id = $1 ORDER BY position LIMIT $2)
        """,
        batch_id,
        limit,
    )
    return gone if gone == limit else gone + tx.run("DELETE FROM batches WHERE id = $1", batch_id)


def _batch(row: sqlite3.Row) -> Batch:
    return Batch(
        id=row["id"],
        name=row["name"],
        workflow_id=row["workflow_id"],
        actor=row["actor"],
        state=BatchState(row["state"]),
        total=row["total"],
        request_id=row["request_id"],
        created_at=from_ms(row["created_ms"]),
        ended_at=optional_from_ms(row["ended_ms"]),
    )


def _item(row: sqlite3.Row) -> Item:
    return Item(
        batch_id=row["batch_id"],
        position=row["position"],
        ref=row["ref"],
        message=row["message"],
        variables=parse(row["variables"]),
        state=ItemState(row["state"]),
        answer=row["answer"],
        error=row["error"],
        detail=row["detail"],
        workflow_id=row["workflow_id"],
        attempts=row["attempts"],
        usage=Usage(
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            embedding_tokens=row["embedding_tokens"],
            points_micro=row["points_micro"],
            known=bool(row["usage_known"]),
        ),
        started_at=optional_from_ms(row["started_ms"]),
        ended_at=optional_from_ms(row["ended_ms"]),
    )
