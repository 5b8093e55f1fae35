"""The table `media`: files that people sent, each known by the message that brought it."""

import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime

from attrs import frozen

from daemon.clock import from_ms, optional_from_ms, to_ms
from daemon.codec import encode_text
from daemon.domain.media import Arrived, MediaFile, MediaKind, MediaState
from daemon.domain.message import AccountId, ConversationId, MessageId
from daemon.store.tx import Tx

AT_ONCE = 200  # rows that one unit of work drops


@frozen(kw_only=True)
class Source:
    """The message that a medium came with."""

    account_id: AccountId
    conversation_id: ConversationId
    kind: str
    content: str  # JSON, by kind
    request_id: str | None


def source(tx: Tx, message_id: str) -> Source | None:
    row = tx.one(
        "SELECT account_id, conversation_id, kind, content, request_id FROM messages WHERE id = $1", message_id
    )
    return None if row is None else Source(**dict(row))


def want(
    tx: Tx, message_id: MessageId, *, account_id: AccountId, conversation_id: ConversationId, kind: str, name: str
) -> None:
    """It is to be fetched; also one that failed, or was dropped."""
    tx.run(
        """
        INSERT INTO media (message_id, account_id, conversation_id, kind, state, name, created_ms)
        VALUES ($1, $2, $3, $4, 'waiting', $5, $6)
        ON CONFLICT (message_id) DO UPDATE SET state = 'waiting', error = NULL, created_ms = $6
            WHERE state IN ('failed', 'dropped')
        """,
        message_id,
        account_id,
        conversation_id,
        kind,
        name,
        tx.now_ms,
    )


def get(tx: Tx, message_id: str) -> MediaFile | None:
    row = tx.one("SELECT * FROM media WHERE message_id = $1", message_id)
    return None if row is None else _medium(row)


def of(tx: Tx, message_ids: Iterable[str]) -> dict[MessageId, MediaFile]:
    """Those of these messages that brought one."""
    rows = tx.all(
        "SELECT * FROM media WHERE message_id IN (SELECT value FROM json_each($1))", encode_text(list(message_ids))
    )
    return {medium.message_id: medium for medium in map(_medium, rows)}


def page(
    tx: Tx,
    *,
    scope: Collection[str] | None,
    kind: MediaKind | None,
    state: MediaState | None,
    before: str | None,
    limit: int,
) -> list[MediaFile]:
    """Newest message first. `scope`: only those of these accounts; None: of all."""
    rows = tx.all(
        f"SELECT * FROM media WHERE {_CHOSEN} AND ($4 IS NULL OR message_id < $4) ORDER BY message_id DESC LIMIT $5",  # noqa: S608 - a constant
        *_chosen(scope, kind, state),
        before,
        limit,
    )
    return [_medium(row) for row in rows]


def count(tx: Tx, *, scope: Collection[str] | None, kind: MediaKind | None, state: MediaState | None) -> int:
    total: int = tx.value(f"SELECT count(*) FROM media WHERE {_CHOSEN}", *_chosen(scope, kind, state))  # noqa: S608 - a constant
    return total


_CHOSEN = """
    ($1 IS NULL OR account_id IN (SELECT value FROM json_each($1)))
    AND ($2 IS NULL OR kind = $2) AND ($3 IS NULL OR state = $3)
"""


def _chosen(scope: Collection[str] | None, kind: MediaKind | None, state: MediaState | None) -> tuple[object, ...]:
    return None if scope is None else encode_text(sorted(scope)), kind, state


def count_waiting(tx: Tx, account_id: AccountId) -> int:
    total: int = tx.value("SELECT count(*) FROM media WHERE account_id = $1 AND state = 'waiting'", account_id)
    return total


def locate(tx: Tx, message_id: MessageId, url: str) -> None:
    """GeWe's address of it: so that another attempt need not ask for it again."""
    tx.run("UPDATE media SET url = $2, url_ms = $3 WHERE message_id = $1", message_id, url, tx.now_ms)


def arrive(tx: Tx, message_id: MessageId, arrived: Arrived) -> bool:
    """Whether it was still wanted."""
    changed = tx.run(
        """
        UPDATE media SET state = 'ready', file = $2, media_type = $3, size = $4, sha256 = $5, error = NULL,
                         fetched_ms = $6
         WHERE message_id = $1 AND state = 'waiting'
        """,
        message_id,
        arrived.file,
        arrived.media_type,
        arrived.size,
        arrived.sha256,
        tx.now_ms,
    )
    return changed > 0


def fail(tx: Tx, message_id: MessageId, error: str) -> None:
    tx.run(
        "UPDATE media SET state = 'failed', error = $2 WHERE message_id = $1 AND state = 'waiting'", message_id, error
    )


def trouble(tx: Tx, message_id: MessageId, error: str) -> None:
    """Why it is not here yet."""
    tx.run("UPDATE media SET error = $2 WHERE message_id = $1 AND state = 'waiting'", message_id, error)


def kept_bytes(tx: Tx) -> int:
    total: int = tx.value("SELECT coalesce(sum(size), 0) FROM media WHERE state = 'ready'")
    return total


def make_room(tx: Tx, most_bytes: int, *, but: str = "") -> list[str]:
    """Drop the oldest until those that are kept have at most so many bytes; the names of the files to remove.

    `but`: the message whose medium stays.
    """
    excess, gone = kept_bytes(tx) - most_bytes, list[sqlite3.Row]()
    while excess > 0:
        row = tx.one(
            """
            SELECT message_id, file, size, fetched_ms FROM media
             WHERE state = 'ready' AND message_id <> $1 ORDER BY fetched_ms, message_id LIMIT 1
            """,
            but,
        )
        if row is None:
            break
        _drop(tx, [row])
        gone.append(row)
        excess -= row["size"]
    return [row["file"] for row in gone]


def drop_older(tx: Tx, than: datetime) -> list[str]:
    """Drop some of those that were fetched before; the names of the files to remove."""
    rows = tx.all(
        "SELECT message_id, file FROM media WHERE state = 'ready' AND fetched_ms < $1 ORDER BY fetched_ms LIMIT $2",
        to_ms(than),
        AT_ONCE,
    )
    _drop(tx, rows)
    return [row["file"] for row in rows]


def reconcile(tx: Tx, found: dict[str, int]) -> tuple[int, list[str]]:
    """Rows whose file is gone or cut short are dropped: how many; and the files that no row names.

    `found`: the bytes of each file that is there, by name.
    """
    rows = tx.all("SELECT message_id, file, size FROM media WHERE state = 'ready'")
    lost = [row for row in rows if found.get(row["file"]) != row["size"]]
    _drop(tx, lost, error="media.file_gone")
    return len(lost), sorted(set(found) - {row["file"] for row in rows} | {row["file"] for row in lost} & set(found))


def prune(tx: Tx, *, below: str, limit: int) -> int:
    """Those of messages with lower ids that are kept no more; what is here is dropped first, and its file with it."""
    return tx.run(
        """
        DELETE FROM media WHERE message_id IN (
            SELECT d.message_id FROM media d
             WHERE d.message_id < $1 AND d.state <> 'ready'
               AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = d.message_id)
             ORDER BY d.message_id LIMIT $2)
        """,
        below,
        limit,
    )


def _drop(tx: Tx, rows: Iterable[sqlite3.Row], *, error: str | None = None) -> None:
    tx.many(
        "UPDATE media SET state = 'dropped', file = NULL, error = $2 WHERE message_id = $1",
        ((row["message_id"], error) for row in rows),
    )


def _medium(row: sqlite3.Row) -> MediaFile:
    return MediaFile(
        message_id=MessageId(row["message_id"]),
        account_id=AccountId(row["account_id"]),
        conversation_id=ConversationId(row["conversation_id"]),
        kind=MediaKind(row["kind"]),
        state=MediaState(row["state"]),
        name=row["name"],
        url=row["url"],
        url_at=optional_from_ms(row["url_ms"]),
        file=row["file"],
        media_type=row["media_type"],
        size=row["size"],
        sha256=row["sha256"],
        error=row["error"],
        created_at=from_ms(row["created_ms"]),
        fetched_at=optional_from_ms(row["fetched_ms"]),
    )
