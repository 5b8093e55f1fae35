"""What a job leaves undone when it dies: a batch goes on to its end without the item."""

from pathlib import Path

from attrs import evolve

from daemon.codec import encode
from daemon.domain.batch import Batch, BatchState, Item, ItemState, NewItem
from daemon.domain.job import Job, JobState
from daemon.engine.batches import CRASH_SUSPECT, LANE, Args, bury
from daemon.engine.jobs import Lane, Result
from daemon.store import batches, jobs
from tests.clock import FakeClock
from tests.engine.test_jobs import AT_ONCE, Bench, Script, at_work, idle, lane, rested


async def broken(_: Job) -> Result:
    raise ValueError("a mistake of ours")


def burying(handler: object) -> Lane:
    return evolve(lane(handler, LANE, retry=evolve(AT_ONCE, attempts=1)), bury=bury)  # type: ignore[arg-type]


async def batch_of_one(bench: Bench) -> tuple[str, bytes]:
    item = NewItem(ref="", message="m")
    batch_id = await bench.db.write(batches.add, [item], name="n", workflow_id="w", actor="key:a", request_id=None)
    return batch_id, encode(Args(batch_id=batch_id, position=0))


async def ended(bench: Bench, batch_id: str) -> tuple[Batch, Item]:
    batch = await bench.db.read(batches.get, batch_id)
    item = await bench.db.read(batches.item, batch_id, 0)
    assert batch is not None
    assert item is not None
    return batch, item


async def test_an_item_whose_job_died_of_a_mistake_is_failed_and_its_batch_done(tmp_path: Path) -> None:
    async with at_work(tmp_path, burying(broken)) as bench:
        batch_id, args = await batch_of_one(bench)
        job_id = await bench.add(LANE, args=args)
        await rested(bench)
        assert (await bench.settled(job_id)).state is JobState.DEAD
        batch, item = await ended(bench, batch_id)
        assert (batch.state, item.state) == (BatchState.DONE, ItemState.FAILED)
        assert (item.error, item.detail) == ("job.crashed", "ValueError")


async def test_an_item_over_which_the_daemon_died_three_times_is_failed_and_its_batch_done(tmp_path: Path) -> None:
    clock = FakeClock()
    async with idle(tmp_path, burying(Script()), clock=clock) as bench:
        batch_id, args = await batch_of_one(bench)
        await bench.add(LANE, args=args)
        await bench.db.write(jobs.claim, LANE, 1)
        await bench.db.write(lambda tx: tx.run("UPDATE jobs SET interrupted = $1", jobs.CRASHES - 1))
    async with at_work(tmp_path, burying(Script()), clock=clock) as bench:
        await rested(bench)
        batch, item = await ended(bench, batch_id)
        assert (batch.state, item.state, item.error) == (BatchState.DONE, ItemState.FAILED, CRASH_SUSPECT)
