"""Groups, as GeWe shows them and lets the account act in them (contract 6)."""

import base64
from typing import Any

from attrs import define

from daemon.clock import Clock
from daemon.sim.circles import Circles
from daemon.sim.gewe_accounts import Accounts, Device
from daemon.sim.gewe_call import Call, Endpoint
from daemon.sim.gewe_callbacks import Callbacks
from daemon.sim.gewe_wire import OFFLINE, Reply, given, ok, plain, refused
from daemon.sim.people import People, Room
from daemon.sim.pictures import png
from daemon.sim.wechat_contacts import lost, room_changed

CREATE_FAILED = "创建群聊失败"
FEWEST = 2  # friends of a new group
NOT_ALLOWED = "没有权限"  # this text is ours: none is on record


@define(eq=False)
class Groups:
    clock: Clock
    accounts: Accounts
    people: People
    circles: Circles
    callbacks: Callbacks

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("group/createChatroom", self.create),
            Endpoint("group/getChatroomInfo", self.info),
            Endpoint("group/getChatroomMemberList", self.members),
            Endpoint("group/getChatroomMemberDetail", self.member_detail),
            Endpoint("group/inviteMember", self.invite),
            Endpoint("group/removeMember", self.remove),
            Endpoint("group/quitChatroom", self.quit),
            Endpoint("group/disbandChatroom", self.disband),
            Endpoint("group/agreeJoinRoom", self.agree),
            Endpoint("group/getChatroomQrCode", self.qr_code),
            Endpoint("group/addGroupMemberAsFriend", self.befriend),
        ]

    def create(self, call: Call) -> Reply:
        device, refusal = call.live(self.accounts, CREATE_FAILED, "wxids")
        if device is None:
            return refusal
        wxids, circle = call.body["wxids"], self.circles.of(device.app_id)
        friends = isinstance(wxids, list) and all(circle.is_friend(self.people, str(wxid)) for wxid in wxids)
        if not friends or len(set(wxids)) < FEWEST:
            return refused(CREATE_FAILED, "MemberList are wrong", "0")
        room_id = f"{self.circles.random.randint(10**10, 10**11 - 1)}@chatroom"
        names = "、".join(self.people.name(str(wxid)) for wxid in wxids)
        room = self.people.room(room_id, device.wxid, *map(str, wxids), name=names[:30])
        room.inviters.update(dict.fromkeys(map(str, wxids), device.wxid))
        circle.unsaved.add(room_id)
        self._changed(device, room)
        return given({"chatroomId": room_id, "headImgBase64": base64.b64encode(png(16, 16)).decode()})

    def info(self, call: Call) -> Reply:
        device, room, refusal = self._room(call, "获取群信息失败")
        return refusal if room is None or device is None else given(self._shown(device, room))

    def members(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, "获取群成员列表异常:null", "chatroomId")
        if device is None:
            return refusal
        room = self.people.rooms.get(str(call.body["chatroomId"]))
        if room is None:
            return plain("获取群成员列表异常:null")
        told = {"chatroomOwner": room.owner or None, "adminWxid": list(room.admins) or None}
        return given({"memberList": self._members(room, faces=True), **told})

    def member_detail(self, call: Call) -> Reply:
        device, room, refusal = self._room(call, "获取群成员详情失败", "memberWxids")
        if room is None or device is None:
            return refusal
        wanted = call.body["memberWxids"]
        if not isinstance(wanted, list):
            return plain("参数错误")
        circle = self.circles.of(device.app_id)
        details = [
            {
                "userName": member["wxid"],
                "nickName": member["nickName"],
                "remark": circle.remarks.get(member["wxid"]) or None,
                "sex": 0,
                "chatRoomNotify": 0,
                "friendUserName": member["wxid"] if circle.is_friend(self.people, member["wxid"]) else None,
                "inviterUserName": member["inviterUserName"],
                "memberFlag": member["memberFlag"],
                "bigHeadImgUrl": member["bigHeadImgUrl"],
                "smallHeadImgUrl": member["smallHeadImgUrl"],
            }
            for member in self._members(room, faces=True)
            if member["wxid"] in wanted
        ]
        return given(details)

    def invite(self, call: Call) -> Reply:
        """Wxids are comma-joined here and in removeMember, a list everywhere else."""
        device, room, refusal = self._room(call, "邀请群成员失败", "wxids")
        if room is None or device is None:
            return refusal
        if not isinstance(call.body["wxids"], str):
            return plain("参数错误")
        for wxid in call.body["wxids"].split(","):
            self.people.name(wxid)
            room.members[wxid], room.inviters[wxid] = None, device.wxid
        self._changed(device, room)
        return ok()

    def remove(self, call: Call) -> Reply:
        device, room, refusal = self._room(call, "移除群成员失败", "wxids")
        if room is None or device is None:
            return refusal
        if not isinstance(call.body["wxids"], str):
            return plain("参数错误")
        if not room.ruled_by(device.wxid):
            return refused("移除群成员失败", NOT_ALLOWED)
        for wxid in call.body["wxids"].split(","):
            room.leave(wxid)
        self._changed(device, room)
        return ok()

    def quit(self, call: Call) -> Reply:
        device, room, refusal = self._room(call, "退出群聊失败")
        if room is None or device is None:
            return refusal
        room.leave(device.wxid)
        return self._left(device, room)

    def disband(self, call: Call) -> Reply:
        device, room, refusal = self._room(call, "解散群聊失败")
        if room is None or device is None:
            return refusal
        if room.owner != device.wxid:
            return refused("解散群聊失败", NOT_ALLOWED)
        room.members.clear()
        return self._left(device, room)

    def agree(self, call: Call) -> Reply:
        device, refusal = call.live(self.accounts, "加入群聊失败", "url")
        if device is None:
            return refusal
        circle = self.circles.of(device.app_id)
        room_id = circle.invitations.pop(str(call.body["url"]), None)
        if room_id is None:
            return refused("加入群聊失败", "邀请已失效")
        circle.left.discard(room_id)
        self._changed(device, self.people.room(room_id, device.wxid))
        return given({"chatroomId": room_id})

    def qr_code(self, call: Call) -> Reply:
        device, room, refusal = self._room(call, "获取群二维码失败")
        if room is None or device is None:
            return refusal
        code = base64.b64encode(png(64, 64, red=0, green=0, blue=0)).decode()
        return given({"qrBase64": code, "qrTips": "该二维码7天内有效，重新进入将更新"})

    def befriend(self, call: Call) -> Reply:
        """Asks a member to be a friend, who may then accept."""
        device, room, refusal = self._room(call, "添加群成员为好友失败", "memberWxid")
        if room is None or device is None:
            return refusal
        wxid = str(call.body["memberWxid"])
        if wxid not in room.members:
            return refused("添加群成员为好友失败", "用户不存在")
        request = self.circles.request(wxid, scene=8, words=str(call.body.get("content") or ""), ours=True)
        self.circles.of(device.app_id).asked[wxid] = request
        return given({"v3": request.v3})

    def _room(self, call: Call, operation: str, *required: str) -> tuple[Device | None, Room | None, Reply]:
        """The device and a group it is in, or the refusal."""
        return room_of(call, self.accounts, self.people, operation, *required)

    def _left(self, device: Device, room: Room) -> Reply:
        self.circles.of(device.app_id).left.add(room.id)
        self.callbacks.later(device.token, lost(device.app_id, device.wxid, room.id))
        return ok()

    def _changed(self, device: Device, room: Room) -> None:
        self.callbacks.later(device.token, room_changed(device.app_id, device.wxid, room))

    def _shown(self, device: Device, room: Room) -> dict[str, Any]:
        return {
            "chatroomId": room.id,
            "nickName": room.name,
            "pyInitial": None,
            "quanPin": None,
            "sex": 0,
            "remark": self.circles.of(device.app_id).remarks.get(room.id) or None,
            "remarkPyInitial": None,
            "remarkQuanPin": None,
            "chatRoomNotify": 0 if room.id in self.circles.of(device.app_id).silenced else 1,
            "chatRoomOwner": room.owner,
            "smallHeadImgUrl": "https://wx.qlogo.cn/mmcrhead/x/0",
            "memberList": self._members(room, faces=False),
        }

    def _members(self, room: Room, *, faces: bool) -> list[dict[str, Any]]:
        return [
            {
                "wxid": wxid,
                "nickName": self._called(wxid),
                "inviterUserName": room.inviters.get(wxid, None if wxid == room.owner else room.owner),
                "memberFlag": 1,
                "displayName": room.called.get(wxid),
                "bigHeadImgUrl": "https://wx.qlogo.cn/a/0" if faces else None,
                "smallHeadImgUrl": "https://wx.qlogo.cn/a/132" if faces else None,
            }
            for wxid in room.members
        ]

    def _called(self, wxid: str) -> str:
        own = next((device.nick_name for device in self.accounts if device.wxid == wxid), "")
        return own or self.people.name(wxid)


def room_of(
    call: Call, accounts: Accounts, people: People, operation: str, *required: str
) -> tuple[Device | None, Room | None, Reply]:
    device, refusal = call.device(accounts, operation, "chatroomId", *required)
    if device is None:
        return None, None, refusal
    if not device.alive:
        return None, None, refused(operation, OFFLINE)
    room = people.rooms.get(str(call.body["chatroomId"]))
    return device, room, {} if room else refused(operation, None)
