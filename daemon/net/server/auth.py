"""Who is calling, and whether they may: keys on TCP, the peer's uid on the Unix socket."""

import socket
import struct
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import structlog
from aiohttp import web
from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.domain.access import Actor, Key, Role
from daemon.engine.access import Access, read_key
from daemon.engine.pressure import Pressure
from daemon.errors import Forbidden, RateLimited, Unauthenticated
from daemon.net.server.lockout import Lockout, by_address, by_key
from daemon.net.server.ratelimit import LOCAL, STRANGERS, RateLimits
from daemon.net.server.routes import Open, Who

log = structlog.get_logger()

Network = IPv4Network | IPv6Network

UNIX = "unix"
MOST_KNOWN = 10_000  # pairs of key and address that are known to be good
_UCRED = struct.Struct("3i")  # pid, uid, gid: what SO_PEERCRED gives


@frozen(kw_only=True)
class Caller:
    """What the connection and the request say of themselves."""

    address: str  # "unix" on the Unix socket
    uid: int | None
    authorization: str | None = field(repr=False)


def read_caller(request: web.Request, proxies: Sequence[Network]) -> Caller:
    uid = peer_uid(request.transport)
    address = origin(request.remote or "", request.headers.getall("X-Forwarded-For", []), proxies)
    return Caller(
        address=UNIX if uid is not None else address, uid=uid, authorization=request.headers.get("Authorization")
    )


def origin(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Who asked the proxy, where the peer is one of ours; what anybody else says of it is not believed."""
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    while hops and _is_in(peer, proxies):
        peer = hops.pop()
    return peer


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in one for one in networks)


def peer_uid(transport: "web.BaseRequest | object | None") -> int | None:
    """The uid at the other end of a Unix socket; None on TCP."""
    found = transport.get_extra_info("socket") if hasattr(transport, "get_extra_info") else None
    if found is None or found.family != socket.AF_UNIX:
        return None
    return int(_UCRED.unpack(found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[1])


def network(address: str) -> str:
    """What counts as one stranger: an IPv4 address, or the /64 that one IPv6 customer has to himself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ip_network((address, 64), strict=False))


@define
class Door:
    """Admits a caller to a route, or says why not."""

    access: Access
    uids: Mapping[int, Role]
    limits: RateLimits
    addresses: Lockout
    keys: Lockout
    pressure: Pressure
    proxies: Sequence[Network] = ()  # whose X-Forwarded-For is believed
    _known: OrderedDict[tuple[str, str], None] = field(factory=OrderedDict, init=False)

    @classmethod
    def standard(
        cls,
        access: Access,
        uids: Mapping[int, Role],
        clock: Clock,
        pressure: Pressure,
        proxies: Sequence[Network] = (),
    ) -> "Door":
        return cls(access, uids, RateLimits.standard(clock), by_address(clock), by_key(clock), pressure, proxies)

    async def admit(self, caller: Caller, who: Who, headers: dict[str, str]) -> Actor | None:
        """The actor, None where anybody may call; or the reason why not. `headers` are for the answer, either way."""
        if who in (Open.PUBLIC, Open.CALLBACK) or (who is Open.LOCAL and caller.uid is not None):
            return None
        actor = await self._identify(caller)
        name = LOCAL if actor.id.startswith("uid:") else actor.role
        try:
            self.limits.take(name, actor.id)
        finally:
            headers.update(self.limits.headers(name, actor.id))
        if not any(actor.role.includes(role) for role in _roles(who)):
            raise Forbidden("auth.role", role=actor.role)
        if actor.role is Role.VIEWER:
            self.pressure.admit_reading()
        return actor

    async def _identify(self, caller: Caller) -> Actor:
        if caller.authorization is not None:
            key = await self._by_key(caller, caller.authorization)
            return Actor(id=f"key:{key.id}", role=key.role)
        if caller.uid is not None and caller.uid in self.uids:
            return Actor(id=f"uid:{caller.uid}", role=self.uids[caller.uid])
        if caller.uid is not None:
            raise Forbidden("auth.uid", uid=caller.uid)
        self.limits.take(STRANGERS, network(caller.address))
        raise Unauthenticated("auth.missing")

    async def _by_key(self, caller: Caller, authorization: str) -> Key:
        scheme, _, text = authorization.partition(" ")
        told = read_key(text.strip())
        place = network(caller.address)
        key_id = told.id if told else ""
        self._refuse_locked(key_id, place)
        try:
            if scheme.lower() != "bearer" or told is None:
                raise Unauthenticated("auth.malformed")
            key = await self.access.authenticate(text.strip())
        except Unauthenticated:
            self._note_failure(key_id, place)
            raise
        self._note_success(key.id, place)
        return key

    def _refuse_locked(self, key_id: str, place: str) -> None:
        """A key is not locked out where it has been used well: its id is public, and must be no weapon."""
        if (key_id, place) in self._known:
            return
        wait = max(self.addresses.refused_for(place), self.keys.refused_for(key_id))
        if wait:
            raise RateLimited("auth.locked", retry_after=wait)

    def _note_failure(self, key_id: str, place: str) -> None:
        if place != UNIX and self.addresses.failed(place):
            log.warning("lockout.begun", address=place)
        if key_id and self.keys.failed(key_id):
            log.warning("lockout.begun", key=key_id)
        self.limits.take(STRANGERS, place)

    def _note_success(self, key_id: str, place: str) -> None:
        self._known[key_id, place] = None
        self._known.move_to_end((key_id, place))
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)


def _roles(who: Who) -> tuple[Role, ...]:
    if isinstance(who, tuple):
        return who
    return (who,) if isinstance(who, Role) else (Role.VIEWER,)
