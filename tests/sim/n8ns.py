"""An n8n simulator with a raw client: nothing here knows the daemon's own adapter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from attrs import define, frozen

from daemon.codec import encode, parse
from daemon.sim.n8n import N8nSetup, N8nSimulator, n8n_simulator
from daemon.sim.n8n_script import Flow, Script
from tests.clock import FakeClock

JSON = {"Content-Type": "application/json"}
ASKED = {"chatInput": "hello", "sessionId": "s1"}


@frozen
class Said:
    """An answer as it came; `type` None: it had no Content-Type."""

    status: int
    type: str | None
    headers: dict[str, str]
    raw: bytes

    @property
    def text(self) -> str:
        return self.raw.decode()

    @property
    def json(self) -> Any:
        return parse(self.raw)

    @property
    def lines(self) -> list[Any]:
        return [parse(line) for line in self.raw.splitlines()]


@define(eq=False)
class Caller:
    sim: N8nSimulator
    session: aiohttp.ClientSession

    async def call(self, url: str, body: Any = ASKED, *, method: str = "POST", **headers: str) -> Said:
        """`body` as JSON, but bytes as they are; with a JSON type unless the headers have one."""
        sent = body if isinstance(body, bytes) else encode(body)
        all_headers = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.session.request(
            method, url, data=sent, headers=all_headers, allow_redirects=False, skip_auto_headers=["Content-Type"]
        ) as answer:
            raw = await answer.read()
            return Said(answer.status, answer.headers.get("Content-Type"), dict(answer.headers), raw)

    async def ask(self, path: str = "rag-ai", body: Any = ASKED, **headers: str) -> Said:
        return await self.call(self.sim.webhook(path), body, **headers)

    async def api(self, path: str, *, method: str = "GET", key: str | None = None) -> Said:
        url = f"{self.sim.url}/api/v1/{path}"
        return await self.call(url, b"", method=method, X_N8N_API_KEY=self.sim.api_key if key is None else key)


@asynccontextmanager
async def n8n(*flows: Flow, clock: FakeClock | None = None, **setup: Any) -> AsyncIterator[tuple[N8nSimulator, Caller]]:
    """With these workflows; the demo's when none is named."""
    given = N8nSetup(flows=flows, **setup) if flows else N8nSetup(**setup)
    async with n8n_simulator(given, clock=clock) as sim, aiohttp.ClientSession() as session:
        yield sim, Caller(sim, session)


def flow(**script: Any) -> Flow:
    """At rag-ai, as the last node answers; the script's fields by name."""
    return Flow(script=Script(**{"answer": "you said: {question}", **script}))
