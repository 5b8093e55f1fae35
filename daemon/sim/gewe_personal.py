"""The account itself and its labels, as GeWe shows them (contract 7)."""

import base64

from attrs import define

from daemon.sim.circles import Circles
from daemon.sim.gewe_accounts import Accounts
from daemon.sim.gewe_call import Call, Endpoint
from daemon.sim.gewe_wire import Reply, given, ok, plain, refused
from daemon.sim.pictures import png

PROFILE_FAILED = "获取个人资料失败"
LABEL_FAILED = "操作标签失败"


@define(eq=False)
class Personal:
    accounts: Accounts
    circles: Circles

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("personal/getProfile", self.profile),
            Endpoint("personal/getQrCode", self.qr_code),
            Endpoint("personal/getSafetyInfo", self.safety),
            Endpoint("label/add", self.add_label),
            Endpoint("label/delete", self.delete_labels),
            Endpoint("label/list", self.labels),
            Endpoint("label/modifyMemberList", self.label_members),
        ]

    def profile(self, call: Call) -> Reply:
        device, refusal = call.live(self.accounts, PROFILE_FAILED)
        if device is None:
            return refusal
        nobody_told = ("province", "city", "signature", "snsBgImg")
        return given(
            {
                "alias": None,
                "wxid": device.wxid,
                "nickName": device.nick_name,
                "mobile": "17100000000",
                "uin": 4077276085,
                "sex": 1,
                **dict.fromkeys(nobody_told),
                "country": "CN",
                "bigHeadImgUrl": "https://wx.qlogo.cn/b/0",
                "smallHeadImgUrl": "https://wx.qlogo.cn/b/132",
                "regCountry": "CN",
            }
        )

    def qr_code(self, call: Call) -> Reply:
        device, refusal = call.live(self.accounts, "获取二维码失败")
        if device is None:
            return refusal
        return given({"qrCode": base64.b64encode(png(64, 64, red=0, green=0, blue=0)).decode()})

    def safety(self, call: Call) -> Reply:
        """One row for each device that ever logged in: more than one iPad means the appId was not kept."""
        device, refusal = call.live(self.accounts, "获取设备记录失败")
        if device is None:
            return refusal
        pads = [other for other in self.accounts if other.wxid == device.wxid]
        rows = [
            {"uuid": pad.app_id, "deviceName": "iPad", "deviceType": "iPad", "lastTime": 1704000000} for pad in pads
        ]
        phone = {"uuid": "phone", "deviceName": "iPhone", "deviceType": "iPhone", "lastTime": 1704000000}
        return given({"list": [phone, *rows]})

    def add_label(self, call: Call) -> Reply:
        """The name of a label there is gives its id."""
        device, refusal = call.live(self.accounts, LABEL_FAILED, "labelName")
        if device is None:
            return refusal
        labels, name = self.circles.of(device.app_id).labels, str(call.body["labelName"])
        known = next((number for number, label in labels.items() if label == name), None)
        number = max(labels, default=0) + 1 if known is None else known
        labels[number] = name
        return given({"labelName": name, "labelId": number})

    def delete_labels(self, call: Call) -> Reply:
        device, refusal = call.live(self.accounts, LABEL_FAILED, "labelIds")
        if device is None:
            return refusal
        circle, told = self.circles.of(device.app_id), _numbers(call.body["labelIds"])
        if told is None:
            return plain("参数错误")
        for number in told:
            circle.labels.pop(number, None)
        for wxid, listed in tuple(circle.labelled.items()):
            left = [number for number in _numbers(listed) or () if number not in told]
            circle.labelled[wxid] = ",".join(map(str, left))
        return ok()

    def labels(self, call: Call) -> Reply:
        device, refusal = call.live(self.accounts, LABEL_FAILED)
        if device is None:
            return refusal
        labels = self.circles.of(device.app_id).labels
        return given({"labelList": [{"labelName": name, "labelId": number} for number, name in labels.items()]})

    def label_members(self, call: Call) -> Reply:
        """Each of these persons has just these labels from now on."""
        device, refusal = call.live(self.accounts, LABEL_FAILED, "wxIds")
        if device is None:
            return refusal
        circle, told = self.circles.of(device.app_id), _numbers(call.body.get("labelIds", ""))
        if told is None or not isinstance(call.body["wxIds"], list):
            return plain("参数错误")
        if not set(told) <= circle.labels.keys():
            return refused(LABEL_FAILED, "标签不存在")
        for wxid in call.body["wxIds"]:
            circle.labelled[str(wxid)] = ",".join(map(str, told))
        return ok()


def _numbers(told: object) -> list[int] | None:
    """Of a comma-joined text; None where it is something else."""
    if not isinstance(told, str):
        return None
    parts = [part.strip() for part in told.split(",") if part.strip()]
    return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else None
