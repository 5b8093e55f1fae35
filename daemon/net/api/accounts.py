"""WeChat accounts: those that GeWe holds for us, and how each answers."""

from datetime import datetime
from typing import Annotated, Any

from attrs import field, frozen

from daemon.domain.access import Role
from daemon.domain.account import Account, AccountState, Product, ReplyPolicy
from daemon.domain.message import AppId, Wxid
from daemon.engine.accounts import AccountDraft
from daemon.net.api.fields import ForeignId, Identifier, Name, Token, Url
from daemon.net.api.policies import PolicyBody, policy_body, policy_of
from daemon.net.api.services import ACCOUNTS, PROFILES, PUBLIC_URL
from daemon.net.server.call import Call, Page, Paging, Reply
from daemon.net.server.constraints import Note
from daemon.net.server.routes import Routes
from daemon.secret import Secret

routes = Routes("Accounts")

PATH = "/api/v1/integrations/gewe/accounts"
CALLBACK_PATH = "/api/v1/integrations/gewe/webhook/callback"


@frozen(kw_only=True)
class AccountBody:
    app_id: Annotated[
        ForeignId | None,
        Note(
            "GeWe's device, wx_…; left out, the one it has or that its first login brings.", "wx_demoAppId000000000001"
        ),
    ] = None
    token: Annotated[Token | None, Note("X-GEWE-TOKEN. Never shown again; left out of a change, it stays.")] = None
    wxid: Annotated[
        ForeignId | None, Note("The logged-in account. Learnt if left out; left out of a change, it stays.")
    ] = None
    name: Name
    product: Product = Product.HOSTED
    base_url: Annotated[Url, Note("With or without the prefix of the product.", "https://api.geweapi.com")]
    workflow_id: Annotated[Identifier | None, Note("Which workflow answers; without one nothing is answered.")] = None
    policy: PolicyBody = field(factory=PolicyBody)
    suspended: Annotated[bool, Note("Nothing is sent or answered while it is.")] = False
    relogin: Annotated[bool, Note("Where it goes offline, we try to log it in again before a person is called.")] = True


@frozen(kw_only=True)
class NewAccountBody(AccountBody):
    token: Annotated[Token, Note("X-GEWE-TOKEN. Kept encrypted, never shown again.")]


@frozen(kw_only=True)
class AccountView:
    id: str
    app_id: Annotated[str | None, Note("Null until its first login brought a device.")]
    token: Annotated[str, Note("Its last characters.")]
    wxid: str | None
    name: str
    product: Product
    base_url: str
    state: AccountState
    state_reason: str | None
    online_since: Annotated[datetime | None, Note("Its first login: what a new account may do grows with the days.")]
    relogin: bool
    workflow_id: str | None
    policy: PolicyBody
    created_at: datetime
    updated_at: datetime
    version: int


@frozen(kw_only=True)
class NewAccountView(AccountView):
    callback_url: Annotated[
        str | None,
        Note("Give it to GeWe. Shown once; null where another account of the same token has one already."),
    ]


@frozen(kw_only=True)
class ProfileView:
    wxid: str
    nickname: str
    alias: Annotated[str, Note("The WeChat number that people search for; empty where it has none.")]
    mobile: str
    region: str
    avatar_url: str


@frozen(kw_only=True)
class CallbackView:
    callback_url: Annotated[str, Note("Shown once. The one before is honoured for another 24 hours.")]


@routes.get(PATH, role=Role.VIEWER, summary="List accounts")
async def page(call: Call, paging: Paging, *, state: AccountState | None = None) -> Page[AccountView]:
    held = [a for a in call.service(ACCOUNTS).all() if state in {None, a.state} and call.actor.may_touch(a.id)]
    rows = [account for account in held if paging.after is None or account.id < paging.after]
    return Page.of(rows[: paging.limit + 1], len(held), paging, view=view, after=lambda account: account.id)


@routes.post(PATH, role=Role.ADMIN, summary="Add an account", status=201, effect=True, once=True, whole=True)
async def create(call: Call, body: NewAccountBody) -> Reply[NewAccountView]:
    accounts = call.service(ACCOUNTS)
    draft = _draft(body, Secret(body.token), accounts.default_policy)
    account, key = await accounts.add(draft, by=call.actor)
    url = None if key is None else callback_url(call, key)
    return Reply(body=NewAccountView(callback_url=url, **_shown(account)), headers={"Location": f"{PATH}/{account.id}"})


@routes.get(PATH + "/{account_id}", role=Role.VIEWER, summary="Show an account")
async def show(call: Call, account_id: str) -> AccountView:
    call.allow(account_id)
    return view(call.service(ACCOUNTS).get(account_id))


@routes.get(PATH + "/{account_id}/profile", role=Role.OPERATOR, summary="Who the account is, as WeChat shows it")
async def profile(call: Call, account_id: str) -> ProfileView:
    call.allow(account_id)
    shown = await call.service(PROFILES).show(call.service(ACCOUNTS).get(account_id), by=call.actor)
    return ProfileView(
        wxid=shown.wxid,
        nickname=shown.nickname,
        alias=shown.alias,
        mobile=shown.mobile,
        region=shown.region,
        avatar_url=shown.avatar_url,
    )


@routes.put(PATH + "/{account_id}", role=Role.ADMIN, summary="Change an account")
async def change(call: Call, account_id: str, body: AccountBody) -> AccountView:
    call.allow(account_id)
    accounts = call.service(ACCOUNTS)
    token = accounts.get(account_id).token if body.token is None else Secret(body.token)
    draft = _draft(body, token, accounts.default_policy)
    return view(await accounts.change(account_id, draft, version=call.if_match, by=call.actor))


@routes.delete(PATH + "/{account_id}", role=Role.ADMIN, summary="Remove an account without conversations")
async def remove(call: Call, account_id: str) -> None:
    call.allow(account_id)
    await call.service(ACCOUNTS).remove(account_id, version=call.if_match, by=call.actor)


@routes.post(
    PATH + "/{account_id}/callback-key",
    role=Role.ADMIN,
    summary="Give the account's callback a new secret",
    effect=True,
    once=True,
)
async def rotate_callback_key(call: Call, account_id: str) -> CallbackView:
    call.allow(account_id)
    key = await call.service(ACCOUNTS).rotate_callback_key(account_id, by=call.actor)
    return CallbackView(callback_url=callback_url(call, key))


def callback_url(call: Call, key: str) -> str:
    """Where GeWe is to deliver: under the public URL where one is set, else a path for the operator to complete."""
    return f"{call.service(PUBLIC_URL).rstrip('/')}{CALLBACK_PATH}/{key}"


def view(account: Account) -> AccountView:
    return AccountView(**_shown(account))


def _shown(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "app_id": account.app_id if account.has_device else None,
        "token": account.token.hint(),
        "wxid": account.wxid,
        "name": account.name,
        "product": account.product,
        "base_url": account.base_url,
        "state": account.state,
        "state_reason": account.state_reason,
        "online_since": account.online_since,
        "relogin": account.relogin,
        "workflow_id": account.workflow_id,
        "policy": policy_body(account.policy),
        "created_at": account.created_at,
        "updated_at": account.updated_at,
        "version": account.version,
    }


def _draft(body: AccountBody, token: Secret, usual: ReplyPolicy) -> AccountDraft:
    return AccountDraft(
        app_id=None if body.app_id is None else AppId(body.app_id),
        wxid=None if body.wxid is None else Wxid(body.wxid),
        name=body.name,
        product=body.product,
        base_url=body.base_url,
        token=token,
        workflow_id=body.workflow_id,
        policy=policy_of(body.policy, usual),
        suspended=body.suspended,
        relogin=body.relogin,
    )
