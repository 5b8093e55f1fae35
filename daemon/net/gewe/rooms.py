"""Rooms: who is in them, and changing them. Some calls want their ids as a list, some joined by commas."""

from collections.abc import Container, Sequence

from attrs import define

from daemon.domain.account import Account
from daemon.domain.message import Wxid
from daemon.domain.people import Member, Room, RoomNotice
from daemon.errors import Invalid, Problem
from daemon.net.gewe.calls import Calls
from daemon.net.gewe.envelope import Fields, number, text
from daemon.net.gewe.reading import fields_of, first_of, id_of, ids_of, items_of, needed
from daemon.net.gewe.sayings import MEMBERS

FEWEST = 2  # people that a room is made of, beside ourselves


@define
class GeweRooms:
    """See `engine.ports.Rooms`. GeWe is known to refuse reads of a room while the account is well."""

    calls: Calls

    async def info(self, account: Account, room: Wxid) -> Room:
        """Without who is admin."""
        data = fields_of(await self.calls.ask(account, "/group/getChatroomInfo", {"chatroomId": room}))
        return Room(
            wxid=room,
            name=text(data.get("nickName")),
            remark=text(data.get("remark")),
            owner=id_of(data.get("chatRoomOwner")),
            avatar_url=first_of(data, "bigHeadImgUrl", "smallHeadImgUrl"),
            members=_members(data, admins=()),
        )

    async def members(self, account: Account, room: Wxid) -> Room:
        """With who is admin, but without the room's name."""
        data = fields_of(await self.calls.ask(account, "/group/getChatroomMemberList", {"chatroomId": room}))
        return Room(
            wxid=room,
            name="",
            remark="",
            owner=id_of(data.get("chatroomOwner")),
            avatar_url="",
            members=_members(data, admins=ids_of(data.get("adminWxid"))),
        )

    async def create(self, account: Account, wxids: Sequence[Wxid]) -> Wxid:
        if len(wxids) < FEWEST:
            raise Invalid("gewe.too_few_members", [Problem("wxids", f"at least {FEWEST}")], fewest=FEWEST)
        data = await self.calls.act(account, "/group/createChatroom", {"wxids": list(wxids)}, sayings=MEMBERS)
        return Wxid(needed(fields_of(data), "chatroomId"))

    async def invite(self, account: Account, room: Wxid, wxids: Sequence[Wxid], reason: str) -> None:
        """`reason` is read by the owner, where the room wants invitations approved."""
        fields = {"chatroomId": room, "wxids": ",".join(wxids), "reason": reason}
        await self.calls.act(account, "/group/inviteMember", fields, sayings=MEMBERS)

    async def remove(self, account: Account, room: Wxid, wxids: Sequence[Wxid]) -> None:
        fields = {"chatroomId": room, "wxids": ",".join(wxids)}
        await self.calls.act(account, "/group/removeMember", fields, sayings=MEMBERS)

    async def notice(self, account: Account, room: Wxid) -> RoomNotice:
        data = await self.calls.ask(account, "/group/getChatroomAnnouncement", {"chatroomId": room})
        told = fields_of(data) if data else {}
        return RoomNotice(
            text=text(told.get("announcement")),
            editor=id_of(told.get("announcementEditor")),
            published_at=number(told.get("publishTime")) or 0,
        )

    async def announce(self, account: Account, room: Wxid, text: str) -> None:
        """For owners and admins only."""
        await self.calls.act(account, "/group/setChatroomAnnouncement", {"chatroomId": room, "content": text})

    async def rename(self, account: Account, room: Wxid, name: str) -> None:
        await self.calls.act(account, "/group/modifyChatroomName", {"chatroomId": room, "chatroomName": name})

    async def leave(self, account: Account, room: Wxid) -> None:
        await self.calls.act(account, "/group/quitChatroom", {"chatroomId": room})


def _members(data: Fields, *, admins: Container[Wxid]) -> tuple[Member, ...]:
    found = ((Wxid(text(item.get("wxid"))), item) for item in items_of(data.get("memberList")))
    return tuple(
        Member(
            wxid=wxid,
            nickname=text(item.get("nickName")),
            display_name=text(item.get("displayName")),
            invited_by=id_of(item.get("inviterUserName")),
            is_admin=wxid in admins,
            avatar_url=first_of(item, "bigHeadImgUrl", "smallHeadImgUrl"),
        )
        for wxid, item in found
        if wxid
    )
