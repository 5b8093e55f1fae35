"""The table `campaign_recipients`: each person of a campaign once, and what became of the message to them."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from daemon.clock import from_ms, to_ms
from daemon.codec import encode_text, recall
from daemon.domain.campaign import NewRecipient, Recipient, RecipientState
from daemon.domain.message import Wxid
from daemon.domain.send import SendState
from daemon.store import sends
from daemon.store.tx import Tx

OPEN = frozenset({SendState.QUEUED, SendState.WAITING, SendState.SENDING})
ARRIVED = frozenset({SendState.SENT, SendState.REVOKED})


def add(tx: Tx, campaign_id: str, written: Iterable[NewRecipient], left_alone: Iterable[tuple[Wxid, str]]) -> None:
    """Who is written to, in this order, and behind them who is not, with why."""
    rows: list[tuple[str, str, str, str | None]] = [
        (one.peer, encode_text(dict(one.variables)), RecipientState.WAITING, None) for one in written
    ]
    rows += [(peer, "{}", RecipientState.SKIPPED, reason) for peer, reason in left_alone]
    tx.many(
        """
        INSERT INTO campaign_recipients (campaign_id, place, peer, variables, state, reason)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        ((campaign_id, place, *row) for place, row in enumerate(rows, start=1)),
    )


def following(tx: Tx, campaign_id: str, *, limit: int) -> list[Recipient]:
    """Those whose turn is next."""
    rows = tx.all(
        """
        SELECT * FROM campaign_recipients WHERE campaign_id = $1 AND state = 'waiting' ORDER BY place LIMIT $2
        """,
        campaign_id,
        limit,
    )
    return [_recipient(row) for row in rows]


def queued(tx: Tx, campaign_id: str) -> list[Recipient]:
    """Those in the outbox whose end was not looked at yet."""
    rows = tx.all(
        "SELECT * FROM campaign_recipients WHERE campaign_id = $1 AND state = 'queued' ORDER BY place", campaign_id
    )
    return [_recipient(row) for row in rows]


def hand_out(tx: Tx, campaign_id: str, place: int, *, batch: str, send_id: str) -> None:
    """In the transaction that puts it into the outbox."""
    tx.run(
        """
        UPDATE campaign_recipients SET state = 'queued', batch = $3, send_id = $4, handed_ms = $5
         WHERE campaign_id = $1 AND place = $2 AND state = 'waiting'
        """,
        campaign_id,
        place,
        batch,
        send_id,
        tx.now_ms,
    )


def end(tx: Tx, campaign_id: str, place: int, state: RecipientState, *, reason: str | None) -> None:
    tx.run(
        "UPDATE campaign_recipients SET state = $3, reason = $4 WHERE campaign_id = $1 AND place = $2",
        campaign_id,
        place,
        state,
        reason,
    )


def end_waiting(tx: Tx, campaign_id: str, state: RecipientState, *, reason: str) -> int:
    """Everybody whose turn has not come."""
    return tx.run(
        "UPDATE campaign_recipients SET state = $2, reason = $3 WHERE campaign_id = $1 AND state = 'waiting'",
        campaign_id,
        state,
        reason,
    )


def follow(tx: Tx, batch: str) -> None:
    """Somebody settled a send of the batch: where it is a campaign's, its recipient says so too."""
    row = tx.one("SELECT * FROM campaign_recipients WHERE batch = $1", batch)
    if row is not None:
        state, reason = became(tx, batch)
        end(tx, row["campaign_id"], row["place"], state, reason=reason)


def became(tx: Tx, batch: str) -> tuple[RecipientState, str | None]:
    """What became of a message in the outbox, and why."""
    parts = sends.outcome(tx, batch)
    for wanted, found in _WORST_FIRST:
        for state, error in parts:
            if state in wanted:
                return found, None if found in {RecipientState.QUEUED, RecipientState.SENT} else error
    return RecipientState.UNKNOWN, None  # older than sends are kept


_WORST_FIRST = (
    (OPEN, RecipientState.QUEUED),
    (frozenset({SendState.UNKNOWN}), RecipientState.UNKNOWN),
    (frozenset({SendState.FAILED, SendState.EXPIRED}), RecipientState.FAILED),
    (frozenset({SendState.CANCELLED}), RecipientState.CANCELLED),
    (ARRIVED, RecipientState.SENT),
)


def handed_before(tx: Tx, campaign_id: str, *, since: datetime, back: int) -> datetime | None:
    """When the one was handed out that is `back` places before the next one; None: before `since`, or never."""
    row = tx.one(
        """
        SELECT handed_ms FROM campaign_recipients
         WHERE campaign_id = $1 AND handed_ms IS NOT NULL AND handed_ms > $2
         ORDER BY handed_ms DESC LIMIT 1 OFFSET $3
        """,
        campaign_id,
        to_ms(since),
        back - 1,
    )
    return None if row is None else from_ms(row["handed_ms"])


def counts(tx: Tx, campaign_id: str) -> dict[RecipientState, int]:
    rows = tx.all(
        "SELECT state, count(*) AS n FROM campaign_recipients WHERE campaign_id = $1 GROUP BY state", campaign_id
    )
    return {RecipientState(row["state"]): row["n"] for row in rows}


def page(tx: Tx, campaign_id: str, *, state: RecipientState | None, after: int, limit: int) -> list[Recipient]:
    """In the order they were given, those behind place `after`."""
    rows = tx.all(
        """
        SELECT * FROM campaign_recipients
         WHERE campaign_id = $1 AND ($2 IS NULL OR state = $2) AND place > $3 ORDER BY place LIMIT $4
        """,
        campaign_id,
        state,
        after,
        limit,
    )
    return [_recipient(row) for row in rows]


def _recipient(row: sqlite3.Row) -> Recipient:
    return Recipient(
        peer=Wxid(row["peer"]),
        variables=recall(row["variables"], dict[str, str]),
        place=row["place"],
        state=RecipientState(row["state"]),
        reason=row["reason"],
        batch=row["batch"],
        send_id=row["send_id"],
        handed_at=None if row["handed_ms"] is None else from_ms(row["handed_ms"]),
    )
