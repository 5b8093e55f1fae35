"""The service over a real store: what starts, when, beside what, and how its end is written."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

import structlog
from attrs import define, field

from daemon.domain.job import Job, JobId, JobState, NewJob
from daemon.engine.jobs import Done, Failed, Handler, Jobs, Lane, Result, Snooze
from daemon.engine.timers import Timers
from daemon.limits.retry import Retry
from daemon.store import job_desk, jobs, levels
from daemon.store.database import Database, open_database
from daemon.tasks import running
from tests.clock import FakeClock

T = TypeVar("T")

LIMIT = 25  # seconds that any wait of a test may take, on a slow disk too
AT_ONCE = Retry(base=timedelta(), attempts=3, age=timedelta(hours=1))
HOUR = timedelta(hours=1)


def lane(handler: Handler, name: str = "ask", *, slots: int = 4, retry: Retry = AT_ONCE, timeout: float = 3600) -> Lane:
    return Lane(name=name, handler=handler, concurrency=slots, retry=retry, timeout=timedelta(seconds=timeout))


async def soon(awaitable: Awaitable[T]) -> T:
    return await asyncio.wait_for(awaitable, LIMIT)


@define
class Bench:
    """A store, a clock in the test's hands, and the jobs at work on it."""

    db: Database
    clock: FakeClock
    timers: Timers
    jobs: Jobs

    async def add(self, name: str = "ask", **fields: object) -> JobId:
        return (await self.db.write(jobs.add, NewJob(lane=name, **fields))).id  # type: ignore[arg-type]

    async def get(self, job_id: JobId) -> Job:
        job = await self.db.read(job_desk.get, job_id)
        assert job is not None
        return job

    async def settled(self, job_id: JobId) -> Job:
        """The job as it is when nothing runs any more; nothing starts after this."""
        await soon(self.jobs.stop(HOUR))
        return await self.get(job_id)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.timers.run_due()


@asynccontextmanager
async def idle(tmp_path: Path, *lanes: Lane, clock: FakeClock | None = None) -> AsyncIterator[Bench]:
    """Everything built, nothing running."""
    clock = clock or FakeClock()
    timers = Timers(clock)
    async with open_database(tmp_path / "qiaod.db", clock) as db:
        service = Jobs(db, clock, timers, Random(1), lanes)
        db.on_jobs = service.wake
        yield Bench(db, clock, timers, service)
    await timers.aclose()


@asynccontextmanager
async def at_work(tmp_path: Path, *lanes: Lane, clock: FakeClock | None = None) -> AsyncIterator[Bench]:
    async with idle(tmp_path, *lanes, clock=clock) as bench, running(bench.jobs.run(), "jobs"):
        yield bench


@define
class Script:
    """A handler that tells of every start, and ends each attempt as the test says."""

    started: asyncio.Queue[tuple[Job, asyncio.Future[Result]]] = field(factory=asyncio.Queue)
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, job: Job) -> Result:
        end: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.started.put_nowait((job, end))
        try:
            return await end
        finally:
            self.at_once -= 1

    async def next(self) -> tuple[Job, asyncio.Future[Result]]:
        return await soon(self.started.get())

    async def end_next(self, result: Result) -> Job:
        job, end = await self.next()
        end.set_result(result)
        return job


async def test_a_job_is_run_and_ended_with_its_work_and_what_follows(tmp_path: Path) -> None:
    asked, sent = Script(), Script()
    async with at_work(tmp_path, lane(asked), lane(sent, "send")) as bench:
        first = await bench.add(args=b'{"n":1}')
        follow_up = NewJob(lane="send", args=b"next")

        job = await asked.end_next(Done(lambda tx: levels.save(tx, "x", 3.0), (follow_up,)))
        second = await sent.end_next(Done())

        assert (job.id, job.args, second.args) == (first, b'{"n":1}', b"next")
        assert (await bench.settled(first)).state is JobState.DONE
        assert await bench.db.read(levels.load, "x") == {"": 3.0}


async def test_jobs_of_one_key_keep_their_order_over_failures_and_snoozes(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        ids = [await bench.add(key="k") for _ in range(3)]
        results: list[Result] = [Failed("x"), Snooze(timedelta()), Done(), Failed("x", final=True), Done()]

        ran = [(await script.end_next(result)).id for result in results]

        assert ran == [ids[0], ids[0], ids[0], ids[1], ids[2]]


async def test_different_keys_run_side_by_side_and_no_more_than_the_lane_has_slots(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script, slots=3)) as bench:
        for key in "abcde":
            await bench.add(key=key)

        first = [await script.next() for _ in range(3)]
        for _, end in first:
            end.set_result(Done())
        for _ in range(2):
            await script.end_next(Done())

        assert script.most_at_once == 3


async def test_a_full_lane_does_not_hold_up_another(tmp_path: Path) -> None:
    stuck, quick = Script(), Script()
    async with at_work(tmp_path, lane(stuck, slots=1), lane(quick, "send", slots=1)) as bench:
        for _ in range(5):
            await bench.add("ask")
        await stuck.next()

        for _ in range(5):
            await bench.add("send")
            await quick.end_next(Done())


async def test_jobs_that_were_waiting_before_the_start_are_run(tmp_path: Path) -> None:
    script = Script()
    async with idle(tmp_path, lane(script, slots=1)) as bench:
        ids = [await bench.add() for _ in range(3)]
        async with running(bench.jobs.run(), "jobs"):
            assert [(await script.end_next(Done())).id for _ in ids] == ids


async def test_a_job_added_at_any_moment_of_falling_asleep_is_run(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        for passes in range(100):
            await bench.add()
            await script.end_next(Done())
            for _ in range(passes % 25):
                await asyncio.sleep(0)


async def test_a_job_is_run_when_its_time_comes(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script), lane(script, "send")) as bench:
        late = await bench.add(due_at=bench.clock.now() + timedelta(seconds=50))
        await bench.add()
        await script.end_next(Snooze(timedelta(seconds=20)))
        await bench.add("send")  # its claim is the last one before the queue rests
        await script.end_next(Done())
        await rested(bench)

        bench.pass_time(20.1)
        again = await script.end_next(Done())
        await rested(bench)
        bench.pass_time(30)
        last = await script.end_next(Done())

        assert again.attempts == 1
        assert last.id == late


async def rested(bench: Bench) -> None:
    """The dispatcher has looked at everything that was committed, and waits."""
    for _ in range(3):
        await bench.db.write(lambda _: None)
        await asyncio.sleep(0)


async def test_a_clock_that_is_set_forward_is_noticed_within_a_minute(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        await bench.add(due_at=bench.clock.now() + timedelta(days=2))
        await rested(bench)

        bench.clock.jump_wall(2 * 86400)
        bench.pass_time(60.1)

        await script.end_next(Done())


async def test_a_full_house_does_not_spin(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script, slots=1)) as bench:
        for _ in range(3):
            await bench.add()
        await script.next()
        await rested(bench)
        before = bench.db.status().commits

        await asyncio.sleep(0.1)

        assert bench.db.status().commits == before


async def test_what_a_killed_process_left_running_is_run_at_once(tmp_path: Path) -> None:
    script = Script()
    clock = FakeClock()
    async with idle(tmp_path, lane(script), clock=clock) as bench:
        left = await bench.add()
        await bench.db.write(jobs.claim, "ask", 1)
    async with at_work(tmp_path, lane(script), clock=clock):
        job = await script.end_next(Done())

    assert (job.id, job.attempts, job.interrupted) == (left, 1, 1)


async def test_a_handler_and_what_it_logs_know_the_request(tmp_path: Path) -> None:
    seen: asyncio.Queue[dict[str, object]] = asyncio.Queue()

    async def handler(job: Job) -> Result:
        seen.put_nowait(structlog.contextvars.get_contextvars())
        return Done()

    async with at_work(tmp_path, lane(handler)) as bench:
        job = await bench.add(request_id="r-1")
        assert await soon(seen.get()) == {"request_id": "r-1", "job": job}
        await bench.add()
        assert "request_id" not in await soon(seen.get())


async def test_depths_are_those_of_the_store(tmp_path: Path) -> None:
    async with idle(tmp_path, lane(Script())) as bench:
        await bench.add()
        assert await bench.jobs.depths() == [job_desk.Depth(lane="ask", ready=1)]
