"""Logging in at GeWe, and what it believes of the login. Every login names the account's own device: a new one each
time is what WeChat bans for."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from attrs import define

from daemon.domain.account import Account, Product
from daemon.domain.login import LoginCheck, LoginCode, LoginStep, Profile
from daemon.domain.message import AppId
from daemon.errors import AccountOffline, Invalid, Problem, RemoteNonsense, RemoteRefused, RemoteUnauthorized
from daemon.net.gewe.answers import unexplained
from daemon.net.gewe.calls import ASKING, SENDING, Calls, device
from daemon.net.gewe.envelope import Fields, number, text
from daemon.net.gewe.reading import fields_of, first_of, id_of, needed, nonsense
from daemon.net.gewe.sayings import CALLBACK, LOGIN, SERVICE
from daemon.secret import Secret

STEPS = {0: LoginStep.WAITING, 1: LoginStep.SCANNED, 2: LoginStep.DONE, 4: LoginStep.CANCELLED}
REFUSALS = {"gewe.login_code_needed": LoginStep.CODE_NEEDED, "gewe.login_expired": LoginStep.EXPIRED}
CALLBACK_PATHS = {Product.HOSTED: "/login/setCallback", Product.SELF_HOSTED: "/tools/setCallback"}
LONGEST = 24 * 60 * 60  # seconds: no code lives as long

# province codes: WeChat wants logins to come from where the person is
REGIONS = frozenset(
    f"{province}0000"
    for province in (
        *(11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37),
        *(41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65),
    )
)


@define
class GeweDevices:
    """See `engine.ports.Devices`."""

    calls: Calls

    async def login_code(self, account: Account, *, region: str | None, proxy: str | None) -> LoginCode:
        """`region` is a province code such as 320000, and needed by the hosted product; `proxy` is socks5://…"""
        app_id = account.app_id if account.has_device else ""
        place = {"type": "ipad", **_region(account, region)} if account.product is Product.HOSTED else {}
        return await self._begin(account, "/login/getLoginQrCode", {"appId": app_id, **place}, proxy)

    async def push_login(self, account: Account, *, region: str | None, proxy: str | None) -> LoginCode:
        place = _region(account, region) if region or account.product is Product.HOSTED else {}
        return await self._begin(account, "/login/dialogLogin", {"appId": device(account), **place}, proxy)

    async def _begin(self, account: Account, path: str, body: Mapping[str, Any], proxy: str | None) -> LoginCode:
        data = fields_of(
            await self.calls.post(
                account,
                path,
                {**body, **({"proxyIp": proxy} if proxy else {})},
                timeouts=SENDING,
                repeatable=False,
                sayings=LOGIN,
                secrets=_secrets_of(proxy),
            )
        )
        app_id = text(data.get("appId")) or (account.app_id if account.has_device else needed(data, "appId"))
        return LoginCode(
            app_id=AppId(app_id),
            uuid=needed(data, "uuid"),
            content=text(data.get("qrData")),
            image=text(data.get("qrImgBase64")),
        )

    async def check_login(self, account: Account, uuid: str, *, code: str | None) -> LoginCheck:
        """`code` is the security code that WeChat shows, where it asks for one."""
        fields: dict[str, Any] = {"uuid": uuid, **({"captchCode": code} if code else {})}
        if account.product is Product.HOSTED:
            fields["autoSliding"] = False  # a Mac may have it; an iPad must not
        try:
            return _check(fields_of(await self.calls.ask(account, "/login/checkLogin", fields, sayings=LOGIN)))
        except RemoteRefused as error:
            if error.code in REFUSALS:
                return LoginCheck(step=REFUSALS[error.code])
            raise

    async def check_online(self, account: Account) -> bool:
        try:
            online = await self.calls.ask(account, "/login/checkOnline", timeouts=ASKING)
        except AccountOffline:
            return False
        if not isinstance(online, bool):
            raise nonsense(online)
        return online

    async def reconnect(self, account: Account) -> None:
        try:
            await self.calls.act(account, "/login/reconnection", sayings=LOGIN)
        except RemoteRefused as error:
            if error.code != "gewe.nothing_to_reconnect":
                raise

    async def logout(self, account: Account) -> None:
        await self.calls.act(account, "/login/logout")

    async def set_callback(self, account: Account, url: str) -> None:
        """GeWe tries `url` before it answers. A token it does not know is refused without a word."""
        token = account.token.reveal()
        try:
            await self.calls.post(
                account,
                CALLBACK_PATHS[account.product],
                {"token": token, "callbackUrl": url},
                timeouts=SENDING,
                repeatable=False,
                sayings=CALLBACK,
                secrets=(Secret(url),),  # it holds the key by which GeWe is let in, and is echoed
            )
        except RemoteRefused as error:
            if unexplained(error):
                raise RemoteUnauthorized("gewe.unauthorized", service=SERVICE, detail=error.detail) from error
            raise

    async def profile(self, account: Account) -> Profile:
        data = fields_of(await self.calls.ask(account, "/personal/getProfile"))
        wxid = id_of(data.get("wxid"))
        if wxid is None:
            raise RemoteNonsense("gewe.nonsense", service=SERVICE, detail="no wxid")
        return Profile(
            wxid=wxid,
            nickname=text(data.get("nickName")),
            alias=text(data.get("alias")),
            mobile=text(data.get("mobile")),
            region=" ".join(filter(None, (text(data.get(name)) for name in ("country", "province", "city")))),
            avatar_url=first_of(data, "bigHeadImgUrl", "smallHeadImgUrl"),
        )


def _check(data: Fields) -> LoginCheck:
    step = STEPS.get(-1 if (status := number(data.get("status"))) is None else status)
    if step is None:
        raise RemoteNonsense("gewe.nonsense", service=SERVICE, detail=f"status {text(data.get('status'))[:20]}")
    left = number(data.get("expiredTime"))
    if step in {LoginStep.WAITING, LoginStep.SCANNED} and left is not None and left <= 0:
        step = LoginStep.EXPIRED
    login = data.get("loginInfo")
    info: Fields = login if isinstance(login, dict) else {}
    return LoginCheck(
        step=step,
        nickname=text(info.get("nickName")) or text(data.get("nickName")),
        wxid=id_of(info.get("wxid")),
        expires_in=None if left is None else timedelta(seconds=min(max(left, 0), LONGEST)),
        verify_url=text(data.get("url")),
    )


def _region(account: Account, region: str | None) -> dict[str, str]:
    if region not in REGIONS:
        problem = Problem("region", f"the product {account.product} needs a province code such as 320000")
        raise Invalid("gewe.unknown_region", [problem])
    return {"regionId": region}


def _secrets_of(proxy: str | None) -> tuple[Secret, ...]:
    """A proxy's address may hold a password."""
    try:
        password = urlsplit(proxy or "").password
    except ValueError:
        password = None
    return tuple(Secret(part) for part in (proxy, password) if part)
