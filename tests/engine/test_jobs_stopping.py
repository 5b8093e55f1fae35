"""A store that refuses for a while, a stop, and people who step in."""

import asyncio
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

from attrs import define

from daemon.domain.job import JobState, NewJob, OnConflict
from daemon.engine.jobs import Done, Jobs
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


async def test_being_cancelled_without_a_stop_leaves_nothing_running(tmp_path: Path) -> None:
    script = Script()
    async with idle(tmp_path, lane(script, slots=20)) as bench:
        ids = [await bench.add() for _ in range(20)]
        for passes in range(20):
            task = asyncio.create_task(bench.jobs.run())
            for _ in range(passes):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            service = Jobs(bench.db, bench.clock, bench.timers, Random(1), [lane(script, slots=20)])
            bench.db.on_jobs, bench.jobs = service.wake, service

        rows = [await bench.get(job) for job in ids]
        assert {(job.state, job.attempts) for job in rows} == {(JobState.READY, 0)}


async def test_a_running_job_that_is_cancelled_is_cut_off(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        job, waiting = await bench.add(key="k"), await bench.add(key="k")
        await script.next()

        await soon(bench.jobs.cancel(waiting))
        await soon(bench.jobs.cancel(job))

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
