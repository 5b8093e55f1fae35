"""The table `sends`: every message on its way out. A row leaves `sending` once, and never goes back into it."""

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any

from daemon.clock import from_ms, optional_from_ms, optional_to_ms, to_ms
from daemon.codec import encode_text, parse, recall
from daemon.domain.message import AccountId, ConversationId, Wxid
from daemon.domain.outgoing import KINDS, Parcel, Text
from daemon.domain.send import Accepted, NewSend, Revoking, Send, SendOrigin, SendState
from daemon.store.tx import Tx


def add(tx: Tx, new: NewSend) -> str:
    identifier = tx.new_id()
    tx.run(
        """
        INSERT INTO sends (id, account_id, conversation_id, peer, text, mentions, origin, turn_id, batch, part, parts,
                           state, expires_ms, created_ms, parent_id, request_id, actor, kind, parcel)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'queued', $12, $13, $14, $15, $16, $17, $18)
        """,
        identifier,
        new.account_id,
        new.conversation_id,
        new.to,
        new.text,
        encode_text(list(new.mentions)),
        new.origin,
        new.turn_id,
        new.batch,
        new.part,
        new.parts,
        to_ms(new.expires_at),
        tx.now_ms,
        new.parent_id,
        new.request_id,
        new.by,
        new.parcel.kind,
        "{}" if isinstance(new.parcel, Text) else encode_text(new.parcel),  # a text has columns of its own
    )
    return identifier


def get(tx: Tx, send_id: str) -> Send | None:
    row = tx.one("SELECT * FROM sends WHERE id = $1", send_id)
    return None if row is None else send_of(row)


def start(tx: Tx, send_id: str) -> bool:
    """Durable before the first byte: from here on a crash makes it `unknown`. False where it may not be sent."""
    changed = tx.run(
        """
        UPDATE sends SET state = 'sending', attempts = attempts + 1, epoch = $2, started_ms = $3, error = NULL,
                         detail = NULL, not_before_ms = NULL
         WHERE id = $1 AND state IN ('queued', 'waiting')
        """,
        send_id,
        tx.epoch,
        tx.now_ms,
    )
    return changed > 0


def wait(tx: Tx, send_id: str, *, until: datetime | None, error: str, detail: str = "") -> None:
    """Surely nothing was sent: it will be tried again."""
    tx.run(
        """
        UPDATE sends SET state = 'waiting', not_before_ms = $2, error = $3, detail = $4
         WHERE id = $1 AND state IN ('queued', 'waiting', 'sending')
        """,
        send_id,
        optional_to_ms(until),
        error,
        detail,
    )


def accept(tx: Tx, send_id: str, accepted: Accepted) -> None:
    tx.run(
        """
        UPDATE sends SET state = 'sent', ended_ms = $2, wechat_id = $3, message_number = $4, wechat_time = $5
         WHERE id = $1 AND state = 'sending'
        """,
        send_id,
        tx.now_ms,
        accepted.wechat_id,
        accepted.message_number,
        accepted.wechat_time,
    )


def end(tx: Tx, send_id: str, state: SendState, *, error: str | None = None, detail: str = "") -> bool:
    """A send that is not final yet ends so."""
    changed = tx.run(
        """
        UPDATE sends SET state = $2, ended_ms = $3, error = $4, detail = $5
         WHERE id = $1 AND state IN ('queued', 'waiting', 'sending', 'unknown')
        """,
        send_id,
        state,
        tx.now_ms,
        error,
        detail,
    )
    return changed > 0


def cancel_rest(tx: Tx, batch: str, *, error: str) -> int:
    """The parts of a text that have not begun are not sent: a torso would arrive."""
    return tx.run(
        """
        UPDATE sends SET state = 'cancelled', ended_ms = $2, error = $3
         WHERE batch = $1 AND state IN ('queued', 'waiting')
        """,
        batch,
        tx.now_ms,
        error,
    )


def cancel_unasked(tx: Tx, account_id: AccountId | None, peer: Wxid, *, error: str) -> int:
    """What has not begun, and answers nothing that `peer` wrote. `account_id` None: of every account."""
    return tx.run(
        """
        UPDATE sends SET state = 'cancelled', ended_ms = $3, error = $4
         WHERE peer = $2 AND ($1 IS NULL OR account_id = $1) AND state IN ('queued', 'waiting')
           AND origin IN ('api', 'campaign')
        """,
        account_id,
        peer,
        tx.now_ms,
        error,
    )


def recover(tx: Tx) -> int:
    """What an older process left `sending` may have arrived: nobody knows, and nobody sends it again."""
    return tx.run(
        """
        UPDATE sends SET state = 'unknown', error = 'send.crashed', ended_ms = $2
         WHERE state = 'sending' AND epoch < $1
        """,
        tx.epoch,
        tx.now_ms,
    )


def outcome(tx: Tx, batch: str) -> list[tuple[SendState, str | None]]:
    """State and error of each part, in order; nothing where they are too old to be kept.

    Of a part that was repeated it is the latest try's, but one that has arrived has arrived.
    """
    rows = tx.all(
        """
        SELECT part, state, error FROM sends WHERE batch = $1
         ORDER BY part, state IN ('sent', 'revoked'), id
        """,
        batch,
    )
    latest = {row["part"]: (SendState(row["state"]), row["error"]) for row in rows}
    return list(latest.values())


def waiting(tx: Tx, account_id: AccountId, *, limit: int) -> list[Send]:
    """The first waiting send to each addressee whose time has come, oldest first."""
    rows = tx.all(
        """
        SELECT * FROM sends
         WHERE id IN (SELECT min(id) FROM sends
                       WHERE state IN ('queued', 'waiting') AND account_id = $1 GROUP BY peer)
           AND (not_before_ms IS NULL OR not_before_ms <= $2)
         ORDER BY id LIMIT $3
        """,
        account_id,
        tx.now_ms,
        limit,
    )
    return [send_of(row) for row in rows]


def open_of(tx: Tx, account_id: AccountId) -> int:
    """How many sends of the account have not ended."""
    total: int = tx.value(
        "SELECT count(*) FROM sends WHERE state IN ('queued', 'waiting', 'sending') AND account_id = $1", account_id
    )
    return total


def page(
    tx: Tx, *, scope: Collection[str] | None, state: SendState | None, before: str | None, limit: int
) -> list[Send]:
    """Newest first. `scope`: only those of these accounts; None: all."""
    rows = tx.all(
        """
        SELECT * FROM sends
         WHERE ($1 IS NULL OR account_id IN (SELECT value FROM json_each($1))) AND ($2 IS NULL OR state = $2)
           AND ($3 IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4
        """,
        listed(scope),
        state,
        before,
        limit,
    )
    return [send_of(row) for row in rows]


def count(tx: Tx, *, scope: Collection[str] | None, state: SendState | None) -> int:
    total: int = tx.value(
        """
        SELECT count(*) FROM sends
         WHERE ($1 IS NULL OR account_id IN (SELECT value FROM json_each($1))) AND ($2 IS NULL OR state = $2)
        """,
        listed(scope),
        state,
    )
    return total


def listed(scope: Collection[str] | None) -> str | None:
    """Accounts as SQL takes a list."""
    return None if scope is None else encode_text(sorted(scope))


def ahead(tx: Tx, send: Send) -> int:
    """How many of its account's sends go before it."""
    total: int = tx.value(
        "SELECT count(*) FROM sends WHERE state IN ('queued', 'waiting', 'sending') AND account_id = $1 AND id < $2",
        send.account_id,
        send.id,
    )
    return total


def depths(tx: Tx) -> dict[str, int]:
    """How many sends are open, by state."""
    rows = tx.all(
        """
        SELECT state, count(*) AS n FROM sends
         WHERE state IN ('queued', 'waiting', 'sending', 'unknown') GROUP BY state
        """
    )
    return {row["state"]: row["n"] for row in rows}


def send_of(row: sqlite3.Row) -> Send:
    return Send(
        id=row["id"],
        account_id=AccountId(row["account_id"]),
        conversation_id=ConversationId(row["conversation_id"]),
        to=Wxid(row["peer"]),
        parcel=_parcel(row),
        origin=SendOrigin(row["origin"]),
        turn_id=row["turn_id"],
        batch=row["batch"],
        part=row["part"],
        parts=row["parts"],
        state=SendState(row["state"]),
        error=row["error"],
        detail=row["detail"],
        attempts=row["attempts"],
        not_before=optional_from_ms(row["not_before_ms"]),
        expires_at=from_ms(row["expires_ms"]),
        created_at=from_ms(row["created_ms"]),
        started_at=optional_from_ms(row["started_ms"]),
        ended_at=optional_from_ms(row["ended_ms"]),
        wechat_id=row["wechat_id"],
        message_number=row["message_number"],
        wechat_time=row["wechat_time"],
        parent_id=row["parent_id"],
        request_id=row["request_id"],
        by=row["actor"],
        revoke=None if row["revoke"] is None else Revoking(row["revoke"]),
    )


def _parcel(row: sqlite3.Row) -> Parcel:
    if row["kind"] == Text.kind:
        return Text(text=row["text"], mentions=tuple(map(Wxid, parse(row["mentions"]))))
    return parcel_of(row["kind"], row["parcel"])


def parcel_of(kind: str, document: str) -> Parcel:
    """A stored parcel."""
    shape: type[Any] = KINDS[kind]  # to mypy a union of types is no type to read
    parcel: Parcel = recall(document, shape)
    return parcel
