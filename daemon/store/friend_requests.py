"""The table `friend_requests`: who wants to be an account's friend, and what became of it."""

import sqlite3
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from attrs import frozen

from daemon.clock import from_ms, optional_from_ms
from daemon.codec import encode_text
from daemon.domain.content import FriendRequest
from daemon.domain.message import AccountId, Wxid
from daemon.store.tx import Tx


class RequestState(StrEnum):
    WAITING = "waiting"
    ACCEPTING = "accepting"  # durable before the call
    ACCEPTED = "accepted"
    REJECTED = "rejected"  # by a person of ours; WeChat is not told
    FAILED = "failed"
    UNKNOWN = "unknown"  # it may have been accepted: never tried again by us


@frozen(kw_only=True)
class Asked:
    id: str
    account_id: AccountId
    wxid: Wxid
    nickname: str
    greeting: str
    user_ticket: str
    ticket: str
    scene: int
    room: str
    state: RequestState
    error: str | None
    by_rule: bool
    remark: str | None
    received_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    request_id: str | None


def add(tx: Tx, account_id: AccountId, request: FriendRequest, *, by_rule: bool, request_id: str | None) -> str:
    identifier = tx.new_id()
    tx.run(
        """
        INSERT INTO friend_requests (id, account_id, wxid, nickname, greeting, user_ticket, ticket, scene, room, state,
                                     by_rule, received_ms, request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'waiting', $10, $11, $12)
        """,
        identifier,
        account_id,
        request.wxid,
        request.nickname,
        request.greeting,
        request.user_ticket,
        request.ticket,
        request.scene,
        request.room,
        by_rule,
        tx.now_ms,
        request_id,
    )
    return identifier


def get(tx: Tx, identifier: str) -> Asked | None:
    row = tx.one("SELECT * FROM friend_requests WHERE id = $1", identifier)
    return None if row is None else _asked(row)


def move(
    tx: Tx, identifier: str, state: RequestState, *, of: Collection[RequestState], by: str, error: str | None = None
) -> bool:
    """False where it was in none of the states `of`."""
    changed = tx.run(
        """
        UPDATE friend_requests SET state = $2, error = $3, decided_ms = $4, decided_by = $5
         WHERE id = $1 AND state IN (SELECT value FROM json_each($6))
        """,
        identifier,
        state,
        error,
        tx.now_ms,
        by,
        encode_text(sorted(of)),
    )
    return changed > 0


def accepted_with(tx: Tx, account_id: AccountId, user_ticket: str) -> list[str]:
    """The ids of the accepted requests that came with this v3 ticket."""
    rows = tx.all(
        "SELECT id FROM friend_requests WHERE account_id = $1 AND user_ticket = $2 AND state = 'accepted'",
        account_id,
        user_ticket,
    )
    return [row["id"] for row in rows]


def set_remark(tx: Tx, identifier: str, remark: str | None) -> None:
    tx.run("UPDATE friend_requests SET remark = $2 WHERE id = $1", identifier, remark)


def recover(tx: Tx) -> int:
    """What an older process left half accepted: nobody knows, and nobody accepts it again."""
    return tx.run("UPDATE friend_requests SET state = 'unknown', error = 'act.crashed' WHERE state = 'accepting'")


_WANTED = """
    ($1 IS NULL OR account_id = $1) AND ($2 IS NULL OR state = $2)
    AND ($3 IS NULL OR account_id IN (SELECT value FROM json_each($3)))
"""


def page(
    tx: Tx,
    *,
    account_id: str | None,
    state: RequestState | None,
    account_ids: Collection[str] | None,
    before: str | None,
    limit: int,
) -> tuple[list[Asked], int]:
    """Newest first, and how many there are. `account_ids`: only those of these accounts; None: all."""
    wanted = account_id, state, None if account_ids is None else encode_text(sorted(account_ids))
    rows = tx.all(
        f"SELECT * FROM friend_requests WHERE {_WANTED} AND ($4 IS NULL OR id < $4) ORDER BY id DESC LIMIT $5",  # noqa: S608
        *wanted,
        before,
        limit,
    )
    total: int = tx.value(f"SELECT count(*) FROM friend_requests WHERE {_WANTED}", *wanted)  # noqa: S608
    return [_asked(row) for row in rows], total


def prune(tx: Tx, *, before: str, room: int) -> int:
    """Decided ones with an id below `before`."""
    return tx.run(
        """
        DELETE FROM friend_requests WHERE id IN (
            SELECT id FROM friend_requests WHERE id < $1 AND state IN ('accepted', 'rejected', 'failed')
             ORDER BY id LIMIT $2)
        """,
        before,
        room,
    )


def _asked(row: sqlite3.Row) -> Asked:
    return Asked(
        id=row["id"],
        account_id=AccountId(row["account_id"]),
        wxid=Wxid(row["wxid"]),
        nickname=row["nickname"],
        greeting=row["greeting"],
        user_ticket=row["user_ticket"],
        ticket=row["ticket"],
        scene=row["scene"],
        room=row["room"],
        state=RequestState(row["state"]),
        error=row["error"],
        by_rule=bool(row["by_rule"]),
        remark=row["remark"],
        received_at=from_ms(row["received_ms"]),
        decided_at=optional_from_ms(row["decided_ms"]),
        decided_by=row["decided_by"],
        request_id=row["request_id"],
    )
