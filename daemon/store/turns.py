"""The table `turns`, and the dialogue that a turn continues."""

import sqlite3
from datetime import datetime

from attrs import frozen

from daemon.clock import from_ms, optional_from_ms, to_ms
from daemon.codec import encode_text, recall
from daemon.domain.conversation import Author
from daemon.domain.message import AccountId, ConversationId
from daemon.domain.turn import Degraded, Feedback, Turn, TurnState
from daemon.domain.workflow import Answer, Node, Usage
from daemon.store.tx import Tx


@frozen(kw_only=True)
class Earlier:
    """One line of what was said before."""

    author: Author
    text: str


def begin(
    tx: Tx, *, account_id: AccountId, conversation_id: ConversationId, question: str, request_id: str | None
) -> str:
    identifier = tx.new_id()
    tx.run(
        """
        INSERT INTO turns (id, conversation_id, account_id, state, question, request_id, created_ms)
        VALUES ($1, $2, $3, 'asking', $4, $5, $6)
        """,
        identifier,
        conversation_id,
        account_id,
        question,
        request_id,
        tx.now_ms,
    )
    return identifier


def open_turn(tx: Tx, conversation_id: ConversationId) -> Turn | None:
    """The turn of this conversation that has not ended: an earlier attempt began it."""
    row = tx.one(
        "SELECT * FROM turns WHERE conversation_id = $1 AND state = 'asking' ORDER BY id DESC LIMIT 1", conversation_id
    )
    return None if row is None else _turn(row)


def attempt(tx: Tx, turn_id: str, *, workflow_id: str, chat: str | None) -> None:
    tx.run(
        "UPDATE turns SET attempts = attempts + 1, workflow_id = $2, chat = $3 WHERE id = $1",
        turn_id,
        workflow_id,
        chat,
    )


def trouble(tx: Tx, turn_id: str, *, error: str, detail: str) -> None:
    """Why it is not answered yet."""
    tx.run("UPDATE turns SET error = $2, detail = $3 WHERE id = $1 AND state = 'asking'", turn_id, error, detail)


def end(
    tx: Tx,
    turn: Turn,
    state: TurnState,
    *,
    answer: Answer | None = None,
    error: str | None = None,
    detail: str | None = None,
    degraded: Degraded = Degraded.NO,
) -> None:
    """The turn's end, with what its answer used, whether or not it is sent."""
    usage = answer.usage if answer else Usage()
    tx.run(
        """
        UPDATE turns
           SET state = $2, answer = $3, error = $4, detail = $5, nodes = $6, input_tokens = $7, output_tokens = $8,
               embedding_tokens = $9, points_micro = $10, usage_known = $11, duration_ms = $12, ended_ms = $13,
               degraded = $14, record = $15, chat = coalesce($16, chat)
         WHERE id = $1
        """,
        turn.id,
        state,
        answer.text if answer else None,
        error,
        detail,
        encode_text(list(answer.nodes) if answer else []),
        usage.input_tokens,
        usage.output_tokens,
        usage.embedding_tokens,
        usage.points_micro,
        usage.known,
        tx.now_ms - to_ms(turn.created_at),
        tx.now_ms,
        degraded,
        (answer.record if answer else None) or None,
        (answer.chat if answer else None) or None,
    )


def rate(tx: Tx, turn_id: str, feedback: Feedback) -> None:
    """What a person thought of its answer; the latest counts."""
    tx.run("UPDATE turns SET feedback = $2 WHERE id = $1", turn_id, feedback)


def get(tx: Tx, turn_id: str) -> Turn | None:
    row = tx.one("SELECT * FROM turns WHERE id = $1", turn_id)
    return None if row is None else _turn(row)


def page(tx: Tx, conversation_id: str, *, before: str | None, limit: int) -> list[Turn]:
    rows = tx.all(
        "SELECT * FROM turns WHERE conversation_id = $1 AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        conversation_id,
        before,
        limit,
    )
    return [_turn(row) for row in rows]


def count(tx: Tx, conversation_id: str) -> int:
    total: int = tx.value("SELECT count(*) FROM turns WHERE conversation_id = $1", conversation_id)
    return total


def dialogue(tx: Tx, conversation_id: ConversationId, *, before: datetime, limit: int) -> list[Earlier]:
    """The last `limit` lines that really passed before `before`, oldest first.

    What waits to be answered is the question, not the history; what never left the house was not said.
    """
    rows = tx.all(
        """
        SELECT id, CASE origin WHEN 'self' THEN 'person' ELSE 'peer' END AS author, text
          FROM messages
         WHERE conversation_id = $1 AND received_ms < $2 AND standing <> 'pending' AND text <> ''
           AND origin <> 'system' AND coalesce(reason, '') NOT IN ('historical', 'revoked')
        UNION ALL
        SELECT id, CASE WHEN origin IN ('api', 'campaign') THEN 'person' ELSE 'assistant' END, text
          FROM sends
         WHERE conversation_id = $1 AND created_ms < $2 AND text <> ''
           AND state IN ('queued', 'waiting', 'sending', 'sent', 'unknown')
         ORDER BY id DESC LIMIT $3
        """,
        conversation_id,
        to_ms(before),
        limit,
    )
    return [Earlier(author=Author(row["author"]), text=row["text"]) for row in reversed(rows)]


def _turn(row: sqlite3.Row) -> Turn:
    return Turn(
        id=row["id"],
        conversation_id=ConversationId(row["conversation_id"]),
        account_id=AccountId(row["account_id"]),
        workflow_id=row["workflow_id"],
        state=TurnState(row["state"]),
        question=row["question"],
        answer=row["answer"],
        error=row["error"],
        detail=row["detail"],
        nodes=recall(row["nodes"], tuple[Node, ...]),
        usage=Usage(
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            embedding_tokens=row["embedding_tokens"],
            points_micro=row["points_micro"],
            known=bool(row["usage_known"]),
        ),
        attempts=row["attempts"],
        seconds=None if row["duration_ms"] is None else row["duration_ms"] / 1000,
        request_id=row["request_id"],
        created_at=from_ms(row["created_ms"]),
        ended_at=optional_from_ms(row["ended_ms"]),
        degraded=Degraded(row["degraded"]),
        chat=row["chat"],
        record=row["record"],
        feedback=None if row["feedback"] is None else Feedback(row["feedback"]),
    )
