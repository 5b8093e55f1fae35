"""API keys: who may call us."""

from datetime import datetime
from typing import Annotated

from aiohttp import web
from attrs import asdict, frozen

from daemon.clock import to_ms
from daemon.domain.access import Key, Role
from daemon.engine.access import Access
from daemon.net.server.call import Call, Page, Paging, Reply, split_after
from daemon.net.server.constraints import Length, Note, Pattern
from daemon.net.server.routes import Routes

ACCESS = web.AppKey("access", Access)

KeyId = Annotated[str, Pattern("[a-z0-9]{10}"), Note("The public part of the key's text.", "k3m9x2p7qa")]

routes = Routes("Keys")


@frozen(kw_only=True)
class NewKey:
    """What a new key is to be."""

    name: Annotated[str, Length(1, 100), Note("Whose it is, for people.", "n8n in the office")]
    role: Role
    expires_at: Annotated[datetime | None, Note("At most a year ahead; null: it never expires.")] = None


@frozen(kw_only=True)
class KeyView:
    id: KeyId
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: Annotated[datetime | None, Note("To the minute.")]


@frozen(kw_only=True)
class ShownKey(KeyView):
    """A key with its text, which is shown this once."""

    key: Annotated[str, Note("Send it as `Authorization: Bearer …`.")]


@routes.get("/api/v1/keys", role=Role.ADMIN, summary="All keys, newest first")
async def listing(call: Call, paging: Paging, *, role: Role | None = None) -> Page[KeyView]:
    before = split_after(paging, call.language)
    keys, total = await call.service(ACCESS).page(role=role, before=before, limit=paging.limit)
    return Page.of(keys, total, paging, view=_view, after=lambda key: f"{to_ms(key.created_at)}|{key.id}")


@routes.post("/api/v1/keys", role=Role.ADMIN, summary="Make a key", status=201, effect=True, once=True)
async def create(call: Call, body: NewKey) -> Reply[ShownKey]:
    key, text = await call.service(ACCESS).create(
        name=body.name, role=body.role, expires_at=body.expires_at, by=call.actor.id
    )
    return Reply(body=_shown(key, text.reveal()), headers={"Location": f"/api/v1/keys/{key.id}"})


@routes.get("/api/v1/keys/{key_id}", role=Role.ADMIN, summary="One key")
async def show(call: Call, key_id: KeyId) -> KeyView:
    return _view(await call.service(ACCESS).get(key_id))


@routes.delete("/api/v1/keys/{key_id}", role=Role.ADMIN, summary="Revoke a key: it works no more from now on")
async def revoke(call: Call, key_id: KeyId) -> None:
    await call.service(ACCESS).revoke(key_id, by=call.actor.id)


@routes.post(
    "/api/v1/keys/{key_id}/rotate", role=Role.ADMIN, summary="Give a key another secret", effect=True, once=True
)
async def rotate(call: Call, key_id: KeyId) -> ShownKey:
    key, text = await call.service(ACCESS).rotate(key_id, by=call.actor.id)
    return _shown(key, text.reveal())


def _view(key: Key) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        role=key.role,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )


def _shown(key: Key, text: str) -> ShownKey:
    return ShownKey(**asdict(_view(key), recurse=False), key=text)
