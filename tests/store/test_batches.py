"""Batches in the store: their progress, and that the old ones go."""

from datetime import timedelta
from pathlib import Path

from daemon.domain.batch import BatchState, ItemState, NewItem
from daemon.domain.workflow import Answer, Usage
from daemon.engine.batches import eta
from daemon.store import batches
from daemon.store.database import open_database
from daemon.store.retention import Cursor, Keep, prune_once
from tests.clock import FakeClock

ITEMS = [NewItem(ref=f"r{n}", message=f"m{n}") for n in range(3)]


async def test_the_last_item_to_end_ends_its_batch(tmp_path: Path) -> None:
    async with open_database(tmp_path / "db", FakeClock()) as db:
        batch = await db.write(batches.add, ITEMS, name="n", workflow_id="w", actor="key:a", request_id=None)
        for place in range(3):
            assert (await db.read(batches.get, batch)).state is BatchState.RUNNING  # type: ignore[union-attr]
            await db.write(batches.attempt, batch, place, workflow_id="w")
            answer = Answer(text="ok", usage=Usage(points_micro=7, known=place != 1))
            await db.write(batches.end, batch, place, ItemState.DONE, answer=answer)
        progress = await db.read(batches.progress, batch)
        assert (await db.read(batches.get, batch)).state is BatchState.DONE  # type: ignore[union-attr]
        assert (progress.counts, progress.usage.points_micro) == ({ItemState.DONE: 3}, 21)
        assert not progress.usage.known


async def test_what_remains_is_told_from_what_was_done(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_database(tmp_path / "db", clock) as db:
        batch = await db.write(batches.add, ITEMS, name="n", workflow_id="w", actor="key:a", request_id=None)
        assert eta(await db.read(batches.progress, batch), at_once=8) is None
        await db.write(batches.attempt, batch, 0, workflow_id="w")
        clock.advance(4)
        await db.write(batches.end, batch, 0, ItemState.DONE, answer=Answer(text="ok"))
        progress = await db.read(batches.progress, batch)
        assert eta(progress, at_once=1) == timedelta(seconds=8)
        assert eta(progress, at_once=8) == timedelta(seconds=4)


async def test_a_batch_that_ended_long_ago_goes_with_its_items(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_database(tmp_path / "db", clock) as db:
        old = await db.write(batches.add, ITEMS, name="n", workflow_id="w", actor="key:a", request_id=None)
        await db.write(batches.stop, old)
        clock.advance(91 * 86400)
        new = await db.write(batches.add, ITEMS, name="n", workflow_id="w", actor="key:a", request_id=None)
        pruned = await db.write(prune_once, Keep(), Cursor())
        assert pruned.rows["batches"] == 4
        assert await db.read(batches.get, old) is None
        assert await db.read(batches.get, new) is not None
