"""API keys: who may call us."""

from datetime import datetime, timedelta
from typing import Annotated

from aiohttp import web
from attrs import asdict, frozen

from daemon.clock import to_ms
from daemon.domain.access import Key, Role
from daemon.engine.access import Access
from daemon.engine.key_units import Terms
from daemon.net.api.fields import Identifier
from daemon.net.server.call import Call, Page, Paging, Reply, split_after
from daemon.net.server.constraints import Length, Note, Pattern, Range
from daemon.net.server.ratelimit import PER_SECOND
from daemon.net.server.routes import Routes

ACCESS = web.AppKey("access", Access)

KeyId = Annotated[str, Pattern("[a-z0-9]{10}"), Note("The public part of the key's text.", "k3m9x2p7qa")]
KeyName = Annotated[str, Length(1, 100), Note("Whose it is, for people.", "n8n in the office")]
NetworkText = Annotated[str, Length(3, 43), Note("An address or a range.", "192.0.2.0/24")]
Networks = Annotated[tuple[NetworkText, ...], Length(0, 20), Note("Where it may be used; none: anywhere.")]
AccountIds = Annotated[tuple[Identifier, ...], Length(1, 50)]
Accounts = Annotated[AccountIds | None, Note("The only accounts it may see or touch; null: all.")]
Expiry = Annotated[datetime | None, Note("At most a year ahead; null: it never expires.")]
RateLimit = Annotated[
    int | None,
    Range(1, 1000),
    Note("Calls a second, of all kinds together, and twice as many at once; null: what its role allows.", 100),
]

routes = Routes("Keys")


@frozen(kw_only=True)
class NewKey:
    """What a new key is to be."""

    name: KeyName
    role: Role
    expires_at: Expiry = None
    networks: Networks = ()
    accounts: Accounts = None
    rate_limit: RateLimit = None


@frozen(kw_only=True)
class KeyChange:
    """All of it, so that nothing gets wider because it was left out; but for the limit, which is its role's then."""

    name: KeyName
    role: Role
    expires_at: Expiry
    networks: Networks
    accounts: Accounts
    rate_limit: RateLimit = None


@frozen(kw_only=True)
class Rotation:
    overlap_hours: Annotated[float, Range(0, 168), Note("For so long the secret before works as well.")] = 24.0


@frozen(kw_only=True)
class KeyView:
    id: KeyId
    name: str
    role: Role
    networks: list[str]
    accounts: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: Annotated[datetime | None, Note("To the minute.")]
    old_secret_until: Annotated[datetime | None, Note("The secret before the last rotation works until then.")]
    rate_limit: RateLimit
    requests_per_second: Annotated[float, Note("What it may do for long, by its limit or its role; more for a moment.")]
    version: int


@frozen(kw_only=True)
class ShownKey(KeyView):
    """A key with its text, which is shown this once."""

    key: Annotated[str, Note("Send it as `Authorization: Bearer …`.")]


@routes.get("/api/v1/keys", role=Role.ADMIN, summary="All keys, newest first", whole=True)
async def listing(call: Call, paging: Paging, *, role: Role | None = None) -> Page[KeyView]:
    before = split_after(paging, call.language)
    keys, total = await call.service(ACCESS).page(role=role, before=before, limit=paging.limit)
    return Page.of(keys, total, paging, view=_view, after=lambda key: f"{to_ms(key.created_at)}|{key.id}")


@routes.post("/api/v1/keys", role=Role.ADMIN, summary="Make a key", status=201, effect=True, once=True, whole=True)
async def create(call: Call, body: NewKey) -> Reply[ShownKey]:
    key, text = await call.service(ACCESS).create(
        name=body.name,
        role=body.role,
        expires_at=body.expires_at,
        networks=body.networks,
        accounts=None if body.accounts is None else frozenset(body.accounts),
        rate_limit=body.rate_limit,
        by=call.actor,
    )
    return Reply(body=_shown(key, text.reveal()), headers={"Location": f"/api/v1/keys/{key.id}"})


@routes.get("/api/v1/keys/{key_id}", role=Role.ADMIN, summary="One key", whole=True)
async def show(call: Call, key_id: KeyId) -> KeyView:
    return _view(await call.service(ACCESS).get(key_id))


@routes.put(
    "/api/v1/keys/{key_id}", role=Role.ADMIN, summary="Change what a key may do, where, and until when", whole=True
)
async def change(call: Call, key_id: KeyId, body: KeyChange) -> KeyView:
    """The role changes only where another one is given. Sessions of the console that were begun with it end."""
    terms = Terms(
        name=body.name,
        role=body.role,
        expires_at=body.expires_at,
        networks=body.networks,
        accounts=None if body.accounts is None else frozenset(body.accounts),
        rate_limit=body.rate_limit,
    )
    return _view(await call.service(ACCESS).change(key_id, terms, version=call.if_match, by=call.actor))


@routes.delete(
    "/api/v1/keys/{key_id}", role=Role.ADMIN, summary="Revoke a key: it works no more from now on", whole=True
)
async def revoke(call: Call, key_id: KeyId) -> None:
    await call.service(ACCESS).revoke(key_id, by=call.actor)


@routes.post(
    "/api/v1/keys/{key_id}/rotate",
    role=Role.ADMIN,
    summary="Give a key another secret",
    effect=True,
    once=True,
    whole=True,
)
async def rotate(call: Call, key_id: KeyId, body: Rotation = Rotation()) -> ShownKey:
    overlap = timedelta(hours=body.overlap_hours)
    key, text = await call.service(ACCESS).rotate(key_id, overlap=overlap, by=call.actor)
    return _shown(key, text.reveal())


def _view(key: Key) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        role=key.role,
        networks=list(key.networks),
        accounts=None if key.accounts is None else sorted(key.accounts),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
        old_secret_until=key.old_until,
        rate_limit=key.rate_limit,
        requests_per_second=key.rate_limit or PER_SECOND[key.role][0],
        version=key.version,
    )


def _shown(key: Key, text: str) -> ShownKey:
    return ShownKey(**asdict(_view(key), recurse=False), key=text)
