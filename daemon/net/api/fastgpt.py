"""Workflows asked through the API: a message answered, an intent or a sentiment told."""

from typing import Annotated, Any

from aiohttp import web
from attrs import field, frozen

from daemon.codec import encode
from daemon.domain.access import Role
from daemon.domain.pause import Field, FieldKind
from daemon.domain.workflow import Attachment, AttachmentKind, Usage
from daemon.engine.analysis import Analysed
from daemon.engine.chatting import Talk, Told
from daemon.engine.follower import Follower
from daemon.net.api.checks import refuse_inside
from daemon.net.api.conversations import NodeView, node_view
from daemon.net.api.fields import Identifier
from daemon.net.api.services import ANALYSIS, CHATTING, WORKFLOW_DESK
from daemon.net.server.call import Call
from daemon.net.server.constraints import Length, Note, Pattern
from daemon.net.server.events import MEDIA_TYPE, EventStream
from daemon.net.server.routes import Routes

routes = Routes("FastGPT")

PATH = "/api/v1/integrations/fastgpt"
ASKERS = (Role.OPERATOR, Role.AGENT)
MOST_MESSAGE = 20_000  # characters

Words = Annotated[str, Length(1, MOST_MESSAGE), Pattern(r"[\s\S]*\S[\s\S]*")]
Labels = Annotated[list[Annotated[str, Length(1, 200)]], Length(0, 100)]


@frozen(kw_only=True)
class AttachmentBody:
    kind: AttachmentKind
    url: Annotated[str, Length(8, 500_000), Pattern(r"(https?://|data:)[^\s]+"), Note("https:, or data:…;base64.")]
    name: Annotated[str, Length(0, 200)] = ""


@frozen(kw_only=True)
class AskBody:
    workflow_id: Identifier
    message: Words
    conversation_id: Annotated[
        str | None,
        Length(1, 200),
        Note("Of your own naming: the service remembers it, and a question is answered in it."),
    ] = None
    variables: dict[str, Any] = field(factory=dict)
    attachments: Annotated[list[AttachmentBody], Length(0, 20)] = field(factory=list)
    stream: Annotated[bool, Note("Told as it is made, in server-sent events: answer, restart, end, error.")] = False


@frozen(kw_only=True)
class PieceEvent:
    text: str


@frozen(kw_only=True)
class RunUsageView:
    input_tokens: int
    output_tokens: int
    embedding_tokens: int
    points_micro: Annotated[int, Note("Points in millionths.")]
    known: Annotated[bool, Note("False where the service did not say what it used.")]


@frozen(kw_only=True)
class AskedBackView:
    """Answer it with the next message of the conversation: by number, by text, or 取消 to leave it."""

    key: str
    label: str
    kind: FieldKind
    required: bool
    options: list[str]


@frozen(kw_only=True)
class AnsweredView:
    text: str
    workflow_id: Annotated[str, Note("That answered: a fallback's where it is degraded.")]
    degraded: bool
    question: Annotated[AskedBackView | None, Note("What the workflow wants to know before it goes on.")]
    nodes: list[NodeView]
    usage: RunUsageView
    duration_ms: int
    request_id: str


@frozen(kw_only=True)
class IntentBody:
    workflow_id: Identifier
    text: Words
    labels: Annotated[Labels, Note("The intents to choose from; none: the workflow names it.")] = field(factory=list)
    context: Annotated[str, Length(0, 5000), Note("What was said before, or who asks.")] = ""


@frozen(kw_only=True)
class SentimentBody:
    workflow_id: Identifier
    text: Words
    labels: Annotated[Labels, Note("positive, neutral, negative where none are given.")] = field(factory=list)


@frozen(kw_only=True)
class AnalysisView:
    label: str
    confidence: Annotated[float, Note("From 0 to 1.")]
    reason: str
    workflow_id: str
    degraded: bool
    asked: Annotated[int, Note("2: the first answer did not fit.")]
    usage: Annotated[RunUsageView, Note("Of all answers.")]
    duration_ms: int
    request_id: str


@routes.post(
    PATH + "/chat",
    role=ASKERS,
    summary="Ask a workflow, and wait for its answer",
    effect=True,
    produces=MEDIA_TYPE,
)
async def chat(call: Call, body: AskBody) -> AnsweredView | web.StreamResponse:
    await call.service(WORKFLOW_DESK).admit(body.workflow_id, call.actor)
    refuse_inside(call, ((f"attachments.{number}.url", one.url) for number, one in enumerate(body.attachments)))
    talk = Talk(
        workflow_id=body.workflow_id,
        message=body.message,
        conversation_id=body.conversation_id,
        variables=body.variables,
        attachments=tuple(Attachment(kind=one.kind, url=one.url, name=one.name) for one in body.attachments),
    )
    if not body.stream:
        return await _said(call, talk, None)
    stream = EventStream(call)
    follower = Follower(
        heard=lambda text: stream.tell("answer", encode(PieceEvent(text=text))),
        restarted=lambda: stream.tell("restart", encode({})),
    )
    return await stream.over(_said(call, talk, follower))


async def _said(call: Call, talk: Talk, follower: Follower | None) -> AnsweredView:
    return _chat(await call.service(CHATTING).say(talk, by=call.actor, follower=follower), call.id)


@routes.post(PATH + "/intent", role=ASKERS, summary="Tell the intent of a text", effect=True)
async def intent(call: Call, body: IntentBody) -> AnalysisView:
    await call.service(WORKFLOW_DESK).admit(body.workflow_id, call.actor)
    analysed = await call.service(ANALYSIS).analyze_intent(
        body.workflow_id, body.text, labels=body.labels, context=body.context, by=call.actor
    )
    return _analysis(analysed, call.id)


@routes.post(PATH + "/sentiment", role=ASKERS, summary="Tell the sentiment of a text", effect=True)
async def sentiment(call: Call, body: SentimentBody) -> AnalysisView:
    await call.service(WORKFLOW_DESK).admit(body.workflow_id, call.actor)
    analysed = await call.service(ANALYSIS).analyze_sentiment(
        body.workflow_id, body.text, labels=body.labels, by=call.actor
    )
    return _analysis(analysed, call.id)


def usage_view(usage: Usage) -> RunUsageView:
    return RunUsageView(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        embedding_tokens=usage.embedding_tokens,
        points_micro=usage.points_micro,
        known=usage.known,
    )


def _chat(told: Told, request_id: str) -> AnsweredView:
    return AnsweredView(
        text=told.answer.text,
        workflow_id=told.workflow_id,
        degraded=told.degraded,
        question=asked_back(told.asks) if told.asks else None,
        nodes=[node_view(node) for node in told.answer.nodes],
        usage=usage_view(told.answer.usage),
        duration_ms=round(told.seconds * 1000),
        request_id=request_id,
    )


def asked_back(asked: Field) -> AskedBackView:
    options = [option.label for option in asked.options]
    return AskedBackView(key=asked.key, label=asked.label, kind=asked.kind, required=asked.required, options=options)


def _analysis(analysed: Analysed, request_id: str) -> AnalysisView:
    return AnalysisView(
        label=analysed.verdict.label,
        confidence=analysed.verdict.confidence,
        reason=analysed.verdict.reason,
        workflow_id=analysed.workflow_id,
        degraded=analysed.degraded,
        asked=analysed.asked,
        usage=usage_view(analysed.usage),
        duration_ms=round(analysed.seconds * 1000),
        request_id=request_id,
    )
