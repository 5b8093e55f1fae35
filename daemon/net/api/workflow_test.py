"""Workflows tried out in a dialogue: routes, names and Chinese messages are those that its screens were made for."""

# ruff: noqa: N815  # the names of the seed's documents

from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from attrs import frozen

from daemon.codec import encode
from daemon.domain.access import Role
from daemon.domain.workflow import NodeBegun
from daemon.domain.workflow_test import Trial, TrialLine, TrialRun, TrialStep
from daemon.engine.follower import Follower
from daemon.errors import NotFound, QiaodError
from daemon.net.api.fields import Identifier
from daemon.net.api.services import CURRENCY, WORKFLOW_DESK, WORKFLOW_TESTS
from daemon.net.server.call import Call
from daemon.net.server.constraints import Length, Note, Pattern
from daemon.net.server.events import MEDIA_TYPE, EventStream
from daemon.net.server.routes import Routes

routes = Routes("Workflow test")

PATH = "/api/v1/workflow-test/sessions"
ONE = PATH + "/{test_session_id}"
SEEDS: dict[type[QiaodError], int] = {NotFound: 400}  # no session, no workflow
CHINESE = "zh"
MOST_MESSAGE = 20_000  # characters

WorkflowId = Annotated[
    str,
    Pattern("-".join(f"[0-9a-fA-F]{{{length}}}" for length in (8, 4, 4, 4, 12))),
    Note("The workflow to test.", "550e8400-e29b-41d4-a716-446655440000"),
]
Variables = Annotated[dict[str, Any], Note("What the workflow gets beside each message: 32,000 characters at most.")]
Words = Annotated[str, Length(1, MOST_MESSAGE), Pattern(r"[\s\S]*\S[\s\S]*")]


@frozen(kw_only=True)
class CreateTestSessionBody:
    workflowId: WorkflowId
    variables: Variables | None = None


@frozen(kw_only=True)
class TestMessageBody:
    message: Words
    stream: Annotated[bool, Note("Told as it is made, in server-sent events: node, answer, usage, end, error.")] = False


@frozen(kw_only=True)
class NodeDetail:
    nodeId: str
    nodeType: Annotated[str, Note("start, intent, llm, knowledge, tool, code, http, condition, answer, end …")]
    input: Annotated[str, Note("A text, or JSON; cut where it is long.")]
    output: str
    durationMs: int
    success: bool


@frozen(kw_only=True)
class TestMessageMeta:
    success: bool
    durationMs: int
    errorMessage: str | None
    needHumanTransfer: bool
    nodeDetails: list[NodeDetail]


@frozen(kw_only=True)
class TestMessage:
    id: str
    role: Literal["user", "assistant", "system"]
    content: str
    timestamp: datetime
    meta: Annotated[TestMessageMeta | None, Note("Of the assistant's messages.")]


@frozen(kw_only=True)
class WorkflowTestSessionDto:
    testSessionId: str
    workflowId: str
    workflowName: str
    messages: Annotated[list[TestMessage], Note("Oldest first.")]
    createdAt: datetime
    lastActiveAt: datetime


@frozen(kw_only=True)
class TestNodeEvent:
    name: str
    nodeType: Annotated[str | None, Note("Where the service says it so early.")]


@frozen(kw_only=True)
class TestPieceEvent:
    text: str


@frozen(kw_only=True)
class TestUsageEvent:
    """What the answer used, and what it would cost elsewhere: a test is charged to nobody."""

    known: bool
    inputTokens: int
    outputTokens: int
    pointsMicro: int
    costMicro: int | None
    currency: str


@routes.post(
    PATH,
    role=Role.OPERATOR,
    summary="Begin a test session",
    effect=True,
    statuses=SEEDS,
    language=CHINESE,
)
async def create(call: Call, body: CreateTestSessionBody) -> WorkflowTestSessionDto:
    workflow_id = body.workflowId.lower()
    await call.service(WORKFLOW_DESK).admit(workflow_id, call.actor)
    return _view(await call.service(WORKFLOW_TESTS).create(workflow_id, body.variables or {}, by=call.actor))


@routes.get(
    PATH,
    role=Role.OPERATOR,
    summary="The key's test sessions, for an admin everybody's, the latest active first",
    language=CHINESE,
)
async def page(call: Call) -> list[WorkflowTestSessionDto]:
    return [_view(trial) for trial in await call.service(WORKFLOW_TESTS).latest(by=call.actor)]


@routes.get(ONE, role=Role.OPERATOR, summary="A test session", statuses=SEEDS, language=CHINESE)
async def show(call: Call, test_session_id: Identifier) -> WorkflowTestSessionDto:
    return _view(await call.service(WORKFLOW_TESTS).get(test_session_id, by=call.actor))


@routes.delete(ONE, role=Role.OPERATOR, summary="Remove a test session", statuses=SEEDS, language=CHINESE)
async def remove(call: Call, test_session_id: Identifier) -> None:
    await call.service(WORKFLOW_TESTS).remove(test_session_id, by=call.actor)


@routes.post(
    ONE + "/messages",
    role=Role.OPERATOR,
    summary="Say something in a test session, and wait for the answer",
    effect=True,
    statuses=SEEDS,
    language=CHINESE,
    produces=MEDIA_TYPE,
)
async def say(
    call: Call, test_session_id: Identifier, body: TestMessageBody
) -> WorkflowTestSessionDto | web.StreamResponse:
    trial = await call.service(WORKFLOW_TESTS).ready(test_session_id, by=call.actor)
    await call.service(WORKFLOW_DESK).admit(trial.workflow_id, call.actor)
    if not body.stream:
        return _view(await _said(call, trial, body.message, None))
    stream = EventStream(call)
    follower = Follower(
        heard=lambda text: stream.tell("answer", encode(TestPieceEvent(text=text))),
        restarted=lambda: stream.tell("restart", encode({})),
        stepped=lambda node: stream.tell("node", encode(_begun(node))),
    )
    return await stream.over(_streamed(call, trial, body.message, stream, follower))


@routes.post(
    ONE + "/clear",
    role=Role.OPERATOR,
    summary="Forget what was said in a test session, and its variables",
    effect=True,
    statuses=SEEDS,
    language=CHINESE,
)
async def clear(call: Call, test_session_id: Identifier) -> WorkflowTestSessionDto:
    return _view(await call.service(WORKFLOW_TESTS).clear(test_session_id, by=call.actor))


@routes.put(
    ONE + "/variables",
    role=Role.OPERATOR,
    summary="Set variables of a test session, beside those it has",
    statuses=SEEDS,
    language=CHINESE,
)
async def set_variables(call: Call, test_session_id: Identifier, body: Variables) -> WorkflowTestSessionDto:
    return _view(await call.service(WORKFLOW_TESTS).set_variables(test_session_id, body, by=call.actor))


async def _said(call: Call, trial: Trial, message: str, follower: Follower | None) -> Trial:
    return await call.service(WORKFLOW_TESTS).say(
        trial.id, message, by=call.actor, language=call.language, follower=follower
    )


async def _streamed(
    call: Call, trial: Trial, message: str, stream: EventStream, follower: Follower
) -> WorkflowTestSessionDto:
    said = await _said(call, trial, message, follower)
    run = next((line.run for line in reversed(said.lines) if line.run is not None), None)
    if run is not None and run.success:
        stream.tell("usage", encode(_usage(run, call.service(CURRENCY))))
    return _view(said)


def _usage(run: TrialRun, currency: str) -> TestUsageEvent:
    return TestUsageEvent(
        known=run.usage.known,
        inputTokens=run.usage.input_tokens,
        outputTokens=run.usage.output_tokens,
        pointsMicro=run.usage.points_micro,
        costMicro=run.cost_micro,
        currency=currency,
    )


def _begun(node: NodeBegun) -> TestNodeEvent:
    return TestNodeEvent(name=node.name, nodeType=node.kind or None)


def _view(trial: Trial) -> WorkflowTestSessionDto:
    return WorkflowTestSessionDto(
        testSessionId=trial.id,
        workflowId=trial.workflow_id,
        workflowName=trial.workflow_name,
        messages=[_message(line) for line in trial.lines],
        createdAt=trial.created_at,
        lastActiveAt=trial.active_at,
    )


def _message(line: TrialLine) -> TestMessage:
    return TestMessage(
        id=line.id,
        role=line.role.value,
        content=line.text,
        timestamp=line.at,
        meta=None if line.run is None else _meta(line.run),
    )


def _meta(run: TrialRun) -> TestMessageMeta:
    return TestMessageMeta(
        success=run.success,
        durationMs=run.duration_ms,
        errorMessage=run.error,
        needHumanTransfer=run.needs_person,
        nodeDetails=[_detail(step) for step in run.steps],
    )


def _detail(step: TrialStep) -> NodeDetail:
    return NodeDetail(
        nodeId=step.id,
        nodeType=step.type,
        input=step.input,
        output=step.output,
        durationMs=step.duration_ms,
        success=step.success,
    )
