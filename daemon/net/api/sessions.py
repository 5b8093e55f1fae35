"""The console's session: begun with a key, kept in a cookie that no script can read, ended by its holder or by time."""

from datetime import datetime
from typing import Annotated

from attrs import evolve, frozen

from daemon.domain.access import Actor, Role
from daemon.engine.sessions import LONGEST
from daemon.errors import Forbidden, RateLimited, Unauthenticated
from daemon.net.server import cookies
from daemon.net.server.auth import DOOR, Caller, read_caller, stranger
from daemon.net.server.call import Call, Reply
from daemon.net.server.constraints import Length, Note
from daemon.net.server.routes import Open, Routes

routes = Routes("Session")

PATH = "/api/v1/session"


@frozen(kw_only=True)
class Login:
    key: Annotated[str, Length(1, 200), Note("An API key, `qk_…`.")]


@frozen(kw_only=True)
class SessionView:
    actor: Annotated[str, Note("key:<id>, or uid:<n> on the Unix socket.")]
    role: Role | None
    accounts: Annotated[list[str] | None, Note("The only ones it may see or touch; null: all.")]
    name: Annotated[str | None, Note("Of the key; null where none is used.")]
    ends_at: Annotated[datetime | None, Note("At the latest; half an hour without a call ends it before.")]


@routes.post(PATH, role=Open.PUBLIC, summary="Begin a session of the console with a key")
async def begin(call: Call, body: Login) -> Reply[SessionView]:
    """Sets the cookie. Every call with it that changes something has to come from a page of this daemon."""
    door, caller = call.service(DOOR), _caller(call)
    if "Origin" in call.request.headers and not caller.own_pages:
        raise Forbidden("auth.other_site")
    try:
        key = await door.by_text(caller, body.key.strip())
    except (Unauthenticated, Forbidden, RateLimited) as error:
        door.book.refused(stranger(caller), "session.failed", "session", {"code": error.code})
        raise
    actor = Actor(id=f"key:{key.id}", role=key.role, accounts=key.accounts, source=caller.address, request_id=call.id)
    text = await door.sessions.begin(key, by=actor)
    cookie = cookies.given(text.reveal(), secure=caller.secure, lasting=LONGEST)
    begun = _view(actor, key.name, door.access.db.clock.now() + LONGEST)
    return Reply(body=begun, headers={"Set-Cookie": cookie})


@routes.get(PATH, role=tuple(Role), summary="Who am I")
async def show(call: Call) -> SessionView:
    door, caller = call.service(DOOR), _caller(call)
    if caller.authorization is None and caller.cookie is not None:
        key, session = await door.by_cookie(caller, caller.cookie)
        return _view(call.actor, key.name, session.created_at + LONGEST)
    kind, _, identifier = call.actor.id.partition(":")
    name = (await door.access.get(identifier)).name if kind == "key" else None
    return _view(call.actor, name, None)


@routes.delete(PATH, role=tuple(Role), summary="End the session")
async def end(call: Call) -> Reply[None]:
    caller = _caller(call)
    if caller.cookie is not None:
        await call.service(DOOR).sessions.end(caller.cookie, by=call.actor)
    return Reply(body=None, status=204, headers={"Set-Cookie": cookies.taken(secure=caller.secure)})


def _caller(call: Call) -> Caller:
    return evolve(read_caller(call.request, call.service(DOOR).proxies), address=call.address)


def _view(actor: Actor, name: str | None, ends_at: datetime | None) -> SessionView:
    return SessionView(
        actor=actor.id,
        role=actor.role,
        accounts=None if actor.accounts is None else sorted(actor.accounts),
        name=name,
        ends_at=ends_at,
    )
