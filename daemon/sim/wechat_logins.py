"""The owner's telephone at a login, and what WeChat does to a session: ends it, restores it, loses its line."""

from attrs import define

from daemon.sim.gewe_accounts import State
from daemon.sim.gewe_callbacks import Delivery
from daemon.sim.wechat_events import account_event, offline
from daemon.sim.wechat_session import Session


@define(eq=False, kw_only=True)
class Logins(Session):
    def scan_login(self, app_id: str) -> None:
        """The telephone reads the code that getLoginQrCode showed."""
        self.accounts.scan(app_id)

    async def confirm_login(self, app_id: str, *, wxid: str = "", nick_name: str = "") -> Delivery | None:
        """The owner says yes; the v2 envelope tells it."""
        self.accounts.confirm(app_id, wxid=wxid, nick_name=nick_name)
        return await self.account_event(app_id, "LOGIN_SUCCESS")

    def cancel_login(self, app_id: str) -> None:
        self.accounts.cancel(app_id)

    async def account_event(self, app_id: str, event: str) -> Delivery | None:
        """A state of the account by its v2 name, such as LONG_FAIL or RECONNECT_START; v1 has none of them."""
        device = self.accounts.get(app_id)
        if not self.callbacks.knobs.envelope.is_flat:
            return None
        return await self.callbacks.deliver(device.token, account_event(app_id, device.wxid, event))

    async def drop(
        self, app_id: str, *, reconnectable: bool = True, tell: bool = True, event: str = "LOGOUT"
    ) -> Delivery | None:
        """WeChat ends the session; GeWe pushes Offline (in v2 `event`, also LONG_FAIL), unless it does not `tell`."""
        device = self.accounts.get(app_id)
        device.state, device.reconnectable = State.OFFLINE, reconnectable
        if not tell:
            return None
        told = account_event(app_id, device.wxid, event) if self.callbacks.knobs.envelope.is_flat else None
        return await self.callbacks.deliver(device.token, told or offline(app_id, device.wxid))

    async def comes_back(self, app_id: str) -> Delivery | None:
        """The session is restored without anybody's doing: RECONNECT_START, then RECONNECT_SUCCESS."""
        device = self.accounts.get(app_id)
        await self.account_event(app_id, "RECONNECT_START")
        device.state, device.false_online = State.ONLINE, False
        return await self.account_event(app_id, "RECONNECT_SUCCESS")
