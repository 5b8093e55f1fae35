"""Ends of attempts on their way into the store: those of one pass of the loop are one unit of work."""

import asyncio
from collections.abc import Sequence

from attrs import define, field, frozen

from daemon.domain.job import Job
from daemon.engine.lifecycle import Done, Failed, Outcome, Snooze, Work
from daemon.errors import StoreUnavailable
from daemon.store import jobs
from daemon.store.database import Database
from daemon.store.tx import Tx


@frozen(eq=False)
class End:
    settled: Job
    outcome: Outcome
    rest: Work | None  # what its lane has to say of such an end
    written: asyncio.Future[None]

    def tell(self, error: Exception | None) -> None:
        if self.written.done():  # nobody waits any more
            return
        if error is None:
            self.written.set_result(None)
        else:
            self.written.set_exception(error)


@define(eq=False)
class Ends:
    """Saves a savepoint and a hop a job where many end at once; what one's own work spoils, the others do not feel."""

    _db: Database
    _waiting: list[End] = field(factory=list, init=False)
    _tasks: set[asyncio.Task[None]] = field(factory=set, init=False)

    async def write(self, settled: Job, outcome: Outcome, rest: Work | None = None) -> None:
        """Until it is durable. Raises StoreUnavailable, Stale, and whatever the outcome's own work does."""
        end = End(settled, outcome, rest, asyncio.get_running_loop().create_future())
        self._waiting.append(end)
        if len(self._waiting) == 1:
            task = asyncio.create_task(self._write_waiting(), name="jobs end")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await end.written

    async def _write_waiting(self) -> None:
        ends, self._waiting = self._waiting, []
        error = await self._written(ends)
        if error is None or len(ends) == 1 or isinstance(error, StoreUnavailable):
            for end in ends:
                end.tell(error)
        else:  # one of them spoiled it: each for itself
            alone = await asyncio.gather(*[self._written([end]) for end in ends])
            for end, its_own in zip(ends, alone, strict=True):
                end.tell(its_own)

    async def _written(self, ends: Sequence[End]) -> Exception | None:
        try:
            await self._db.settle(write_each, ends)
        except Exception as error:
            return error
        return None


def write_each(tx: Tx, ends: Sequence[End]) -> None:
    """Of each job the end of this step, what it found out, and the beginning of the next."""
    for end in ends:
        jobs.settle(tx, end.settled)  # first: Stale where it is not ours any more
        outcome = end.outcome
        if isinstance(outcome, Done | Snooze | Failed) and outcome.work is not None:
            _work(outcome.work, tx)
        if end.rest is not None:
            _work(end.rest, tx)
        for follow_up in outcome.follow_ups if isinstance(outcome, Done) else ():
            jobs.add(tx, follow_up)


def _work(work: Work, tx: Tx) -> None:
    try:
        work(tx)
    except Exception:
        raise
    except BaseException as error:  # SystemExit and its like, which a task would take for its own end
        raise RuntimeError(type(error).__name__) from error
