"""The chat API: websites and apps talk with a workflow. Routes, fields and Chinese messages are the seed's."""

from datetime import datetime
from typing import Annotated

import structlog
from aiohttp import web
from attrs import evolve, frozen

from daemon.codec import encode, parse
from daemon.domain.access import Role
from daemon.domain.dialogue import Line
from daemon.engine.dialogues import Remark, Replied
from daemon.engine.follower import Follower
from daemon.errors import Invalid, OutcomeUnknown, QiaodError, RemoteError, StoreUnavailable, Unavailable
from daemon.net.api.fastgpt import MOST_MESSAGE, AskedBackView, PieceEvent, RunUsageView, asked_back, usage_view
from daemon.net.api.fields import Identifier
from daemon.net.api.services import DIALOGUES, WORKFLOW_DESK
from daemon.net.server.call import Call
from daemon.net.server.constraints import Length, Note, Pattern, Range
from daemon.net.server.events import MEDIA_TYPE, NAMED, EventStream
from daemon.net.server.routes import Routes

log = structlog.get_logger()

routes = Routes("Chat")

PATH = "/api/chat/{conversation_id}"
TALKERS = (Role.OPERATOR, Role.AGENT)  # a viewer sees no text of a chat
CHINESE = "zh"
PRESSED = "pressure.work"  # of what is put off, whatever it is
REQUIRED = ("user_id", "message")
HELD = evolve(NAMED, held=True)  # what fails before the first word has its own status, as without a stream

Words = Annotated[str, Length(1, MOST_MESSAGE), Pattern(r"[\s\S]*\S[\s\S]*")]
Name = Annotated[str, Length(1, 200), Pattern(r"[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*")]
ConversationId = Annotated[Name, Note("Of your own naming. Who writes in it first has it.")]
UserId = Annotated[Name, Note("Whose conversation it is: you vouch for it.")]


@frozen(kw_only=True)
class ChatBody:
    user_id: UserId
    message: Words
    workflow_id: Annotated[
        Identifier | None, Note("That is to answer; without it chat.workflow, or the only one there is.")
    ] = None
    stream: Annotated[bool, Note("Told as it is made, in server-sent events: answer, restart, end, error.")] = False


@frozen(kw_only=True)
class ChatReplyView:
    response: Annotated[str, Note("The answer.")]
    conversation_id: str
    message_id: Annotated[str, Note("Of what was asked, in the history.")]
    response_id: Annotated[str, Note("Of the answer, in the history.")]
    workflow_id: Annotated[str, Note("That answered: a fallback's where it is degraded.")]
    degraded: bool
    needs_person: Annotated[bool, Note("The workflow asks for a person to go on.")]
    question: Annotated[AskedBackView | None, Note("What the workflow wants to know before it goes on.")]
    usage: RunUsageView
    duration_ms: int
    request_id: str


@frozen(kw_only=True)
class ChatMessageView:
    id: str
    content: str
    is_user: Annotated[bool, Note("False: the answer of a workflow.")]
    created_at: datetime
    workflow_id: Annotated[str | None, Note("Of an answer: which workflow gave it.")]


@frozen(kw_only=True)
class ChatHistoryView:
    conversation_id: str
    messages: Annotated[list[ChatMessageView], Note("Oldest first.")]
    has_more: Annotated[bool, Note("There are earlier ones: ask with `before` and the id of the first of these.")]
    complete: Annotated[bool, Note("False: Supabase does not answer, and only what was said lately is known.")]


class AnswerFailed(QiaodError):
    """No workflow answered. The code and the log say why; the text is the seed's, whatever the reason."""

    def __init__(self, reason: QiaodError) -> None:
        super().__init__(reason.code, **reason.facts)
        self.retry_after = getattr(reason, "retry_after", None)
        self.may_have_run = isinstance(reason, OutcomeUnknown) or getattr(reason, "may_have_run", False)

    def text(self, language: str = "en") -> str:
        return QiaodError("chat.failed").text(language)


def reworded(error: Invalid, raw: bytes) -> Invalid:
    """What is wrong with a body in the seed's words, where it has words for it. Pure."""
    try:
        told = parse(raw)
    except Invalid:
        return Invalid("chat.malformed")
    if not isinstance(told, dict):
        return Invalid("chat.malformed")
    missing = [name for name in REQUIRED if not told.get(name) or not str(told[name]).strip()]
    return Invalid("chat.incomplete", error.problems) if missing else error


@routes.post(
    PATH,
    role=TALKERS,
    summary="Say something in a conversation, and wait for the answer",
    effect=True,
    produces=MEDIA_TYPE,
    language=CHINESE,
    reword=reworded,
)
async def say(call: Call, conversation_id: ConversationId, body: ChatBody) -> ChatReplyView | web.StreamResponse:
    remark = Remark(
        dialogue_id=conversation_id,
        user_id=body.user_id,
        message=body.message,
        workflow_id=await _workflow(call, body.workflow_id),
    )
    if not body.stream:
        return await _said(call, remark, None)
    stream = EventStream(call, HELD)
    follower = Follower(
        heard=lambda text: stream.tell("answer", encode(PieceEvent(text=text))),
        restarted=lambda: stream.tell("restart", encode({})),
    )
    return await stream.over(_said(call, remark, follower))


@routes.get(PATH + "/history", role=TALKERS, summary="What was said, oldest first", language=CHINESE)
async def history(
    call: Call,
    conversation_id: ConversationId,
    *,
    user_id: UserId,
    limit: Annotated[int, Range(1, 500), Note("Of the latest.")] = 50,
    before: Annotated[Identifier | None, Note("The id of a message: what was said before it.")] = None,
) -> ChatHistoryView:
    excerpt = await call.service(DIALOGUES).history_of(
        conversation_id, user_id, before=before, limit=limit, by=call.actor
    )
    return ChatHistoryView(
        conversation_id=conversation_id,
        messages=[_line(line) for line in excerpt.lines],
        has_more=excerpt.more,
        complete=excerpt.complete,
    )


@routes.delete(PATH, role=TALKERS, summary="Forget a conversation", language=CHINESE)
async def forget(call: Call, conversation_id: ConversationId, *, user_id: UserId) -> None:
    await call.service(DIALOGUES).forget(conversation_id, user_id, by=call.actor)


async def _workflow(call: Call, named: str | None) -> str:
    desk = call.service(WORKFLOW_DESK)
    wanted = named or call.service(DIALOGUES).workflow_id
    if not wanted:
        return await desk.only(call.actor)
    await desk.admit(wanted, call.actor)
    return wanted


async def _said(call: Call, remark: Remark, follower: Follower | None) -> ChatReplyView:
    try:
        replied = await call.service(DIALOGUES).say(remark, by=call.actor, follower=follower)
    except (RemoteError, Unavailable) as error:
        if isinstance(error, StoreUnavailable) or error.code == PRESSED:
            raise  # no workflow was asked
        log.warning("chat.failed", conversation=remark.dialogue_id, code=error.code)
        raise AnswerFailed(error) from error
    return _view(replied, call.id)


def _view(replied: Replied, request_id: str) -> ChatReplyView:
    told = replied.told
    return ChatReplyView(
        response=replied.answer.content,
        conversation_id=replied.answer.dialogue_id,
        message_id=replied.question.id,
        response_id=replied.answer.id,
        workflow_id=told.workflow_id,
        degraded=told.degraded,
        needs_person=told.answer.needs_person,
        question=asked_back(told.asks) if told.asks else None,
        usage=usage_view(told.answer.usage),
        duration_ms=round(told.seconds * 1000),
        request_id=request_id,
    )


def _line(line: Line) -> ChatMessageView:
    return ChatMessageView(
        id=line.id,
        content=line.content,
        is_user=line.is_user,
        created_at=line.created_at,
        workflow_id=line.workflow_id,
    )
