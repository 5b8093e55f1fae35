"""A workflow and a question to ask it, and a neighbour that answers requests by path."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import define, evolve, field, frozen

from daemon.domain.workflow import Memory, Provider, Question, Role, Said, Workflow
from daemon.net.fastgpt.client import FastGpt, Patience
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret
from tests.net.fastgpt.wires import ASKED
from tests.net.loopback import Visit, loopback

KEY = "fastgpt-0123456789abcdef"
THEN = datetime(2026, 1, 2, tzinfo=UTC)
WORKFLOW = Workflow(
    id="w1",
    name="shop",
    provider=Provider.FASTGPT,
    base_url="http://127.0.0.1:1",
    key=Secret(KEY),
    app_id="6a10c0ffee0000000000a001",
    endpoint="v1",
    stream=True,
    memory=Memory.SERVICE,
    system_prompt=None,
    variables={},
    timeout=timedelta(seconds=10),
    fallback_id=None,
    created_at=THEN,
    updated_at=THEN,
    version=1,
)
QUESTION = Question(
    turn_id="turn-1",
    conversation="c-1001",
    user="visitor-77",
    messages=(Said(role=Role.USER, text=ASKED),),
)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\nConnection: close\r\n\r\n"


@frozen
class Asked:
    """A request, as the neighbour saw it."""

    method: str
    path: str
    head: str
    body: Any


Answering = Callable[[Visit, Asked], Awaitable[None]]


@define
class Neighbour:
    """Answers requests in turn, each with the next of `answers`; the last one stays."""

    answers: list[Answering]
    url: str = ""
    asked: list[Asked] = field(factory=list)
    heard: asyncio.Queue[Asked] = field(factory=asyncio.Queue)
    gone: asyncio.Event = field(factory=asyncio.Event)  # a caller has closed its connection

    async def visit(self, visit: Visit) -> None:
        raw = await visit.request()
        head, _, body = raw.partition(b"\r\n\r\n")
        method, path, _ = head.decode().split(" ", 2)
        asked = Asked(method, path, head.decode(), json.loads(body) if body else None)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.asked.append(asked)
        self.heard.put_nowait(asked)
        await answer(visit, asked)


@asynccontextmanager
async def neighbour(*answers: Answering) -> AsyncIterator[Neighbour]:
    here = Neighbour(list(answers))
    async with loopback(here.visit) as server:
        here.url = server.url
        yield here


@asynccontextmanager
async def fastgpt(**patience: timedelta) -> AsyncIterator[FastGpt]:
    async with open_outbound(Redactor()) as outbound:
        yield FastGpt(outbound, Patience(**patience))


def workflow(here: Neighbour, **changes: Any) -> Workflow:
    return evolve(WORKFLOW, base_url=here.url, **changes)


def says(body: bytes | Any, status: str = "200 OK", content_type: str = "application/json") -> Answering:
    """A whole answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(visit: Visit, _: Asked) -> None:
        await visit.answer(raw, status, f"Content-Type: {content_type}\r\nConnection: close\r\n")

    return answer


def wrapped(value: Any) -> Answering:
    return says({"code": 200, "statusText": "", "message": "", "data": value})


def streams(*pieces: bytes, head: bytes = STREAM_HEAD) -> Answering:
    """A stream that ends with the connection."""

    async def answer(visit: Visit, _: Asked) -> None:
        await visit.say(head)
        for piece in pieces:
            await visit.say(piece)

    return answer


def hangs(here: list[Neighbour], *pieces: bytes) -> Answering:
    """Says so much, then nothing, until the caller goes away."""

    async def answer(visit: Visit, _: Asked) -> None:
        for piece in pieces:
            await visit.say(piece)
        await visit.reader.read()
        here[0].gone.set()

    return answer
