"""Batches: many messages for one workflow, their progress, and the answers as they come."""

from datetime import datetime
from typing import Annotated, Any

from attrs import field, frozen

from daemon.domain.batch import Batch, BatchState, Item, ItemState, NewItem, Progress
from daemon.engine.batches import MOST_ITEMS, eta
from daemon.net.api.fastgpt import ASKERS, PATH, RunUsageView, Words, usage_view
from daemon.net.api.fields import Identifier
from daemon.net.api.services import BATCHES, WORKFLOW_DESK
from daemon.net.server.call import Call, Page, Paging, Reply, after_number
from daemon.net.server.constraints import Length, Note
from daemon.net.server.routes import Routes

routes = Routes("FastGPT")

BATCH_PATH = PATH + "/batch"
BODY_MOST = 8 * 2**20


@frozen(kw_only=True)
class BatchQuestionBody:
    message: Words
    id: Annotated[str, Length(0, 200), Note("Your own name of it, given back with its answer.")] = ""
    variables: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class QuestionBatchBody:
    workflow_id: Identifier
    messages: Annotated[list[BatchQuestionBody], Length(1, MOST_ITEMS)]
    name: Annotated[str, Length(0, 200)] = ""
    dry_run: Annotated[bool, Note("Only say what would be done.")] = False


@frozen(kw_only=True)
class QuestionBatchView:
    batch_id: Annotated[str | None, Note("null of a dry run.")]
    name: str
    workflow_id: str
    state: BatchState
    total: int
    queued: Annotated[int, Note("Or under way.")]
    done: int
    failed: int
    cancelled: int
    usage: Annotated[RunUsageView, Note("Of what is done.")]
    eta_seconds: Annotated[float | None, Note("Null while nothing tells.")]
    created_at: datetime | None
    ended_at: datetime | None


@frozen(kw_only=True)
class QuestionBatchRow:
    batch_id: str
    name: str
    workflow_id: str
    state: BatchState
    total: int
    created_at: datetime
    ended_at: datetime | None


@frozen(kw_only=True)
class BatchAnswerView:
    position: int
    id: str
    state: ItemState
    answer: str | None
    error: str | None
    detail: str | None
    workflow_id: str | None
    attempts: int
    usage: RunUsageView
    started_at: datetime | None
    ended_at: datetime | None


@routes.post(
    BATCH_PATH,
    role=ASKERS,
    summary="Have many messages answered",
    status=202,
    effect=True,
    body_most=BODY_MOST,
    also=(200,),
)
async def create(call: Call, body: QuestionBatchBody) -> Reply[QuestionBatchView]:
    desk, batches = call.service(WORKFLOW_DESK), call.service(BATCHES)
    await desk.admit(body.workflow_id, call.actor)
    if body.dry_run:
        workflow = await batches.asking.workflows.get(body.workflow_id)
        return Reply(body=_rehearsed(body, body.name or workflow.name), status=200)
    items = [NewItem(ref=one.id, message=one.message, variables=one.variables) for one in body.messages]
    batch = await batches.add(items, name=body.name, workflow_id=body.workflow_id, by=call.actor)
    shown = view(*await batches.get(batch.id, call.actor), at_once=batches.at_once)
    return Reply(body=shown, headers={"Location": f"{BATCH_PATH}/{batch.id}"})


@routes.get(BATCH_PATH, role=ASKERS, summary="List batches")
async def page(call: Call, paging: Paging) -> Page[QuestionBatchRow]:
    batches = call.service(BATCHES)
    rows, total = await batches.page(by=call.actor, before=paging.after, limit=paging.limit + 1)
    return Page.of(rows, total, paging, view=_row, after=lambda batch: batch.id)


@routes.get(BATCH_PATH + "/{batch_id}", role=ASKERS, summary="Show how far a batch has come")
async def show(call: Call, batch_id: str) -> QuestionBatchView:
    batches = call.service(BATCHES)
    return view(*await batches.get(batch_id, call.actor), at_once=batches.at_once)


@routes.get(BATCH_PATH + "/{batch_id}/items", role=ASKERS, summary="List a batch's answers, in the order asked")
async def items(call: Call, batch_id: str, paging: Paging, *, state: ItemState | None = None) -> Page[BatchAnswerView]:
    after = after_number(paging, call.language)
    rows, total = await call.service(BATCHES).items(
        batch_id, by=call.actor, state=state, after=after, limit=paging.limit + 1
    )
    return Page.of(rows, total, paging, view=_item, after=lambda item: str(item.position))


@routes.post(BATCH_PATH + "/{batch_id}/stop", role=ASKERS, summary="Stop a batch: what is under way ends", effect=True)
async def stop(call: Call, batch_id: str) -> QuestionBatchView:
    batches = call.service(BATCHES)
    return view(*await batches.stop(batch_id, by=call.actor), at_once=batches.at_once)


def view(batch: Batch, progress: Progress, *, at_once: int) -> QuestionBatchView:
    left = eta(progress, at_once=at_once) if batch.state is BatchState.RUNNING else None
    counted = progress.counts
    return QuestionBatchView(
        batch_id=batch.id,
        name=batch.name,
        workflow_id=batch.workflow_id,
        state=batch.state,
        total=batch.total,
        queued=counted.get(ItemState.QUEUED, 0),
        done=counted.get(ItemState.DONE, 0),
        failed=counted.get(ItemState.FAILED, 0),
        cancelled=counted.get(ItemState.CANCELLED, 0),
        usage=usage_view(progress.usage),
        eta_seconds=None if left is None else round(left.total_seconds(), 1),
        created_at=batch.created_at,
        ended_at=batch.ended_at,
    )


def _rehearsed(body: QuestionBatchBody, name: str) -> QuestionBatchView:
    batch_usage = RunUsageView(input_tokens=0, output_tokens=0, embedding_tokens=0, points_micro=0, known=False)
    return QuestionBatchView(
        batch_id=None,
        name=name,
        workflow_id=body.workflow_id,
        state=BatchState.DONE,
        total=len(body.messages),
        queued=0,
        done=0,
        failed=0,
        cancelled=0,
        usage=batch_usage,
        eta_seconds=None,
        created_at=None,
        ended_at=None,
    )


def _row(batch: Batch) -> QuestionBatchRow:
    return QuestionBatchRow(
        batch_id=batch.id,
        name=batch.name,
        workflow_id=batch.workflow_id,
        state=batch.state,
        total=batch.total,
        created_at=batch.created_at,
        ended_at=batch.ended_at,
    )


def _item(item: Item) -> BatchAnswerView:
    return BatchAnswerView(
        position=item.position,
        id=item.ref,
        state=item.state,
        answer=item.answer,
        error=item.error,
        detail=item.detail,
        workflow_id=item.workflow_id,
        attempts=item.attempts,
        usage=usage_view(item.usage),
        started_at=item.started_at,
        ended_at=item.ended_at,
    )
