"""WeChat conversations: what was said, who answers, and handing over to a person and back."""

from datetime import datetime, timedelta
from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.conversation import Author, Conversation, Line
from daemon.domain.media import MediaState
from daemon.domain.turn import Degraded, Feedback, Turn, TurnState
from daemon.domain.workflow import Node
from daemon.engine.conversations import Answering
from daemon.errors import Invalid, Problem
from daemon.net.api.services import CONVERSATIONS
from daemon.net.server.call import Call, Page, Paging
from daemon.net.server.constraints import Note, Range
from daemon.net.server.routes import Routes

routes = Routes("Conversations")

PATH = "/api/v1/integrations/conversations"


@frozen(kw_only=True)
class ConversationView:
    id: str
    account_id: str
    peer: Annotated[str, Note("The person's wxid, or the room.")]
    name: str | None
    muted: bool
    answered_by: Annotated[Author, Note("person while one has taken over.")]
    held_until: datetime | None
    held_by: str | None
    created_at: datetime
    last_message_at: datetime
    version: int


@frozen(kw_only=True)
class ConversationChange:
    muted: Annotated[bool | None, Note("The assistant never answers here while it is true.")] = None


@frozen(kw_only=True)
class Takeover:
    minutes: Annotated[float, Range(1, 10080), Note("How long, unless it is handed back before.")] = 30.0


@frozen(kw_only=True)
class LineView:
    id: str
    author: Author
    sender: str | None
    kind: str
    text: str
    at: Annotated[datetime, Note("When it was written; when it was queued, for one of ours.")]
    received_at: datetime | None
    state: Annotated[str, Note("What became of it: pending, answered, kept; or the state of a send.")]
    reason: str | None
    media: Annotated[MediaState | None, Note("Of the picture, voice, video or file it brought: /gewe/media/{id}.")]


@frozen(kw_only=True)
class NodeView:
    id: str
    name: str
    kind: str
    seconds: float
    failed: bool
    error: str | None
    model: str | None
    input_tokens: int
    output_tokens: int
    points_micro: int
    children: list["NodeView"]


@frozen(kw_only=True)
class TurnView:
    id: str
    state: TurnState
    workflow_id: str | None
    question: str
    answer: str | None
    error: str | None
    detail: str | None
    nodes: list[NodeView]
    input_tokens: int
    output_tokens: int
    embedding_tokens: int
    points_micro: Annotated[int, Note("Points in millionths.")]
    usage_known: Annotated[bool, Note("False where the service did not say what it used.")]
    attempts: int
    degraded: Annotated[Degraded, Note("How it ended where the account's own workflow did not answer; else empty.")]
    feedback: Feedback | None
    duration_seconds: float | None
    request_id: str | None
    created_at: datetime
    ended_at: datetime | None


@routes.get(PATH, role=Role.VIEWER, summary="List conversations, latest message first")
async def page(
    call: Call, paging: Paging, *, account_id: str | None = None, held: bool | None = None
) -> Page[ConversationView]:
    if account_id is not None:
        call.allow(account_id)
    now = call.service(CONVERSATIONS).db.clock.now()
    rows, total = await call.service(CONVERSATIONS).page(
        account_id=account_id, account_ids=call.scope, held=held, before=_place(paging.after), limit=paging.limit + 1
    )
    return Page.of(rows, total, paging, view=lambda row: view(row, now), after=_after)


@routes.get(PATH + "/{conversation_id}", role=Role.VIEWER, summary="Show a conversation")
async def show(call: Call, conversation_id: str) -> ConversationView:
    conversations = call.service(CONVERSATIONS)
    return view(await _allowed(call, conversation_id), conversations.db.clock.now())


@routes.put(PATH + "/{conversation_id}", role=Role.OPERATOR, summary="Mute or unmute the assistant")
async def change(call: Call, conversation_id: str, body: ConversationChange) -> ConversationView:
    conversations = call.service(CONVERSATIONS)
    await _allowed(call, conversation_id)
    changed = await conversations.change(
        conversation_id, Answering(muted=body.muted), version=call.if_match, by=call.actor
    )
    return view(changed, conversations.db.clock.now())


@routes.get(
    PATH + "/{conversation_id}/history",
    role=Role.OPERATOR,
    summary="What was said, newest first",
)
async def history(call: Call, conversation_id: str, paging: Paging) -> Page[LineView]:
    await _allowed(call, conversation_id)
    rows, total = await call.service(CONVERSATIONS).lines(conversation_id, before=paging.after, limit=paging.limit + 1)
    return Page.of(rows, total, paging, view=_line, after=lambda line: line.id)


@routes.get(
    PATH + "/{conversation_id}/turns",
    role=Role.OPERATOR,
    summary="What the workflows were asked",
)
async def turns(call: Call, conversation_id: str, paging: Paging) -> Page[TurnView]:
    await _allowed(call, conversation_id)
    rows, total = await call.service(CONVERSATIONS).turns(conversation_id, before=paging.after, limit=paging.limit + 1)
    return Page.of(rows, total, paging, view=turn_view, after=lambda turn: turn.id)


@routes.post(
    PATH + "/{conversation_id}/takeover",
    role=Role.OPERATOR,
    summary="A person answers from now on",
    effect=True,
)
async def take_over(call: Call, conversation_id: str, body: Takeover) -> ConversationView:
    conversations = call.service(CONVERSATIONS)
    await _allowed(call, conversation_id)
    held = await conversations.take_over(conversation_id, lasting=timedelta(minutes=body.minutes), by=call.actor)
    return view(held, conversations.db.clock.now())


@routes.post(
    PATH + "/{conversation_id}/release",
    role=Role.OPERATOR,
    summary="Hand back to the assistant",
    effect=True,
)
async def release(call: Call, conversation_id: str) -> ConversationView:
    conversations = call.service(CONVERSATIONS)
    await _allowed(call, conversation_id)
    return view(await conversations.release(conversation_id, by=call.actor), conversations.db.clock.now())


async def _allowed(call: Call, conversation_id: str) -> Conversation:
    """The conversation, where the caller may touch its account."""
    found = await call.service(CONVERSATIONS).get(conversation_id)
    call.allow(found.account_id)
    return found


def view(conversation: Conversation, now: datetime) -> ConversationView:
    held = conversation.held(now)
    return ConversationView(
        id=conversation.id,
        account_id=conversation.account_id,
        peer=conversation.peer,
        name=conversation.name,
        muted=conversation.muted,
        answered_by=Author.PERSON if held else Author.ASSISTANT,
        held_until=conversation.held_until if held else None,
        held_by=conversation.held_by if held else None,
        created_at=conversation.created_at,
        last_message_at=conversation.last_message_at,
        version=conversation.version,
    )


def _after(conversation: Conversation) -> str:
    return f"{conversation.last_message_at.isoformat()}|{conversation.id}"


def _place(after: str | None) -> tuple[datetime, str] | None:
    if after is None:
        return None
    moment, _, identifier = after.partition("|")
    try:
        return datetime.fromisoformat(moment), identifier
    except ValueError as error:
        raise Invalid(problems=[Problem("cursor", "not a cursor of this list")]) from error


def _line(line: Line) -> LineView:
    return LineView(
        id=line.id,
        author=line.author,
        sender=line.sender,
        kind=line.kind,
        text=line.text,
        at=line.at,
        received_at=line.received_at,
        state=line.state,
        reason=line.reason,
        media=line.media,
    )


def turn_view(turn: Turn) -> TurnView:
    usage = turn.usage
    return TurnView(
        id=turn.id,
        state=turn.state,
        workflow_id=turn.workflow_id,
        question=turn.question,
        answer=turn.answer,
        error=turn.error,
        detail=turn.detail,
        nodes=[node_view(node) for node in turn.nodes],
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        embedding_tokens=usage.embedding_tokens,
        points_micro=usage.points_micro,
        usage_known=usage.known,
        attempts=turn.attempts,
        degraded=turn.degraded,
        feedback=turn.feedback,
        duration_seconds=turn.seconds,
        request_id=turn.request_id,
        created_at=turn.created_at,
        ended_at=turn.ended_at,
    )


def node_view(node: Node) -> NodeView:
    return NodeView(
        id=node.id,
        name=node.name,
        kind=node.kind,
        seconds=node.seconds,
        failed=node.failed,
        error=node.error,
        model=node.model,
        input_tokens=node.input_tokens,
        output_tokens=node.output_tokens,
        points_micro=node.points_micro,
        children=[node_view(child) for child in node.children],
    )
