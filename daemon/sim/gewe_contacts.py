"""Contacts, rooms and the profile, as GeWe lists them, in a simple form (contract 5, 6, 7)."""

from typing import Any

from attrs import define

from daemon.clock import Clock
from daemon.sim.gewe_accounts import Accounts
from daemon.sim.gewe_call import Call, Endpoint
from daemon.sim.gewe_wire import CONTACTS_FAILED, OFFLINE, Reply, given, ok, plain, refused
from daemon.sim.people import People, Room

MOST_WXIDS = 20  # of one getBriefInfo or getDetailInfo
CACHE_S = 600.0  # the fetched list's life
_BRIEF = ("userName", "nickName", "pyInitial", "quanPin", "sex", "remark", "alias")


@define(eq=False)
class Contacts:
    clock: Clock
    accounts: Accounts
    people: People

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("contacts/fetchContactsList", self.fetch),
            Endpoint("contacts/fetchContactsListCache", self.cached),
            Endpoint("contacts/getBriefInfo", self.brief),
            Endpoint("contacts/getDetailInfo", self.detail),
            Endpoint("group/getChatroomInfo", self.room),
            Endpoint("group/getChatroomMemberList", self.members),
            Endpoint("personal/getProfile", self.profile),
        ]

    def fetch(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, CONTACTS_FAILED)
        if device is None:
            return refusal
        if not device.alive:
            return refused(CONTACTS_FAILED, OFFLINE)
        device.contacts_at = self.clock.monotonic()
        return given(self._lists())

    def cached(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, CONTACTS_FAILED)
        if device is None:
            return refusal
        fetched = device.contacts_at
        fresh = fetched is not None and self.clock.monotonic() - fetched <= CACHE_S
        return given(self._lists()) if fresh else ok()

    def brief(self, call: Call) -> Reply:
        return self._described(call, lambda contact: {name: contact[name] for name in _BRIEF})

    def detail(self, call: Call) -> Reply:
        return self._described(call, lambda contact: contact)

    def _described(self, call: Call, shape: Any) -> Reply:
        device, refusal = call.device(self.accounts, "获取联系人信息失败", "wxids")
        if device is None:
            return refusal
        wxids = call.body["wxids"]
        if not isinstance(wxids, list) or len(wxids) > MOST_WXIDS:
            return plain(f"wxids最多{MOST_WXIDS}个")  # this text is ours: none is on record
        return given([shape(self._contact(str(wxid))) for wxid in wxids], "获取联系人信息成功")

    def room(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, "获取群信息失败", "chatroomId")
        if device is None:
            return refusal
        room = self.people.rooms.get(str(call.body["chatroomId"]))
        return given(self._room(room)) if room else refused("获取群信息失败", None)

    def members(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, "获取群成员列表异常:null", "chatroomId")
        if device is None:
            return refusal
        room = self.people.rooms.get(str(call.body["chatroomId"]))
        if room is None:
            return plain("获取群成员列表异常:null")
        return given({"memberList": self._members(room), "chatroomOwner": room.owner or None, "adminWxid": None})

    def profile(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, "获取个人资料失败")
        if device is None:
            return refusal
        if not device.alive:
            return refused("获取个人资料失败", OFFLINE)
        return given({"wxid": device.wxid, "nickName": device.nick_name, "alias": None, "mobile": "17100000000"})

    def _lists(self) -> dict[str, list[str]]:
        names = list(self.people.names)
        friends = [name for name in names if not name.startswith("gh_")]
        official = [name for name in names if name.startswith("gh_")]
        return {"friends": ["weixin", "filehelper", *friends], "chatrooms": list(self.people.rooms), "ghs": official}

    def _contact(self, wxid: str) -> dict[str, Any]:
        name = self.people.rooms[wxid].name if wxid in self.people.rooms else self.people.names.get(wxid)
        return {
            "userName": wxid,
            "nickName": name,
            "pyInitial": None,
            "quanPin": None,
            "sex": 0,
            "remark": None,
            "remarkPyInitial": None,
            "remarkQuanPin": None,
            "signature": None,
            "alias": None,
            "snsBgImg": None,
            "country": "CN",
            "bigHeadImgUrl": "https://wx.qlogo.cn/c/0",
            "smallHeadImgUrl": "https://wx.qlogo.cn/c/132",
            "description": None,
            "cardImgUrl": None,
            "labelList": None,
            "province": None,
            "city": None,
            "phoneNumList": None,
        }

    def _room(self, room: Room) -> dict[str, Any]:
        return {
            "chatroomId": room.id,
            "nickName": room.name,
            "pyInitial": None,
            "quanPin": None,
            "sex": 0,
            "remark": None,
            "remarkPyInitial": None,
            "remarkQuanPin": None,
            "chatRoomNotify": 1,
            "chatRoomOwner": room.owner,
            "smallHeadImgUrl": "https://wx.qlogo.cn/mmcrhead/x/0",
            "memberList": self._members(room),
        }

    def _members(self, room: Room) -> list[dict[str, Any]]:
        return [
            {
                "wxid": wxid,
                "nickName": self.people.name(wxid),
                "inviterUserName": None if wxid == room.owner else room.owner,
                "memberFlag": 1,
                "displayName": None,
                "bigHeadImgUrl": None,
                "smallHeadImgUrl": None,
            }
            for wxid in room.members
        ]
