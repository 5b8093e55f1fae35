"""The tables `pauses` and `chats`: what a workflow waits for, and the chats that conversations go on in."""

import sqlite3

from daemon.clock import from_ms, to_ms
from daemon.codec import encode_text, parse, recall
from daemon.domain.pause import OpenPause, Pause
from daemon.store.tx import Tx


def get(tx: Tx, conversation: str) -> OpenPause | None:
    row = tx.one("SELECT * FROM pauses WHERE conversation = $1", conversation)
    return None if row is None else _pause(row)


def save(tx: Tx, pause: OpenPause) -> None:
    """It is the one that waits in its conversation from now on."""
    tx.run(
        """
        INSERT INTO pauses (conversation, workflow_id, chat, record, speaker, asked, answers, wrong, asked_ms,
                            expires_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (conversation) DO UPDATE
           SET workflow_id = $2, chat = $3, record = $4, speaker = $5, asked = $6, answers = $7, wrong = $8,
               asked_ms = $9, expires_ms = $10
        """,
        pause.conversation,
        pause.workflow_id,
        pause.chat,
        pause.record,
        pause.speaker,
        encode_text(pause.pause),
        encode_text(pause.answers),
        pause.wrong,
        to_ms(pause.asked_at),
        to_ms(pause.expires_at),
    )


def remove(tx: Tx, conversation: str) -> None:
    """It was answered."""
    tx.run("DELETE FROM pauses WHERE conversation = $1", conversation)


def abandon(tx: Tx, conversation: str) -> None:
    """It will not be answered. Its chat would take whatever is said next for the answer: there is a new one."""
    pause = get(tx, conversation)
    if pause is None:
        return
    remove(tx, conversation)
    if pause.chat == chat_of(tx, conversation):
        tx.run(
            """
            INSERT INTO chats (conversation, chat, used_ms) VALUES ($1, $2, $3)
            ON CONFLICT (conversation) DO UPDATE SET chat = $2, used_ms = $3
            """,
            conversation,
            tx.new_id(),
            tx.now_ms,
        )


def expire(tx: Tx, *, limit: int) -> int:
    """Those whose time is over are abandoned; how many there were, at most `limit`."""
    rows = tx.all("SELECT conversation FROM pauses WHERE expires_ms <= $1 LIMIT $2", tx.now_ms, limit)
    for row in rows:
        abandon(tx, row["conversation"])
    return len(rows)


def chat_of(tx: Tx, conversation: str) -> str:
    """The service's chat in which this conversation goes on, used by that."""
    chat = tx.value(
        "UPDATE chats SET used_ms = $2 WHERE conversation = $1 RETURNING chat",
        conversation,
        tx.now_ms,
    )
    return conversation if chat is None else str(chat)


def prune_chats(tx: Tx, *, before_ms: int, limit: int) -> int:
    """Up to `limit` that were not used since. Who comes back after so long goes on in the conversation's first chat:
    where a question still waits there, it takes one message for its answer, and the next attempt is asked."""
    return tx.run(
        """
        DELETE FROM chats WHERE conversation IN (
            SELECT conversation FROM chats WHERE used_ms < $1 ORDER BY used_ms LIMIT $2)
        """,
        before_ms,
        limit,
    )


def _pause(row: sqlite3.Row) -> OpenPause:
    return OpenPause(
        conversation=row["conversation"],
        workflow_id=row["workflow_id"],
        chat=row["chat"],
        record=row["record"],
        speaker=row["speaker"],
        pause=recall(row["asked"], Pause),
        answers=parse(row["answers"]),
        wrong=row["wrong"],
        asked_at=from_ms(row["asked_ms"]),
        expires_at=from_ms(row["expires_ms"]),
    )
