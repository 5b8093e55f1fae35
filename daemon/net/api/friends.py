"""Friend requests: who wants to be an account's friend; accepted by its rule, or by a person here."""

from datetime import datetime
from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.net.api.services import FRIENDS
from daemon.net.server.call import Call, Page, Paging
from daemon.net.server.constraints import Note
from daemon.net.server.routes import Routes
from daemon.store.friend_requests import Asked, RequestState

routes = Routes("Friend requests")

PATH = "/api/v1/integrations/gewe/friend-requests"


@frozen(kw_only=True)
class FriendRequestView:
    id: str
    account_id: str
    wxid: str
    nickname: str
    greeting: Annotated[str, Note("What they wrote.")]
    scene: Annotated[int, Note("How they found us, as WeChat numbers it.")]
    room: str
    state: Annotated[RequestState, Note("unknown: it may have been accepted; nobody repeats it.")]
    error: str | None
    by_rule: Annotated[bool, Note("The account's rule wants it accepted.")]
    received_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    request_id: str | None


@routes.get(PATH, role=Role.OPERATOR, summary="List friend requests; state=waiting are those to decide")
async def page(
    call: Call, paging: Paging, *, account_id: str | None = None, state: RequestState | None = None
) -> Page[FriendRequestView]:
    if account_id is not None:
        call.allow(account_id)
    rows, total = await call.service(FRIENDS).page(
        account_id=account_id,
        state=state,
        account_ids=call.scope,
        before=paging.after,
        limit=paging.limit + 1,
    )
    return Page.of(rows, total, paging, view=view, after=lambda asked: asked.id)


@routes.post(PATH + "/{friend_request_id}/accept", role=Role.OPERATOR, summary="Accept a friend request", effect=True)
async def accept(call: Call, friend_request_id: str) -> FriendRequestView:
    friends = call.service(FRIENDS)
    call.allow((await friends.get(friend_request_id)).account_id)
    return view(await friends.accept(friend_request_id, by=call.actor))


@routes.post(
    PATH + "/{friend_request_id}/reject",
    role=Role.OPERATOR,
    summary="Leave a friend request be; WeChat is not told",
    effect=True,
)
async def reject(call: Call, friend_request_id: str) -> FriendRequestView:
    friends = call.service(FRIENDS)
    call.allow((await friends.get(friend_request_id)).account_id)
    return view(await friends.reject(friend_request_id, by=call.actor))


def view(asked: Asked) -> FriendRequestView:
    return FriendRequestView(
        id=asked.id,
        account_id=asked.account_id,
        wxid=asked.wxid,
        nickname=asked.nickname,
        greeting=asked.greeting,
        scene=asked.scene,
        room=asked.room,
        state=asked.state,
        error=asked.error,
        by_rule=asked.by_rule,
        received_at=asked.received_at,
        decided_at=asked.decided_at,
        decided_by=asked.decided_by,
        request_id=asked.request_id,
    )
