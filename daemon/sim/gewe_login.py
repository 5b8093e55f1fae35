"""Tokens, logins and the account's state, as GeWe shows them (contract 2.1, 2.2, 15.2-15.5)."""

import base64

from attrs import define

from daemon.sim.gewe_accounts import Accounts, Device, State
from daemon.sim.gewe_call import Call, Endpoint
from daemon.sim.gewe_callbacks import Callbacks
from daemon.sim.gewe_wire import (
    CHECK_FAILED,
    FINE_ALREADY,
    LOGGED_IN,
    NEEDS_CODE,
    QR_FAILED,
    TOO_MANY_DEVICES,
    Reply,
    given,
    missing,
    no_device,
    ok,
    plain,
    refused,
)
from daemon.sim.pictures import jpeg
from daemon.sim.wechat_events import account_event

SELF_HOSTED_DEVICES = 2  # a token, contract 1.3
QR_IMAGE = "data:image/jpg;base64," + base64.b64encode(jpeg(64, 64)).decode()
EXPIRED = "二维码已过期"  # this text is ours: none is on record
RESCAN = "账号需要重新扫码登录"
DIALOG_FAILED = "弹框登录失败"
STATUS = {State.QR: 0, State.SCANNED: 1, State.ONLINE: 2, State.CANCELLED: 4}


@define(eq=False)
class Login:
    tokens: tuple[str, ...]
    accounts: Accounts
    callbacks: Callbacks

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("tools/getTokenId", self.token_id, needs_token=False),
            Endpoint("tools/setCallback", self.set_callback, needs_token=False),
            Endpoint("login/setCallback", self.set_callback),
            Endpoint("login/deviceList", self.device_list),
            Endpoint("login/getLoginQrCode", self.qr_code),
            Endpoint("login/checkLogin", self.check_login),
            Endpoint("login/dialogLogin", self.dialog),
            Endpoint("login/checkOnline", self.check_online),
            Endpoint("login/reconnection", self.reconnection),
            Endpoint("login/logout", self.logout),
        ]

    def token_id(self, _: Call) -> Reply:
        return given(self.tokens[0], "执行成功")

    async def set_callback(self, call: Call) -> Reply:
        refusal = missing(call.body, "token", "callbackUrl")
        if refusal is not None:
            return refusal
        token, url = str(call.body["token"]), str(call.body["callbackUrl"])
        if token not in self.tokens:
            return plain(None)
        if not await self.callbacks.probe(token, url):
            return plain(f"{url} push msg err")
        self.callbacks.set_url(token, url)
        return ok()

    def device_list(self, call: Call) -> Reply:
        return given([device.app_id for device in self.accounts.of(call.token)])

    def qr_code(self, call: Call) -> Reply:
        needed = ("type", "regionId") if call.hosted else ()
        refusal = missing(call.body, *needed)
        if refusal is not None:
            return refusal
        app_id = str(call.body.get("appId") or "")
        if app_id:
            device = self.accounts.find(call.token, app_id)
            if device is None:
                return no_device(QR_FAILED, app_id)
        elif not call.hosted and len(self.accounts.of(call.token)) >= SELF_HOSTED_DEVICES:
            return refused(QR_FAILED, TOO_MANY_DEVICES)
        else:
            device = self.accounts.create(call.token)
        return self._show_qr(call, device)

    def _show_qr(self, call: Call, device: Device) -> Reply:
        if device.online:
            return refused(QR_FAILED, LOGGED_IN)
        self.accounts.show_qr(device)
        call.entry.ids.update(appId=device.app_id, uuid=device.uuid)
        url = f"http://weixin.qq.com/x/{device.uuid}"
        return given({"appId": device.app_id, "uuid": device.uuid, "qrData": url, "qrImgBase64": QR_IMAGE})

    def check_login(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, CHECK_FAILED, "uuid")
        if device is None:
            return refusal
        waiting = device.state in (State.QR, State.SCANNED)
        if call.body["uuid"] != device.uuid or (waiting and self.accounts.expired(device)):
            return refused(CHECK_FAILED, EXPIRED)
        if waiting and device.needs_code and not call.body.get("captchCode"):
            return refused(CHECK_FAILED, NEEDS_CODE)
        answer = given(_login(device)) if device.state in STATUS else refused(CHECK_FAILED, EXPIRED)
        if self.accounts.auto_login:
            self.accounts.advance(device)
            if waiting and device.online:
                self._tell(device, "LOGIN_SUCCESS")
        return answer

    def dialog(self, call: Call) -> Reply:
        """A dialog on the telephone instead of a code; only where WeChat still knows the device."""
        device, refusal = call.device(self.accounts, DIALOG_FAILED, "regionId")
        if device is None:
            return refusal
        if device.online:
            return refused(DIALOG_FAILED, LOGGED_IN)
        if device.state is State.NONE or not device.reconnectable:
            return refused(DIALOG_FAILED, RESCAN)
        self.accounts.show_dialog(device)
        call.entry.ids.update(appId=device.app_id, uuid=device.uuid)
        return given({"appId": device.app_id, "uuid": device.uuid})

    def check_online(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, "检测在线状态失败")
        return refusal if device is None else given(device.online)

    def reconnection(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, "断线重连失败")
        if device is None:
            return refusal
        if device.online:
            return plain(FINE_ALREADY)
        if device.state is not State.OFFLINE or not device.reconnectable:
            return refused("断线重连失败", RESCAN)
        device.state = State.ONLINE
        self._tell(device, "RECONNECT_START", "RECONNECT_SUCCESS")
        return ok()

    def logout(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, "退出登录失败")
        if device is None:
            return refusal
        device.state, device.reconnectable, device.false_online = State.OFFLINE, False, False
        self._tell(device, "LOGOUT")
        return ok()

    def _tell(self, device: Device, *events: str) -> None:
        """By v2 names; v1 has no events for them."""
        if self.callbacks.knobs.envelope.is_flat:
            told = [account_event(device.app_id, device.wxid, event) for event in events]
            self.callbacks.later(device.token, *told)


def _login(device: Device) -> dict[str, object]:
    done = device.state is State.ONLINE
    return {
        "uuid": device.uuid,
        "headImgUrl": "http://wx.qlogo.cn/mmhead/ver_1/x/0",
        "nickName": device.nick_name if device.state is not State.QR else None,
        "expiredTime": 225,  # as in the samples, whatever the age of the code
        "status": STATUS[device.state],
        "loginInfo": _login_info(device) if done else None,
    }


def _login_info(device: Device) -> dict[str, object]:
    return {
        "uin": 4077276085,
        "wxid": device.wxid,
        "nickName": device.nick_name,
        "mobile": "17100000000",
        "alias": None,
    }
