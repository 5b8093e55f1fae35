"""The tables `dedupe` and `messages`: what was received, each once."""

import sqlite3
from datetime import datetime

from attrs import frozen

from daemon.clock import from_ms, to_ms
from daemon.codec import encode_text
from daemon.domain.conversation import Kept, Standing
from daemon.domain.media import MediaFile, MediaKind
from daemon.domain.message import AccountId, ConversationId, Message, MessageId, Wxid
from daemon.store import media
from daemon.store.tx import Tx

_MEDIA = frozenset(MediaKind)


@frozen(kw_only=True)
class Pending:
    """A message that waits to be answered."""

    id: MessageId
    sender: Wxid
    nickname: str | None
    text: str
    sent_at: datetime
    sequence: int
    received_at: datetime
    request_id: str | None
    medium: MediaFile | None = None  # what it brought, where that is fetched


@frozen(kw_only=True)
class Held:
    """A received message, as far as quoting or forwarding it takes."""

    peer: Wxid
    sender: Wxid
    nickname: str | None
    wechat_id: str | None
    kind: str
    text: str
    content: str  # JSON, by kind


def first_delivery(tx: Tx, key: str) -> bool:
    """Whether this delivery is the first of its kind; another one is counted and nothing else."""
    deliveries = tx.value(
        """
        INSERT INTO dedupe (key, first_ms, last_ms) VALUES ($1, $2, $2)
        ON CONFLICT (key) DO UPDATE SET deliveries = deliveries + 1, last_ms = $2
        RETURNING deliveries
        """,
        key,
        tx.now_ms,
    )
    return bool(deliveries == 1)


def add(
    tx: Tx,
    message: Message,
    *,
    account_id: AccountId,
    conversation_id: ConversationId,
    kept: Kept | None,
    request_id: str | None,
) -> MessageId:
    """Keep it. `kept` says why it is not to be answered; without a reason it is pending."""
    identifier = MessageId(tx.new_id())
    tx.run(
        """
        INSERT INTO messages (id, account_id, conversation_id, wechat_id, sender, nickname, origin, kind, text, content,
                              standing, reason, sequence, sent_ms, received_ms, request_id, raw)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        """,
        identifier,
        account_id,
        conversation_id,
        message.wechat_id,
        message.sender,
        message.nickname,
        message.origin,
        message.content.kind,
        message.text,
        encode_text(message.content),
        Standing.PENDING if kept is None else Standing.KEPT,
        kept,
        message.sequence,
        to_ms(message.sent_at),
        tx.now_ms,
        request_id,
        message.raw,
    )
    return identifier


def first_pending(tx: Tx, conversation_id: ConversationId) -> datetime | None:
    """When the oldest message that waits here, and is in no turn yet, was received."""
    row = tx.one(
        """
        SELECT received_ms FROM messages
         WHERE conversation_id = $1 AND standing = 'pending' AND turn_id IS NULL ORDER BY id LIMIT 1
        """,
        conversation_id,
    )
    return None if row is None else from_ms(row["received_ms"])


def pending(tx: Tx, conversation_id: ConversationId, *, turn_id: str | None, limit: int = 200) -> list[Pending]:
    """The messages of a turn, or those in none yet: in the order they were written, as far as WeChat tells."""
    rows = tx.all(
        """
        SELECT id, sender, nickname, kind, text, sent_ms, sequence, received_ms, request_id FROM messages
         WHERE conversation_id = $1 AND standing = 'pending' AND turn_id IS $2 ORDER BY id LIMIT $3
        """,
        conversation_id,
        turn_id,
        limit,
    )
    brought = media.of(tx, [row["id"] for row in rows if row["kind"] in _MEDIA])
    found = [_pending(row, brought.get(row["id"])) for row in rows]
    return sorted(found, key=lambda message: (message.sent_at, message.sequence, message.id))


def join_turn(tx: Tx, ids: list[MessageId], turn_id: str) -> None:
    tx.many("UPDATE messages SET turn_id = $2 WHERE id = $1", ((identifier, turn_id) for identifier in ids))


def answer(tx: Tx, conversation_id: ConversationId, turn_id: str) -> None:
    tx.run(
        """
        UPDATE messages SET standing = 'answered'
         WHERE conversation_id = $1 AND standing = 'pending' AND turn_id = $2
        """,
        conversation_id,
        turn_id,
    )


def keep(tx: Tx, conversation_id: ConversationId, *, turn_id: str | None, reason: Kept) -> int:
    """The waiting messages of a turn, or of none, will not be answered."""
    return tx.run(
        """
        UPDATE messages SET standing = 'kept', reason = $3
         WHERE conversation_id = $1 AND standing = 'pending' AND turn_id IS $2
        """,
        conversation_id,
        turn_id,
        reason,
    )


def take_back(tx: Tx, conversation_id: ConversationId, wechat_id: str) -> bool:
    """Its author revoked it: not answered, if that has not begun."""
    changed = tx.run(
        """
        UPDATE messages SET standing = 'kept', reason = 'revoked'
         WHERE conversation_id = $1 AND standing = 'pending' AND turn_id IS NULL AND wechat_id = $2
        """,
        conversation_id,
        wechat_id,
    )
    return changed > 0


def held(tx: Tx, account_id: AccountId, *, message_id: str | None = None, wechat_id: str | None = None) -> Held | None:
    """The message of this account with our id, or with WeChat's."""
    row = tx.one(
        """
        SELECT c.peer, m.sender, m.nickname, m.wechat_id, m.kind, m.text, m.content
          FROM messages m JOIN conversations c ON c.id = m.conversation_id
         WHERE m.id = $1 AND m.account_id = $2
        """,
        message_id or _by_wechat_id(tx, account_id, wechat_id),
        account_id,
    )
    return None if row is None else Held(**dict(row))


def _by_wechat_id(tx: Tx, account_id: AccountId, wechat_id: str | None) -> str | None:
    found: str | None = tx.value(
        "SELECT id FROM messages WHERE wechat_id = $1 AND account_id = $2 ORDER BY id DESC LIMIT 1",
        wechat_id,
        account_id,
    )
    return found


def _pending(row: sqlite3.Row, medium: MediaFile | None) -> Pending:
    return Pending(
        id=MessageId(row["id"]),
        sender=Wxid(row["sender"]),
        nickname=row["nickname"],
        text=row["text"],
        sent_at=from_ms(row["sent_ms"]),
        sequence=row["sequence"],
        received_at=from_ms(row["received_ms"]),
        request_id=row["request_id"],
        medium=medium,
    )
