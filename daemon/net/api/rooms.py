"""Rooms: those an account is in as far as it is known, their members, and changing them."""

from datetime import UTC, datetime
from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.message import Wxid
from daemon.domain.people import Member
from daemon.engine.rooms import Shown
from daemon.net.api.fields import ForeignId, Identifier
from daemon.net.api.services import ACCOUNTS, ROOMS
from daemon.net.server.call import Call, Page, Paging, Reply
from daemon.net.server.constraints import Length, Note
from daemon.net.server.routes import Routes

routes = Routes("Rooms")

PATH = "/api/v1/integrations/gewe/groups"
ROOM = PATH + "/{room}"

Members = Annotated[list[ForeignId], Length(1, 40)]


@frozen(kw_only=True)
class RoomLine:
    room: str
    name: Annotated[str, Note("Empty where it is not known.")]


@frozen(kw_only=True)
class MemberView:
    wxid: str
    name: str
    nickname: str
    display_name: Annotated[str, Note("Within the room.")]
    invited_by: str | None
    is_admin: bool
    avatar_url: str


@frozen(kw_only=True)
class RoomView:
    room: str
    name: str
    remark: str
    owner: str | None
    avatar_url: str
    members: list[MemberView]
    read_at: Annotated[datetime | None, Note("When GeWe said so; null: it never did.")]
    problem: Annotated[str | None, Note("The code of why it could not be read anew just now.")]
    problem_text: str | None


@frozen(kw_only=True)
class NewRoom:
    account_id: Identifier
    wxids: Annotated[list[ForeignId], Length(2, 40), Note("At least two people beside the account.")]


@frozen(kw_only=True)
class NewRoomView:
    room: str


@frozen(kw_only=True)
class Invitation:
    account_id: Identifier
    wxids: Members
    reason: Annotated[str, Length(0, 200), Note("For the owner, where the room wants invitations approved.")] = ""


@frozen(kw_only=True)
class RoomChange:
    account_id: Identifier
    name: Annotated[str, Length(1, 100)]


@frozen(kw_only=True)
class Leaving:
    account_id: Identifier


@frozen(kw_only=True)
class AnnouncementBody:
    account_id: Identifier
    text: Annotated[str, Length(1, 2000), Note("Everybody in the room is notified.")]


@frozen(kw_only=True)
class AnnouncementView:
    text: str
    editor: str | None
    published_at: datetime | None


@routes.get(PATH, role=Role.OPERATOR, summary="List the rooms an account is known to be in")
async def page(call: Call, paging: Paging, *, account_id: str) -> Page[RoomLine]:
    call.allow(account_id)
    account = call.service(ACCOUNTS).get(account_id)
    rows, total = await call.service(ROOMS).page(account, after=paging.after, limit=paging.limit + 1)
    return Page.of(rows, total, paging, view=lambda row: RoomLine(room=row[0], name=row[1]), after=lambda row: row[0])


@routes.get(ROOM, role=Role.OPERATOR, summary="Show a room and its members")
async def show(call: Call, room: str, *, account_id: str, refresh: bool = False) -> RoomView:
    call.allow(account_id)
    account = call.service(ACCOUNTS).get(account_id)
    shown = await call.service(ROOMS).show(account, Wxid(room), refresh=refresh, by=call.actor)
    return view(shown, call.language)


@routes.post(PATH, role=Role.OPERATOR, summary="Make a room", status=201, effect=True)
async def create(call: Call, body: NewRoom) -> Reply[NewRoomView]:
    call.allow(body.account_id)
    account = call.service(ACCOUNTS).get(body.account_id)
    room = await call.service(ROOMS).create(account, [Wxid(wxid) for wxid in body.wxids], by=call.actor)
    return Reply(body=NewRoomView(room=room), headers={"Location": f"{PATH}/{room}"})


@routes.put(ROOM, role=Role.OPERATOR, summary="Give a room another name")
async def rename(call: Call, room: str, body: RoomChange) -> None:
    call.allow(body.account_id)
    account = call.service(ACCOUNTS).get(body.account_id)
    await call.service(ROOMS).rename(account, Wxid(room), body.name, by=call.actor)


@routes.post(ROOM + "/members", role=Role.OPERATOR, summary="Invite people into a room", effect=True)
async def invite(call: Call, room: str, body: Invitation) -> None:
    call.allow(body.account_id)
    account, wxids = call.service(ACCOUNTS).get(body.account_id), [Wxid(wxid) for wxid in body.wxids]
    await call.service(ROOMS).invite(account, Wxid(room), wxids, body.reason, by=call.actor)


@routes.delete(ROOM + "/members", role=Role.OPERATOR, summary="Remove people from a room")
async def remove(call: Call, room: str, *, account_id: str, wxid: Members) -> None:
    call.allow(account_id)
    account, wxids = call.service(ACCOUNTS).get(account_id), [Wxid(one) for one in wxid]
    await call.service(ROOMS).remove(account, Wxid(room), wxids, by=call.actor)


@routes.post(ROOM + "/leave", role=Role.OPERATOR, summary="Leave a room", effect=True)
async def leave(call: Call, room: str, body: Leaving) -> None:
    call.allow(body.account_id)
    account = call.service(ACCOUNTS).get(body.account_id)
    await call.service(ROOMS).leave(account, Wxid(room), by=call.actor)


@routes.get(ROOM + "/announcement", role=Role.OPERATOR, summary="Show a room's announcement")
async def announcement(call: Call, room: str, *, account_id: str) -> AnnouncementView:
    call.allow(account_id)
    account = call.service(ACCOUNTS).get(account_id)
    notice = await call.service(ROOMS).notice(account, Wxid(room), by=call.actor)
    at = datetime.fromtimestamp(notice.published_at, UTC) if notice.published_at else None
    return AnnouncementView(text=notice.text, editor=notice.editor, published_at=at)


@routes.put(ROOM + "/announcement", role=Role.OPERATOR, summary="Set a room's announcement")
async def announce(call: Call, room: str, body: AnnouncementBody) -> None:
    call.allow(body.account_id)
    account = call.service(ACCOUNTS).get(body.account_id)
    await call.service(ROOMS).announce(account, Wxid(room), body.text, by=call.actor)


def view(shown: Shown, language: str) -> RoomView:
    room, problem = shown.room, shown.problem
    return RoomView(
        room=room.wxid,
        name=room.name,
        remark=room.remark,
        owner=room.owner,
        avatar_url=room.avatar_url,
        members=[_member(member) for member in room.members],
        read_at=shown.read_at,
        problem=None if problem is None else problem.code,
        problem_text=None if problem is None else problem.text(language),
    )


def _member(member: Member) -> MemberView:
    return MemberView(
        wxid=member.wxid,
        name=member.name,
        nickname=member.nickname,
        display_name=member.display_name,
        invited_by=member.invited_by,
        is_admin=member.is_admin,
        avatar_url=member.avatar_url,
    )
