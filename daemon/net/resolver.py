"""Names to addresses for every call that leaves: kept for a while, one look-up a name at a time, none behind another.

The loops look names up on a few threads, where eight silent names stall all others for seconds; c-ares waits for any
number of them at once. While no name server answers, what is known goes on being used.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

import aiodns
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from attrs import define, field, frozen

from daemon.clock import Clock

log = structlog.get_logger()

LEAST_TTL = 5.0  # seconds: what changes faster is not followed
MOST_TTL = 300.0  # seconds: a host that moves is found again after that
NO_SUCH_NAME_KEPT = 10.0  # seconds
FAILURE_KEPT = 1.0  # seconds that a name is not asked for again after a failure
STALE_KEPT = 30.0  # seconds that old addresses are used after a failure, before the name is asked for again
PATIENCE = 0.2  # seconds a caller waits for a new answer where an old one would do
MOST_NAMES = 1000  # kept; the one unused for longest goes
MOST_AT_ONCE = 200  # names looked up at the same time
FIRST_WAIT = 0.5  # seconds for a server's answer before another is asked, or the same again; c-ares adapts it
TRIES = 3
NO_SUCH_NAME = frozenset({aiodns.error.ARES_ENOTFOUND, aiodns.error.ARES_ENODATA, aiodns.error.ARES_EBADNAME})


@frozen(kw_only=True)
class DnsTerms:
    """What the settings say. `servers`: addresses, with a port or without; none: those of the system."""

    servers: tuple[str, ...] = ()
    timeout: timedelta = timedelta(seconds=2)  # for one name
    keep_stale: timedelta = timedelta(hours=24)  # an answer beyond its time, while no server answers


@frozen
class Found:
    """A name's addresses in the order to be tried, and for how many seconds they hold."""

    addresses: tuple[str, ...]
    ttl: float


class NoSuchName(Exception):
    """A server has answered: there is none, or it has no address."""


class NoAnswer(Exception):
    """No server has answered, or only that it cannot."""


class Source(Protocol):
    async def look_up(self, name: str) -> Found:
        """Asks. NoSuchName, NoAnswer; cancelled where it takes too long."""


@define
class CAres:
    """Asks the name servers, after /etc/hosts; sorts addresses as the kernel would use them (RFC 6724).

    c-ares keeps answers too, in any number, and one without addresses for an hour: so it is made anew now and then.
    """

    servers: tuple[str, ...]
    clock: Clock
    _resolver: aiodns.DNSResolver | None = field(default=None, init=False)
    _until: float = field(default=0.0, init=False)
    _left: int = field(default=0, init=False)
    _under_way: int = field(default=0, init=False)

    async def look_up(self, name: str) -> Found:
        resolver = await self._renewed()
        self._under_way += 1
        try:
            answer = await resolver.getaddrinfo(name, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            code, words = error.args
            raise (NoSuchName if code in NO_SUCH_NAME else NoAnswer)(words) from None
        finally:
            self._under_way -= 1
        addresses = dict.fromkeys(node.addr[0].decode() for node in answer.nodes)
        if not addresses:
            raise NoSuchName("no address")
        return Found(tuple(addresses), float(min(node.ttl for node in answer.nodes)))

    async def close(self) -> None:
        resolver, self._resolver = self._resolver, None
        if resolver is not None:
            await resolver.close()

    async def _renewed(self) -> aiodns.DNSResolver:
        """The one in use; another where that is old, or has seen much, and nothing is under way with it."""
        now = self.clock.monotonic()
        if not self._under_way and (now >= self._until or self._left <= 0):
            await self.close()
        if self._resolver is None:
            self._resolver = aiodns.DNSResolver(self.servers or None, timeout=FIRST_WAIT, tries=TRIES)
            self._until, self._left = now + MOST_TTL, MOST_NAMES
        self._left -= 1
        return self._resolver


@define
class _Known:
    addresses: tuple[str, ...]  # none: then `problem` says why
    fresh_until: float  # monotonic, like the next
    good_until: float
    problem: str = ""
    stale: bool = False  # no server has answered since it was fresh


@define
class DnsCounts:
    """Since the start."""

    found: int = 0
    no_such_name: int = 0
    failed: int = 0
    stale: int = 0  # addresses given out beyond their time


@define(eq=False)
class Resolver(AbstractResolver):
    """Made by `open_resolver`."""

    source: Source
    clock: Clock
    terms: DnsTerms
    counts: DnsCounts = field(factory=DnsCounts, init=False)
    _known: dict[str, _Known] = field(factory=dict, init=False)  # the one used last is last
    _flights: dict[str, asyncio.Task[_Known]] = field(factory=dict, init=False)

    @property
    def names(self) -> int:
        """How many are kept, those without an address included."""
        return len(self._known)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """As aiohttp wants it. OSError where there is no address."""
        found = [_result(host, address, port) for address in await self.addresses(host)]
        if not (wanted := [result for result in found if family in (socket.AF_UNSPEC, result["family"])]):
            raise OSError(f"{host}: no address of this family")
        return wanted

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Those of the name, or OSError. What is kept is given at once, what is old unless there is new soon."""
        name = host.lower().rstrip(".")
        known = self._known.pop(name, None)
        if known is not None:
            self._known[name] = known
        if known is None or known.fresh_until <= self.clock.monotonic():
            known = await self._asked(name, known)
        if not known.addresses:
            raise OSError(f"{name}: {known.problem}")
        self.counts.stale += known.stale or known.fresh_until <= self.clock.monotonic()
        return known.addresses

    async def close(self) -> None:
        """Give up what is being looked up."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _asked(self, name: str, old: _Known | None) -> _Known:
        """What a look-up brings; the old where that takes longer. Who is cancelled leaves it under way for others."""
        flight = self._flights.get(name)
        if flight is None:
            if len(self._flights) >= MOST_AT_ONCE:
                raise OSError(f"{name}: too many names are being looked up")
            flight = asyncio.create_task(self._look_up(name), name=f"dns.{name}")
            self._flights[name] = flight
            flight.add_done_callback(lambda _: self._flights.pop(name, None))
        usable = old is not None and bool(old.addresses) and old.good_until > self.clock.monotonic()
        await asyncio.wait({flight}, timeout=PATIENCE if usable else None)
        if not flight.done() and old is not None:
            return old
        if flight.cancelled():
            raise OSError(f"{name}: we are stopping")
        return flight.result()

    async def _look_up(self, name: str) -> _Known:
        try:
            async with asyncio.timeout(self.terms.timeout.total_seconds()):
                found = await self.source.look_up(name)
        except NoSuchName as error:
            self.counts.no_such_name += 1
            known = self._kept((), NO_SUCH_NAME_KEPT, str(error))
        except (NoAnswer, TimeoutError) as error:
            self.counts.failed += 1
            known = self._failed(name, str(error) or "no answer in time")
        else:
            self.counts.found += 1
            known = self._kept(found.addresses, found.ttl)
        self._known.pop(name, None)
        self._known[name] = known
        if len(self._known) > MOST_NAMES:
            del self._known[next(iter(self._known))]
        return known

    def _kept(self, addresses: tuple[str, ...], ttl: float, problem: str = "") -> _Known:
        fresh = self.clock.monotonic() + min(max(ttl, LEAST_TTL), MOST_TTL)
        return _Known(addresses, fresh, fresh + self.terms.keep_stale.total_seconds(), problem)

    def _failed(self, name: str, problem: str) -> _Known:
        """What was known is good a while longer, and is not asked for at each call meanwhile."""
        now, old = self.clock.monotonic(), self._known.get(name)
        stale = old is not None and bool(old.addresses) and old.good_until > now
        log.warning("dns.failed", name=name, problem=problem, stale=stale)
        if old is not None and stale:
            return _Known(old.addresses, now + STALE_KEPT, old.good_until, stale=True)
        return _Known((), now + FAILURE_KEPT, now, problem)


@asynccontextmanager
async def open_resolver(clock: Clock, terms: DnsTerms) -> AsyncIterator[Resolver]:
    source = CAres(terms.servers, clock)
    resolver = Resolver(source, clock, terms)
    try:
        yield resolver
    finally:
        await resolver.close()
        await source.close()


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
