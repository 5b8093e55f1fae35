"""What the whole daemon adds to a conversation: from a callback to the reply at the simulated WeChat.

One contact writes, and writes again when the reply is there; limits, pauses and the merge window are off, and both
upstreams, which live in the process of the bench, answer at once. In turn with it the same two calls are made
straight, one after the other: a streamed question to FastGPT, its answer sent through GeWe. The daemon is a process on
the other core; on its way it commits the message with its job, the turn, the answer with the send's job, and the send.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import uvloop
from attrs import frozen

from bench.processes import LOAD, Daemon, daemon
from bench.report import PAIRS, Figure, main, measured, pin
from daemon.codec import encode
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, FastGptSimulator, fastgpt_simulator
from daemon.sim.gewe import DEMO_ACCOUNTS, GeweSimulator, gewe_simulator

APP_ID, BOT = next(iter(DEMO_ACCOUNTS.items()))
ANN = "wxid_friend00000001"
EACH = 40  # questions a run
QUIET = 0.01  # seconds between two, so that what ends the last one is over

UNLIMITED = """
[gewe]
per_minute = 100000
burst = 10000
global_per_minute = 1000000
pause_low_seconds = 0
pause_high_seconds = 0
person_per_minute = 100000
room_per_minute = 100000
switch_pause_seconds = 0
room_pause_low_seconds = 0
room_pause_high_seconds = 0
"""


def run() -> Iterator[Figure]:
    pin(LOAD)
    with daemon(settings=UNLIMITED) as bridge:
        added = uvloop.run(_pairs(bridge))
    yield measured("bridge", "added p50", unit="ms", samples=added, goal="<=15")


@frozen
class Scene:
    gewe: GeweSimulator
    fastgpt: FastGptSimulator
    http: aiohttp.ClientSession


async def _pairs(bridge: Daemon) -> list[float]:
    async with _scene(bridge) as scene:
        await _replies(scene), await _straight(scene)
        pairs = [(await _replies(scene), await _straight(scene)) for _ in range(PAIRS)]
    return [statistics.median(ours) - statistics.median(straight) for ours, straight in pairs]


@asynccontextmanager
async def _scene(bridge: Daemon) -> AsyncIterator[Scene]:
    async with gewe_simulator() as gewe, fastgpt_simulator() as fastgpt, aiohttp.ClientSession() as http:
        asked = {"base_url": fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        workflow = {"name": "bench", "check": False, **asked}  # the simulator has no time while this waits
        workflow_id = bridge.call("POST", "/api/v1/workflows", workflow)["id"]
        account = {
            "app_id": APP_ID,
            "wxid": BOT,
            "name": "bench",
            "token": gewe.token,
            "base_url": gewe.base_url,
            "workflow_id": workflow_id,
            "policy": {"merge_window_seconds": 0, "merge_most_seconds": 0},
        }
        added = bridge.call("POST", "/api/v1/integrations/gewe/accounts", account)
        gewe.callbacks.point(gewe.token, bridge.url + added["callback_url"])
        yield Scene(gewe, fastgpt, http)


async def _replies(scene: Scene) -> list[float]:
    """Milliseconds from a person's message to its reply."""
    took, before = [], len(scene.gewe.received(ANN))
    for number in range(before + 1, before + EACH + 1):
        began = time.perf_counter()
        await scene.gewe.wechat.person_writes(APP_ID, ANN, f"第{number}个问题")
        await scene.gewe.wait_for_texts(ANN, number)
        took.append((time.perf_counter() - began) * 1000)
        await _rest()
    return took


async def _straight(scene: Scene) -> list[float]:
    """Milliseconds of the two calls by themselves."""
    took = []
    for number in range(EACH):
        began = time.perf_counter()
        question = {"role": "user", "content": f"第{number}个问题"}
        body = {"stream": True, "detail": True, "appId": DEMO_APP.id, "messages": [question]}
        asked = f"{scene.fastgpt.base_url}/v1/chat/completions"
        await _post(scene, asked, {"Authorization": f"Bearer {DEMO_KEY}"}, body)
        send = {"appId": APP_ID, "toWxid": "wxid_nobody", "content": f"收到：第{number}个问题"}
        sent = f"{scene.gewe.base_url}/message/postText"
        await _post(scene, sent, {"X-GEWE-TOKEN": scene.gewe.token}, send)
        took.append((time.perf_counter() - began) * 1000)
        await _rest()
    return took


async def _post(scene: Scene, url: str, headers: dict[str, str], body: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json", **headers}
    async with scene.http.post(url, data=encode(body), headers=headers) as answer:
        if answer.status != 200:
            raise RuntimeError(f"{url} answered {answer.status}")
        await answer.read()


async def _rest() -> None:
    await asyncio.sleep(QUIET)


if __name__ == "__main__":
    main(run)
