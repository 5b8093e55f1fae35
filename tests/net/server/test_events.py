"""Answers in server-sent events: what a caller reads, and what becomes of one who does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from aiohttp import web
from attrs import define, field

from daemon.errors import NotFound
from daemon.net.server.call import Call
from daemon.net.server.events import EventStream
from daemon.net.server.problems import TELLER, Teller
from daemon.secret import Redactor

Work = Callable[[EventStream], Awaitable[Any]]
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


@define
class Here:
    port: int
    left: asyncio.Event = field(factory=asyncio.Event)  # the work was ended by its reader


@asynccontextmanager
async def serving(work: Work, **limits: Any) -> AsyncIterator[Here]:
    """A server whose one answer is the stream of `work`."""
    here = Here(0)

    async def watched(stream: EventStream) -> Any:
        try:
            return await work(stream)
        except asyncio.CancelledError:
            here.left.set()
            raise

    async def answer(request: web.Request) -> web.StreamResponse:
        call = Call(app=request.app, request=request, id="r1", language="en", address="", known=None)
        stream = EventStream(call, **limits)
        return await stream.over(watched(stream))

    app = web.Application()
    app[TELLER] = Teller(Redactor())
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        here.port = runner.addresses[0][1]
        yield here
    finally:
        await runner.cleanup()


@asynccontextmanager
async def calling(here: Here, *, limit: int = 2**16) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port, limit=limit)
    try:
        writer.write(REQUEST)
        yield reader
    finally:
        writer.transport.abort()


async def test_what_is_told_comes_at_once_and_the_whole_at_the_end() -> None:
    go_on = asyncio.Event()

    async def work(stream: EventStream) -> dict[str, int]:
        stream.tell("answer", b'{"text":"a"}')
        await go_on.wait()
        return {"whole": 1}

    async with serving(work) as here, calling(here) as reader, asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Content-Type: text/event-stream; charset=utf-8" in head
        assert (await reader.readuntil(b"}\n\n")).endswith(b'\r\nevent: answer\ndata: {"text":"a"}\n\n')
        go_on.set()
        assert b'event: end\ndata: {"whole":1}\n\n' in await reader.readuntil(b"0\r\n\r\n")


async def test_a_whole_that_is_longer_than_what_may_wait_is_told_to_who_reads() -> None:
    async def work(stream: EventStream) -> str:
        stream.tell("answer", b"x" * 90_000)
        return "y" * 200_000

    async with serving(work, most_waiting=100_000) as here, calling(here, limit=2**20) as reader, asyncio.timeout(5):
        told = await reader.readuntil(b"0\r\n\r\n")
        assert b"x" * 90_000 in told
        assert b"y" * 200_000 in told


async def test_an_error_is_told_as_its_problem_document() -> None:
    async def work(_: EventStream) -> None:
        raise NotFound("workflow.not_found", id="w")

    async with serving(work) as here, calling(here) as reader, asyncio.timeout(5):
        told = await reader.readuntil(b"0\r\n\r\n")
        assert b"event: error\n" in told
        assert b'"code":"workflow.not_found"' in told
        assert b'"request_id":"r1"' in told


async def test_a_silence_is_filled_with_comments() -> None:
    async def work(_: EventStream) -> None:
        await asyncio.Event().wait()

    beats = timedelta(milliseconds=10)
    async with serving(work, heartbeat=beats) as here, calling(here) as reader, asyncio.timeout(5):
        for _ in range(3):
            await reader.readuntil(b": still at it\n\n")


async def test_who_leaves_ends_the_work() -> None:
    async def work(_: EventStream) -> None:
        await asyncio.Event().wait()

    async with serving(work) as here:
        async with calling(here) as reader:
            await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(5):
            await here.left.wait()


async def test_who_does_not_read_is_cut_and_no_more_is_kept_than_is_allowed() -> None:
    streams = list[EventStream]()

    async def work(stream: EventStream) -> None:
        streams.append(stream)
        while True:
            stream.tell("answer", b"x" * 10_000)
            await asyncio.sleep(0)

    async with serving(work, most_waiting=100_000) as here, calling(here, limit=1024):
        async with asyncio.timeout(10):
            await here.left.wait()
        assert streams[0]._bytes <= 100_000  # what it kept
