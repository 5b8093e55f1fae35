"""Messages to WeChat: queue one, see what became of it, cancel, repeat, settle, take back."""

from datetime import datetime
from typing import Annotated, Any

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.message import Wxid
from daemon.domain.send import Revoking, Send, SendOrigin, SendState
from daemon.engine.sends import Verdict
from daemon.net.api.contents import ContentBody, ContentType, details_of, draft_of
from daemon.net.api.fields import ForeignId, Identifier
from daemon.net.api.services import ACCOUNTS, REVOKES, SENDS
from daemon.net.server.call import Call, Page, Paging, Reply
from daemon.net.server.constraints import Note
from daemon.net.server.routes import Routes

routes = Routes("Messages")

PATH = "/api/v1/integrations/gewe/messages"

SENDERS = (Role.OPERATOR, Role.AGENT)


@frozen(kw_only=True)
class NewMessage(ContentBody):
    account_id: Identifier
    to: Annotated[ForeignId, Note("A person, or a room (…@chatroom).", "wxid_friend00000001")]


@frozen(kw_only=True)
class MessageView:
    id: str
    account_id: str
    conversation_id: str
    to: str
    type: ContentType
    content: Annotated[str, Note("Its text, title or name; empty where it has none.")]
    at: list[str]
    details: Annotated[dict[str, Any], Note("What else it is made of: addresses, sizes, what is quoted.")]
    origin: SendOrigin
    state: SendState
    error: Annotated[str | None, Note("Why it is not sent, as a machine code.")]
    detail: str | None
    revoke: Annotated[Revoking | None, Note("How taking it back stands, where that was tried.")]
    attempts: int
    part: int
    parts: int
    turn_id: str | None
    parent_id: Annotated[str | None, Note("The send that this one repeats.")]
    wechat_id: Annotated[str | None, Note("newMsgId; text, since it exceeds 2^53.")]
    not_before: datetime | None
    expires_at: datetime
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    request_id: str | None


@frozen(kw_only=True)
class QueuedView:
    id: Annotated[str, Note("Of the first part.")]
    parts: Annotated[list[str], Note("Of every part, in order.")]
    state: SendState
    ahead: Annotated[int, Note("Sends of the account that go before it.")]


@frozen(kw_only=True)
class Settlement:
    outcome: Annotated[Verdict, Note("What a look at the phone showed.")]


@routes.post(PATH, role=SENDERS, summary="Queue a message", status=202, effect=True)
async def create(call: Call, body: NewMessage) -> Reply[QueuedView]:
    call.allow(body.account_id)
    account = call.service(ACCOUNTS).get(body.account_id)
    queued = await call.service(SENDS).add(
        account,
        to=Wxid(body.to),
        draft=draft_of(body, call.language),
        by=call.actor,
        language=call.language,
    )
    ids = [send.id for send in queued.sends]
    return Reply(
        body=QueuedView(id=ids[0], parts=ids, state=queued.sends[0].state, ahead=queued.ahead),
        headers={"Location": f"{PATH}/{ids[0]}"},
    )


@routes.get(PATH, role=SENDERS, summary="List messages to WeChat; state=unknown are those to settle")
async def page(
    call: Call, paging: Paging, *, account_id: str | None = None, state: SendState | None = None
) -> Page[MessageView]:
    if account_id is not None:
        call.allow(account_id)
    rows, total = await call.service(SENDS).page(
        scope=call.scope if account_id is None else {account_id},
        state=state,
        before=paging.after,
        limit=paging.limit + 1,
    )
    return Page.of(rows, total, paging, view=view, after=lambda send: send.id)


@routes.get(PATH + "/{message_id}", role=SENDERS, summary="Show a message")
async def show(call: Call, message_id: str) -> MessageView:
    return view(await _allowed(call, message_id))


@routes.post(
    PATH + "/{message_id}/cancel",
    role=Role.OPERATOR,
    summary="Cancel a waiting message",
    effect=True,
)
async def cancel(call: Call, message_id: str) -> MessageView:
    await _allowed(call, message_id)
    return view(await call.service(SENDS).cancel(message_id, by=call.actor))


@routes.post(
    PATH + "/{message_id}/retry",
    role=Role.OPERATOR,
    summary="Send a failed, expired, cancelled or unknown message once more, as a new one",
    status=202,
    effect=True,
)
async def retry(call: Call, message_id: str) -> MessageView:
    await _allowed(call, message_id)
    return view(await call.service(SENDS).repeat(message_id, by=call.actor))


@routes.post(
    PATH + "/{message_id}/settle",
    role=Role.OPERATOR,
    summary="Say what became of a message that nobody knows of",
    effect=True,
)
async def settle(call: Call, message_id: str, body: Settlement) -> MessageView:
    await _allowed(call, message_id)
    return view(await call.service(SENDS).settle(message_id, body.outcome, by=call.actor))


@routes.post(
    PATH + "/{message_id}/revoke",
    role=Role.OPERATOR,
    summary="Take a message back, within two minutes of sending it",
    effect=True,
)
async def revoke(call: Call, message_id: str) -> MessageView:
    await _allowed(call, message_id)
    return view(await call.service(REVOKES).revoke(message_id, by=call.actor))


async def _allowed(call: Call, message_id: str) -> Send:
    """The message, where the caller may touch its account."""
    send = await call.service(SENDS).get(message_id)
    call.allow(send.account_id)
    return send


def view(send: Send) -> MessageView:
    return MessageView(
        id=send.id,
        account_id=send.account_id,
        conversation_id=send.conversation_id,
        to=send.to,
        type=ContentType(send.parcel.kind),
        content=send.text,
        at=list(send.mentions),
        details=details_of(send.parcel),
        origin=send.origin,
        state=send.state,
        error=send.error,
        detail=send.detail,
        revoke=send.revoke,
        attempts=send.attempts,
        part=send.part,
        parts=send.parts,
        turn_id=send.turn_id,
        parent_id=send.parent_id,
        wechat_id=send.wechat_id,
        not_before=send.not_before,
        expires_at=send.expires_at,
        created_at=send.created_at,
        started_at=send.started_at,
        ended_at=send.ended_at,
        request_id=send.request_id,
    )
