"""Works the queue off: claims what is due on each lane, runs it side by side, and writes down how it went.

One claim serves all lanes that have a free slot and may have something due; a lane is looked at again when a commit,
a freed slot or the time may have brought something. An attempt holds its slot until its end is durable, so outcomes
that the store refuses for now keep their place instead of piling up.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from random import Random

import structlog
from attrs import define, field

from daemon.clock import Clock, from_ms
from daemon.domain.access import Actor
from daemon.domain.job import Job, JobId, JobState
from daemon.engine.attempt import Attempt, Lane, crash, failure
from daemon.engine.ends import Ends
from daemon.engine.lifecycle import (
    Cancelled,
    Done,
    Failed,
    Handler,
    Interrupted,
    Outcome,
    Result,
    Snooze,
    TimedOut,
    Work,
    settle,
)
from daemon.engine.timers import Timer, Timers
from daemon.errors import QiaodError, Stale, StoreUnavailable
from daemon.store import audit, due, job_desk, jobs
from daemon.store.database import Database
from daemon.store.job_desk import Depth
from daemon.store.tx import Tx

__all__ = ["Done", "Failed", "Handler", "Jobs", "Lane", "Result", "Snooze", "Work"]

log = structlog.get_logger()

LOOK_AGAIN = 60.0  # seconds: no due time is trusted longer, since somebody may set the wall clock forward
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0  # seconds between tries while the store refuses
LAST_WORDS = 3.0  # seconds for attempts that were cut off to end and be written; docs/jobs.md has the shutdown


@define(eq=False)
class Line:
    """A lane at work."""

    lane: Lane
    stirred: bool = True  # something of it may be due
    busy: int = 0
    alarm: Timer | None = None

    @property
    def room(self) -> int:
        return self.lane.concurrency - self.busy


@define(eq=False)
class Jobs:
    db: Database
    _clock: Clock
    _timers: Timers
    _random: Random
    lanes: Sequence[Lane]
    _lines: dict[str, Line] = field(init=False)
    _ends: Ends = field(init=False)
    _attempts: dict[JobId, Attempt] = field(factory=dict, init=False)
    _tasks: dict[asyncio.Task[None], JobId] = field(factory=dict, init=False)
    _changed: asyncio.Event = field(factory=asyncio.Event, init=False)
    _claim: asyncio.Task[None] | None = field(default=None, init=False)
    _stopping: bool = field(default=False, init=False)
    _set_back: timedelta = field(default=timedelta(), init=False)  # the wall clock, and the store has not followed yet

    def __attrs_post_init__(self) -> None:
        self._ends = Ends(self.db)
        self._lines = {lane.name: Line(lane) for lane in self.lanes}
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled; then what still runs is cut off. Call `stop` before, to let it finish."""
        recovered = await self.db.write(self._recover)
        if recovered.ready or recovered.dead:
            log.warning("jobs.recovered", ready=recovered.ready, dead=recovered.dead)
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._start_due()
        finally:
            await self.stop(timedelta())

    def _recover(self, tx: Tx) -> jobs.Recovered:
        recovered = jobs.recover(tx)
        for job in recovered.suspects:
            line = self._lines.get(job.lane)
            if line is not None and line.lane.bury is not None:
                line.lane.bury(tx, job)
        return recovered

    def wake(self, lanes: Iterable[str]) -> None:
        """Something of these lanes may have become due: the database says so after each commit that adds jobs."""
        for name in lanes:
            line = self._lines.get(name)
            if line is not None:
                line.stirred = True
                self._changed.set()

    def clock_moved(self, by: timedelta) -> None:
        """Somebody set the wall clock, by which jobs are due: none waits for hours that come a second time."""
        self._set_back += max(-by, timedelta())
        self.wake(self._lines)

    async def stop(self, grace: timedelta) -> None:
        """Start nothing more, wait for what runs, then cut it off: it is ready again, and no attempt is counted."""
        self._stopping = True
        for line in self._lines.values():
            self._disarm(line)
        if self._claim is not None:
            await asyncio.wait([self._claim])
        await self._ended(grace.total_seconds())
        for attempt in self._attempts.values():
            attempt.cut_off(Interrupted())
        await self._ended(LAST_WORDS)
        if self._tasks:
            log.error("jobs.abandoned", jobs=sorted(self._tasks.values()))  # the next start takes them up
            for task in self._tasks:
                task.cancel()

    async def cancel(self, job_id: JobId, *, by: Actor) -> None:
        """Nobody wants it any more. One that runs is cut off first; Conflict where it ended by itself."""
        attempt = self._attempts.get(job_id)
        if attempt is not None:
            attempt.cut_off(Cancelled())
            await asyncio.wait([task for task, job in self._tasks.items() if job == job_id])
        await self.db.write(self._cancel, job_id, by=by)

    def _cancel(self, tx: Tx, job_id: JobId, *, by: Actor) -> None:
        job = job_desk.get(tx, job_id)
        job_desk.cancel(tx, job_id)
        audit.record(tx, by, "job.cancelled", f"job:{job_id}")
        line = self._lines.get(job.lane) if job else None
        if job is not None and line is not None and line.lane.dismiss is not None:
            line.lane.dismiss(tx, job)

    async def requeue(self, job_id: JobId, *, by: Actor) -> None:
        await self.db.write(_requeue, job_id, by=by)

    async def requeue_all(self, lane: str, *, by: Actor) -> int:
        """How many of the lane's dead jobs are ready again."""
        batch = await self.db.write(_requeue_some, lane, by=by, after=None)
        count = batch.count
        while batch.last is not None:
            batch = await self.db.write(_requeue_some, lane, by=by, after=batch.last)
            count += batch.count
        return count

    async def depths(self) -> list[Depth]:
        return await self.db.read(job_desk.depths)

    # Starting

    async def _start_due(self) -> None:
        lines = [line for line in self._lines.values() if line.stirred and line.room > 0]
        if not lines or self._stopping:
            return
        for line in lines:
            line.stirred = False  # before the look: what comes during it stirs the lane again
        # Shielded: what was claimed has to be started or given back, also when we are cancelled meanwhile.
        self._claim = asyncio.create_task(self._claim_for(lines), name="jobs claim")
        await asyncio.shield(self._claim)

    async def _claim_for(self, lines: Sequence[Line]) -> None:
        rooms = {line.lane.name: line.room for line in lines}
        back, self._set_back = self._set_back, timedelta()
        try:
            claimed, next_due = await self.db.write(claim_each, rooms, back)
        except StoreUnavailable as error:
            self._set_back += back
            log.warning("jobs.claim_refused", error=error.code)
            self._timers.call_later(LONGEST_PAUSE, partial(self.wake, list(rooms)))
            return
        for line in lines:
            found = claimed[line.lane.name]
            if len(found) == rooms[line.lane.name]:
                line.stirred = True  # there may be more: looked at when a slot is free
            self._set_alarm(line, next_due.get(line.lane.name))
            for job in found:
                self._start(line, job)

    def _start(self, line: Line, job: Job) -> None:
        attempt = Attempt(job, line.lane, Interrupted() if self._stopping else None)
        line.busy += 1
        task = asyncio.create_task(self._perform(line, attempt), name=f"job {job.id}")
        self._attempts[job.id] = attempt
        self._tasks[task] = job.id

    def _set_alarm(self, line: Line, due_ms: int | None) -> None:
        self._disarm(line)
        if due_ms is not None and not self._stopping:
            wait = (from_ms(due_ms) - self._clock.now()).total_seconds()
            line.alarm = self._timers.call_later(min(wait, LOOK_AGAIN), partial(self.wake, (line.lane.name,)))

    def _disarm(self, line: Line) -> None:
        if line.alarm is not None:
            self._timers.cancel(line.alarm)
            line.alarm = None

    # Ending

    async def _perform(self, line: Line, attempt: Attempt) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            await self._end(attempt, await attempt.run(self._timers))
        except Exception:
            log.exception("job.abandoned", job=attempt.job.id, lane=attempt.job.lane)  # the next start takes it up
        finally:
            line.busy -= 1
            del self._tasks[task]
            if self._attempts.get(attempt.job.id) is attempt:  # the commit that ended it may have claimed the job anew
                del self._attempts[attempt.job.id]
            if line.stirred:
                self._changed.set()

    async def _end(self, attempt: Attempt, outcome: Outcome) -> None:
        """Write the outcome. Where its own work fails, that is how the attempt failed."""
        job = attempt.job
        try:
            await self._write(attempt, outcome)
        except Stale as error:
            try:
                await self._write(attempt, crash(error))  # it may be the work alone that came too late
            except Stale:
                log.warning("job.stale", job=job.id, lane=job.lane)  # somebody else's by now: nothing of it is kept
        except Exception as error:
            log.exception("job.work_failed", job=job.id, lane=job.lane)
            await self._write(attempt, failure(error) if isinstance(error, QiaodError) else crash(error))

    async def _write(self, attempt: Attempt, outcome: Outcome) -> None:
        """Until the store takes it: what a handler did in the world must not be forgotten."""
        settled = settle(attempt.job, outcome, now=self._clock.now(), retry=attempt.lane.retry, random=self._random)
        rest = _burial(attempt.lane, settled)
        pause = FIRST_PAUSE
        while True:
            try:
                await self._ends.write(settled, outcome, rest)
                break
            except StoreUnavailable as error:
                if pause == FIRST_PAUSE:
                    log.warning("job.end_refused", job=settled.id, lane=settled.lane, error=error.code)
                await self._pause(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        say = log.info if isinstance(outcome, Failed | TimedOut | Cancelled) else log.debug
        say("job.settled", job=settled.id, lane=settled.lane, state=settled.state, attempts=settled.attempts,
            error=settled.last_error)  # fmt: skip

    async def _pause(self, seconds: float) -> None:
        over = asyncio.Event()
        timer = self._timers.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            self._timers.cancel(timer)

    async def _ended(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)


def _burial(lane: Lane, settled: Job) -> Work | None:
    bury = lane.bury
    return None if bury is None or settled.state is not JobState.DEAD else lambda tx: bury(tx, settled)


def _requeue(tx: Tx, job_id: JobId, *, by: Actor) -> None:
    job_desk.requeue(tx, job_id)
    audit.record(tx, by, "job.requeued", f"job:{job_id}")


def _requeue_some(tx: Tx, lane: str, *, by: Actor, after: JobId | None) -> job_desk.Requeued:
    batch = job_desk.requeue_all(tx, lane, after=after)
    if batch.count:
        audit.record(tx, by, "job.requeued", f"lane:{lane}", detail={"jobs": batch.count})
    return batch


def claim_each(tx: Tx, rooms: Mapping[str, int], set_back: timedelta) -> tuple[dict[str, list[Job]], dict[str, int]]:
    """What may start on each lane, and for those with room left when they have to be looked at again."""
    if set_back:
        due.follow(tx, set_back)
    claimed = {lane: jobs.claim(tx, lane, room) for lane, room in rooms.items()}
    return claimed, jobs.next_due(tx, [lane for lane, room in rooms.items() if len(claimed[lane]) < room])
