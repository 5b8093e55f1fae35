"""Calls whose address somebody else chose, over real sockets and a name server of ours: nothing leads astray.

`127.0.0.2` stands for the open internet here, `127.0.0.1` for what nobody may reach, on the same port.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import pytest
import uvloop
from attrs import define

from daemon.engine.targets import Targets
from daemon.errors import RemoteRefused, RemoteUnavailable
from daemon.net import connecting
from daemon.net.outbound import Outbound, Reply, Timeouts, open_outbound
from daemon.net.resolver import MOST_TTL, DnsTerms, open_resolver
from daemon.secret import Redactor
from tests.clock import FakeClock
from tests.net.loopback import Loopback, Visit, loopback
from tests.net.nameserver import NameServer, Zone, name_server

OUT, IN = "127.0.0.2", "127.0.0.1"
PATIENT = Timeouts(connect=timedelta(seconds=2), total=timedelta(seconds=5))
Scenario = Callable[[], Coroutine[Any, Any, None]]
LOOPS: dict[str, Callable[[Coroutine[Any, Any, None]], None]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}

under_both_loops = pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS.keys())


@define
class Scene:
    """A way out that may call `n8n.example` where it is outside, and what is inside on the same port."""

    outbound: Outbound
    names: NameServer
    inside: Loopback
    told: list[str]
    clock: FakeClock
    port: int
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\noutside"  # of what is outside
    visits: int = 0

    def lead(self, *addresses: str) -> None:
        """Where the name leads from now on."""
        self.names.zones["n8n.example"] = Zone(addresses=addresses)
        self.clock.advance(MOST_TTL)

    async def call(self, host: str = "n8n.example", *, guarded: bool = True) -> Reply:
        url = f"http://{host}:{self.port}/webhook/secret-path"
        return await self.outbound.request("n8n", "GET", url, timeouts=PATIENT, repeatable=True, guarded=guarded)

    async def refused(self, host: str = "n8n.example") -> str:
        """The code. Nobody inside has heard of the call, and it is told to whom it may concern."""
        with pytest.raises(RemoteRefused) as caught:
            await self.call(host)
        assert self.inside.visits == 0
        assert self.told[-1] == caught.value.code
        assert "secret-path" not in str(caught.value)
        return caught.value.code

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        await Visit(reader, writer).request()
        writer.write(self.answer)
        writer.close()


async def tells(visit: Visit) -> None:
    await visit.request()
    await visit.answer(b"what nobody may read")


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    clock, told = FakeClock(), list[str]()
    async with (
        name_server(n8n=Zone(addresses=[OUT])) as names,
        loopback(tells) as inside,
        open_resolver(clock, DnsTerms(servers=(names.address,))) as resolver,
    ):
        port = int(inside.url.rpartition(":")[2])
        targets = Targets.of([f"n8n.example:{port}={OUT}"])
        targets.on_refused = lambda error: told.append(error.code)
        async with open_outbound(Redactor(), targets, resolver) as outbound:
            here = Scene(outbound, names, inside, told, clock, port)
            async with await asyncio.start_server(here.serve, OUT, port):
                yield here


async def _a_name_that_turns_inwards() -> None:
    async with scene() as here:
        assert (await here.call()).body == b"outside"
        here.lead(IN)
        assert await here.refused() == "targets.private"
        here.lead(OUT)
        assert (await here.call()).body == b"outside"


@under_both_loops
def test_a_name_that_leads_outside_and_then_inside_gets_nobody_inside(run: Callable[..., None]) -> None:
    run(_a_name_that_turns_inwards())


async def test_without_the_look_at_the_socket_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    def unseeing(targets: Targets | None, info: aiohttp.AddrInfoType) -> socket.socket:
        return socket.socket(info[0], info[1], info[2])

    monkeypatch.setattr(connecting, "_socket", unseeing)
    async with scene() as here:
        here.lead(IN)
        assert (await here.call()).body == b"what nobody may read"


async def _a_name_with_both() -> None:
    async with scene() as here:
        here.lead(IN, OUT)
        assert (await here.call()).body == b"outside"
        here.lead(IN, "::ffff:127.0.0.1", "::1", "169.254.169.254")
        assert await here.refused() in {"targets.private", "targets.never"}
        assert here.inside.visits == 0


@under_both_loops
def test_of_several_addresses_only_those_outside_are_tried(run: Callable[..., None]) -> None:
    run(_a_name_with_both())


HIDDEN = {
    "127.0.0.1": "targets.port",
    "localhost": "targets.port",
    "2130706433": "targets.host",
    "0x7f000001": "targets.host",
    "0x7f.0.0.1": "targets.host",
    "0177.0.0.1": "targets.host",
    "127.1": "targets.host",
    "127.0.0.1.": "targets.host",
    "n8n.example.": "targets.host",
    "127。0。0。1": "targets.not_ascii",
    "①②⑦.⓪.⓪.①": "targets.not_ascii",
    "n8n.example@127.0.0.1": "targets.user",
    "127.0.0.1\\@n8n.example": "targets.no_url",
    "[::1]": "targets.port",
    "[::ffff:127.0.0.1]": "targets.port",
    "[::ffff:7f00:1]": "targets.port",
    "[::127.0.0.1]": "targets.port",
    "[64:ff9b::7f00:1]": "targets.port",
    "[2002:7f00:1::]": "targets.port",
    "[fe80::1]": "targets.never",
    "169.254.169.254": "targets.never",
    "0.0.0.0": "targets.never",
    "[::]": "targets.never",
    "0": "targets.host",
    "%6c%6f%63%61%6c%68%6f%73%74": "targets.host",
}


async def _hidden() -> None:
    async with scene() as here:
        assert {host: await here.refused(host) for host in HIDDEN} == HIDDEN
        assert here.visits == 0


@under_both_loops
def test_however_an_address_inside_is_written_it_is_not_called(run: Callable[..., None]) -> None:
    run(_hidden())


ASTRAY = ["10.0.0.1", "100.64.0.1", "198.18.0.1", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "fd00::1"]


async def _every_kind() -> None:
    async with scene() as here:
        for address in ASTRAY:
            here.lead(address)
            for plain, url in ((True, "http://n8n.example/"), (False, "https://n8n.example/")):
                with pytest.raises(RemoteRefused) as caught:
                    await here.outbound.request(
                        "n8n", "GET", url, timeouts=PATIENT, repeatable=True, guarded=True, plain=plain
                    )
                assert caught.value.code == "targets.private", address


@under_both_loops
def test_a_name_that_leads_to_any_special_address_is_not_called(run: Callable[..., None]) -> None:
    run(_every_kind())


REDIRECTS = ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]


@pytest.mark.parametrize("status", REDIRECTS)
async def test_a_redirect_is_not_followed_and_the_error_names_its_host_alone(status: str) -> None:
    async with scene() as here:
        location = f"http://{IN}:{here.port}/token?key=hidden"
        here.answer = f"HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        with pytest.raises(RemoteRefused) as caught:
            await here.call()

    assert (caught.value.code, caught.value.facts["host"]) == ("remote.redirected", IN)
    assert "hidden" not in str(caught.value)
    assert (here.visits, here.inside.visits) == (1, 0)


@pytest.mark.parametrize("location", ["/again", "http://n8n.example/again", "//n8n.example/", "http://[", ""])
async def test_a_chain_of_redirects_ends_at_its_first(location: str) -> None:
    async with scene() as here:
        here.answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        with pytest.raises(RemoteRefused, match="Redirects are not followed"):
            await here.call()

    assert here.visits == 1


async def test_a_connection_kept_for_somebody_else_is_not_used() -> None:
    async with scene() as here:
        assert (await here.call(IN, guarded=False)).body == b"what nobody may read"
        with pytest.raises(RemoteRefused):
            await here.call(IN)

    assert here.inside.visits == 1


async def test_an_address_set_by_an_admin_may_be_inside_but_never_on_this_link_nor_a_clouds_own() -> None:
    async with scene() as here:
        assert (await here.call(IN, guarded=False)).status == 200
        for host in (
            "169.254.169.254",
            "100.100.100.200",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "224.0.0.1",
            "0.0.0.0",
        ):
            with pytest.raises(RemoteRefused) as caught:
                await here.call(host, guarded=False)
            assert caught.value.code == "targets.never"
        here.lead("169.254.169.254")
        with pytest.raises(RemoteRefused):
            await here.call(guarded=False)


async def test_a_call_that_is_let_out_and_finds_nobody_is_no_refusal() -> None:
    async with scene() as here:
        here.outbound.targets.adopt([f"127.0.0.3:{here.port}"])
        with pytest.raises(RemoteUnavailable):
            await here.call("127.0.0.3")

    assert here.told == []


async def test_many_calls_at_once_are_each_looked_at_by_their_own_target() -> None:
    async with scene() as here:
        good, bad = partial(here.call), partial(here.call, "n8n.example@127.0.0.1")
        ended = await asyncio.gather(*(bad() if number % 2 else good() for number in range(40)), return_exceptions=True)

    assert all(isinstance(one, RemoteRefused if number % 2 else Reply) for number, one in enumerate(ended))
    assert here.inside.visits == 0
