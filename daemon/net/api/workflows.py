"""Workflows: the AI applications that may answer. The FastGPT view of them is the seed's."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from attrs import asdict, field, frozen

from daemon.domain.access import Role
from daemon.domain.workflow import Handover, Memory, Provider, Workflow
from daemon.engine.workflows import WorkflowDraft
from daemon.errors import Invalid, NotFound, Problem
from daemon.net.api.checks import refuse_failed
from daemon.net.api.fields import ForeignId, Identifier, Name, Url
from daemon.net.api.services import WORKFLOW_DESK, WORKFLOWS
from daemon.net.server.call import Call, Page, Paging, Reply
from daemon.net.server.constraints import Length, Note, Pattern, Range
from daemon.net.server.routes import Routes
from daemon.secret import Secret

routes = Routes("Workflows")

PATH = "/api/v1/workflows"
FASTGPT_PATH = "/api/v1/integrations/fastgpt/workflows"

Key = Annotated[str, Length(0, 1000), Pattern(r"[\x21-\x7e]*")]  # it goes into a header


@frozen(kw_only=True)
class HandoverBody:
    """By what a workflow asks for a person; what is "" is not looked at."""

    variable: Annotated[str, Length(0, 100), Note("A variable or a field of the answer that is true then.")] = (
        "needHumanTransfer"
    )
    category: Annotated[str, Length(0, 200), Note("What a node that classifies the question says then.")] = ""
    mark: Annotated[str, Length(0, 100), Note("A text in the answer; it is taken out.")] = "[[HANDOFF]]"


@frozen(kw_only=True)
class WorkflowBody:
    name: Name
    provider: Provider = Provider.FASTGPT
    base_url: Annotated[
        Url | None, Note("Of the service; n8n has its webhook's instead.", "https://cloud.fastgpt.cn/api")
    ] = None
    key: Annotated[
        Key | None,
        Note('Its API key. Never shown again; left out of a change, it stays. "": openai without one, as some local.'),
    ] = None
    model: Annotated[ForeignId | None, Note("openai: which of its models.", "gpt-4o-mini")] = None
    webhook_id: Annotated[Identifier | None, Note("n8n: which webhook is called, see /api/v1/webhooks.")] = None
    app_id: Annotated[ForeignId | None, Note("FastGPT 4.15 and newer want it.")] = None
    endpoint: Annotated[Literal["v1", "v2"], Note("v1 is understood by every version.")] = "v1"
    stream: bool = True
    memory: Annotated[
        Memory,
        Note(
            "daemon: the history goes with each question. service: FastGPT, or n8n's memory node, keeps it by "
            "conversation; a plain model remembers nothing."
        ),
    ] = Memory.DAEMON
    system_prompt: Annotated[str | None, Length(0, 20_000)] = None
    variables: Annotated[
        dict[str, Any],
        Note(
            "Told with each question. openai: temperature, max_tokens, response_format and the like are sent as "
            "parameters, the others fill {{name}} in the system prompt."
        ),
    ] = field(factory=dict)
    timeout_seconds: Annotated[float, Range(1, 900), Note("For one call, to the last byte.")] = 180.0
    fallback_id: Annotated[Identifier | None, Note("The workflow that is asked when this one fails.")] = None
    handover: HandoverBody = field(factory=HandoverBody)


@frozen(kw_only=True)
class NewWorkflowBody(WorkflowBody):
    check: Annotated[bool, Note("Ask the service first whether address, key and app are right; costs no points.")] = (
        True
    )


@frozen(kw_only=True)
class WorkflowView:
    id: str
    name: str
    provider: Provider
    base_url: str
    key: Annotated[str, Note('Its last characters; "" where there is none.')]
    model: str | None
    webhook_id: str | None
    app_id: str | None
    endpoint: str
    stream: bool
    memory: Memory
    system_prompt: str | None
    variables: dict[str, Any]
    timeout_seconds: float
    fallback_id: str | None
    handover: HandoverBody
    created_at: datetime
    updated_at: datetime
    version: int


@frozen(kw_only=True)
class FastGptView(WorkflowView):
    """The seed's view of the same."""

    workflow_id: str


@routes.get(PATH, role=Role.VIEWER, summary="List workflows")
async def page(call: Call, paging: Paging, *, provider: Provider | None = None) -> Page[WorkflowView]:
    return await _page(call, paging, provider)


@routes.post(PATH, role=Role.ADMIN, summary="Add a workflow", status=201, effect=True, whole=True)
async def create(call: Call, body: NewWorkflowBody) -> Reply[WorkflowView]:
    return await _create(call, body, PATH)


@routes.get(PATH + "/{workflow_id}", role=Role.VIEWER, summary="Show a workflow")
async def show(call: Call, workflow_id: str) -> WorkflowView:
    await call.service(WORKFLOW_DESK).admit(workflow_id, call.actor)
    return view(await call.service(WORKFLOWS).get(workflow_id))


@routes.put(PATH + "/{workflow_id}", role=Role.ADMIN, summary="Change a workflow", whole=True)
async def change(call: Call, workflow_id: str, body: WorkflowBody) -> WorkflowView:
    workflows = call.service(WORKFLOWS)
    key = _key(body, known=await workflows.get(workflow_id))
    return view(await workflows.change(workflow_id, _draft(body, key), version=call.if_match, by=call.actor))


@routes.delete(
    PATH + "/{workflow_id}",
    role=Role.ADMIN,
    summary="Remove a workflow that nothing uses",
    whole=True,
)
async def remove(call: Call, workflow_id: str) -> None:
    await call.service(WORKFLOWS).remove(workflow_id, version=call.if_match, by=call.actor)


@routes.get(FASTGPT_PATH, role=Role.VIEWER, summary="List the FastGPT workflows")
async def fastgpt_page(call: Call, paging: Paging) -> Page[FastGptView]:
    workflows = call.service(WORKFLOWS)
    rows, total = await workflows.page(
        provider=Provider.FASTGPT, account_ids=call.scope, before=paging.after, limit=paging.limit + 1
    )
    return Page.of(rows, total, paging, view=_fastgpt_view, after=lambda workflow: workflow.id)


@routes.post(FASTGPT_PATH, role=Role.ADMIN, summary="Register a FastGPT workflow", status=201, effect=True, whole=True)
async def fastgpt_create(call: Call, body: NewWorkflowBody) -> Reply[FastGptView]:
    if body.provider is not Provider.FASTGPT:
        raise Invalid(problems=[Problem("provider", "only fastgpt is registered here")])
    workflow = await _added(call, body)
    return Reply(body=_fastgpt_view(workflow), headers={"Location": f"{FASTGPT_PATH}/{workflow.id}"})


@routes.get(FASTGPT_PATH + "/{workflow_id}", role=Role.VIEWER, summary="Show a FastGPT workflow")
async def fastgpt_show(call: Call, workflow_id: str) -> FastGptView:
    await call.service(WORKFLOW_DESK).admit(workflow_id, call.actor)
    return _fastgpt_view(await _fastgpt(call, workflow_id))


@routes.delete(
    FASTGPT_PATH + "/{workflow_id}",
    role=Role.ADMIN,
    summary="Remove a FastGPT workflow",
    whole=True,
)
async def fastgpt_remove(call: Call, workflow_id: str) -> None:
    await _fastgpt(call, workflow_id)
    await call.service(WORKFLOWS).remove(workflow_id, version=call.if_match, by=call.actor)


def view(workflow: Workflow) -> WorkflowView:
    return WorkflowView(
        id=workflow.id,
        name=workflow.name,
        provider=workflow.provider,
        base_url=workflow.base_url,
        key=workflow.key.hint() if workflow.key else "",
        model=workflow.model,
        webhook_id=workflow.webhook.id if workflow.webhook else None,
        app_id=workflow.app_id,
        endpoint=workflow.endpoint,
        stream=workflow.stream,
        memory=workflow.memory,
        system_prompt=workflow.system_prompt,
        variables=workflow.variables,
        timeout_seconds=workflow.timeout.total_seconds(),
        fallback_id=workflow.fallback_id,
        handover=HandoverBody(**asdict(workflow.handover)),
        created_at=workflow.created_at,
        updated_at=workflow.updated_at,
        version=workflow.version,
    )


async def _page(call: Call, paging: Paging, provider: Provider | None) -> Page[WorkflowView]:
    rows, total = await call.service(WORKFLOWS).page(
        provider=provider, account_ids=call.scope, before=paging.after, limit=paging.limit + 1
    )
    return Page.of(rows, total, paging, view=view, after=lambda workflow: workflow.id)


def _fastgpt_view(workflow: Workflow) -> FastGptView:
    return FastGptView(workflow_id=workflow.id, **asdict(view(workflow), recurse=False))


async def _fastgpt(call: Call, workflow_id: str) -> Workflow:
    workflow = await call.service(WORKFLOWS).get(workflow_id)
    if workflow.provider is not Provider.FASTGPT:
        raise NotFound("workflow.not_found", id=workflow_id)
    return workflow


async def _create(call: Call, body: NewWorkflowBody, path: str) -> Reply[WorkflowView]:
    workflow = await _added(call, body)
    return Reply(body=view(workflow), headers={"Location": f"{path}/{workflow.id}"})


async def _added(call: Call, body: NewWorkflowBody) -> Workflow:
    draft = _draft(body, Secret(body.key or ""))
    if body.check:
        refuse_failed(await call.service(WORKFLOW_DESK).check_draft(draft), call.language)
    return await call.service(WORKFLOWS).add(draft, by=call.actor)


def _key(body: WorkflowBody, *, known: Workflow) -> Secret:
    """One that is not named stays, but no other provider is told it."""
    if body.key is not None:
        return Secret(body.key)
    return known.key if body.provider is known.provider else Secret("")


def _draft(body: WorkflowBody, key: Secret) -> WorkflowDraft:
    return WorkflowDraft(
        name=body.name,
        provider=body.provider,
        base_url=body.base_url or "",
        key=key,
        app_id=body.app_id,
        endpoint=body.endpoint,
        stream=body.stream,
        memory=body.memory,
        system_prompt=body.system_prompt,
        variables=body.variables,
        timeout=timedelta(seconds=body.timeout_seconds),
        fallback_id=body.fallback_id,
        model=body.model,
        webhook_id=body.webhook_id,
        handover=Handover(**asdict(body.handover)),
    )
