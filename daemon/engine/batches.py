"""Batches: many questions for one workflow, each a job of the lane `batch`, answered beside the conversations.

All batches together are one key of the pool, so conversations take turns with them and are never behind the whole of
one. An item is asked at least once: what a crash cut off is looked up first, where the service remembers it.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import structlog
from attrs import define, frozen

from daemon.codec import decode, encode
from daemon.domain.access import Actor
from daemon.domain.batch import Batch, BatchState, Item, ItemState, NewItem, Progress
from daemon.domain.cost import Scopes, key_of
from daemon.domain.job import Job, NewJob
from daemon.domain.workflow import Memory, Question, Role, Said, Workflow
from daemon.engine.asking import Again, Answered, Asking, Inquiry, Later, Lost, Outcome
from daemon.engine.jobs import Done, Failed, Result, Snooze
from daemon.engine.pressure import Pressure
from daemon.engine.questions import alone
from daemon.errors import Conflict, Forbidden, NotFound, QiaodError
from daemon.store import audit, batches, jobs
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

LANE = "batch"
SEAT = "batch"  # of the pool: one place in its rounds for all batches
MOST_ITEMS = 1000  # of one batch
CRASH_SUSPECT = "batch.crash_suspect"  # of an item over which the daemon died again and again


@frozen(kw_only=True)
class Args:
    batch_id: str
    position: int


def eta(progress: Progress, *, at_once: int) -> timedelta | None:
    """How long what is left will take, as far as what has ended tells. Pure."""
    if progress.each is None:
        return None
    rounds = -(-progress.left // at_once)
    return progress.each * rounds


@define
class Batches:
    """The handler of the lane `batch`, and what people and programs do with batches."""

    db: Database
    asking: Asking
    pressure: Pressure
    at_once: int  # items under way, as the lane allows

    async def add(self, items: Sequence[NewItem], *, name: str, workflow_id: str, by: Actor) -> Batch:
        """Durable when this returns; its items are asked as there is room."""
        self.pressure.admit_work()
        workflow = await self.asking.workflows.get(workflow_id)
        batch = await self.db.write(_add, items, name=name or workflow.name, workflow_id=workflow_id, by=by)
        log.info("batch.created", batch=batch.id, items=len(items), by=by.id)
        return batch

    async def get(self, batch_id: str, by: Actor) -> tuple[Batch, Progress]:
        return await self.db.read(_shown, batch_id, by)

    async def page(self, *, by: Actor, before: str | None, limit: int) -> tuple[list[Batch], int]:
        """Whoever is limited to some accounts sees their own alone: a batch belongs to no account."""
        actor = by.id if by.accounts is not None else None
        return await self.db.read(_page, actor=actor, before=before, limit=limit)

    async def items(
        self, batch_id: str, *, by: Actor, state: ItemState | None, after: int | None, limit: int
    ) -> tuple[list[Item], int]:
        return await self.db.read(_items, batch_id, by=by, state=state, after=after, limit=limit)

    async def stop(self, batch_id: str, *, by: Actor) -> tuple[Batch, Progress]:
        """What is under way is still answered, the rest is not asked."""
        cancelled = await self.db.write(_stop, batch_id, by=by)
        log.info("batch.stopped", batch=batch_id, cancelled=cancelled, by=by.id)
        return await self.get(batch_id, by)

    async def __call__(self, job: Job) -> Result:
        args = decode(job.args, Args)
        self.pressure.admit_work()
        item, batch = await self.db.write(_begin, args, job)
        if item is None or batch is None or item.state is not ItemState.QUEUED:
            return Done()
        if batch.state is BatchState.STOPPED:
            return Done(partial(_cancel, args=args))
        outcome = await self.asking.ask(_inquiry(batch, item, job))
        return self._ended(args, outcome)

    def _ended(self, args: Args, outcome: Outcome) -> Result:
        match outcome:
            case Answered():
                return Done(partial(_answered, args=args, answered=outcome))
            case Later(delay, error):
                return Snooze(delay, partial(_trouble, args=args, error=error), error.code)
            case Again(delay, error):
                return Failed(error.code, retry_after=delay, work=partial(_trouble, args=args, error=error))
            case Lost(error):
                log.warning("batch.item_failed", batch=args.batch_id, position=args.position, code=error.code)
                return Done(partial(_lost, args=args, error=error))


def dismiss(tx: Tx, job: Job) -> None:
    """Its job was cancelled."""
    _cancel(tx, args=decode(job.args, Args))


def bury(tx: Tx, job: Job) -> None:
    """Its job died, by a mistake of ours, by its time, or with the daemon: nothing will answer it."""
    args, (code, _, detail) = decode(job.args, Args), (job.last_error or "").partition(":")
    error = CRASH_SUSPECT if code == "crash suspect" else code
    batches.end(tx, args.batch_id, args.position, ItemState.FAILED, error=error, detail=detail.strip())


def _inquiry(batch: Batch, item: Item, job: Job) -> Inquiry:
    name = f"{batch.id}.{item.position}"

    def told(workflow: Workflow) -> Question:
        return Question(
            turn_id=name,
            conversation=name if workflow.memory is Memory.SERVICE else None,
            user=batch.actor,
            messages=alone(workflow, Said(role=Role.USER, text=item.message)),
            variables={**workflow.variables, **item.variables},
            request_id=batch.request_id,
        )

    return Inquiry(
        name=name,
        workflow_id=batch.workflow_id,
        seat=SEAT,
        attempt=job.attempts,
        failed_before=item.attempts > 0 and item.error is not None,
        started=job.created_at,
        question=told,
        begin=partial(_ask, item=item, job=job),
        scopes=Scopes(key_id=key_of(batch.actor)),
        lost=item.workflow_id if item.attempts else None,
    )


def _ask(tx: Tx, workflow: Workflow, _: Question, *, item: Item, job: Job) -> None:
    batches.attempt(tx, item.batch_id, item.position, workflow_id=workflow.id)
    jobs.park(tx, job.id, parked=False)


def _add(tx: Tx, items: Sequence[NewItem], *, name: str, workflow_id: str, by: Actor) -> Batch:
    batch_id = batches.add(tx, items, name=name, workflow_id=workflow_id, actor=by.id, request_id=by.request_id)
    for position in range(len(items)):
        args = encode(Args(batch_id=batch_id, position=position))
        _ = jobs.add(tx, NewJob(lane=LANE, args=args, request_id=by.request_id))
    detail = {"workflow": workflow_id, "items": len(items)}
    audit.record(tx, by, "batch.created", f"batch:{batch_id}", detail=detail)
    return _known(tx, batch_id, by)


def _known(tx: Tx, batch_id: str, by: Actor) -> Batch:
    batch = batches.get(tx, batch_id)
    if batch is None:
        raise NotFound("batch.not_found", id=batch_id)
    if by.accounts is not None and batch.actor != by.id:
        raise Forbidden("auth.batch")
    return batch


def _shown(tx: Tx, batch_id: str, by: Actor) -> tuple[Batch, Progress]:
    return _known(tx, batch_id, by), batches.progress(tx, batch_id)


def _page(tx: Tx, *, actor: str | None, before: str | None, limit: int) -> tuple[list[Batch], int]:
    return batches.page(tx, actor=actor, before=before, limit=limit), batches.count(tx, actor=actor)


def _items(
    tx: Tx, batch_id: str, *, by: Actor, state: ItemState | None, after: int | None, limit: int
) -> tuple[list[Item], int]:
    known = _known(tx, batch_id, by)
    found = batches.items(tx, known.id, state=state, after=after, limit=limit)
    return found, batches.count_items(tx, known.id, state=state)


def _stop(tx: Tx, batch_id: str, *, by: Actor) -> int:
    batch = _known(tx, batch_id, by)
    if batch.state is not BatchState.RUNNING:
        raise Conflict("batch.over", state=batch.state)
    cancelled = batches.stop(tx, batch_id)
    audit.record(tx, by, "batch.stopped", f"batch:{batch_id}", detail={"cancelled": cancelled})
    return cancelled


def _begin(tx: Tx, args: Args, job: Job) -> tuple[Item | None, Batch | None]:
    jobs.park(tx, job.id, parked=True)  # for a seat
    return batches.item(tx, args.batch_id, args.position), batches.get(tx, args.batch_id)


def _answered(tx: Tx, *, args: Args, answered: Answered) -> None:
    """A workflow that asks back has nobody here to answer it."""
    answer, workflow_id = answered.answer, answered.workflow.id
    state, error = (ItemState.DONE, None) if answer.pause is None else (ItemState.FAILED, "batch.asks_back")
    batches.end(
        tx, args.batch_id, args.position, state, answer=answer, workflow_id=workflow_id, error=error, detail=None
    )


def _trouble(tx: Tx, *, args: Args, error: QiaodError) -> None:
    batches.trouble(tx, args.batch_id, args.position, error=error.code, detail=str(error))


def _lost(tx: Tx, *, args: Args, error: QiaodError) -> None:
    batches.end(tx, args.batch_id, args.position, ItemState.FAILED, error=error.code, detail=str(error))


def _cancel(tx: Tx, *, args: Args) -> None:
    batches.end(tx, args.batch_id, args.position, ItemState.CANCELLED)
