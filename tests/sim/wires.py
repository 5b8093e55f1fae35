"""Raw clients and a callback receiver for the simulators' tests: nothing here knows the daemon's own adapters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from attrs import define, field

from daemon.codec import encode, parse
from daemon.sim.gewe import HEADER, TOKEN, GeweSetup, GeweSimulator, gewe_simulator
from daemon.sim.server import serving
from tests.clock import FakeClock

APP = "wx_demoAppId000000000001"
BOT = "wxid_bot000000000001"
ANN = "wxid_friend00000001"
ROOM = "10000000001@chatroom"


@define(eq=False)
class Raw:
    """One simulator, asked with plain HTTP."""

    url: str
    session: aiohttp.ClientSession
    headers: dict[str, str] = field(factory=dict)

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        status, raw = await self.bytes(path, body, **headers)
        return status, parse(raw)

    async def bytes(self, path: str, body: Any, **headers: str) -> tuple[int, bytes]:
        sent = body if isinstance(body, bytes) else encode(body)
        all_headers = {**self.headers, **headers}
        async with self.session.post(self.url + path, data=sent, headers=all_headers) as answer:
            return answer.status, await answer.read()

    async def get(self, path: str) -> Any:
        async with self.session.get(self.url + path, headers=self.headers) as answer:
            return parse(await answer.read())

    async def status(self, method: str, path: str, body: Any = None) -> int:
        async with self.session.request(method, self.url + path, data=encode(body)) as answer:
            await answer.read()
            return answer.status


@asynccontextmanager
async def asking(url: str, headers: dict[str, str] | None = None) -> AsyncIterator[Raw]:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Raw(url, session, headers or {})


@asynccontextmanager
async def gewe(
    setup: GeweSetup | None = None, *, clock: FakeClock | None = None
) -> AsyncIterator[tuple[GeweSimulator, Raw]]:
    """A simulator, and a client that has its token and speaks to the hosted prefix."""
    async with gewe_simulator(setup, clock=clock) as sim, asking(sim.base_url, {HEADER: TOKEN}) as raw:
        yield sim, raw


@define(eq=False)
class Receiver:
    """Where callbacks arrive; `status` is what it answers, `stalled` whether it answers at all."""

    url: str = ""
    status: int = 200
    stalled: bool = False
    bodies: asyncio.Queue[Any] = field(factory=asyncio.Queue)
    headers: list[dict[str, str]] = field(factory=list)
    let_go: asyncio.Event = field(factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        self.bodies.put_nowait(parse(await request.read()))
        if self.stalled:
            await self.let_go.wait()
        return web.Response(status=self.status)

    def drained(self) -> list[Any]:
        return [self.bodies.get_nowait() for _ in range(self.bodies.qsize())]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.add_routes([web.post("/hook/secret", receiver.take)])
    async with serving(app) as url:
        receiver.url = f"{url}/hook/secret"
        yield receiver
        receiver.let_go.set()
