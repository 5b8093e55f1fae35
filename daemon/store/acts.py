"""The tables `acts` and `act_budgets`: what was done for an account, which is also what its budgets are counted by."""

import sqlite3
from collections.abc import Collection
from datetime import datetime, timedelta

from attrs import frozen

from daemon.clock import from_ms, optional_from_ms
from daemon.codec import encode_text
from daemon.domain.access import Actor
from daemon.domain.act import Act, ActKind, ActState, Budget
from daemon.domain.message import AccountId
from daemon.store.tx import Tx

_MILLISECOND = timedelta(milliseconds=1)


@frozen(kw_only=True)
class Tally:
    """What counts of one kind since a moment, and the n-th newest of it."""

    used: int
    edge: datetime | None


def tally(tx: Tx, account_id: AccountId, kind: ActKind, *, span: timedelta, most: int) -> Tally:
    """How many within the last `span`, and when the `most`-th newest of them was."""
    since = tx.now_ms - span // _MILLISECOND
    used: int = tx.value(
        "SELECT count(*) FROM acts WHERE account_id = $1 AND kind = $2 AND counts_ms > $3", account_id, kind, since
    )
    edge = tx.value(
        """
        SELECT counts_ms FROM acts WHERE account_id = $1 AND kind = $2 AND counts_ms > $3
         ORDER BY counts_ms DESC LIMIT 1 OFFSET $4
        """,
        account_id,
        kind,
        since,
        max(most, 1) - 1,
    )
    return Tally(used=used, edge=optional_from_ms(edge))


def rested_at(tx: Tx, account_id: AccountId, kind: ActKind) -> datetime | None:
    """When the pause after the last one that counts is over."""
    row = tx.one(
        """
        SELECT counts_ms, gap_ms FROM acts WHERE account_id = $1 AND kind = $2 AND counts_ms IS NOT NULL
         ORDER BY counts_ms DESC LIMIT 1
        """,
        account_id,
        kind,
    )
    return None if row is None else from_ms(row["counts_ms"] + row["gap_ms"])


def begin(tx: Tx, account_id: AccountId, kind: ActKind, target: str, *, gap: timedelta, by: Actor) -> str:
    """Durable before the call: from here on it counts, and a crash makes it `unknown`."""
    identifier = tx.new_id()
    tx.run(
        """
        INSERT INTO acts (id, account_id, kind, target, state, epoch, started_ms, counts_ms, gap_ms, actor, request_id)
        VALUES ($1, $2, $3, $4, 'doing', $5, $6, $6, $7, $8, $9)
        """,
        identifier,
        account_id,
        kind,
        target,
        tx.epoch,
        tx.now_ms,
        -(-gap // _MILLISECOND),
        by.id,
        by.request_id,
    )
    return identifier


def end(tx: Tx, act_id: str, state: ActState, *, counts: bool, error: str | None = None, detail: str = "") -> bool:
    """False where it had ended. Counted by its end, for the call was made between its start and then."""
    changed = tx.run(
        """
        UPDATE acts SET state = $2, error = $3, detail = $4, ended_ms = $5, counts_ms = $6
         WHERE id = $1 AND state = 'doing'
        """,
        act_id,
        state,
        error,
        detail,
        tx.now_ms,
        tx.now_ms if counts else None,
    )
    return changed > 0


def settle(tx: Tx, act_id: str, state: ActState, *, error: str, detail: str) -> bool:
    """A person found out about an unknown one; one that was not done counts no longer."""
    changed = tx.run(
        """
        UPDATE acts SET state = $2, error = $3, detail = $4, counts_ms = CASE $2 WHEN 'done' THEN counts_ms END
         WHERE id = $1 AND state = 'unknown'
        """,
        act_id,
        state,
        error,
        detail,
    )
    return changed > 0


def recover(tx: Tx) -> int:
    """What an older process left: it may have been done just before the process ended. How many are unknown."""
    reads = encode_text([kind for kind in ActKind if kind.only_reads])
    orphans = tx.all(
        """
        UPDATE acts
           SET state = CASE WHEN kind IN (SELECT value FROM json_each($3)) THEN 'failed' ELSE 'unknown' END,
               error = 'act.crashed', ended_ms = $2, counts_ms = $2
         WHERE state = 'doing' AND epoch < $1
        RETURNING state
        """,
        tx.epoch,
        tx.now_ms,
        reads,
    )
    return sum(row["state"] == ActState.UNKNOWN for row in orphans)


def get(tx: Tx, act_id: str) -> Act | None:
    row = tx.one("SELECT * FROM acts WHERE id = $1", act_id)
    return None if row is None else _act(row)


_WANTED = """
    ($1 IS NULL OR account_id = $1) AND ($2 IS NULL OR kind = $2) AND ($3 IS NULL OR state = $3)
    AND ($4 IS NULL OR account_id IN (SELECT value FROM json_each($4)))
"""


def page(
    tx: Tx,
    *,
    account_id: str | None,
    kind: ActKind | None,
    state: ActState | None,
    account_ids: Collection[str] | None,
    before: str | None,
    limit: int,
) -> tuple[list[Act], int]:
    """Newest first, and how many there are. `account_ids`: only those of these accounts; None: all."""
    wanted = account_id, kind, state, None if account_ids is None else encode_text(sorted(account_ids))
    rows = tx.all(
        f"SELECT * FROM acts WHERE {_WANTED} AND ($5 IS NULL OR id < $5) ORDER BY id DESC LIMIT $6",  # noqa: S608
        *wanted,
        before,
        limit,
    )
    total: int = tx.value(f"SELECT count(*) FROM acts WHERE {_WANTED}", *wanted)  # noqa: S608  # text of ours
    return [_act(row) for row in rows], total


def prune(tx: Tx, *, before: str, room: int) -> int:
    """Ended ones with an id below `before`; an `unknown` one waits for a person, however long."""
    return tx.run(
        """
        DELETE FROM acts WHERE id IN (
            SELECT id FROM acts WHERE id < $1 AND state NOT IN ('doing', 'unknown') ORDER BY id LIMIT $2)
        """,
        before,
        room,
    )


# Budgets


def budget(tx: Tx, account_id: AccountId, kind: ActKind) -> Budget | None:
    """What an operator set; None where they set nothing."""
    row = tx.one("SELECT * FROM act_budgets WHERE account_id = $1 AND kind = $2", account_id, kind)
    return None if row is None else _budget(row)


def set_budget(tx: Tx, account_id: AccountId, kind: ActKind, wanted: Budget, *, by: Actor) -> None:
    tx.run(
        """
        INSERT INTO act_budgets (account_id, kind, per_hour, per_day, gap_low_ms, gap_high_ms, days_online, set_by,
                                 set_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (account_id, kind) DO UPDATE
           SET per_hour = $3, per_day = $4, gap_low_ms = $5, gap_high_ms = $6, days_online = $7, set_by = $8,
               set_ms = $9
        """,
        account_id,
        kind,
        wanted.per_hour,
        wanted.per_day,
        wanted.gap_low // _MILLISECOND,
        wanted.gap_high // _MILLISECOND,
        wanted.days_online,
        by.id,
        tx.now_ms,
    )


def reset_budget(tx: Tx, account_id: AccountId, kind: ActKind) -> bool:
    """Whether one was set."""
    return tx.run("DELETE FROM act_budgets WHERE account_id = $1 AND kind = $2", account_id, kind) > 0


def _budget(row: sqlite3.Row) -> Budget:
    return Budget(
        per_hour=row["per_hour"],
        per_day=row["per_day"],
        gap_low=row["gap_low_ms"] * _MILLISECOND,
        gap_high=row["gap_high_ms"] * _MILLISECOND,
        days_online=row["days_online"],
    )


def _act(row: sqlite3.Row) -> Act:
    return Act(
        id=row["id"],
        account_id=AccountId(row["account_id"]),
        kind=ActKind(row["kind"]),
        target=row["target"],
        state=ActState(row["state"]),
        error=row["error"],
        detail=row["detail"],
        started_at=from_ms(row["started_ms"]),
        ended_at=optional_from_ms(row["ended_ms"]),
        by=row["actor"],
        request_id=row["request_id"],
    )
