"""Who is calling, and whether they may: keys and console sessions on TCP, the peer's uid on the Unix socket."""

import os
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiohttp import web
from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.domain.access import UNIX, Actor, Key, Role, Session, place_of
from daemon.engine.access import Access, read_key
from daemon.engine.doorbook import DoorBook
from daemon.engine.pressure import Pressure
from daemon.engine.sessions import Sessions
from daemon.errors import Forbidden, RateLimited, Unauthenticated
from daemon.net.server import cookies
from daemon.net.server.cookies import Network
from daemon.net.server.lockout import Lockout, by_address, by_key
from daemon.net.server.ratelimit import STRANGERS, RateLimits, class_of, share_of
from daemon.net.server.routes import Open, Route, Who
from daemon.store.lockouts import Ban

log = structlog.get_logger()

ROOT = 0  # the uid
_UCRED = struct.Struct("3i")  # pid, uid, gid: what SO_PEERCRED gives


@frozen(kw_only=True)
class Caller:
    """What the connection and the request say of themselves."""

    address: str  # "unix" on the Unix socket
    uid: int | None
    authorization: str | None = field(default=None, repr=False)
    cookie: str | None = field(default=None, repr=False)  # of the console
    secure: bool = False  # the browser speaks TLS
    unsafe: bool = False  # the method changes something
    own_pages: bool = False  # a browser says that a page of ours sent it

    @property
    def place(self) -> str:
        return place_of(self.address)


def read_caller(request: web.Request, proxies: Sequence[Network]) -> Caller:
    uid = peer_uid(request.transport)
    address = origin(request.remote or "", request.headers.getall("X-Forwarded-For", []), proxies)
    secure = cookies.is_secure(request, proxies)
    return Caller(
        address=UNIX if uid is not None else address,
        uid=uid,
        authorization=request.headers.get("Authorization"),
        cookie=cookies.read(request, secure=secure) if "Cookie" in request.headers and uid is None else None,
        secure=secure,
        unsafe=request.method not in cookies.SAFE,
        own_pages=cookies.from_own_pages(request),
    )


def origin(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Who asked the proxy, where the peer is one of ours; what anybody else says of it is not believed."""
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    while hops and cookies.is_in(peer, proxies):
        peer = hops.pop()
    return peer


def peer_uid(transport: "web.BaseRequest | object | None") -> int | None:
    """The uid at the other end of a Unix socket; None on TCP."""
    found = transport.get_extra_info("socket") if hasattr(transport, "get_extra_info") else None
    if found is None or found.family != socket.AF_UNIX:
        return None
    return int(_UCRED.unpack(found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[1])


@define
class Door:
    """Admits a caller to a route, or says why not."""

    access: Access
    sessions: Sessions
    book: DoorBook
    uids: Mapping[int, Role]
    limits: RateLimits
    addresses: Lockout
    keys: Lockout
    pressure: Pressure
    proxies: Sequence[Network] = ()  # whose X-Forwarded-For and X-Forwarded-Proto are believed
    own_uid: int = field(factory=os.geteuid)  # the daemon's

    @classmethod
    def standard(
        cls,
        access: Access,
        uids: Mapping[int, Role],
        clock: Clock,
        pressure: Pressure,
        proxies: Sequence[Network] = (),
    ) -> "Door":
        return cls(
            access,
            Sessions(access),
            DoorBook(access.db),
            uids,
            RateLimits.standard(clock),
            by_address(clock),
            by_key(clock),
            pressure,
            proxies,
        )

    def restore(self, bans: Sequence[Ban], places: Iterable[tuple[str, str]]) -> None:
        """Take up what earlier processes knew: who is locked out, and where keys were used well."""
        self.addresses.restore(bans)
        self.keys.restore(bans)
        self.access.restore(places)

    async def identify(self, caller: Caller, who: Who) -> Actor | None:
        """Who it is; None where anybody may call."""
        if who in (Open.PUBLIC, Open.CALLBACK) or (who is Open.LOCAL and caller.uid is not None):
            return None
        if caller.authorization is not None:
            return _holder(await self._by_authorization(caller, caller.authorization), caller)
        if caller.cookie is not None:
            return _holder((await self.by_cookie(caller, caller.cookie))[0], caller)
        if caller.uid is not None and caller.uid in self.uids:
            actor = Actor(id=f"uid:{caller.uid}", role=self.uids[caller.uid], source=UNIX)
            if caller.uid == ROOT != self.own_uid:
                self.book.rooted(actor)
            return actor
        if caller.uid is not None:
            raise Forbidden("auth.uid", uid=caller.uid)
        self.limits.take(STRANGERS, caller.place)
        raise Unauthenticated("auth.missing")

    def authorise(
        self, actor: Actor, caller: Caller, who: Who, headers: dict[str, str], *, whole: bool = False
    ) -> None:
        """Raises where the actor may not, or not now. `headers` are for the answer, either way."""
        name, share = class_of(actor, unsafe=caller.unsafe), share_of(actor)
        try:
            self.limits.take(name, actor.id, share)
        finally:
            headers.update(self.limits.headers(name, actor.id, share))
        if actor.role is None or not any(actor.role.includes(role) for role in roles_of(who)):
            raise Forbidden("auth.role", role=actor.role)
        if whole and actor.accounts is not None:
            raise Forbidden("auth.scope")
        if actor.role is Role.VIEWER:
            self.pressure.admit_reading()

    async def admit(self, caller: Caller, who: Who, headers: dict[str, str]) -> Actor | None:
        """Both at once."""
        actor = await self.identify(caller, who)
        if actor is not None:
            self.authorise(actor, caller, who, headers)
        return actor

    async def by_text(self, caller: Caller, text: str) -> Key:
        """The key with this text. A key is not locked out where it is trusted: its id is public, and no weapon."""
        told = read_key(text)
        key_id = told.id if told else ""
        wait = max(self.addresses.refused_for(caller.place), self.keys.refused_for(key_id))
        if wait and not (told and await self.access.trusted(key_id, caller.address)):
            raise RateLimited("auth.locked", retry_after=wait)
        try:
            return await self.access.authenticate(text, address=caller.address)
        except Unauthenticated as error:
            if wait:
                raise RateLimited("auth.locked", retry_after=wait) from error
            self._note_failure(key_id, caller)
            raise

    async def by_cookie(self, caller: Caller, text: str) -> tuple[Key, Session]:
        """The key that the console came with. Other sites cannot use it to change anything."""
        try:
            key, session = await self.sessions.holder(text, address=caller.address)
        except Unauthenticated:
            self.limits.take(STRANGERS, caller.place)
            raise
        if caller.unsafe and not caller.own_pages:
            raise Forbidden("auth.other_site", key=key.id)
        return key, session

    def refused(self, actor: Actor | None, caller: Caller, route: Route, error: Forbidden) -> None:
        """Note for the audit log that somebody was kept from something."""
        detail = {"code": error.code, **{name: str(fact) for name, fact in error.facts.items()}}
        self.book.refused(actor or stranger(caller), "call.refused", f"{route.method} {route.path}", detail)

    def strange(self, request: web.Request, action: str, target: str, **detail: str) -> None:
        """Note for the audit log what a stranger tried. `target` is a route, never a path, which may hold a secret."""
        self.book.refused(stranger(read_caller(request, self.proxies)), action, target, detail)

    async def _by_authorization(self, caller: Caller, authorization: str) -> Key:
        scheme, _, text = authorization.partition(" ")
        return await self.by_text(caller, text.strip() if scheme.lower() == "bearer" else "")

    def _note_failure(self, key_id: str, caller: Caller) -> None:
        place = caller.place
        banned = [
            self.addresses.failed(place) if place != UNIX else None,
            self.keys.failed(key_id) if key_id else None,
        ]
        for ban in filter(None, banned):
            log.warning("lockout.begun", kind=ban.kind, name=ban.name, bans=ban.bans)
            self.book.banned(ban, stranger(caller))
        self.limits.take(STRANGERS, place)


def stranger(caller: Caller) -> Actor:
    """Whoever it is that we do not know."""
    name = f"address:{caller.place}" if caller.uid is None else f"uid:{caller.uid}"
    return Actor(id=name, role=None, source=caller.address)


def roles_of(who: Who) -> tuple[Role, ...]:
    """Any of which is enough."""
    if isinstance(who, tuple):
        return who
    return (who,) if isinstance(who, Role) else (Role.VIEWER,)


def _holder(key: Key, caller: Caller) -> Actor:
    return Actor(
        id=f"key:{key.id}", role=key.role, accounts=key.accounts, source=caller.address, rate_limit=key.rate_limit
    )


DOOR = web.AppKey("door", Door)
