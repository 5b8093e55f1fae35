"""The job queue as people see it: what waits, what was given up and why, and the way back."""

from datetime import datetime
from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.job import Job, JobId, JobState
from daemon.errors import NotFound
from daemon.net.api.services import DATABASE, JOBS
from daemon.net.server.call import Call, Page, Paging
from daemon.net.server.constraints import Length, Note
from daemon.net.server.routes import Routes
from daemon.store import job_desk
from daemon.store.tx import Tx

routes = Routes("Jobs")

PATH = "/api/v1/jobs"


@frozen(kw_only=True)
class JobView:
    id: str
    lane: Annotated[str, Note("turn: ask a workflow. batch: an item of one. send: send to WeChat.")]
    key: Annotated[str | None, Note("Jobs of one lane and key run one after the other: a conversation, an account.")]
    state: JobState
    attempts: Annotated[int, Note("That failed, or are running.")]
    interrupted: Annotated[int, Note("Processes that died while it ran; at the third it is given up.")]
    due_at: datetime
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    last_error: str | None
    request_id: str | None


@frozen(kw_only=True)
class RequeueAll:
    lane: Annotated[str, Length(1, 40)]


@frozen(kw_only=True)
class Requeued:
    count: int


@routes.get(PATH, role=Role.VIEWER, summary="List jobs; state=dead are those that were given up", whole=True)
async def page(call: Call, paging: Paging, *, lane: str | None = None, state: JobState | None = None) -> Page[JobView]:
    before = None if paging.after is None else JobId(paging.after)
    rows, total = await call.service(DATABASE).read(
        _page, lane=lane, state=state, before=before, limit=paging.limit + 1
    )
    return Page.of(rows, total, paging, view=view, after=lambda job: job.id)


@routes.get(PATH + "/{job_id}", role=Role.VIEWER, summary="Show a job", whole=True)
async def show(call: Call, job_id: str) -> JobView:
    return await _shown(call, JobId(job_id))


@routes.post(
    PATH + "/{job_id}/requeue", role=Role.OPERATOR, summary="Have a dead job tried again", effect=True, whole=True
)
async def requeue(call: Call, job_id: str) -> JobView:
    await call.service(JOBS).requeue(JobId(job_id), by=call.actor)
    return await _shown(call, JobId(job_id))


@routes.post(
    PATH + "/{job_id}/cancel",
    role=Role.OPERATOR,
    summary="Cancel a job; one that runs is cut off",
    effect=True,
    whole=True,
)
async def cancel(call: Call, job_id: str) -> JobView:
    await call.service(JOBS).cancel(JobId(job_id), by=call.actor)
    return await _shown(call, JobId(job_id))


@routes.post(
    PATH + "/requeue",
    role=Role.OPERATOR,
    summary="Have every dead job of a lane tried again",
    effect=True,
    whole=True,
)
async def requeue_all(call: Call, body: RequeueAll) -> Requeued:
    return Requeued(count=await call.service(JOBS).requeue_all(body.lane, by=call.actor))


async def _shown(call: Call, job_id: JobId) -> JobView:
    job = await call.service(DATABASE).read(job_desk.get, job_id)
    if job is None:
        raise NotFound("job.not_found")
    return view(job)


def _page(
    tx: Tx, *, lane: str | None, state: JobState | None, before: JobId | None, limit: int
) -> tuple[list[Job], int]:
    rows = job_desk.page(tx, lane=lane, state=state, before=before, limit=limit)
    return rows, job_desk.count(tx, lane=lane, state=state)


def view(job: Job) -> JobView:
    return JobView(
        id=job.id,
        lane=job.lane,
        key=job.key,
        state=job.state,
        attempts=job.attempts,
        interrupted=job.interrupted,
        due_at=job.due_at,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        last_error=job.last_error,
        request_id=job.request_id,
    )
