"""What can be set in a group: its name and announcement, its admins, and how the account sees it (contract 6)."""

from collections.abc import Callable
from functools import partial

from attrs import define

from daemon.clock import Clock
from daemon.sim.circles import Circle, Circles
from daemon.sim.gewe_accounts import Accounts, Device
from daemon.sim.gewe_call import Call, Endpoint
from daemon.sim.gewe_callbacks import Callbacks
from daemon.sim.gewe_groups import NOT_ALLOWED, room_of
from daemon.sim.gewe_wire import Reply, given, ok, plain, refused
from daemon.sim.people import People, Room
from daemon.sim.wechat_contacts import room_changed

Sets = Callable[[Circle, Room, object], bool]  # False where the value makes no sense
SAVE, FORGET = 3, 2  # saveContractList's operType


@define(eq=False)
class GroupSettings:
    clock: Clock
    accounts: Accounts
    people: People
    circles: Circles
    callbacks: Callbacks

    def endpoints(self) -> list[Endpoint]:
        own: dict[str, tuple[str, Sets]] = {
            "saveContractList": ("operType", _save),
            "pinChat": ("top", _pin),
            "setMsgSilence": ("silence", _silence),
            "modifyChatroomRemark": ("chatroomRemark", _remark),
        }
        return [
            *(Endpoint(f"group/{name}", partial(self.own_view, field, sets)) for name, (field, sets) in own.items()),
            Endpoint("group/modifyChatroomName", self.rename),
            Endpoint("group/modifyChatroomNickNameForSelf", self.nickname),
            Endpoint("group/getChatroomAnnouncement", self.announcement),
            Endpoint("group/setChatroomAnnouncement", self.announce),
            Endpoint("group/adminOperate", self.admins),
            Endpoint("group/roomAccessApplyCheckApprove", self.approve),
        ]

    def own_view(self, field: str, sets: Sets, call: Call) -> Reply:
        """What no other member sees."""
        device, room, refusal = self._room(call, "设置群聊失败", field)
        if room is None or device is None:
            return refusal
        return ok() if sets(self.circles.of(device.app_id), room, call.body[field]) else plain("参数错误")

    def rename(self, call: Call) -> Reply:
        device, room, refusal = self._room(call, "修改群名称失败", "chatroomName")
        if room is None or device is None:
            return refusal
        room.name = str(call.body["chatroomName"])
        return self._changed(device, room)

    def nickname(self, call: Call) -> Reply:
        device, room, refusal = self._room(call, "修改我在本群的昵称失败", "nickName")
        if room is None or device is None:
            return refusal
        room.called[device.wxid] = str(call.body["nickName"])
        return self._changed(device, room)

    def announcement(self, call: Call) -> Reply:
        device, room, refusal = self._room(call, "获取群公告失败")
        if room is None or device is None:
            return refusal
        text, editor, at = room.announcement or (None, None, None)
        return given({"announcement": text, "announcementEditor": editor, "publishTime": at})

    def announce(self, call: Call) -> Reply:
        device, room, refusal = self._room(call, "设置群公告失败", "content")
        if room is None or device is None:
            return refusal
        if not room.ruled_by(device.wxid):
            return refused("设置群公告失败", NOT_ALLOWED)
        room.announcement = (str(call.body["content"]), device.wxid, int(self.clock.now().timestamp()))
        return ok()

    def admins(self, call: Call) -> Reply:
        """1 makes admins, 2 unmakes them, 3 hands the group over; for its owner alone."""
        device, room, refusal = self._room(call, "设置群管理员失败", "operType", "wxids")
        if room is None or device is None:
            return refusal
        wxids = call.body["wxids"]
        if not isinstance(wxids, list) or not set(wxids) <= room.members.keys():
            return plain("参数错误")
        if room.owner != device.wxid:
            return refused("设置群管理员失败", NOT_ALLOWED)
        match call.body["operType"]:
            case 1:
                room.admins.update(dict.fromkeys(wxids))
            case 2:
                for wxid in wxids:
                    room.admins.pop(wxid, None)
            case 3 if len(wxids) == 1:
                room.owner = wxids[0]
                room.admins.pop(room.owner, None)
            case _:
                return plain("参数错误")
        return self._changed(device, room)

    def approve(self, call: Call) -> Reply:
        """Lets in whom an application names; nothing is known of a refusal's text."""
        device, room, refusal = self._room(call, "确认进群申请失败", "newMsgId", "msgContent")
        if room is None or device is None:
            return refusal
        right = "NewXmlChatRoomAccessVerifyApplication" in str(call.body["msgContent"])
        return ok() if right else refused("确认进群申请失败", None)

    def _room(self, call: Call, operation: str, *required: str) -> tuple[Device | None, Room | None, Reply]:
        return room_of(call, self.accounts, self.people, operation, *required)

    def _changed(self, device: Device, room: Room) -> Reply:
        self.callbacks.later(device.token, room_changed(device.app_id, device.wxid, room))
        return ok()


def _save(circle: Circle, room: Room, told: object) -> bool:
    """3 saves to the telephone's contact list, 2 takes it out."""
    if told == SAVE:
        circle.unsaved.discard(room.id)
    elif told == FORGET:
        circle.unsaved.add(room.id)
    return told in (SAVE, FORGET)


def _pin(circle: Circle, room: Room, told: object) -> bool:
    (circle.pinned.add if told is True else circle.pinned.discard)(room.id)
    return isinstance(told, bool)


def _silence(circle: Circle, room: Room, told: object) -> bool:
    (circle.silenced.add if told is True else circle.silenced.discard)(room.id)
    return isinstance(told, bool)


def _remark(circle: Circle, room: Room, told: object) -> bool:
    circle.remarks[room.id] = str(told)
    return isinstance(told, str)
