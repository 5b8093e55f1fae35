"""The table `conversations`, and the lines of one: what was received and what was sent."""

import sqlite3
from collections.abc import Collection
from datetime import datetime

from daemon.clock import from_ms, optional_from_ms, to_ms
from daemon.codec import encode_text
from daemon.domain.conversation import Author, Conversation, Line
from daemon.domain.media import MediaState
from daemon.domain.message import AccountId, ConversationId, MessageId, Wxid
from daemon.store.tx import Tx


def touch(tx: Tx, account_id: AccountId, peer: Wxid) -> Conversation:
    """The conversation with `peer`, begun if it is new; a message passes in it now."""
    row = tx.one(
        """
        INSERT INTO conversations (id, account_id, peer, created_ms, last_message_ms) VALUES ($1, $2, $3, $4, $4)
        ON CONFLICT (account_id, peer) DO UPDATE SET last_message_ms = $4
        RETURNING *
        """,
        tx.new_id(),
        account_id,
        peer,
        tx.now_ms,
    )
    assert row is not None
    return _conversation(row)


def get(tx: Tx, conversation_id: str) -> Conversation | None:
    row = tx.one("SELECT * FROM conversations WHERE id = $1", conversation_id)
    return None if row is None else _conversation(row)


def page(
    tx: Tx,
    *,
    account_id: str | None,
    account_ids: Collection[str] | None = None,
    held: bool | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Conversation]:
    """Latest message first, those after the one that `before` names by its (last_message_ms, id).

    `account_ids`: only those of these accounts; None: of all.
    """
    at, identifier = (None, None) if before is None else (to_ms(before[0]), before[1])
    rows = tx.all(
        """
        SELECT * FROM conversations
         WHERE ($1 IS NULL OR account_id = $1)
           AND ($2 IS NULL OR (coalesce(held_until_ms, 0) > $3) = $2)
           AND ($4 IS NULL OR (last_message_ms, id) < ($4, $5))
           AND ($6 IS NULL OR account_id IN (SELECT value FROM json_each($6)))
         ORDER BY last_message_ms DESC, id DESC LIMIT $7
        """,
        account_id,
        held,
        tx.now_ms,
        at,
        identifier,
        _listed(account_ids),
        limit,
    )
    return [_conversation(row) for row in rows]


def count(tx: Tx, *, account_id: str | None, account_ids: Collection[str] | None = None, held: bool | None) -> int:
    total: int = tx.value(
        """
        SELECT count(*) FROM conversations
         WHERE ($1 IS NULL OR account_id = $1) AND ($2 IS NULL OR (coalesce(held_until_ms, 0) > $3) = $2)
           AND ($4 IS NULL OR account_id IN (SELECT value FROM json_each($4)))
        """,
        account_id,
        held,
        tx.now_ms,
        _listed(account_ids),
    )
    return total


def _listed(account_ids: Collection[str] | None) -> str | None:
    return None if account_ids is None else encode_text(sorted(account_ids))


def hold(tx: Tx, conversation_id: ConversationId, *, until: datetime, by: str) -> None:
    """A person answers here until `until`; a longer hold is not cut short."""
    tx.run(
        """
        UPDATE conversations
           SET held_until_ms = max(coalesce(held_until_ms, 0), $2), held_by = $3, version = version + 1
         WHERE id = $1
        """,
        conversation_id,
        to_ms(until),
        by,
    )


def release(tx: Tx, conversation_id: ConversationId) -> None:
    tx.run(
        """
        UPDATE conversations SET held_until_ms = NULL, held_by = NULL, version = version + 1
         WHERE id = $1
        """,
        conversation_id,
    )


def mute(tx: Tx, conversation_id: ConversationId, *, muted: bool) -> None:
    tx.run("UPDATE conversations SET muted = $2, version = version + 1 WHERE id = $1", conversation_id, muted)


def rename(tx: Tx, account_id: AccountId, peer: Wxid, name: str) -> None:
    """The peer is called `name` now. Only known conversations are named: contacts are not conversations."""
    tx.run("UPDATE conversations SET name = $3 WHERE account_id = $1 AND peer = $2", account_id, peer, name)


_LINES = """
    SELECT id, CASE origin WHEN 'self' THEN 'person' ELSE 'peer' END AS author, sender, kind, text,
           sent_ms AS at_ms, received_ms, standing AS state, reason,
           (SELECT media.state FROM media WHERE media.message_id = messages.id) AS media
      FROM messages WHERE conversation_id = $1 AND ($2 IS NULL OR id < $2) AND origin <> 'system'
    UNION ALL
    SELECT id, CASE WHEN origin IN ('api', 'campaign') THEN 'person' ELSE 'assistant' END, NULL, kind, text,
           created_ms, NULL, state, error, NULL
      FROM sends WHERE conversation_id = $1 AND ($2 IS NULL OR id < $2)
"""


def lines(tx: Tx, conversation_id: str, *, before: str | None, limit: int) -> list[Line]:
    """The latest `limit` lines before the one named, newest first."""
    rows = tx.all(f"{_LINES} ORDER BY id DESC LIMIT $3", conversation_id, before, limit)
    return [
        Line(
            id=MessageId(row["id"]),
            author=Author(row["author"]),
            sender=row["sender"],
            kind=row["kind"],
            text=row["text"],
            at=from_ms(row["at_ms"]),
            received_at=optional_from_ms(row["received_ms"]),
            state=row["state"],
            reason=row["reason"],
            media=None if row["media"] is None else MediaState(row["media"]),
        )
        for row in rows
    ]


def count_lines(tx: Tx, conversation_id: str) -> int:
    total: int = tx.value(f"SELECT count(*) FROM ({_LINES})", conversation_id, None)  # noqa: S608 - a constant
    return total


def _conversation(row: sqlite3.Row) -> Conversation:
    return Conversation(
        id=ConversationId(row["id"]),
        account_id=AccountId(row["account_id"]),
        peer=Wxid(row["peer"]),
        name=row["name"],
        muted=bool(row["muted"]),
        held_until=optional_from_ms(row["held_until_ms"]),
        held_by=row["held_by"],
        created_at=from_ms(row["created_ms"]),
        last_message_at=from_ms(row["last_message_ms"]),
        version=row["version"],
    )
