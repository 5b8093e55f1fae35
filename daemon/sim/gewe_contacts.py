"""Contacts and the friendships behind them, as GeWe lists and changes them (contract 5)."""

from collections.abc import Callable
from typing import Any

from attrs import define

from daemon.clock import Clock
from daemon.sim.circles import Circle, Circles, Request
from daemon.sim.gewe_accounts import Accounts, Device
from daemon.sim.gewe_call import Call, Endpoint
from daemon.sim.gewe_callbacks import Callbacks
from daemon.sim.gewe_wire import CONTACTS_FAILED, OFFLINE, Reply, empty, given, ok, plain, refused
from daemon.sim.people import People
from daemon.sim.wechat_contacts import befriended, lost

MOST_WXIDS = 20  # of one getBriefInfo or getDetailInfo
CACHE_S = 600.0  # the fetched list's life
UNKNOWN_RELATION = 6
_BRIEF = ("userName", "nickName", "pyInitial", "quanPin", "sex", "remark", "alias")
_ADD_FAILED = "添加联系人失败"


@define(eq=False)
class Contacts:
    clock: Clock
    accounts: Accounts
    people: People
    circles: Circles
    callbacks: Callbacks

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("contacts/fetchContactsList", self.fetch),
            Endpoint("contacts/fetchContactsListCache", self.cached),
            Endpoint("contacts/getBriefInfo", self.brief),
            Endpoint("contacts/getDetailInfo", self.detail),
            Endpoint("contacts/search", self.search),
            Endpoint("contacts/addContacts", self.add),
            Endpoint("contacts/deleteFriend", self.delete),
            Endpoint("contacts/setFriendRemark", self.remark),
            Endpoint("contacts/setFriendPermissions", self.permissions),
            Endpoint("contacts/checkRelation", self.relations, hosted_only=True),
        ]

    def fetch(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, CONTACTS_FAILED)
        if device is None:
            return refusal
        if not device.alive:
            return refused(CONTACTS_FAILED, OFFLINE)
        device.contacts_at = self.clock.monotonic()
        return given(self._lists(device))

    def cached(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, CONTACTS_FAILED)
        if device is None:
            return refusal
        fetched = device.contacts_at
        fresh = fetched is not None and self.clock.monotonic() - fetched <= CACHE_S
        return given(self._lists(device)) if fresh else ok()

    def brief(self, call: Call) -> Reply:
        return self._described(call, lambda contact: {name: contact[name] for name in _BRIEF})

    def detail(self, call: Call) -> Reply:
        return self._described(call, lambda contact: contact)

    def _described(self, call: Call, shape: Callable[[dict[str, Any]], dict[str, Any]]) -> Reply:
        device, refusal = call.device(self.accounts, "获取联系人信息失败", "wxids")
        if device is None:
            return refusal
        wxids = call.body["wxids"]
        if not isinstance(wxids, list) or len(wxids) > MOST_WXIDS:
            return plain(f"wxids最多{MOST_WXIDS}个")  # this text is ours: none is on record
        circle = self.circles.of(device.app_id)
        return given([shape(self._contact(circle, str(wxid))) for wxid in wxids], "获取联系人信息成功")

    def search(self, call: Call) -> Reply:
        """A stranger's v3 and v4; for a friend the wxid is in v3, and there is no v4 (contract 5)."""
        device, refusal = call.live(self.accounts, "搜索联系人失败", "contactsInfo")
        if device is None:
            return refusal
        told = str(call.body["contactsInfo"])
        wxid = self.people.findable.get(told, told)
        if wxid not in self.people.names:
            return refused("搜索联系人失败", "用户不存在", "-4")
        circle = self.circles.of(device.app_id)
        shown = {
            "nickName": self.people.names[wxid],
            "sex": 1,
            "signature": None,
            "bigHeadImgUrl": "https://wx.qlogo.cn/c/0",
            "smallHeadImgUrl": "https://wx.qlogo.cn/c/132",
        }
        if circle.is_friend(self.people, wxid):
            return given({"v3": wxid, **shown, "v4": None})
        offer = self.circles.request(wxid, scene=3, words="", ours=True)
        circle.remember(offer)
        return given({"v3": offer.v3, **shown, "v4": offer.v4})

    def add(self, call: Call) -> Reply:
        """Option 2 asks, 3 accepts and 4 rejects who asked. Success is told later, by ModContacts."""
        device, refusal = call.live(self.accounts, _ADD_FAILED, "scene", "option", "v3", "v4")
        if device is None:
            return refusal
        circle, body = self.circles.of(device.app_id), call.body
        request = circle.requests.get(str(body["v3"]))
        if request is None or request.v4 != body["v4"]:
            return refused(_ADD_FAILED, "验证信息已失效")  # this text is ours: none is on record
        match body["option"], request.ours:
            case (2, True):
                circle.asked[request.wxid] = request
                return ok()
            case (3, False) if body["scene"] == request.scene:
                self._accept(device, circle, request)
                return ok()
            case (4, False):
                del circle.requests[request.v3]
                return ok()
            case _:
                return refused(_ADD_FAILED, "参数错误")

    def _accept(self, device: Device, circle: Circle, request: Request) -> None:
        del circle.requests[request.v3]
        circle.befriend(request.wxid)
        event = befriended(device.app_id, request.wxid, self.people.name(request.wxid), request.v3)
        self.callbacks.later(device.token, event)

    def delete(self, call: Call) -> Reply:
        device, refusal = call.live(self.accounts, "删除好友失败", "wxid")
        if device is None:
            return refusal
        circle, wxid = self.circles.of(device.app_id), str(call.body["wxid"])
        if not circle.is_friend(self.people, wxid):
            return refused("删除好友失败", "好友不存在")
        circle.drop(wxid)
        self.callbacks.later(device.token, lost(device.app_id, device.wxid, wxid))
        return ok()

    def remark(self, call: Call) -> Reply:
        """An empty remark takes the old one away."""
        device, refusal = call.live(self.accounts, "设置好友备注失败", "wxid")
        if device is None:
            return refusal
        if not isinstance(call.body.get("remark"), str):
            return empty("remark")
        self.circles.of(device.app_id).remarks[str(call.body["wxid"])] = call.body["remark"]
        return ok("设置好友权限成功")  # GeWe's own slip, contract 1.1

    def permissions(self, call: Call) -> Reply:
        device, refusal = call.live(self.accounts, "设置好友权限失败", "wxid", "onlyChat")
        if device is None:
            return refusal
        only, wxid = self.circles.of(device.app_id).only_chat, str(call.body["wxid"])
        (only.add if call.body["onlyChat"] is True else only.discard)(wxid)
        return ok("设置好友权限成功")

    def relations(self, call: Call) -> Reply:
        device, refusal = call.live(self.accounts, "检测好友关系失败", "wxids")
        if device is None:
            return refusal
        if not isinstance(call.body["wxids"], list):
            return plain("参数错误")
        circle = self.circles.of(device.app_id)
        found = [{"wxid": wxid, "relation": self._relation(circle, str(wxid))} for wxid in call.body["wxids"]]
        return given(found, "检测好友关系成功")

    def _relation(self, circle: Circle, wxid: str) -> int:
        usual = 0 if circle.is_friend(self.people, wxid) else UNKNOWN_RELATION
        return circle.relations.get(wxid, usual)

    def _lists(self, device: Device) -> dict[str, list[str]]:
        circle = self.circles.of(device.app_id)
        names = [name for name in self.people.names if circle.is_friend(self.people, name)]
        friends = [name for name in names if not name.startswith("gh_")]
        official = [name for name in names if name.startswith("gh_")]
        rooms = [room for room in self.people.rooms if room not in circle.left | circle.unsaved]
        return {"friends": ["weixin", "filehelper", *friends], "chatrooms": rooms, "ghs": official}

    def _contact(self, circle: Circle, wxid: str) -> dict[str, Any]:
        name = self.people.rooms[wxid].name if wxid in self.people.rooms else self.people.names.get(wxid)
        return {
            "userName": wxid,
            "nickName": name,
            "pyInitial": None,
            "quanPin": None,
            "sex": 0,
            "remark": circle.remarks.get(wxid) or None,
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
            "labelList": circle.labelled.get(wxid),
            "province": None,
            "city": None,
            "phoneNumList": None,
        }
