"""The whole daemon between a simulated WeChat and a simulated FastGPT, all of them on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
from attrs import define, evolve

from daemon.bridge import Bridge, open_bridge
from daemon.clock import SystemClock
from daemon.codec import encode, parse
from daemon.secret import Redactor
from daemon.settings import Settings, load
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, FastGptSetup, FastGptSimulator, fastgpt_simulator
from daemon.sim.gewe import DEMO_ACCOUNTS, GeweSetup, GeweSimulator, gewe_simulator
from daemon.vault import Vault

APP_ID, BOT = next(iter(DEMO_ACCOUNTS.items()))
ANN = "wxid_friend00000001"
ROOM = "10000000001@chatroom"
SOON = timedelta(milliseconds=20)
UNPACED = {
    "pause_low": timedelta(),
    "pause_high": timedelta(),
    "per_minute": 100_000,
    "burst": 1000,
    "person_per_minute": 100_000,
    "room_per_minute": 100_000,
    "switch_pause": timedelta(),
    "room_pause_low": timedelta(),
    "room_pause_high": timedelta(),
}


def quick(folder: Path, **sections: dict[str, Any]) -> Settings:
    """Settings of a daemon in `folder` on a free port, without the pauses that people see."""
    settings = load(None, {"STATE_DIRECTORY": str(folder)})
    given: dict[str, dict[str, Any]] = {
        "daemon": {"reserve_mb": 0},
        "http": {"listen": "127.0.0.1:0", "public_url": ""},
        "targets": {"allow": ("127.0.0.1:*",)},
        "gewe": UNPACED,
        "conversation": {"merge_window": SOON, "merge_most": SOON},
        "jobs": {"retry_base": timedelta(milliseconds=10), "retry_cap": timedelta(milliseconds=50)},
    }
    for name, values in sections.items():
        given[name] = given.get(name, {}) | values
    changed = {name: evolve(getattr(settings, name), **values) for name, values in given.items()}
    return evolve(settings, **changed)


@asynccontextmanager
async def running_daemon(settings: Settings, *, hurry: asyncio.Event | None = None) -> AsyncIterator[Bridge]:
    """A daemon with the same master key each time it is started."""
    vault = Vault(b"k" * 32, Redactor())
    opening = open_bridge(
        settings, clock=SystemClock(), vault=vault, sockets={}, hurry=hurry or asyncio.Event(), random=Random(7)
    )
    async with opening as bridge:
        yield bridge


@define
class House:
    """One account, answered by one workflow."""

    settings: Settings
    bridge: Bridge
    gewe: GeweSimulator
    fastgpt: FastGptSimulator
    api: "Api"
    account_id: str
    workflow_id: str
    callback_url: str

    async def writes(self, text: str, *, wxid: str = ANN) -> None:
        delivery = await self.gewe.wechat.person_writes(APP_ID, wxid, text)
        assert delivery.accepted, delivery

    async def replies(self, number: int = 1, *, to: str = ANN) -> list[str]:
        return await self.gewe.wait_for_texts(to, number)

    async def settled(self, path: str, field: str, wanted: set[str], *, number: int = 1) -> list[dict[str, Any]]:
        """The rows of a list once `number` of them have one of the wanted values."""
        async with asyncio.timeout(10):
            while True:
                rows = (await self.api.get(path))["data"]
                found = [row for row in rows if row[field] in wanted]
                if len(found) >= number:
                    return found
                await asyncio.sleep(0.01)


@define
class Api:
    """The daemon's API with the key of an admin."""

    http: aiohttp.ClientSession
    url: str
    key: str

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        headers |= {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else encode(body)
        async with self.http.request(method, self.url + path, data=data, headers=headers) as response:
            raw = await response.read()
            return response.status, parse(raw) if raw else None

    async def get(self, path: str) -> Any:
        status, document = await self.call("GET", path)
        assert status == 200, document
        return document

    async def post(self, path: str, body: Any = None, *, status: int | None = None) -> Any:
        answered, document = await self.call("POST", path, body)
        assert answered == status or (status is None and answered < 300), document
        return document


@asynccontextmanager
async def plainly() -> AsyncIterator[None]:
    """What fails inside is told as it is, not wrapped by every task group around it."""
    try:
        yield
    except ExceptionGroup as group:
        error: Exception = group
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


@asynccontextmanager
async def house(
    folder: Path,
    *,
    gewe: GeweSetup | None = None,
    fastgpt: FastGptSetup | None = None,
    workflow: dict[str, Any] | None = None,
    policy: dict[str, Any] | None = None,
    pace: dict[str, Any] | None = None,
    **sections: dict[str, Any],
) -> AsyncIterator[House]:
    settings = quick(folder, **sections, **({"gewe": pace} if pace else {}))  # `gewe` names the simulator here
    async with plainly(), AsyncExitStack() as stack:
        wechat = await stack.enter_async_context(gewe_simulator(gewe))
        ai = await stack.enter_async_context(fastgpt_simulator(fastgpt))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        bridge = await stack.enter_async_context(running_daemon(settings))
        assert bridge.first_key is not None
        api = Api(http, bridge.url, bridge.first_key.reveal())
        answering = {"name": "Sales", "base_url": ai.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id} | (
            workflow or {}
        )
        workflow_id = (await api.post("/api/v1/workflows", answering))["id"]
        account = {
            "app_id": APP_ID,
            "wxid": BOT,
            "name": "Shop",
            "token": wechat.token,
            "base_url": wechat.base_url,
            "workflow_id": workflow_id,
            "policy": policy or {},
        }
        added = await api.post("/api/v1/integrations/gewe/accounts", account)
        callback_url = bridge.url + added["callback_url"]
        wechat.callbacks.point(wechat.token, callback_url)
        yield House(settings, bridge, wechat, ai, api, added["id"], workflow_id, callback_url)
