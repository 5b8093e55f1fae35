"""A store that refuses for a while, a stop, and people who step in."""

import asyncio
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

from attrs import define, field

from daemon.domain.access import SYSTEM
from daemon.domain.job import JobState, NewJob, OnConflict
from daemon.engine.jobs import Done, Jobs, claim_each
from daemon.errors import StoreUnavailable
from daemon.store import jobs, levels
from daemon.store.database import Database
from daemon.tasks import running
from tests.engine.test_jobs import HOUR, Bench, Script, at_work, idle, lane, rested, soon

SECOND = timedelta(seconds=1)


@define
class Refusing:
    """The real store behind a door that can be shut."""

    db: Database
    shut: bool = False
    refused: int = 0

    async def write(self, *args: Any, **kwargs: Any) -> Any:
        self._pass()
        return await self.db.write(*args, **kwargs)

    async def settle(self, *args: Any, **kwargs: Any) -> Any:
        self._pass()
        return await self.db.settle(*args, **kwargs)

    def _pass(self) -> None:
        if self.shut:
            self.refused += 1
            raise StoreUnavailable("store.full", SECOND)


def behind_a_door(bench: Bench, script: Script, **fields: Any) -> tuple[Refusing, Jobs]:
    door = Refusing(bench.db)
    service = Jobs(cast("Database", door), bench.clock, bench.timers, Random(1), [lane(script, **fields)])
    bench.db.on_jobs = service.wake
    bench.jobs = service
    return door, service


async def test_an_outcome_that_the_store_refuses_is_kept_until_it_takes_it(tmp_path: Path) -> None:
    script = Script()
    async with idle(tmp_path) as bench:
        door, service = behind_a_door(bench, script)
        async with running(service.run(), "jobs"):
            job = await bench.add()
            _, end = await script.next()
            door.shut = True
            end.set_result(Done(lambda tx: levels.save(tx, "x", 1.0)))
            for _ in range(5):
                await rested(bench)
                bench.pass_time(2.1)
            assert door.refused >= 4
            door.shut = False
            await rested(bench)
            bench.pass_time(2.1)

            assert (await bench.settled(job)).state is JobState.DONE
            assert await bench.db.read(levels.load, "x") == {"": 1.0}


async def test_a_claim_that_the_store_refuses_is_made_again(tmp_path: Path) -> None:
    script = Script()
    async with idle(tmp_path) as bench:
        door, service = behind_a_door(bench, script)
        async with running(service.run(), "jobs"):
            await rested(bench)
            door.shut = True
            await bench.add()
            await rested(bench)
            assert door.refused
            door.shut = False
            bench.pass_time(2.1)

            await script.end_next(Done())


async def test_a_stop_waits_for_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script, slots=1)) as bench:
        first, second = await bench.add(), await bench.add()
        _, end = await script.next()

        stopping = asyncio.create_task(bench.jobs.stop(HOUR))
        await rested(bench)
        assert not stopping.done()
        end.set_result(Done())
        await soon(stopping)

        assert (await bench.get(first)).state is JobState.DONE
        assert (await bench.get(second)).state is JobState.READY
        assert script.started.empty()


async def test_what_outlasts_the_grace_is_ready_again_and_costs_nothing(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        job = await bench.add()
        await script.next()

        await soon(bench.jobs.stop(timedelta()))

        after = await bench.get(job)
        assert (after.state, after.attempts, after.interrupted) == (JobState.READY, 0, 0)
        assert script.at_once == 0


@define
class Slow:
    """The real store, whose answer to a claim is held back until the test lets it go."""

    db: Database
    claimed: asyncio.Event = field(factory=asyncio.Event)
    let_go: asyncio.Event = field(factory=asyncio.Event)

    async def write(self, work: Any, *args: Any) -> Any:
        answer = await self.db.write(work, *args)
        if work is claim_each:
            self.claimed.set()
            await self.let_go.wait()
        return answer

    async def settle(self, *args: Any) -> Any:
        return await self.db.settle(*args)


async def test_a_claim_under_way_at_the_stop_is_given_back(tmp_path: Path) -> None:
    script = Script()
    async with idle(tmp_path) as bench:
        slow = Slow(bench.db)
        service = Jobs(cast("Database", slow), bench.clock, bench.timers, Random(1), [lane(script)])
        job = await bench.add()
        async with running(service.run(), "jobs"):
            await soon(slow.claimed.wait())
            stopping = asyncio.create_task(service.stop(HOUR))
            await rested(bench)
            slow.let_go.set()
            await soon(stopping)

        after = await bench.get(job)
        assert (after.state, after.attempts) == (JobState.READY, 0)
        assert script.started.empty()


async def test_a_claim_under_way_is_given_back_also_when_the_jobs_are_just_cancelled(tmp_path: Path) -> None:
    script = Script()
    async with idle(tmp_path) as bench:
        slow = Slow(bench.db)
        service = Jobs(cast("Database", slow), bench.clock, bench.timers, Random(1), [lane(script)])
        job = await bench.add()
        task = asyncio.create_task(service.run())
        await soon(slow.claimed.wait())
        task.cancel()
        await rested(bench)
        slow.let_go.set()
        await soon(asyncio.wait([task]))

        assert (await bench.get(job)).state is JobState.READY


async def test_being_cancelled_without_a_stop_leaves_nothing_running(tmp_path: Path) -> None:
    script = Script()
    async with idle(tmp_path, lane(script)) as bench:
        job = await bench.add()
        task = asyncio.create_task(bench.jobs.run())
        await script.next()
        task.cancel()
        await soon(asyncio.wait([task]))

        after = await bench.get(job)
        assert (after.state, after.attempts, script.at_once) == (JobState.READY, 0, 0)


async def test_a_running_job_that_is_cancelled_is_cut_off(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        job, waiting = await bench.add(key="k"), await bench.add(key="k")
        await script.next()

        await soon(bench.jobs.cancel(waiting, by=SYSTEM))
        await soon(bench.jobs.cancel(job, by=SYSTEM))

        assert (await bench.get(job)).state is JobState.CANCELLED
        assert (await bench.get(waiting)).state is JobState.CANCELLED
        assert script.at_once == 0


async def test_an_event_that_comes_while_its_job_runs_makes_it_run_once_more(tmp_path: Path) -> None:
    script = Script()
    new = NewJob(lane="ask", unique_key="u", on_conflict=OnConflict.RERUN)
    async with at_work(tmp_path, lane(script)) as bench:
        await bench.db.write(jobs.add, new)
        _, end = await script.next()
        for _ in range(3):
            await bench.db.write(jobs.add, new)
        end.set_result(Done())
        again = await script.end_next(Done())

        assert (await bench.settled(again.id)).state is JobState.DONE
        assert script.started.empty()
