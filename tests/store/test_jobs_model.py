"""The queue against a model of a few lines: whatever is added, claimed, settled, crashed, cancelled and requeued."""

from datetime import timedelta
from typing import Any

from attrs import define, evolve, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemon.domain.job import Job, JobId, JobState, NewJob, OnConflict
from daemon.errors import Stale
from daemon.store import job_desk, jobs
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.memory import open_tx

LANE = "lane"
keys = st.none() | st.sampled_from("ab")
unique_keys = st.none() | st.sampled_from("uv")
seconds = st.integers(0, 3)


@define
class Row:
    """A job as it should be."""

    id: JobId
    key: str | None
    unique_key: str | None
    args: bytes
    due: int
    state: str = "ready"
    interrupted: int = 0
    retried: bool = False  # attempts > 0 while ready
    again: int | None = None  # when to run once more


@define
class Model:
    line: list[Row] = field(factory=list)  # all that is open, in the order in which it was asked for
    ended: dict[JobId, Row] = field(factory=dict)

    def twin(self, unique_key: str | None) -> Row | None:
        return next((row for row in self.line if unique_key is not None and row.unique_key == unique_key), None)

    def startable(self, now: int) -> list[Row]:
        heads: dict[object, Row] = {}
        for row in self.line:
            heads.setdefault(row.id if row.key is None else row.key, row)
        due = [row for row in heads.values() if row.state == "ready" and row.due <= now]
        return sorted(due, key=lambda row: (row.due, row.id))

    def end(self, row: Row, state: str) -> None:
        self.line.remove(row)
        if row.again is not None and state in ("done", "dead"):
            self.line.append(evolve(row, state="ready", due=row.again, again=None, interrupted=0, retried=False))
        else:
            row.state = state
            self.ended[row.id] = row


class Queue(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.first = open_tx(self.clock)
        self.epoch = 1
        self.model = Model()
        self.claimed: dict[JobId, Job] = {}
        self.zombies: list[Job] = []

    @property
    def tx(self) -> Tx:
        return Tx(self.first.connection, self.first.ids, self.clock.now(), self.epoch)

    @property
    def now(self) -> int:
        return self.tx.now_ms

    def running(self, data: st.DataObject) -> tuple[Job, Row]:
        job = data.draw(st.sampled_from(list(self.claimed.values())))
        del self.claimed[job.id]
        self.zombies.append(job)
        return job, next(row for row in self.model.line if row.id == job.id)

    @rule(
        key=keys, unique_key=unique_keys, wait=seconds, policy=st.sampled_from(OnConflict), args=st.binary(max_size=2)
    )
    def add(self, key: str | None, unique_key: str | None, wait: int, policy: OnConflict, args: bytes) -> None:
        tx = self.tx
        due = tx.now + timedelta(seconds=wait)
        twin = self.model.twin(unique_key)
        new = NewJob(lane=LANE, key=key, unique_key=unique_key, due_at=due, on_conflict=policy, args=args)
        added = jobs.add(tx, new)
        due_ms = self.now + wait * 1000
        assert added.created is (twin is None)
        if twin is None:
            self.model.line.append(Row(added.id, key, unique_key, args, due_ms))
            return
        assert added.id == twin.id
        if policy is OnConflict.REPLACE:
            twin.args = args
        if policy is not OnConflict.SKIP and twin.state == "running":
            earliest = due_ms if twin.again is None else min(twin.again, due_ms)
            twin.again = due_ms if policy is OnConflict.REPLACE else earliest
        elif policy is OnConflict.REPLACE:
            twin.due = max(twin.due, due_ms) if twin.retried else due_ms
            twin.again = None

    @rule(room=st.integers(1, 3))
    def claim(self, room: int) -> None:
        expected = self.model.startable(self.now)[:room]
        found = jobs.claim(self.tx, LANE, room)
        assert [(job.id, job.args) for job in found] == [(row.id, row.args) for row in expected]
        for job, row in zip(found, expected, strict=True):
            row.state = "running"
            if row.again is not None and row.again <= self.now:
                row.again = None
            self.claimed[job.id] = job

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), state=st.sampled_from([JobState.DONE, JobState.DEAD, JobState.CANCELLED]))
    def end(self, data: st.DataObject, state: JobState) -> None:
        job, row = self.running(data)
        jobs.settle(self.tx, evolve(job, state=state, ended_at=self.clock.now()))
        self.model.end(row, state)

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), wait=seconds, counted=st.booleans())
    def put_back(self, data: st.DataObject, wait: int, counted: bool) -> None:
        job, row = self.running(data)
        attempts = job.attempts if counted else job.attempts - 1
        due = self.clock.now() + timedelta(seconds=wait)
        jobs.settle(self.tx, evolve(job, state=JobState.READY, due_at=due, attempts=attempts))
        row.state, row.due, row.retried = "ready", self.now + wait * 1000, attempts > 0

    @rule()
    def crash(self) -> None:
        """The process dies; the next one recovers before anything else."""
        self.epoch += 1
        self.zombies += self.claimed.values()
        self.claimed.clear()
        recovered = jobs.recover(self.tx)
        left = [row for row in self.model.line if row.state == "running"]
        for row in left:
            row.interrupted += 1
            row.state = "ready"
            row.due = min(row.due, self.now)
            if row.interrupted == jobs.CRASHES:
                row.again = None
                self.model.end(row, "dead")
            else:
                stored = job_desk.get(self.tx, row.id)
                assert stored is not None
                row.retried = stored.attempts > 0
        assert recovered.ready + recovered.dead == len(left)

    @precondition(lambda self: self.zombies)
    @rule(data=st.data())
    def a_stale_owner_settles(self, data: st.DataObject) -> None:
        zombie = data.draw(st.sampled_from(self.zombies))
        mine = self.claimed.get(zombie.id)
        if mine is not None and (mine.epoch, mine.started_at) == (zombie.epoch, zombie.started_at):
            return  # claimed, put back and claimed again in one millisecond: the clock of a test stands still
        try:
            jobs.settle(self.tx, evolve(zombie, state=JobState.DONE, ended_at=self.clock.now()))
        except Stale:
            return
        raise AssertionError("a stale owner settled")

    @precondition(lambda self: any(row.state == "ready" for row in self.model.line))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from([row for row in self.model.line if row.state == "ready"]))
        job_desk.cancel(self.tx, row.id)
        self.model.end(row, "cancelled")

    @rule()
    def requeue(self) -> None:
        job_desk.requeue_all(self.tx, LANE)
        for row in sorted(self.model.ended.values(), key=lambda row: row.id):
            if row.state == "dead" and self.model.twin(row.unique_key) is None:
                del self.model.ended[row.id]
                self.model.line.append(
                    evolve(row, state="ready", due=self.now, interrupted=0, retried=False, again=None)
                )

    @rule(passed=st.integers(1, 2500))
    def time_passes(self, passed: int) -> None:
        self.clock.advance(passed / 1000)

    @invariant()
    def states_are_those_of_the_model(self) -> None:
        expected = {row.id: row.state for row in [*self.model.line, *self.model.ended.values()]}
        rows = self.tx.all("SELECT id, state FROM jobs")
        assert {row["id"]: row["state"] for row in rows} == expected

    @invariant()
    def the_next_due_time_is_that_of_the_model(self) -> None:
        heads = [row for row in self.model.startable(self.now + 10**9) if row.due > self.now]
        expected: dict[str, Any] = {LANE: min(row.due for row in heads)} if heads else {}
        assert jobs.next_due(self.tx, [LANE]) == expected

    def teardown(self) -> None:
        self.first.connection.close()


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
