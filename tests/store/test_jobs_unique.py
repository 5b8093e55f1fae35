"""What a second job with the same unique key does: events coalesce, and none is lost."""

from datetime import timedelta

import pytest
from attrs import evolve

from daemon.domain.job import JobState, NewJob, OnConflict
from daemon.store import jobs
from daemon.store.tx import Tx
from tests.memory import open_tx
from tests.store.test_jobs import back, done, later, only, stored

BOTH = [OnConflict.REPLACE, OnConflict.RERUN]


def again(tx: Tx, policy: OnConflict, *, args: bytes = b"2", after: float = 0, key: str | None = None) -> jobs.Added:
    due = tx.now + timedelta(seconds=after)
    return jobs.add(
        tx, NewJob(lane="ask", key=key, unique_key="u", args=args, due_at=due, on_conflict=policy, request_id="new")
    )


def test_a_ready_one_that_is_replaced_takes_arguments_due_time_and_request() -> None:
    tx = open_tx()
    first = again(tx, OnConflict.SKIP, args=b"1")

    second = again(tx, OnConflict.REPLACE, after=5)

    assert second == jobs.Added(first.id, created=False)
    job = only(jobs.claim(later(tx, 5), "ask", 10))
    assert (job.args, job.due_at, job.request_id) == (b"2", tx.now + timedelta(seconds=5), "new")


def test_a_ready_one_serves_both_under_rerun() -> None:
    tx = open_tx()
    again(tx, OnConflict.SKIP, args=b"1")
    again(tx, OnConflict.RERUN, after=5)

    job = only(jobs.claim(tx, "ask", 10))
    done(tx, job)

    assert job.args == b"1"
    assert stored(tx, job.id).state is JobState.DONE


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize("end", [JobState.DONE, JobState.DEAD])
def test_a_running_one_runs_once_more_when_it_ends(policy: OnConflict, end: JobState) -> None:
    tx = open_tx()
    again(tx, OnConflict.SKIP, args=b"1")
    job = only(jobs.claim(tx, "ask", 10))
    for seconds in (9, 4):
        again(tx, policy, after=seconds)

    after = later(tx, 1)
    jobs.settle(after, evolve(job, state=end, ended_at=after.now))

    assert after.lanes == {"ask"}
    assert jobs.claim(later(tx, 3.9), "ask", 10) == []
    rerun = only(jobs.claim(later(tx, 4), "ask", 10))
    assert (rerun.id, rerun.attempts, rerun.ended_at, rerun.rerun) == (job.id, 1, None, False)
    assert rerun.args == (b"2" if policy is OnConflict.REPLACE else b"1")
    done(tx, rerun)
    assert stored(tx, job.id).state is JobState.DONE


def test_of_several_reruns_the_earliest_time_counts_and_of_replacements_the_last() -> None:
    tx = open_tx()
    again(tx, OnConflict.SKIP)
    job = only(jobs.claim(tx, "ask", 10))

    for seconds in (4, 9):
        again(tx, OnConflict.RERUN, after=seconds)
    done(tx, job)
    assert stored(tx, job.id).due_at == tx.now + timedelta(seconds=4)

    job = only(jobs.claim(later(tx, 4), "ask", 10))
    for seconds in (5, 9):
        again(tx, OnConflict.REPLACE, after=seconds)
    done(tx, job)
    assert stored(tx, job.id).due_at == tx.now + timedelta(seconds=9)


def test_a_cancelled_run_is_not_run_again() -> None:
    tx = open_tx()
    again(tx, OnConflict.SKIP)
    job = only(jobs.claim(tx, "ask", 10))
    again(tx, OnConflict.RERUN)

    jobs.settle(tx, evolve(job, state=JobState.CANCELLED, ended_at=tx.now))

    assert stored(tx, job.id).state is JobState.CANCELLED


def test_a_retry_that_begins_after_the_event_serves_it() -> None:
    tx = open_tx()
    again(tx, OnConflict.SKIP)
    job = only(jobs.claim(tx, "ask", 10))
    again(tx, OnConflict.RERUN)
    back(tx, job)

    retried = only(jobs.claim(later(tx, 1), "ask", 10))
    done(tx, retried)

    assert stored(tx, job.id).state is JobState.DONE


def test_a_retry_that_begins_before_the_time_of_the_event_does_not_serve_it() -> None:
    tx = open_tx()
    again(tx, OnConflict.SKIP)
    job = only(jobs.claim(tx, "ask", 10))
    again(tx, OnConflict.RERUN, after=60)
    back(tx, job)

    retried = only(jobs.claim(later(tx, 1), "ask", 10))
    done(tx, retried)

    assert stored(tx, job.id).due_at == tx.now + timedelta(seconds=60)


def test_a_job_that_waits_for_its_retry_is_not_hastened_by_being_replaced() -> None:
    tx = open_tx()
    again(tx, OnConflict.SKIP)
    back(tx, only(jobs.claim(tx, "ask", 10)), after=30)

    again(tx, OnConflict.REPLACE)

    assert jobs.claim(later(tx, 29), "ask", 10) == []
    assert only(jobs.claim(later(tx, 30), "ask", 10)).args == b"2"


def test_a_rerun_goes_behind_what_its_line_got_meanwhile() -> None:
    tx = open_tx()
    again(tx, OnConflict.SKIP, key="k")
    job = only(jobs.claim(tx, "ask", 10))
    behind = jobs.add(tx, NewJob(lane="ask", key="k"))
    again(tx, OnConflict.RERUN, key="k")
    done(tx, job)

    second = only(jobs.claim(tx, "ask", 10))
    assert second.id == behind.id
    done(tx, second)
    assert only(jobs.claim(tx, "ask", 10)).id == job.id


def test_an_ended_job_gives_its_unique_key_back() -> None:
    tx = open_tx()
    first = again(tx, OnConflict.SKIP)
    done(tx, only(jobs.claim(tx, "ask", 10)))

    assert again(tx, OnConflict.SKIP).created
    assert again(tx, OnConflict.SKIP).id != first.id


def test_a_unique_key_belongs_to_its_lane() -> None:
    tx = open_tx()
    again(tx, OnConflict.SKIP)

    assert jobs.add(tx, NewJob(lane="send", unique_key="u")).created
