"""The table `campaign_recipients`: each person of a campaign once, and what became of the message to them."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from daemon.clock import from_ms, optional_from_ms, to_ms
from daemon.codec import encode_text, recall
from daemon.domain.campaign import NewRecipient, Recipient, RecipientState
from daemon.domain.message import Wxid
from daemon.domain.send import SendState
from daemon.store import sends
from daemon.store.tx import Tx

OPEN = frozenset({SendState.QUEUED, SendState.WAITING, SendState.SENDING})
ARRIVED = frozenset({SendState.SENT, SendState.REVOKED})


_WAITING = """
    FROM campaign_recipients r JOIN campaigns c ON c.id = r.campaign_id
    LEFT JOIN conversations v ON v.account_id = c.account_id AND v.peer = r.peer
   WHERE r.campaign_id = $1 AND r.state = 'waiting'
"""


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
    """Those whose turn is next; whom a person answers now waits, and is passed by."""
    rows = tx.all(
        f"SELECT r.* {_WAITING} AND coalesce(v.held_until_ms, 0) <= $2 ORDER BY r.place LIMIT $3",
        campaign_id,
        tx.now_ms,
        limit,
    )
    return [_recipient(row) for row in rows]


def free_at(tx: Tx, campaign_id: str) -> datetime | None:
    """When the first of those who wait is handed back by the person who answers them; None where nobody waits."""
    found = tx.value(f"SELECT min(coalesce(v.held_until_ms, 0)) {_WAITING}", campaign_id)  # text of ours
    return optional_from_ms(found)


def skip_held(tx: Tx, campaign_id: str, *, reason: str) -> int:
    """Those who wait because a person answers them."""
    return tx.run(
        f"""
        UPDATE campaign_recipients SET state = 'skipped', reason = $3
         WHERE campaign_id = $1 AND place IN (SELECT r.place {_WAITING} AND v.held_until_ms > $2)
        """,  # noqa: S608  # text of ours
        campaign_id,
        tx.now_ms,
        reason,
    )


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


def wait_again(tx: Tx, campaign_id: str, place: int) -> None:
    """It was handed out, and surely nothing of it went."""
    tx.run(
        """
        UPDATE campaign_recipients SET state = 'waiting', batch = NULL, send_id = NULL, handed_ms = NULL
         WHERE campaign_id = $1 AND place = $2 AND state = 'queued'
        """,
        campaign_id,
        place,
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


def campaign_of(tx: Tx, batch: str) -> str | None:
    """Whose message it is; None where it is no campaign's."""
    found: str | None = tx.value("SELECT campaign_id FROM campaign_recipients WHERE batch = $1", batch)
    return found


def follow(tx: Tx, batch: str) -> None:
    """Somebody settled or repeated a send of the batch: where it is a campaign's, its recipient says so too."""
    row = tx.one("SELECT * FROM campaign_recipients WHERE batch = $1", batch)
    if row is not None:
        state, reason = became(tx, batch)
        end(tx, row["campaign_id"], row["place"], state, reason=reason)


def has_begun(tx: Tx, batch: str) -> bool:
    """Whether any part of the message may have gone."""
    return any(state is not SendState.CANCELLED for state, _ in sends.outcome(tx, batch))


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
        handed_at=optional_from_ms(row["handed_ms"]),
    )
