"""Jobs that wait, moved nearer or further: only `ready` ones, so that no state changes here."""

from datetime import datetime

from daemon.clock import to_ms
from daemon.store.tx import Tx


def postpone(tx: Tx, *, lane: str, unique_key: str, until: datetime) -> None:
    """It waits at least until then: a message that follows prolongs the wait for the next one."""
    tx.run(
        "UPDATE jobs SET due_ms = max(due_ms, $3) WHERE lane = $1 AND unique_key = $2 AND state = 'ready'",
        lane,
        unique_key,
        to_ms(until),
    )


def hasten(tx: Tx, *, lane: str, key: str) -> None:
    """The head of this line is due now: what it waited for has happened."""
    changed = tx.run(
        "UPDATE jobs SET due_ms = $3 WHERE lane = $1 AND key = $2 AND state = 'ready' AND blocked = 0 AND due_ms > $3",
        lane,
        key,
        tx.now_ms,
    )
    if changed:
        tx.lanes.add(lane)
