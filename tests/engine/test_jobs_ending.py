"""How attempts end: errors, timeouts, work that fails, a job that was lost to somebody else."""

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from daemon.domain.access import SYSTEM
from daemon.domain.job import Job, JobState, NewJob
from daemon.engine.attempt import UNSAID, failure
from daemon.engine.jobs import Done, Failed, Result, Snooze
from daemon.errors import (
    AccountOffline,
    Conflict,
    OutcomeUnknown,
    QiaodError,
    RateLimited,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnavailable,
    Stale,
    StoreUnavailable,
)
from daemon.store import levels
from daemon.store.tx import Tx
from tests.engine.test_jobs import Script, at_work, lane, rested, soon

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RateLimited("x", SECOND), Snooze(SECOND, reason="x")),
        (StoreUnavailable("x", SECOND), Snooze(SECOND, reason="x")),
        (RemoteLimited("x", "gewe", SECOND), Snooze(SECOND, reason="x")),
        (RemoteLimited("x", "gewe", None), Snooze(UNSAID, reason="x")),
        (RemoteUnavailable("x", "gewe"), Failed("x: x")),
        (AccountOffline("x", "gewe"), Failed("x: x")),
        (RemoteNonsense("x", "gewe"), Failed("x: x")),
        (OutcomeUnknown("x", "gewe"), Failed("x: x")),
        (RemoteRefused("x", "gewe"), Failed("x: x", final=True)),
        (Conflict("x"), Failed("x: x", final=True)),
    ],
)
def test_an_error_of_ours_says_what_becomes_of_the_job(error: QiaodError, expected: Result) -> None:
    assert failure(error) == expected


class Odd(BaseException):
    """Not an Exception at all."""


POISON = [ValueError("secret"), StopAsyncIteration(), asyncio.CancelledError(), GeneratorExit(), SystemExit(3), Odd()]


@pytest.mark.parametrize("poison", POISON, ids=repr)
async def test_whatever_a_handler_raises_costs_its_job_an_attempt_and_nobody_else_anything(
    tmp_path: Path, poison: BaseException
) -> None:
    script = Script()

    async def handler(job: Job) -> Result:
        if job.args == b"poison":
            raise poison
        return await script(job)

    async with at_work(tmp_path, lane(handler, slots=1)) as bench:
        bad = await bench.add(args=b"poison")
        await bench.add()
        await script.end_next(Done())

        job = await bench.settled(bad)
        assert (job.state, job.attempts) == (JobState.DEAD, 3)
        assert job.last_error == f"job.crashed: {type(poison).__name__}"


async def test_a_handler_that_returns_no_result_has_failed(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        job = await bench.add()
        for _ in range(3):
            await script.end_next(cast("Result", None))

        assert (await bench.settled(job)).last_error == "job.crashed: TypeError"


async def test_a_failed_job_is_dead_after_its_last_attempt_and_can_be_requeued(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        job = await bench.add()
        for _ in range(3):
            await script.end_next(Failed("gewe.down: no"))
        await rested(bench)
        dead = await bench.get(job)
        await bench.jobs.requeue(job, by=SYSTEM)
        again = await script.end_next(Done())

        assert (dead.state, dead.last_error) == (JobState.DEAD, "gewe.down: no")
        assert (again.id, again.attempts) == (job, 1)


async def test_all_dead_jobs_of_a_lane_can_be_requeued(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        ids = [await bench.add() for _ in range(3)]
        for _ in ids:
            await script.end_next(Failed("x", final=True))
        await rested(bench)

        assert await bench.jobs.requeue_all("ask", by=SYSTEM) == 3
        assert {(await script.end_next(Done())).id for _ in ids} == set(ids)


async def test_an_attempt_past_its_time_is_cancelled_and_has_failed(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script, timeout=30)) as bench:
        job = await bench.add()
        await script.next()

        bench.pass_time(29)
        await rested(bench)
        assert script.at_once == 1
        bench.pass_time(1.1)

        again = await script.end_next(Done())
        assert (again.id, again.attempts) == (job, 2)
        assert again.last_error == "job.timed_out: no end after 30 s"


async def test_a_slot_and_a_line_are_free_only_when_the_cancelled_handler_has_ended(tmp_path: Path) -> None:
    script, cancelled, may_end = Script(), asyncio.Event(), asyncio.Event()

    async def handler(job: Job) -> Result:
        if job.args == b"stubborn":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                await may_end.wait()
                raise
        return await script(job)

    async with at_work(tmp_path, lane(handler, slots=1, timeout=30)) as bench:
        await bench.add(args=b"stubborn", key="k")
        await bench.add(key="k")
        await bench.add()
        await rested(bench)
        bench.pass_time(30.1)
        await soon(cancelled.wait())
        await rested(bench)
        assert script.started.empty()

        may_end.set()
        await script.next()


async def test_a_result_that_comes_in_spite_of_the_cut_counts(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def handler(job: Job) -> Result:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Done(lambda tx: levels.save(tx, "x", 1.0))
        raise AssertionError

    async with at_work(tmp_path, lane(handler, timeout=30)) as bench:
        job = await bench.add()
        await soon(started.wait())
        bench.pass_time(30.1)

        assert (await bench.settled(job)).state is JobState.DONE
        assert await bench.db.read(levels.load, "x") == {"": 1.0}


async def test_work_that_fails_leaves_nothing_and_costs_an_attempt(tmp_path: Path) -> None:
    script = Script()

    def work(tx: Tx) -> None:
        levels.save(tx, "x", 1.0)
        raise ValueError

    async with at_work(tmp_path, lane(script)) as bench:
        job = await bench.add()
        await script.end_next(Done(work, (NewJob(lane="ask", args=b"follow"),)))

        again = await script.end_next(Done())
        assert (again.id, again.attempts, again.last_error) == (job, 2, "job.crashed: ValueError")
        assert await bench.db.read(levels.load, "x") == {}


@pytest.mark.parametrize("poison", POISON, ids=repr)
async def test_work_that_fails_spoils_no_other_end_of_that_moment(tmp_path: Path, poison: BaseException) -> None:
    script = Script()

    def work(_: Tx) -> None:
        raise poison

    async with at_work(tmp_path, lane(script)) as bench:
        ids = [await bench.add() for _ in range(3)]
        ends = {job.id: end for job, end in [await script.next() for _ in ids]}
        for job, end in ends.items():
            end.set_result(Done(work) if job == ids[1] else Done(partial(levels.save, name=job, tokens=1.0)))

        again = await script.end_next(Done())
        assert (again.id, again.attempts) == (ids[1], 2)
        await bench.settled(again.id)
        assert set(await bench.db.read(levels.load, "")) == {ids[0], ids[2]}


async def test_work_that_comes_too_late_for_its_row_costs_an_attempt(tmp_path: Path) -> None:
    script = Script()

    def work(tx: Tx) -> None:
        raise Stale

    async with at_work(tmp_path, lane(script)) as bench:
        job = await bench.add()
        await script.end_next(Done(work))

        assert (await script.end_next(Done())).id == job


async def test_an_owner_that_lost_its_job_keeps_nothing_of_the_result(tmp_path: Path) -> None:
    script = Script()
    async with at_work(tmp_path, lane(script)) as bench:
        job = await bench.add()
        _, end = await script.next()
        await bench.db.write(lambda tx: tx.run("UPDATE jobs SET epoch = epoch + 1"))
        taken = await bench.get(job)

        end.set_result(Done(lambda tx: levels.save(tx, "x", 1.0), (NewJob(lane="ask"),)))

        assert await bench.settled(job) == taken
        assert await bench.db.read(levels.load, "x") == {}
        assert script.started.empty()
