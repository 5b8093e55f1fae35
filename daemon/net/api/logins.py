"""Logging a WeChat account in and out, and telling GeWe where to deliver its messages."""

from datetime import datetime
from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.account import AccountState
from daemon.domain.login import LoginMethod, LoginStep
from daemon.net.api.accounts import CALLBACK_PATH, PATH, AccountView, view
from daemon.net.api.fields import Identifier, Url
from daemon.net.api.services import ACCOUNTS, CALLBACK_URLS, LOGINS, PUBLIC_URL
from daemon.net.server.call import Call
from daemon.net.server.constraints import Length, Note, Pattern
from daemon.net.server.routes import Routes
from daemon.secret import Secret
from daemon.texts import render

routes = Routes("Logins")

WEBHOOK_PATH = "/api/v1/integrations/gewe/webhook"

Region = Annotated[str, Pattern("[1-9][0-9]0000"), Note("The code of the person's province.", "320000")]
Proxy = Annotated[
    str,
    Length(8, 500),
    Pattern(r"socks5://[^\s]+"),
    Note("Through which WeChat is reached. Kept encrypted.", "socks5://user:password@192.0.2.1:1080"),
]
Code = Annotated[str, Length(1, 20), Pattern("[0-9A-Za-z]+")]


@frozen(kw_only=True)
class LoginBody:
    """What is left out is as it was at the last login; the hosted product wants a region at the first."""

    method: Annotated[LoginMethod, Note("qr: scan a code; push: tap on the phone, where it was logged in before.")] = (
        LoginMethod.QR
    )
    region: Region | None = None
    proxy: Proxy | None = None


@frozen(kw_only=True)
class LoginView:
    account_id: str
    app_id: str | None
    state: AccountState
    method: LoginMethod
    uuid: str
    qr_content: Annotated[str, Note("What the QR code says; empty for a push.")]
    qr_image: Annotated[str, Note("A data: URI; empty where GeWe gives none.")]
    expires_at: datetime


@frozen(kw_only=True)
class LoginCheckBody:
    code: Annotated[Code | None, Note("The security code that WeChat shows.")] = None


@frozen(kw_only=True)
class LoginCheckView:
    step: LoginStep
    nickname: str
    verify_url: Annotated[str, Note("Another QR code to scan: WeChat does not know the device. Empty: none.")]
    expires_in_seconds: Annotated[float | None, Note("As GeWe says it.")]
    account: AccountView


@frozen(kw_only=True)
class OnlineView:
    """Where the two differ, believe us: GeWe has been seen to say yes while every message failed."""

    online: Annotated[bool, Note("What GeWe says, asked just now.")]
    state: Annotated[AccountState, Note("What we take the account to be, by what passes through it.")]
    state_reason: str | None
    silent_since: Annotated[datetime, Note("Its last sign of life: a message, or one that was accepted.")]


@frozen(kw_only=True)
class WebhookBody:
    account_id: Annotated[Identifier, Note("One of those that share the token.")]
    url: Annotated[
        Url | None,
        Note("Where GeWe reaches this daemon, without the path; left out, http.public_url.", "https://bot.example.com"),
    ] = None


@frozen(kw_only=True)
class WebhookView:
    success: bool = True
    account_id: str
    webhook_url: Annotated[str, Note("With its secret: shown once. The one before is honoured for another 24 hours.")]
    received_at: Annotated[datetime, Note("When GeWe's test packet came there.")]
    message: str


@routes.post(
    PATH + "/{account_id}/login", role=Role.ADMIN, summary="Begin to log an account in", effect=True, once=True
)
async def begin(call: Call, account_id: str, body: LoginBody) -> LoginView:
    call.allow(account_id)
    proxy = None if body.proxy is None else Secret(body.proxy)
    begun = await call.service(LOGINS).begin(
        account_id, method=body.method, region=body.region, proxy=proxy, by=call.actor
    )
    return LoginView(
        account_id=begun.account.id,
        app_id=begun.account.app_id,
        state=begun.account.state,
        method=begun.pending.method,
        uuid=begun.pending.uuid,
        qr_content=begun.code.content,
        qr_image=begun.code.image,
        expires_at=begun.pending.expires_at,
    )


@routes.post(PATH + "/{account_id}/check-login", role=Role.ADMIN, summary="How far the login has come; ask each 5 s")
async def check(call: Call, account_id: str, body: LoginCheckBody) -> LoginCheckView:
    call.allow(account_id)
    check, account = await call.service(LOGINS).check(account_id, code=body.code, by=call.actor)
    return LoginCheckView(
        step=check.step,
        nickname=check.nickname,
        verify_url=check.verify_url,
        expires_in_seconds=None if check.expires_in is None else check.expires_in.total_seconds(),
        account=view(account),
    )


@routes.post(
    PATH + "/{account_id}/reconnect",
    role=Role.ADMIN,
    summary="Take up the login that the phone still shows",
    effect=True,
)
async def reconnect(call: Call, account_id: str) -> AccountView:
    call.allow(account_id)
    return view(await call.service(LOGINS).reconnect(account_id, by=call.actor))


@routes.post(PATH + "/{account_id}/logout", role=Role.ADMIN, summary="Log an account out", effect=True)
async def logout(call: Call, account_id: str) -> AccountView:
    call.allow(account_id)
    return view(await call.service(LOGINS).logout(account_id, by=call.actor))


@routes.get(PATH + "/{account_id}/online", role=Role.ADMIN, summary="What GeWe says of it, and what we see")
async def online(call: Call, account_id: str) -> OnlineView:
    call.allow(account_id)
    said, account = await call.service(LOGINS).online(account_id)
    return OnlineView(
        online=said,
        state=account.state,
        state_reason=account.state_reason,
        silent_since=call.service(ACCOUNTS).silent_since(account),
    )


@routes.post(
    WEBHOOK_PATH, role=Role.ADMIN, summary="Have GeWe deliver here, and wait for it to come", effect=True, once=True
)
async def set_webhook(call: Call, body: WebhookBody) -> WebhookView:
    call.allow(body.account_id)
    done = await call.service(CALLBACK_URLS).set_up(
        body.account_id, base=body.url or call.service(PUBLIC_URL), path=CALLBACK_PATH, by=call.actor
    )
    return WebhookView(
        account_id=done.account.id,
        webhook_url=done.url,
        received_at=done.received_at,
        message=render("webhook.set", call.language, {}),
    )
