"""Names are looked up beside each other, kept, and used on while no server answers."""

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop

from daemon import memory
from daemon.net.resolver import (
    FAILURE_KEPT,
    LEAST_TTL,
    MOST_AT_ONCE,
    MOST_NAMES,
    MOST_TTL,
    NO_SUCH_NAME_KEPT,
    STALE_KEPT,
    DnsCounts,
    DnsTerms,
    Resolver,
    open_resolver,
)
from tests.clock import FakeClock
from tests.net.nameserver import NXDOMAIN, REFUSED, SERVFAIL, NameServer, Zone, name_server

QUICK = timedelta(seconds=0.3)
HOUR = 3600.0
ADDRESS = "192.0.2.7"


def good(ttl: int = 60) -> Zone:
    return Zone(addresses=[ADDRESS], ttl=ttl)


@asynccontextmanager
async def resolving(
    server: NameServer, clock: FakeClock | None = None, *, timeout: timedelta = QUICK
) -> AsyncIterator[Resolver]:
    terms = DnsTerms(servers=(server.address,), timeout=timeout)
    async with open_resolver(clock or FakeClock(), terms) as resolver:
        yield resolver


async def problem(looking: Awaitable[object]) -> str:
    with pytest.raises(OSError, match=r"\w") as caught:
        await looking
    return str(caught.value)


async def test_a_name_brings_all_its_addresses_as_aiohttp_wants_them() -> None:
    both = Zone(addresses=["192.0.2.7", "192.0.2.8", "2001:db8::7"], ttl=60)
    async with name_server(n8n=both) as server, resolving(server) as resolver:
        found = await resolver.resolve("N8n.Example", 443)
        (v6,) = await resolver.resolve("n8n.example.", 443, family=socket.AF_INET6)

    assert {result["host"] for result in found} == set(both.addresses)
    assert {(result["hostname"], result["port"]) for result in found} == {("N8n.Example", 443)}
    assert (v6["host"], v6["family"]) == ("2001:db8::7", socket.AF_INET6)
    assert server.asked == {"n8n.example": 1}  # written in capitals or with a dot it is the same name


async def test_an_alias_is_followed() -> None:
    zone = Zone(addresses=[ADDRESS], ttl=60, alias="really.example")
    async with name_server(n8n=zone) as server, resolving(server) as resolver:
        assert await resolver.addresses("n8n.example") == (ADDRESS,)


async def test_an_answer_too_long_for_udp_is_asked_for_by_tcp() -> None:
    many = [f"192.0.2.{number}" for number in range(1, 120)]
    async with name_server(n8n=Zone(addresses=many, cut=True)) as server, resolving(server) as resolver:
        assert set(await resolver.addresses("n8n.example")) == set(many)

    assert server.asked_by_tcp


async def test_the_hosts_file_comes_first() -> None:
    async with name_server() as server, resolving(server) as resolver:
        assert "127.0.0.1" in await resolver.addresses("localhost")

    assert not server.asked


async def test_a_name_without_an_address_of_the_wanted_family_is_none() -> None:
    async with name_server(n8n=good()) as server, resolving(server) as resolver:
        assert "family" in await problem(resolver.resolve("n8n.example", 443, family=socket.AF_INET6))


@pytest.mark.parametrize(
    "zone", [Zone(code=SERVFAIL), Zone(code=REFUSED), Zone(code=NXDOMAIN), Zone(), Zone(silent=True)], ids=str
)
async def test_what_cannot_be_found_is_an_error_soon_that_names_it(zone: Zone) -> None:
    loop = asyncio.get_running_loop()
    async with name_server(bad=zone) as server, resolving(server) as resolver:
        began = loop.time()
        said = await problem(resolver.addresses("bad.example"))
        assert loop.time() - began < QUICK.total_seconds() + 0.3
        again = await problem(resolver.addresses("bad.example"))

    assert "bad.example" in said
    assert again == said
    assert server.asked["bad.example"] <= 3  # at first; the second caller was told from the cache


@pytest.mark.parametrize(
    ("zone", "kept"), [(Zone(code=NXDOMAIN), NO_SUCH_NAME_KEPT), (Zone(code=SERVFAIL), FAILURE_KEPT)]
)
async def test_a_failure_is_kept_only_shortly(zone: Zone, kept: float) -> None:
    clock = FakeClock()
    async with name_server(new=zone) as server, resolving(server, clock) as resolver:
        await problem(resolver.addresses("new.example"))
        server.zones["new.example"] = good()
        clock.advance(kept / 2)
        await problem(resolver.addresses("new.example"))
        clock.advance(kept)

        assert await resolver.addresses("new.example") == (ADDRESS,)


@pytest.mark.parametrize("ttl", [0, 60, 86_400])
async def test_an_answer_is_kept_for_its_time_within_bounds(ttl: int) -> None:
    clock, kept = FakeClock(), min(max(ttl, LEAST_TTL), MOST_TTL)
    async with name_server(n8n=good(ttl)) as server, resolving(server, clock) as resolver:
        for _ in range(3):
            await resolver.addresses("n8n.example")
        clock.advance(kept - 0.1)
        await resolver.addresses("n8n.example")
        assert server.asked["n8n.example"] == 1

        server.zones["n8n.example"] = Zone(addresses=["192.0.2.9"])
        clock.advance(0.2)
        moved = await resolver.addresses("n8n.example")

    # c-ares keeps an answer too, by a clock that is not ours, until it is made anew
    assert moved == ((ADDRESS,) if ttl == 60 else ("192.0.2.9",))


async def test_many_who_ask_at_once_are_one_question() -> None:
    async with name_server(n8n=good(0)) as server, resolving(server) as resolver:
        found = await asyncio.gather(*(resolver.addresses("n8n.example") for _ in range(100)))

    assert set(found) == {(ADDRESS,)}
    assert server.asked["n8n.example"] == 1


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    let = asyncio.Event()
    zone = Zone(addresses=[ADDRESS], later=let)
    async with name_server(n8n=zone) as server, resolving(server, timeout=timedelta(seconds=5)) as resolver:
        first, second = (asyncio.create_task(resolver.addresses("n8n.example")) for _ in range(2))
        await server.until_asked()
        first.cancel()
        let.set()

        assert await second == (ADDRESS,)
        assert first.cancelled()


async def _beside_silent_names() -> float:
    loop = asyncio.get_running_loop()
    async with name_server(n8n=good()) as server, resolving(server, timeout=timedelta(seconds=2)) as resolver:
        await resolver.addresses("localhost")
        for number in range(8):
            server.zones[f"silent{number}.example"] = Zone(silent=True)
        silent = [asyncio.create_task(resolver.addresses(f"silent{number}.example")) for number in range(8)]
        await server.until_asked(8)
        began = loop.time()
        await resolver.addresses("n8n.example")
        took = loop.time() - began
        assert not any(task.done() for task in silent)
        for task in silent:
            task.cancel()
        await asyncio.gather(*silent, return_exceptions=True)
    return took


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_eight_silent_names_do_not_delay_a_healthy_one(run: Callable[..., float]) -> None:
    assert run(_beside_silent_names()) < 0.1


@pytest.mark.parametrize("outage", [Zone(silent=True), Zone(code=SERVFAIL), Zone(code=REFUSED)], ids=str)
async def test_a_known_host_is_found_for_an_hour_and_more_while_dns_is_down(outage: Zone) -> None:
    clock, loop, slowest = FakeClock(), asyncio.get_running_loop(), 0.0
    async with name_server(n8n=good(0)) as server, resolving(server, clock) as resolver:
        await resolver.addresses("n8n.example")
        server.zones["n8n.example"] = outage
        for _ in range(5):
            clock.advance(HOUR / 4)
            began = loop.time()
            assert await resolver.addresses("n8n.example") == (ADDRESS,)
            slowest = max(slowest, loop.time() - began)

        clock.advance(24 * HOUR)
        await problem(resolver.addresses("n8n.example"))

    assert slowest < 0.3


async def test_after_an_outage_the_new_address_is_used() -> None:
    clock = FakeClock()
    async with name_server(n8n=good(0)) as server, resolving(server, clock) as resolver:
        await resolver.addresses("n8n.example")
        server.zones["n8n.example"] = Zone(code=SERVFAIL)
        clock.advance(LEAST_TTL)
        assert await resolver.addresses("n8n.example") == (ADDRESS,)

        server.zones["n8n.example"] = Zone(addresses=["192.0.2.9"])
        clock.advance(STALE_KEPT)
        assert await resolver.addresses("n8n.example") == ("192.0.2.9",)


async def test_a_name_that_its_server_has_taken_away_is_not_used_any_longer() -> None:
    clock = FakeClock()
    async with name_server(n8n=good(0)) as server, resolving(server, clock) as resolver:
        await resolver.addresses("n8n.example")
        del server.zones["n8n.example"]
        clock.advance(LEAST_TTL)

        await problem(resolver.addresses("n8n.example"))


async def test_look_ups_and_what_is_used_beyond_its_time_are_counted() -> None:
    clock = FakeClock()
    async with name_server(n8n=good(0)) as server, resolving(server, clock) as resolver:
        for _ in range(2):
            await resolver.addresses("n8n.example")
        await problem(resolver.addresses("other.example"))
        server.zones["n8n.example"] = Zone(code=SERVFAIL)
        clock.advance(LEAST_TTL)
        for _ in range(3):
            await resolver.addresses("n8n.example")

        assert resolver.counts == DnsCounts(found=1, no_such_name=1, failed=1, stale=3)
        assert resolver.names == 2


async def test_so_many_names_at_once_and_no_more() -> None:
    let = asyncio.Event()
    zones = {f"n{number}": Zone(addresses=[ADDRESS], later=let) for number in range(MOST_AT_ONCE + 1)}
    async with name_server(**zones) as server, resolving(server, timeout=timedelta(seconds=5)) as resolver:
        looking = [asyncio.create_task(resolver.addresses(name)) for name in list(server.zones)[:MOST_AT_ONCE]]
        await asyncio.sleep(0)

        assert "too many" in await problem(resolver.addresses(f"n{MOST_AT_ONCE}.example"))
        let.set()
        await asyncio.gather(*looking)
        assert await resolver.addresses(f"n{MOST_AT_ONCE}.example") == (ADDRESS,)


async def test_closing_ends_who_waits() -> None:
    async with name_server(n8n=Zone(silent=True)) as server:
        async with resolving(server, timeout=timedelta(seconds=5)) as resolver:
            waiting = asyncio.create_task(resolver.addresses("n8n.example"))
            await server.until_asked()
        assert "stopping" in await problem(waiting)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_ten_thousand_names_leave_nothing_behind() -> None:
    async with name_server() as server:
        async with resolving(server, timeout=timedelta(seconds=5)) as resolver:
            await _look_up(resolver, server, range(1000))
            files, threads, before = _open_files(), threading.active_count(), memory.resident()
            for start in range(1000, 10_000, 1000):
                await _look_up(resolver, server, range(start, start + 1000))
            gc.collect()
            assert len(resolver._known) == MOST_NAMES
            assert not resolver._flights
            assert _open_files() <= files + 2
            assert threading.active_count() == threads
            assert memory.resident() - before < 8 * 1024 * 1024
        for _ in range(50):
            async with resolving(server):
                pass
        assert threading.active_count() <= threads


async def _look_up(resolver: Resolver, server: NameServer, numbers: range) -> None:
    server.zones = {f"n{number}.example": good(0) for number in numbers}
    names = list(server.zones)
    for at in range(0, len(names), 50):
        found = await asyncio.gather(*map(resolver.addresses, names[at : at + 50]), return_exceptions=True)
        assert sum(isinstance(one, tuple) for one in found) >= 40  # a busy machine lets a datagram go now and then
