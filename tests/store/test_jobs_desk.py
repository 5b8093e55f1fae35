"""What people see of the queue, and how they step in."""

from datetime import timedelta

import pytest
from attrs import evolve

from daemon.domain.job import JobId, JobState, NewJob
from daemon.errors import Conflict, NotFound
from daemon.store import job_desk, jobs
from daemon.store.job_desk import Depth
from daemon.store.tx import Tx
from tests.memory import open_tx
from tests.store.test_jobs import done, later, only, stored


def dead(tx: Tx, new: NewJob) -> JobId:
    added = jobs.add(tx, new)
    job = only([job for job in jobs.claim(tx, new.lane, 10) if job.id == added.id])
    jobs.settle(tx, evolve(job, state=JobState.DEAD, ended_at=tx.now, last_error="x"))
    return added.id


def test_a_cancelled_job_never_runs_and_its_line_goes_on() -> None:
    tx = open_tx()
    first = jobs.add(tx, NewJob(lane="ask", key="k"))
    second = jobs.add(tx, NewJob(lane="ask", key="k"))

    job_desk.cancel(tx, first.id)
    job_desk.cancel(tx, first.id)

    assert stored(tx, first.id).state is JobState.CANCELLED
    assert only(jobs.claim(tx, "ask", 10)).id == second.id


def test_cancelling_one_in_the_middle_leaves_the_line_in_order() -> None:
    tx = open_tx()
    first, second, third = (jobs.add(tx, NewJob(lane="ask", key="k")).id for _ in range(3))

    job_desk.cancel(tx, second)
    head = only(jobs.claim(tx, "ask", 10))
    done(tx, head)

    assert head.id == first
    assert only(jobs.claim(tx, "ask", 10)).id == third


def test_what_runs_or_has_ended_well_cannot_be_cancelled_here() -> None:
    tx = open_tx()
    jobs.add(tx, NewJob(lane="ask"))
    job = only(jobs.claim(tx, "ask", 1))

    with pytest.raises(Conflict):
        job_desk.cancel(tx, job.id)
    done(tx, job)
    with pytest.raises(Conflict):
        job_desk.cancel(tx, job.id)
    with pytest.raises(NotFound):
        job_desk.cancel(tx, JobId("nobody"))


def test_a_requeued_job_starts_afresh_at_the_end_of_its_line() -> None:
    tx = open_tx()
    given_up = dead(tx, NewJob(lane="ask", key="k"))
    waiting = jobs.add(tx, NewJob(lane="ask", key="k"))
    after = later(tx, 60)

    job_desk.requeue(after, given_up)

    first = only(jobs.claim(after, "ask", 10))
    assert first.id == waiting.id
    done(after, first)
    again = only(jobs.claim(after, "ask", 10))
    assert (again.id, again.attempts, again.interrupted, again.created_at) == (given_up, 1, 0, after.now)


def test_only_the_dead_are_requeued_and_only_where_no_twin_does_their_work() -> None:
    tx = open_tx()
    given_up = dead(tx, NewJob(lane="ask", unique_key="u"))
    twin = jobs.add(tx, NewJob(lane="ask", unique_key="u"))

    with pytest.raises(Conflict):
        job_desk.requeue(tx, given_up)
    with pytest.raises(Conflict):
        job_desk.requeue(tx, twin.id)
    with pytest.raises(NotFound):
        job_desk.requeue(tx, JobId("nobody"))
    assert job_desk.requeue_all(tx, "ask") == job_desk.Requeued(0, None)
    assert stored(tx, given_up).state is JobState.DEAD


def test_all_dead_jobs_of_a_lane_are_requeued_in_batches_and_in_order() -> None:
    tx = open_tx()
    given_up = [dead(tx, NewJob(lane="ask")) for _ in range(job_desk.BATCH + 3)]
    dead(tx, NewJob(lane="send"))

    first = job_desk.requeue_all(tx, "ask")
    rest = job_desk.requeue_all(tx, "ask", after=first.last)

    assert (first.count, rest.count, rest.last) == (job_desk.BATCH, 3, None)
    assert [job.id for job in jobs.claim(tx, "ask", 1000)] == given_up


def test_a_page_is_newest_first_filtered_and_goes_on_at_its_cursor() -> None:
    tx = open_tx()
    ids = [jobs.add(tx, NewJob(lane=lane)).id for lane in ("ask", "send", "ask", "ask")]
    (running,) = jobs.claim(tx, "ask", 1)

    assert [job.id for job in job_desk.page(tx, limit=10)] == ids[::-1]
    assert [job.id for job in job_desk.page(tx, lane="ask", limit=2)] == [ids[3], ids[2]]
    assert [job.id for job in job_desk.page(tx, lane="ask", before=ids[2], limit=2)] == [ids[0]]
    assert job_desk.page(tx, state=JobState.RUNNING, limit=2) == [running]


def test_depths_count_what_is_open_or_dead_a_lane() -> None:
    tx = open_tx()
    for key in ("k", "k", None):
        jobs.add(tx, NewJob(lane="ask", key=key))
    jobs.add(tx, NewJob(lane="ask", due_at=tx.now + timedelta(hours=1)))
    jobs.claim(tx, "ask", 1)
    dead(tx, NewJob(lane="send"))
    jobs.add(tx, NewJob(lane="mail", due_at=tx.now + timedelta(hours=1)))
    jobs.add(tx, NewJob(lane="done"))
    done(tx, only(jobs.claim(tx, "done", 1)))

    assert job_desk.depths(later(tx, 30)) == [
        Depth(lane="ask", ready=2, blocked=1, running=1, oldest=timedelta(seconds=30)),
        Depth(lane="mail", ready=1),
        Depth(lane="send", dead=1),
    ]
