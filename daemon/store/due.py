"""Jobs that wait, moved nearer or further: only `ready` ones, so that no state changes here."""

from datetime import datetime

from daemon.clock import to_ms
from daemon.domain.job import JobId
from daemon.store.tx import Tx


def postpone(tx: Tx, job_id: JobId, *, until: datetime) -> None:
    """It waits at least until then: a message that follows prolongs the wait for the next one."""
    tx.run("UPDATE jobs SET due_ms = max(due_ms, $2) WHERE id = $1 AND state = 'ready'", job_id, to_ms(until))


def hasten(tx: Tx, *, lane: str, key: str) -> None:
    """The head of this line is due now: what it waited for has happened."""
    changed = tx.run(
        """
        UPDATE jobs SET due_ms = min(due_ms, $3)
         WHERE lane = $1 AND key = $2 AND state IN ('ready', 'running') AND key IS NOT NULL
           AND blocked = 0 AND state = 'ready'
        """,  # the second line is that of the index `jobs_line`
        lane,
        key,
        tx.now_ms,
    )
    if changed:
        tx.lanes.add(lane)
