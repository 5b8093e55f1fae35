"""What is old goes, a few rows at a time; never what an open job, a pending message or an open send needs.

Ids of ours begin with the time they were made, so "older than" is a range of the primary key, and each look is bounded.
"""

from collections.abc import Callable
from datetime import timedelta

from attrs import field, frozen

from daemon.ids import least_at
from daemon.store import (
    acts,
    audit,
    batches,
    campaigns,
    dialogues,
    friend_requests,
    idempotency,
    ledger,
    media,
    pauses,
    service_minutes,
    webhook_calls,
)
from daemon.store.tx import Tx

ROWS = 200  # in one unit of work: one DELETE of 150,000 stopped the writer for 632 ms
PAGES = 200  # given back to the file system in one unit of work
SLACK = 1000  # free pages left in the file: they are soon used again
LEAST_DEDUPE = timedelta(days=30)  # GeWe repeats hours or days later
LONGER = timedelta(days=1)  # that dedupe keys outlive their messages: a repeated delivery never comes in as new
_MILLISECOND = timedelta(milliseconds=1)


@frozen(kw_only=True)
class Keep:
    """For how long."""

    messages: timedelta = timedelta(days=90)  # and turns, sends, callback events
    jobs: timedelta = timedelta(days=1)  # done or cancelled
    dead_jobs: timedelta = timedelta(days=30)  # and batches, after their end
    dedupe: timedelta = LEAST_DEDUPE
    idempotency: timedelta = timedelta(hours=24)
    quarantine: timedelta = timedelta(days=14)
    audit: timedelta = timedelta(days=730)
    alerts: timedelta = timedelta(days=30)  # after they were resolved; the seed's retention
    service_minutes: timedelta = timedelta(days=7)  # the seed's retention of metrics
    charges: timedelta = timedelta(days=400)  # and the windows of quotas
    webhook_calls: timedelta = timedelta(days=30)
    dialogues: timedelta = timedelta(days=180)  # of the chat API: their lines
    dialogue_copies: timedelta = timedelta(days=2)  # of those that are in another store: for when it does not answer

    @property
    def keys(self) -> timedelta:
        """Of the dedupe keys."""
        return max(self.dedupe, LEAST_DEDUPE, self.messages + LONGER)


@frozen
class Cursor:
    """How far the table of dedupe keys has been looked through in this round."""

    dedupe: int = 0


@frozen(kw_only=True)
class Pruned:
    """Rows deleted by table, and where to go on; None: nothing old is left."""

    rows: dict[str, int] = field(factory=dict)
    next: Cursor | None = None

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def prune_once(tx: Tx, keep: Keep, cursor: Cursor) -> Pruned:
    """Delete up to ROWS rows."""
    rows, room = dict[str, int](), ROWS
    for table, prune in _TABLES.items():
        if gone := prune(tx, keep, room):
            rows[table] = gone
            room -= gone
        if room == 0:
            return Pruned(rows=rows, next=cursor)
    gone, after = _dedupe(tx, keep, room, cursor.dedupe)
    if gone:
        rows["dedupe"] = gone
    return Pruned(rows=rows, next=None if after is None else Cursor(after))


def shrink(tx: Tx) -> int:
    """Give some free pages back to the file system; how many are left to give."""
    spare = int(tx.value("PRAGMA freelist_count")) - SLACK
    for _ in range(min(PAGES, spare)):
        tx.run("PRAGMA incremental_vacuum(1)")  # sqlite3 takes one step of it at a time, whatever number is asked for
    return max(0, spare - PAGES)


def _jobs(tx: Tx, keep: Keep, room: int) -> int:
    gone = 0
    for state, kept in (("done", keep.jobs), ("cancelled", keep.jobs), ("dead", keep.dead_jobs)):
        gone += tx.run(_ENDED_JOBS, state, _before(tx, kept), room - gone)
    return gone


# The list of states is the index's own condition: without it SQLite would read the whole table.
_ENDED_JOBS = """
DELETE FROM jobs WHERE id IN (
    SELECT id FROM jobs
     WHERE state IN ('done', 'dead', 'cancelled') AND state = $1 AND ended_ms < $2 LIMIT $3)
"""


def _messages(tx: Tx, keep: Keep, room: int) -> int:
    return tx.run(
        """
        DELETE FROM messages WHERE id IN (
            SELECT m.id FROM messages m
             WHERE m.id < $1 AND m.standing <> 'pending'
               AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.id = m.turn_id AND t.state = 'asking')
             ORDER BY m.id LIMIT $2)
        """,
        _floor(tx, keep.messages),
        room,
    )


def _media(tx: Tx, keep: Keep, room: int) -> int:
    return media.prune(tx, below=_floor(tx, keep.messages), limit=room)


def _sends(tx: Tx, keep: Keep, room: int) -> int:
    """An `unknown` one waits for a person, however long."""
    return tx.run(
        """
        DELETE FROM sends WHERE id IN (
            SELECT id FROM sends
             WHERE id < $1 AND state NOT IN ('queued', 'waiting', 'sending', 'unknown') ORDER BY id LIMIT $2)
        """,
        _floor(tx, keep.messages),
        room,
    )


def _turns(tx: Tx, keep: Keep, room: int) -> int:
    return tx.run(
        """
        DELETE FROM turns WHERE id IN (
            SELECT t.id FROM turns t
             WHERE t.id < $1 AND t.state <> 'asking'
               AND NOT EXISTS (SELECT 1 FROM sends s
                                WHERE s.state IN ('queued', 'waiting', 'sending', 'unknown') AND s.turn_id = t.id)
             ORDER BY t.id LIMIT $2)
        """,
        _floor(tx, keep.messages),
        room,
    )


def _events(tx: Tx, keep: Keep, room: int) -> int:
    return tx.run(
        "DELETE FROM callback_events WHERE id IN (SELECT id FROM callback_events WHERE id < $1 ORDER BY id LIMIT $2)",
        _floor(tx, keep.messages),
        room,
    )


def _quarantine(tx: Tx, keep: Keep, room: int) -> int:
    """Their number and size are bounded where they come in."""
    return tx.run(
        "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE id < $1 ORDER BY id LIMIT $2)",
        _floor(tx, keep.quarantine),
        room,
    )


def _idempotency(tx: Tx, keep: Keep, room: int) -> int:
    return idempotency.prune(tx, before_ms=_before(tx, keep.idempotency), limit=room)


def _callback_keys(tx: Tx, keep: Keep, room: int) -> int:
    return tx.run(
        "DELETE FROM callback_keys WHERE hash IN (SELECT hash FROM callback_keys WHERE expires_ms < $1 LIMIT $2)",
        _before(tx, keep.messages),
        room,
    )


def _campaigns(tx: Tx, keep: Keep, room: int) -> int:
    return campaigns.prune(tx, before_ms=_before(tx, keep.messages), limit=room)


def _batches(tx: Tx, keep: Keep, room: int) -> int:
    return batches.prune(tx, before_ms=_before(tx, keep.dead_jobs), limit=room)


def _chats(tx: Tx, keep: Keep, room: int) -> int:
    return pauses.prune_chats(tx, before_ms=_before(tx, keep.messages), limit=room)


def _audit(tx: Tx, keep: Keep, room: int) -> int:
    return audit.prune(tx, older_than=tx.now - keep.audit, limit=room)


def _alerts(tx: Tx, keep: Keep, room: int) -> int:
    return tx.run(
        "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE resolved_ms < $1 ORDER BY resolved_ms LIMIT $2)",
        _before(tx, keep.alerts),
        room,
    )


def _service_minutes(tx: Tx, keep: Keep, room: int) -> int:
    return service_minutes.prune(tx, keep=keep.service_minutes, limit=room)


def _charges(tx: Tx, keep: Keep, room: int) -> int:
    return ledger.prune(tx, before_ms=_before(tx, keep.charges), limit=room)


def _quota_windows(tx: Tx, keep: Keep, room: int) -> int:
    return tx.run(
        """
        DELETE FROM quota_windows WHERE (quota_id, scope_id, start_ms) IN (
            SELECT quota_id, scope_id, start_ms FROM quota_windows WHERE end_ms < $1 ORDER BY end_ms LIMIT $2)
        """,
        _before(tx, keep.charges),
        room,
    )


def _acts(tx: Tx, keep: Keep, room: int) -> int:
    return acts.prune(tx, before=_floor(tx, keep.messages), room=room)


def _friend_requests(tx: Tx, keep: Keep, room: int) -> int:
    return friend_requests.prune(tx, before=_floor(tx, keep.messages), room=room)


def _dialogues(tx: Tx, keep: Keep, room: int) -> int:
    copies = min(keep.dialogues, keep.dialogue_copies)
    return dialogues.prune(
        tx, here=_floor(tx, keep.dialogues), copies=_floor(tx, copies), unused_ms=_before(tx, copies), limit=room
    )


def _webhook_calls(tx: Tx, keep: Keep, room: int) -> int:
    return webhook_calls.prune(tx, below=_floor(tx, keep.webhook_calls), limit=room)


_TABLES: dict[str, Callable[[Tx, Keep, int], int]] = {
    "jobs": _jobs,
    "messages": _messages,
    "media": _media,
    "sends": _sends,
    "campaigns": _campaigns,
    "batches": _batches,
    "chats": _chats,
    "turns": _turns,
    "callback_events": _events,
    "quarantine": _quarantine,
    "idempotency": _idempotency,
    "callback_keys": _callback_keys,
    "audit": _audit,
    "alerts": _alerts,
    "service_minutes": _service_minutes,
    "charges": _charges,
    "acts": _acts,
    "friend_requests": _friend_requests,
    "quota_windows": _quota_windows,
    "dialogues": _dialogues,
    "webhook_calls": _webhook_calls,
}


def _dedupe(tx: Tx, keep: Keep, room: int, after: int) -> tuple[int, int | None]:
    """Keys by age of their last delivery, looked at in the order of their first; how many went, and where to go on."""
    before = _before(tx, keep.keys)
    seen = tx.all("SELECT seq, first_ms, last_ms FROM dedupe WHERE seq > $1 ORDER BY seq LIMIT $2", after, room)
    old = [row for row in seen if row["first_ms"] < before]
    gone = [(row["seq"],) for row in old if row["last_ms"] < before]
    tx.many("DELETE FROM dedupe WHERE seq = $1", gone)
    return len(gone), old[-1]["seq"] if old and len(old) == room else None


def _before(tx: Tx, keep: timedelta) -> int:
    return tx.now_ms - keep // _MILLISECOND


def _floor(tx: Tx, keep: timedelta) -> str:
    """Below every id made since."""
    return least_at(_before(tx, keep))
