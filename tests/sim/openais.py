"""An OpenAI-compatible simulator with a raw client: nothing here knows the daemon's own adapter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from daemon.codec import parse
from daemon.sim.openai import DEMO_KEY, DEMO_MODEL, OpenAiSetup, OpenAiSimulator, openai_simulator
from daemon.sim.openai_script import Script
from tests.clock import FakeClock
from tests.sim.wires import Raw, asking

PATH = "/v1/chat/completions"
DONE = "[DONE]"


def asked(question: Any = "几天内可以退货？", **more: Any) -> dict[str, Any]:
    return {"model": DEMO_MODEL, "messages": [{"role": "user", "content": question}], **more}


@asynccontextmanager
async def openai(
    setup: OpenAiSetup | None = None, *, script: Script | None = None, clock: FakeClock | None = None
) -> AsyncIterator[tuple[OpenAiSimulator, Raw]]:
    async with openai_simulator(setup, clock=clock) as sim:
        if script is not None:
            sim.play(script)
        async with asking(sim.url, {"Authorization": f"Bearer {DEMO_KEY}"}) as raw:
            yield sim, raw


def events(body: bytes) -> list[Any]:
    """What each `data:` line holds; DONE as text."""
    lines = [line.removeprefix("data: ") for line in body.decode().split("\n") if line]
    return [line if line == DONE else parse(line) for line in lines]


async def streamed(raw: Raw, question: Any = "几天内可以退货？", **more: Any) -> list[Any]:
    status, body = await raw.bytes(PATH, asked(question, stream=True, **more))
    assert status == 200, body
    return events(body)


def text(found: list[Any]) -> str:
    chunks = [one for one in found if one != DONE and one.get("choices")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
