"""Jobs that wait, moved nearer or further."""

from datetime import timedelta

from daemon.domain.job import NewJob
from daemon.store import due, job_desk, jobs
from daemon.store.tx import Tx, numbered
from tests.memory import open_tx

MINUTE = timedelta(minutes=1)


def waiting(tx: Tx, *, seconds: float) -> NewJob:
    return NewJob(lane="turn", key="ann", unique_key="ann", due_at=tx.now + timedelta(seconds=seconds))


def test_a_waiting_job_is_put_off_but_not_for_ever() -> None:
    tx = open_tx()
    added = jobs.add(tx, waiting(tx, seconds=2))
    began = tx.now
    for seconds, expected in ((1, 3), (4, 6), (60, 10)):
        moved = due.postpone(
            tx,
            lane="turn",
            unique_key="ann",
            until=began + timedelta(seconds=seconds + 2),
            most=timedelta(seconds=8),
        )
        job = job_desk.get(tx, added.id)
        assert job is not None
        assert (moved, job.due_at) == (True, began + timedelta(seconds=expected))


def test_a_job_that_waits_longer_already_is_left_alone() -> None:
    tx = open_tx()
    added = jobs.add(tx, waiting(tx, seconds=90))
    assert due.postpone(tx, lane="turn", unique_key="ann", until=tx.now + MINUTE, most=MINUTE)
    job = job_desk.get(tx, added.id)
    assert job is not None
    assert job.due_at == tx.now + timedelta(seconds=90)


def test_what_runs_or_is_over_is_not_put_off() -> None:
    tx = open_tx()
    assert not due.postpone(tx, lane="turn", unique_key="ann", until=tx.now, most=MINUTE)
    jobs.add(tx, waiting(tx, seconds=0))
    assert jobs.claim(tx, "turn", 1)
    assert not due.postpone(tx, lane="turn", unique_key="ann", until=tx.now + MINUTE, most=MINUTE)


def test_the_head_of_a_line_is_hastened_and_its_lane_woken() -> None:
    tx = open_tx()
    added = jobs.add(tx, waiting(tx, seconds=600))
    tx.lanes.clear()
    due.hasten(tx, lane="turn", key="ann")
    job = job_desk.get(tx, added.id)
    assert job is not None
    assert (job.due_at, tx.lanes) == (tx.now, {"turn"})


def test_what_waits_for_something_else_is_not_hastened() -> None:
    tx = open_tx()
    added = jobs.add(tx, waiting(tx, seconds=600))
    due.hasten(tx, lane="turn", key="ann", reason="turn.media")
    job = job_desk.get(tx, added.id)
    assert job is not None
    assert job.due_at == tx.now + timedelta(seconds=600)


def test_neither_looks_through_the_whole_table() -> None:
    tx = open_tx()
    asked: list[str] = []
    tx.connection.set_trace_callback(asked.append)
    due.postpone(tx, lane="turn", unique_key="ann", until=tx.now, most=MINUTE)
    due.hasten(tx, lane="turn", key="ann")
    tx.connection.set_trace_callback(None)
    plans = [tx.all(f"EXPLAIN QUERY PLAN {numbered(sql)}") for sql in asked]
    steps = [row["detail"] for plan in plans for row in plan]
    assert ["jobs_unique" in steps[0], "jobs_line" in steps[1], len(steps)] == [True, True, 2]
