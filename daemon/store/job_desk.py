"""The table `jobs`, as people see it and step in: lists, depths, cancel, requeue."""

import sqlite3
from datetime import datetime, timedelta

from attrs import frozen

from daemon.clock import from_ms
from daemon.domain.job import Job, JobId, JobState
from daemon.errors import Conflict, NotFound
from daemon.store.jobs import job_of, line_end, open_twin, promote
from daemon.store.tx import Tx

BATCH = 200  # requeued in one unit of work: what PROMISES allows a batch, so that nobody waits long behind it


@frozen(kw_only=True)
class Depth:
    """What a lane has to do. Ended jobs are not counted: they are history."""

    lane: str
    ready: int = 0  # heads of their lines: due, or waiting for their time
    blocked: int = 0  # behind an earlier one of their key
    running: int = 0
    dead: int = 0
    oldest: timedelta = timedelta()  # how long the longest due has been due


@frozen
class Requeued:
    count: int
    last: JobId | None  # go on after this one; None: there is no more


def get(tx: Tx, job_id: JobId) -> Job | None:
    row = tx.one(
        """
        SELECT id, lane, key, args, state, attempts, interrupted, epoch, due_ms, created_ms, started_ms, ended_ms,
               unique_key, rerun, last_error, request_id
          FROM jobs WHERE id = $1
        """,
        job_id,
    )
    return None if row is None else job_of(row)


def page(
    tx: Tx, *, lane: str | None = None, state: JobState | None = None, before: JobId | None = None, limit: int
) -> list[Job]:
    """Newest first, those with an id below `before`."""
    rows = tx.all(
        """
        SELECT id, lane, key, args, state, attempts, interrupted, epoch, due_ms, created_ms, started_ms, ended_ms,
               unique_key, rerun, last_error, request_id
          FROM jobs
         WHERE ($1 IS NULL OR lane = $1) AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4
        """,
        lane,
        state,
        before,
        limit,
    )
    return [job_of(row) for row in rows]


def count(tx: Tx, *, lane: str | None, state: JobState | None) -> int:
    total: int = tx.value(
        "SELECT count(*) FROM jobs WHERE ($1 IS NULL OR lane = $1) AND ($2 IS NULL OR state = $2)", lane, state
    )
    return total


def depths(tx: Tx) -> list[Depth]:
    """Of each lane that has open or dead jobs, by name. Four looks at indexes, never at the ended jobs."""
    ready = tx.all(
        "SELECT lane, count(*), min(due_ms) FROM jobs WHERE state = 'ready' AND blocked = 0 GROUP BY lane",
    )
    blocked = tx.all(
        """
        SELECT lane, count(*) FROM jobs
         WHERE state IN ('ready', 'running') AND key IS NOT NULL AND blocked > 0 GROUP BY lane
        """
    )
    running = tx.all("SELECT lane, count(*) FROM jobs WHERE state = 'running' GROUP BY lane")
    dead = tx.all("SELECT lane, count(*) FROM jobs WHERE state = 'dead' GROUP BY lane")
    heads, behind, at_work, given_up = map(_by_lane, (ready, blocked, running, dead))
    oldest = {row[0]: from_ms(row[2]) for row in ready}
    return [
        Depth(
            lane=lane,
            ready=heads.get(lane, 0),
            blocked=behind.get(lane, 0),
            running=at_work.get(lane, 0),
            dead=given_up.get(lane, 0),
            oldest=_age(oldest.get(lane), tx.now),
        )
        for lane in sorted(heads | behind | at_work | given_up)
    ]


def cancel(tx: Tx, job_id: JobId) -> None:
    """A job that waits, or was given up, is not wanted any more. Again does no harm."""
    row = tx.one("SELECT lane, key, state, blocked FROM jobs WHERE id = $1", job_id)
    if row is None:
        raise NotFound("job.not_found", job=job_id)
    if row["state"] == JobState.CANCELLED:
        return
    if row["state"] not in (JobState.READY, JobState.DEAD):
        raise Conflict("job.not_waiting", job=job_id, state=row["state"])
    tx.run("UPDATE jobs SET state = 'cancelled', ended_ms = $2 WHERE id = $1", job_id, tx.now_ms)
    if row["state"] == JobState.READY and row["blocked"] == 0:
        promote(tx, row["lane"], row["key"])


def requeue(tx: Tx, job_id: JobId) -> None:
    """A dead job gets all its attempts again, at the end of its line."""
    row = tx.one("SELECT id, lane, key, state, unique_key FROM jobs WHERE id = $1", job_id)
    if row is None:
        raise NotFound("job.not_found", job=job_id)
    if row["state"] != JobState.DEAD:
        raise Conflict("job.not_dead", job=job_id, state=row["state"])
    if not _revive(tx, row):
        raise Conflict("job.has_a_twin", job=job_id)


def requeue_all(tx: Tx, lane: str, *, after: JobId | None = None) -> Requeued:
    """The lane's dead jobs in the order they were added, a batch at a time; one whose twin is open stays dead."""
    rows = tx.all(
        """
        SELECT id, lane, key, state, unique_key FROM jobs
         WHERE state = 'dead' AND lane = $1 AND ($2 IS NULL OR id > $2) ORDER BY id LIMIT $3
        """,
        lane,
        after,
        BATCH,
    )
    count = sum(_revive(tx, row) for row in rows)
    return Requeued(count, rows[-1]["id"] if len(rows) == BATCH else None)


def _revive(tx: Tx, row: sqlite3.Row) -> bool:
    """False where an open job has its unique key by now."""
    if row["unique_key"] is not None and open_twin(tx, row["lane"], row["unique_key"]) is not None:
        return False
    tx.run(
        """
        UPDATE jobs SET state = 'ready', blocked = $2, attempts = 0, interrupted = 0, rerun = 0, due_ms = $3,
                        created_ms = $3, ended_ms = NULL  -- the age that retries are allowed counts anew
         WHERE id = $1
        """,
        row["id"],
        line_end(tx, row["lane"], row["key"]),
        tx.now_ms,
    )
    tx.lanes.add(row["lane"])
    return True


def _by_lane(rows: list[sqlite3.Row]) -> dict[str, int]:
    return {row[0]: row[1] for row in rows}


def _age(due_at: datetime | None, now: datetime) -> timedelta:
    return timedelta() if due_at is None else max(timedelta(), now - due_at)
