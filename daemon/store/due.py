"""Jobs that wait, moved nearer or further: only `ready` ones, so that no state changes here."""

from datetime import datetime, timedelta

from daemon.clock import to_ms
from daemon.store.tx import Tx

MILLISECOND = timedelta(milliseconds=1)


def postpone(tx: Tx, *, lane: str, unique_key: str, until: datetime, most: timedelta) -> bool:
    """Whether there is one: it waits at least until then, but no longer than `most` beyond what it waited for first."""
    changed = tx.run(
        """
        UPDATE jobs SET due_ms = max(due_ms, min($3, created_ms + $4))
         WHERE lane = $1 AND unique_key = $2 AND state IN ('ready', 'running') AND unique_key IS NOT NULL
           AND state = 'ready'
        """,  # the second line is that of the index `jobs_unique`
        lane,
        unique_key,
        to_ms(until),
        most // MILLISECOND,
    )
    return changed > 0


def follow(tx: Tx, back: timedelta) -> None:
    """The wall clock was set back by so much: what waits is due as long from now as it was before."""
    by = back // MILLISECOND
    tx.run("UPDATE jobs SET due_ms = due_ms - $1 WHERE state = 'ready' AND due_ms > $2", by, tx.now_ms)
    tx.run("UPDATE jobs SET rerun_due_ms = rerun_due_ms - $1 WHERE state = 'running' AND rerun = 1", by)


def hasten(tx: Tx, *, lane: str, key: str, reason: str | None = None) -> None:
    """The head of this line is due now: what it waited for has happened. `reason`: only if it waits for that."""
    changed = tx.run(
        """
        UPDATE jobs SET due_ms = min(due_ms, $3)
         WHERE lane = $1 AND key = $2 AND state IN ('ready', 'running') AND key IS NOT NULL
           AND blocked = 0 AND state = 'ready' AND ($4 IS NULL OR last_error = $4)
        """,  # the second line is that of the index `jobs_line`
        lane,
        key,
        tx.now_ms,
        reason,
    )
    if changed:
        tx.lanes.add(lane)


def hasten_all(tx: Tx, *, lane: str) -> int:
    """Every head of a line of this lane is due now; how many waited."""
    changed = tx.run(
        "UPDATE jobs SET due_ms = $2 WHERE lane = $1 AND due_ms > $2 AND state = 'ready' AND blocked = 0",
        lane,
        tx.now_ms,
    )
    if changed:
        tx.lanes.add(lane)
    return changed
