"""A workflow at its service: checked, and its chats looked through."""

from datetime import datetime
from typing import Annotated, TypeVar

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.chat import Chat, ChatRecord
from daemon.net.api import checks
from daemon.net.api.checks import CheckView
from daemon.net.api.services import WORKFLOW_DESK
from daemon.net.api.workflows import PATH
from daemon.net.server.call import Call, Page, Paging, after_number
from daemon.net.server.constraints import Note
from daemon.net.server.routes import Routes

T = TypeVar("T")

routes = Routes("Workflows")


@frozen(kw_only=True)
class CheckBody:
    run: Annotated[bool, Note("Ask a real question too: it costs points, and tells whether the app is published.")] = (
        False
    )


@frozen(kw_only=True)
class ServiceChatView:
    chat_id: str
    title: str
    updated_at: datetime | None


@frozen(kw_only=True)
class ChatRecordView:
    id: str
    role: Annotated[str, Note("user or assistant.")]
    text: str
    at: datetime | None
    good_feedback: str | None
    bad_feedback: str | None
    error: str | None


@routes.post(PATH + "/{workflow_id}/check", role=Role.OPERATOR, summary="Check a workflow's address, key and app")
async def check(call: Call, workflow_id: str, body: CheckBody) -> CheckView:
    desk = call.service(WORKFLOW_DESK)
    await desk.admit(workflow_id, call.actor)
    return checks.view(await desk.check(workflow_id, run=body.run, name=f"check-{call.id}"), call.language)


@routes.get(PATH + "/{workflow_id}/histories", role=Role.OPERATOR, summary="List a workflow's chats at its service")
async def chats(call: Call, workflow_id: str, paging: Paging) -> Page[ServiceChatView]:
    desk, offset = call.service(WORKFLOW_DESK), after_number(paging, call.language) or 0
    await desk.admit(workflow_id, call.actor)
    rows, total = await desk.chats(workflow_id, offset=offset, limit=paging.limit)
    return _page([_chat(row) for row in rows], total, offset)


@routes.get(
    PATH + "/{workflow_id}/histories/{chat_id}",
    role=Role.OPERATOR,
    summary="What was said in a chat, as its service has it",
)
async def records(call: Call, workflow_id: str, chat_id: str, paging: Paging) -> Page[ChatRecordView]:
    """A page is counted from the newest back, and told oldest first."""
    desk, offset = call.service(WORKFLOW_DESK), after_number(paging, call.language) or 0
    await desk.admit(workflow_id, call.actor)
    rows, total = await desk.records(workflow_id, chat_id, offset=offset, limit=paging.limit)
    return _page([_record(row) for row in rows], total, offset)


@routes.delete(
    PATH + "/{workflow_id}/histories/{chat_id}", role=Role.ADMIN, summary="Delete a chat at its service, for good"
)
async def forget(call: Call, workflow_id: str, chat_id: str) -> None:
    desk = call.service(WORKFLOW_DESK)
    await desk.admit(workflow_id, call.actor)
    await desk.forget(workflow_id, chat_id, by=call.actor)


def _page(rows: list[T], total: int, offset: int) -> Page[T]:
    seen = offset + len(rows)
    return Page(data=rows, total=total, next_after=str(seen) if rows and seen < total else None)


def _chat(chat: Chat) -> ServiceChatView:
    return ServiceChatView(chat_id=chat.id, title=chat.title, updated_at=chat.updated_at)


def _record(record: ChatRecord) -> ChatRecordView:
    return ChatRecordView(
        id=record.id,
        role=record.role,
        text=record.text,
        at=record.at,
        good_feedback=record.good,
        bad_feedback=record.bad,
        error=record.error,
    )
