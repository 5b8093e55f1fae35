"""The table `jobs`, by its own rules: lines, unique keys, fencing, recovery. No loop."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.job import Job, JobState, NewJob, OnConflict
from daemon.errors import Stale
from daemon.store import job_desk, jobs
from daemon.store.tx import Tx
from tests.memory import open_tx


def later(tx: Tx, seconds: float = 0, *, epoch: int | None = None) -> Tx:
    """The same database in another unit of work."""
    return Tx(tx.connection, tx.ids, tx.now + timedelta(seconds=seconds), tx.epoch if epoch is None else epoch)


def new(key: str | None = None, **fields: Any) -> NewJob:
    return evolve(NewJob(lane="ask", key=key), **fields)


def only(claimed: list[Job]) -> Job:
    (job,) = claimed
    return job


def done(tx: Tx, job: Job) -> None:
    jobs.settle(tx, evolve(job, state=JobState.DONE, ended_at=tx.now))


def back(tx: Tx, job: Job, *, after: float = 0) -> None:
    jobs.settle(tx, evolve(job, state=JobState.READY, due_at=tx.now + timedelta(seconds=after)))


def stored(tx: Tx, job_id: str) -> Job:
    job = job_desk.get(tx, job_id)  # type: ignore[arg-type]
    assert job is not None
    return job


def test_a_claimed_job_carries_what_was_added_and_who_claimed_it() -> None:
    tx = open_tx(epoch=7)
    added = jobs.add(tx, new("k", args=b'{"n":1}', request_id="r", unique_key="u"))

    job = only(jobs.claim(tx, "ask", 10))

    assert added.created
    assert (job.id, job.lane, job.key, job.args, job.request_id) == (added.id, "ask", "k", b'{"n":1}', "r")
    assert (job.state, job.attempts, job.epoch, job.started_at) == (JobState.RUNNING, 1, 7, tx.now)


def test_a_claim_takes_the_longest_due_of_its_lane_and_no_more_than_it_has_room_for() -> None:
    tx = open_tx()
    second = jobs.add(tx, new(due_at=tx.now - timedelta(seconds=1)))
    first = jobs.add(tx, new(due_at=tx.now - timedelta(seconds=2)))
    jobs.add(tx, new())
    jobs.add(tx, evolve(new(), lane="send"))

    claimed = jobs.claim(tx, "ask", 2)

    assert [job.id for job in claimed] == [first.id, second.id]


def test_a_job_is_not_claimed_before_it_is_due() -> None:
    tx = open_tx()
    jobs.add(tx, new(due_at=tx.now + timedelta(seconds=5)))

    assert jobs.claim(later(tx, 4.9), "ask", 1) == []
    assert len(jobs.claim(later(tx, 5), "ask", 1)) == 1


def test_jobs_of_one_key_run_one_at_a_time_in_the_order_they_were_added() -> None:
    tx = open_tx()
    added = [jobs.add(tx, new("k")).id for _ in range(4)]

    ran = []
    while claimed := jobs.claim(tx, "ask", 10):
        ran.append(only(claimed).id)
        done(tx, claimed[0])

    assert ran == added


def test_different_keys_and_jobs_without_one_run_side_by_side() -> None:
    tx = open_tx()
    for key in ("a", "b", None, None):
        jobs.add(tx, new(key))

    assert len(jobs.claim(tx, "ask", 10)) == 4


@pytest.mark.parametrize("state", [JobState.DONE, JobState.DEAD, JobState.CANCELLED])
def test_every_end_of_a_head_lets_the_next_of_its_key_go(state: JobState) -> None:
    tx = open_tx()
    jobs.add(tx, new("k"))
    second = jobs.add(tx, new("k"))
    tx.lanes.clear()

    jobs.settle(tx, evolve(only(jobs.claim(tx, "ask", 10)), state=state, ended_at=tx.now))

    assert only(jobs.claim(tx, "ask", 10)).id == second.id
    assert tx.lanes == {"ask"}


def test_a_head_that_waits_for_its_retry_keeps_its_line_waiting() -> None:
    tx = open_tx()
    first = jobs.add(tx, new("k"))
    jobs.add(tx, new("k"))

    back(tx, only(jobs.claim(tx, "ask", 10)), after=30)

    assert jobs.claim(later(tx, 29), "ask", 10) == []
    assert only(jobs.claim(later(tx, 30), "ask", 10)).id == first.id


def test_a_settled_attempt_cannot_be_settled_again() -> None:
    tx = open_tx()
    jobs.add(tx, new())
    job = only(jobs.claim(tx, "ask", 1))
    done(tx, job)

    with pytest.raises(Stale):
        done(tx, job)


def test_an_owner_of_an_older_epoch_changes_no_row() -> None:
    old = open_tx(epoch=1)
    jobs.add(old, new("k"))
    zombie = only(jobs.claim(old, "ask", 1))
    young = later(old, 1, epoch=2)
    jobs.recover(young)
    job = only(jobs.claim(young, "ask", 1))

    with pytest.raises(Stale):
        done(old, zombie)
    assert stored(young, job.id) == job


def test_an_attempt_of_the_same_epoch_cannot_settle_the_next_one() -> None:
    tx = open_tx()
    jobs.add(tx, new())
    first = only(jobs.claim(tx, "ask", 1))
    back(tx, first)
    after = later(tx, 0.001)
    second = only(jobs.claim(after, "ask", 1))

    with pytest.raises(Stale):
        done(after, first)
    assert stored(after, second.id).state is JobState.RUNNING


def test_recovery_makes_ready_what_older_epochs_left_running_and_nothing_else() -> None:
    tx = open_tx(epoch=1)
    running = jobs.add(tx, new(due_at=tx.now - timedelta(seconds=1)))
    jobs.claim(tx, "ask", 1)
    waiting = jobs.add(tx, new(due_at=tx.now + timedelta(seconds=60)))
    before = stored(tx, waiting.id)
    young = later(tx, 1, epoch=2)

    assert jobs.recover(young) == jobs.Recovered(ready=1, dead=0)

    again = stored(young, running.id)
    assert (again.state, again.interrupted, again.attempts) == (JobState.READY, 1, 0)
    assert stored(young, waiting.id) == before
    assert young.lanes == {"ask"}
    assert jobs.recover(young) == jobs.Recovered(ready=0, dead=0)


def test_recovery_spares_what_this_process_runs() -> None:
    tx = open_tx(epoch=2)
    jobs.add(tx, new())
    job = only(jobs.claim(tx, "ask", 1))

    jobs.recover(tx)

    assert stored(tx, job.id) == job


def test_what_was_left_running_is_ready_at_once_also_when_the_clock_went_back() -> None:
    tx = open_tx(epoch=1)
    jobs.add(tx, new())
    jobs.claim(tx, "ask", 1)
    young = later(tx, -3600, epoch=2)

    jobs.recover(young)

    assert len(jobs.claim(young, "ask", 1)) == 1


def test_a_job_over_which_three_processes_died_is_dead_and_its_line_goes_on() -> None:
    tx = open_tx(epoch=0)
    suspect = jobs.add(tx, new("k"))
    behind = jobs.add(tx, new("k"))
    for epoch in (1, 2, 3):
        tx = later(tx, 1, epoch=epoch)
        assert only(jobs.claim(tx, "ask", 10)).id == suspect.id
        tx = later(tx, 1, epoch=epoch + 1)
        assert jobs.recover(tx) == jobs.Recovered(ready=int(epoch < 3), dead=int(epoch == 3))

    dead = stored(tx, suspect.id)
    assert (dead.state, dead.last_error, dead.ended_at) == (JobState.DEAD, "crash suspect", tx.now)
    assert only(jobs.claim(tx, "ask", 10)).id == behind.id


def test_the_next_due_time_is_that_of_a_head_in_the_future() -> None:
    tx = open_tx()
    jobs.add(tx, new())  # due: it waits for a slot, not for time
    jobs.add(tx, new("k", due_at=tx.now + timedelta(seconds=9)))
    jobs.add(tx, new("k", due_at=tx.now + timedelta(seconds=1)))  # behind the one before
    jobs.add(tx, new(due_at=tx.now + timedelta(seconds=7)))
    jobs.add(tx, evolve(new(), lane="send"))

    assert jobs.next_due(tx, ["ask", "send", "none"]) == {"ask": tx.now_ms + 7000}


def test_adding_wakes_the_lane() -> None:
    tx = open_tx()
    jobs.add(tx, new())
    assert tx.lanes == {"ask"}


def plan(tx: Tx, sql: str) -> str:
    return " ".join(row["detail"] for row in tx.all("EXPLAIN QUERY PLAN " + sql))


def test_the_hot_queries_have_their_indexes() -> None:
    tx = open_tx()
    seen: list[str] = []
    tx.connection.set_trace_callback(seen.append)
    jobs.add(tx, new("k", unique_key="u"))
    jobs.add(tx, new("k"))
    done(tx, only(jobs.claim(tx, "ask", 10)))
    jobs.next_due(tx, ["ask"])
    jobs.recover(tx)
    tx.connection.set_trace_callback(None)

    looks = [sql for sql in seen if "INSERT" not in sql]
    plans = [plan(tx, sql) for sql in looks]

    assert len(plans) == 8
    assert not [text for text in plans if "SCAN" in text]
    assert all("USING" in text for text in plans)


def test_a_later_start_counts_as_the_beginning_of_a_job() -> None:
    tx = open_tx()
    start = tx.now + timedelta(days=3)
    jobs.add(tx, new(due_at=start))

    assert only(jobs.claim(later(tx, 3 * 86400), "ask", 1)).created_at == start


def test_without_the_policy_of_a_rerun_an_open_job_serves_both() -> None:
    tx = open_tx()
    first = jobs.add(tx, new(unique_key="u", args=b"1"))
    second = jobs.add(tx, new(unique_key="u", args=b"2", on_conflict=OnConflict.SKIP))

    job = only(jobs.claim(tx, "ask", 10))
    assert (second.id, second.created, job.args) == (first.id, False, b"1")
    jobs.add(tx, new(unique_key="u", args=b"3"))
    done(tx, job)

    assert stored(tx, job.id).state is JobState.DONE


def test_a_job_that_only_waited_when_the_processes_died_is_no_suspect() -> None:
    tx = open_tx(epoch=0)
    jobs.add(tx, new())
    for epoch in range(1, 10):
        tx = later(tx, 1, epoch=epoch)
        jobs.park(tx, only(jobs.claim(tx, "ask", 1)).id, parked=True)
        tx = later(tx, 1, epoch=epoch + 1)
        assert jobs.recover(tx) == jobs.Recovered(ready=1, dead=0)


def test_a_job_that_went_on_working_after_its_wait_is_counted_again() -> None:
    tx = open_tx(epoch=1)
    jobs.add(tx, new())
    job = only(jobs.claim(tx, "ask", 1))
    jobs.park(tx, job.id, parked=True)
    jobs.park(tx, job.id, parked=False)
    young = later(tx, 1, epoch=2)
    jobs.recover(young)
    assert stored(young, job.id).interrupted == 1
