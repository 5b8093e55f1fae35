"""The table `jobs`, as the engine works it off: add, claim, settle, recover. What people do to jobs is in `job_desk`.

Jobs of one lane and key stand in a line: the head has `blocked` 0, each behind it its place, so that claiming looks
only at heads and the end of a head promotes exactly one. Wherever a job may have become due, its lane is put into
`tx.lanes`, which wakes it after the commit.
"""

import sqlite3
from collections.abc import Iterable

from attrs import field, frozen

from daemon.clock import from_ms, optional_from_ms, optional_to_ms, to_ms
from daemon.domain.job import Job, JobId, JobState, NewJob, OnConflict
from daemon.errors import Stale
from daemon.store.tx import Tx

CRASHES = 3  # processes that may die over one job before it is taken for the cause


@frozen
class Added:
    """`created` is false where an open job with the unique key serves."""

    id: JobId
    created: bool


@frozen
class Recovered:
    ready: int
    dead: int  # suspected of having brought the process down
    suspects: tuple[Job, ...] = field(default=(), eq=False)  # those


def add(tx: Tx, new: NewJob) -> Added:
    tx.lanes.add(new.lane)
    due_ms = tx.now_ms if new.due_at is None else to_ms(new.due_at)
    if new.unique_key is not None and (twin := open_twin(tx, new.lane, new.unique_key)) is not None:
        _merge(tx, new, twin, due_ms)
        return Added(JobId(twin["id"]), created=False)
    identifier = JobId(tx.new_id())
    tx.run(
        """
        INSERT INTO jobs (id, lane, key, args, state, blocked, due_ms, created_ms, unique_key, request_id)
        VALUES ($1, $2, $3, $4, 'ready', $5, $6, $7, $8, $9)
        """,
        identifier,
        new.lane,
        new.key,
        new.args,
        line_end(tx, new.lane, new.key),
        due_ms,
        max(due_ms, tx.now_ms),  # the age that retries are allowed counts from when it was to begin
        new.unique_key,
        new.request_id,
    )
    return Added(identifier, created=True)


def claim(tx: Tx, lane: str, room: int) -> list[Job]:
    """Up to `room` due heads of the lane, the longest due first, now running and ours.

    An attempt serves what was coalesced into the job and is due by now, so `rerun` ends here too.
    """
    rows = tx.all(
        """
        UPDATE jobs SET state = 'running', attempts = attempts + 1, epoch = $3, started_ms = $4, parked = 0,
                        rerun = CASE WHEN rerun_due_ms <= $4 THEN 0 ELSE rerun END
         WHERE id IN (SELECT id FROM jobs
                       WHERE lane = $1 AND state = 'ready' AND blocked = 0 AND due_ms <= $4
                       ORDER BY due_ms, id LIMIT $2)
        RETURNING id, lane, key, args, state, attempts, interrupted, epoch, due_ms, created_ms, started_ms, ended_ms,
                  unique_key, rerun, last_error, request_id
        """,
        lane,
        room,
        tx.epoch,
        tx.now_ms,
    )
    return sorted(map(job_of, rows), key=lambda job: (job.due_at, job.id))  # RETURNING promises no order


def park(tx: Tx, job_id: JobId, *, parked: bool) -> None:
    """From here on the running job only waits, for a seat for one; or, no longer.

    What waits when the process dies did not kill it, so that crash is not counted against it.
    """
    tx.run("UPDATE jobs SET parked = $2 WHERE id = $1 AND state = 'running' AND epoch = $3", job_id, parked, tx.epoch)


def settle(tx: Tx, job: Job) -> None:
    """Write how the attempt ended. Stale where the row is no longer in this very attempt: nothing may be kept of it.

    An end is none where the job is to be run once more; else the next of its line is the head.
    """
    ends = job.state is not JobState.READY
    changed = tx.run(
        """
        UPDATE jobs SET state = $4, attempts = $5, due_ms = $6, ended_ms = $7, last_error = $8
         WHERE id = $1 AND state = 'running' AND epoch = $2 AND started_ms = $3 AND (rerun = 0 OR $9)
        """,
        job.id,
        job.epoch,
        optional_to_ms(job.started_at),
        job.state,
        job.attempts,
        to_ms(job.due_at),
        optional_to_ms(job.ended_at),
        job.last_error,
        not ends or job.state is JobState.CANCELLED,
    )
    if not changed:
        _run_again(tx, job)
    if ends:
        promote(tx, job.lane, job.key)
    else:
        tx.lanes.add(job.lane)


def recover(tx: Tx) -> Recovered:
    """What processes of older epochs left running is ready at once, unless it was at work in too many that died.

    Right after the epoch was raised. A crash costs no attempt: it has a count of its own.
    """
    rows = tx.all(
        """
        UPDATE jobs SET state = CASE WHEN interrupted + 1 - parked >= $3 THEN 'dead' ELSE 'ready' END,
                        ended_ms = CASE WHEN interrupted + 1 - parked >= $3 THEN $2 END,
                        last_error = CASE WHEN interrupted + 1 - parked >= $3 THEN 'crash suspect' ELSE last_error END,
                        due_ms = CASE WHEN due_ms > $2 THEN $2 ELSE due_ms END,
                        interrupted = interrupted + 1 - parked,
                        attempts = attempts - 1
         WHERE state = 'running' AND epoch < $1
        RETURNING id, lane, key, args, state, attempts, interrupted, epoch, due_ms, created_ms, started_ms, ended_ms,
                  unique_key, rerun, last_error, request_id
        """,
        tx.epoch,
        tx.now_ms,
        CRASHES,
    )
    dead = [row for row in rows if row["state"] == JobState.DEAD]
    for row in dead:
        promote(tx, row["lane"], row["key"])
    tx.lanes.update(row["lane"] for row in rows)
    return Recovered(ready=len(rows) - len(dead), dead=len(dead), suspects=tuple(map(job_of, dead)))


def next_due(tx: Tx, lanes: Iterable[str]) -> dict[str, int]:
    """When (ms) the next job of each lane comes due after now. What is due already waits for a slot, not for time."""
    found = {}
    for lane in lanes:
        due_ms = tx.value(
            "SELECT min(due_ms) FROM jobs WHERE lane = $1 AND state = 'ready' AND blocked = 0 AND due_ms > $2",
            lane,
            tx.now_ms,
        )
        if due_ms is not None:
            found[lane] = due_ms
    return found


def open_twin(tx: Tx, lane: str, unique_key: str) -> sqlite3.Row | None:
    """The ready or running job that has the unique key."""
    return tx.one(
        """
        SELECT id, state FROM jobs
         WHERE lane = $1 AND unique_key = $2 AND state IN ('ready', 'running') AND unique_key IS NOT NULL
        """,
        lane,
        unique_key,
    )


def line_end(tx: Tx, lane: str, key: str | None) -> int:
    """The place behind all that is open of this lane and key; 0 where there is nothing, or no line at all."""
    if key is None:
        return 0
    last = tx.value(
        """
        SELECT max(blocked) FROM jobs
         WHERE lane = $1 AND key = $2 AND state IN ('ready', 'running') AND key IS NOT NULL
        """,
        lane,
        key,
    )
    return 0 if last is None else int(last) + 1


def promote(tx: Tx, lane: str, key: str | None) -> None:
    """The head of the line has gone: the next one is the head."""
    if key is None:
        return
    promoted = tx.run(
        """
        UPDATE jobs SET blocked = 0
         WHERE id = (SELECT id FROM jobs
                      WHERE lane = $1 AND key = $2 AND state IN ('ready', 'running') AND key IS NOT NULL
                        AND blocked > 0
                      ORDER BY blocked LIMIT 1)
        """,
        lane,
        key,
    )
    if promoted:
        tx.lanes.add(lane)


def job_of(row: sqlite3.Row) -> Job:
    (
        identifier, lane, key, args, state, attempts, interrupted, epoch, due_ms, created_ms, started_ms, ended_ms,
        unique_key, rerun, last_error, request_id,
    ) = row  # by place, not by name: this is the hot path of the queue  # fmt: skip
    return Job(
        id=identifier,
        lane=lane,
        key=key,
        args=args,
        state=JobState(state),
        attempts=attempts,
        interrupted=interrupted,
        epoch=epoch,
        due_at=from_ms(due_ms),
        created_at=from_ms(created_ms),
        started_at=optional_from_ms(started_ms),
        ended_at=optional_from_ms(ended_ms),
        unique_key=unique_key,
        rerun=bool(rerun),
        last_error=last_error,
        request_id=request_id,
    )


def _merge(tx: Tx, new: NewJob, twin: sqlite3.Row, due_ms: int) -> None:
    """Let the open job serve the new one too, as far as its policy asks for it."""
    if new.on_conflict is OnConflict.SKIP:
        return
    if new.on_conflict is OnConflict.REPLACE:
        tx.run("UPDATE jobs SET args = $2, request_id = $3 WHERE id = $1", twin["id"], new.args, new.request_id)
    if twin["state"] == JobState.RUNNING:
        tx.run(
            """
            UPDATE jobs SET rerun = 1,
                            rerun_due_ms = CASE WHEN $3 OR rerun = 0 OR rerun_due_ms > $2 THEN $2 ELSE rerun_due_ms END
             WHERE id = $1
            """,
            twin["id"],
            due_ms,
            new.on_conflict is OnConflict.REPLACE,
        )
    elif new.on_conflict is OnConflict.REPLACE:
        # One that failed keeps its distance to the next attempt, however often it is replaced.
        tx.run(
            """
            UPDATE jobs SET due_ms = CASE WHEN attempts > 0 AND due_ms > $2 THEN due_ms ELSE $2 END, rerun = 0
             WHERE id = $1
            """,
            twin["id"],
            due_ms,
        )


def _run_again(tx: Tx, job: Job) -> None:
    """A fresh run of the job, behind what was added to its line meanwhile. Stale where nothing asked for one."""
    changed = tx.run(
        """
        UPDATE jobs SET state = 'ready', blocked = $4, attempts = 0, interrupted = 0, due_ms = rerun_due_ms, rerun = 0,
                        created_ms = CASE WHEN rerun_due_ms > $5 THEN rerun_due_ms ELSE $5 END, last_error = $6
         WHERE id = $1 AND state = 'running' AND epoch = $2 AND started_ms = $3 AND rerun = 1
        """,
        job.id,
        job.epoch,
        optional_to_ms(job.started_at),
        line_end(tx, job.lane, job.key),
        tx.now_ms,
        job.last_error,
    )
    if not changed:
        raise Stale
    tx.lanes.add(job.lane)
