"""A FastGPT simulator with a raw client, and a small reader of event streams."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import frozen

from daemon.codec import parse
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, FastGptSetup, FastGptSimulator, fastgpt_simulator
from daemon.sim.fastgpt_script import Script
from tests.clock import FakeClock
from tests.sim.wires import Raw, asking

APP = DEMO_APP.id
DONE = "[DONE]"


@frozen
class Event:
    name: str | None
    data: Any  # parsed; DONE as text


def events(body: bytes) -> list[Event]:
    """Each block of `body`, whatever its end."""
    return [_event(block) for block in body.decode().split("\n\n") if block]


def _event(block: str) -> Event:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    raw = fields["data"]
    return Event(fields.get("event"), raw if raw == DONE else parse(raw))


def text(found: list[Event]) -> str:
    """What the answer's chunks say together."""
    deltas = [event.data["choices"][0]["delta"] for event in found if _is_chunk(event)]
    return "".join(delta.get("content") or "" for delta in deltas)


def _is_chunk(event: Event) -> bool:
    return isinstance(event.data, dict) and "choices" in event.data


def names(found: list[Event]) -> list[str]:
    """The order of things: event names, DONE, and "stop" for the stop chunk."""
    return ["stop" if _stops(event) else DONE if event.data == DONE else event.name or "-" for event in found]


def _stops(event: Event) -> bool:
    return _is_chunk(event) and event.data["choices"][0]["finish_reason"] == "stop"


def asked(question: str = "几天内可以退货？", **more: Any) -> dict[str, Any]:
    return {"chatId": "t-1", "messages": [{"role": "user", "content": question}], **more}


@asynccontextmanager
async def fastgpt(
    setup: FastGptSetup | None = None, *, script: Script | None = None, clock: FakeClock | None = None
) -> AsyncIterator[tuple[FastGptSimulator, Raw]]:
    async with fastgpt_simulator(setup, clock=clock) as sim:
        if script is not None:
            sim.play(script)
        async with asking(sim.base_url, {"Authorization": f"Bearer {DEMO_KEY}"}) as raw:
            yield sim, raw


async def streamed(raw: Raw, api: str = "v1", **more: Any) -> list[Event]:
    status, body = await raw.bytes(f"/{api}/chat/completions", asked(stream=True, **more))
    assert status == 200
    return events(body)
