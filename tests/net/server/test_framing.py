"""A stream of another framing, held until there is something to tell."""

import asyncio
from datetime import timedelta

from daemon.codec import encode
from daemon.errors import NotFound
from daemon.net.server.events import EventStream, Framing
from tests.net.server.test_events import calling, serving

HELD = Framing(
    end=lambda told: b"data: " + encode(told) + b"\n\n",
    error=lambda told: b"error: " + told + b"\n\n",
    held=True,
    headers=lambda: {"Took": "1"},
)


async def test_what_fails_before_the_first_event_is_raised_and_nothing_was_begun() -> None:
    async def work(_: EventStream) -> None:
        raise NotFound("workflow.not_found", id="w")

    async with serving(work, framing=HELD) as here, calling(here) as reader, asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 500 ")  # as it is told where nobody tells it better


async def test_it_begins_with_the_first_event_and_the_headers_of_that_moment() -> None:
    go_on = asyncio.Event()

    async def work(stream: EventStream) -> dict[str, int]:
        await go_on.wait()
        stream.put(b"data: a\n\n")
        stream.put(b"data: b\n\n")
        return {"whole": 1}

    async with serving(work, framing=HELD) as here, calling(here) as reader, asyncio.timeout(5):
        head = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
        await asyncio.sleep(0.02)
        assert not head.done()
        go_on.set()
        assert b"\r\nTook: 1\r\n" in await head
        assert b'data: a\n\ndata: b\n\n\r\n13\r\ndata: {"whole":1}\n\n' in await reader.readuntil(b"0\r\n\r\n")


async def test_what_fails_after_it_is_told_in_its_own_framing() -> None:
    async def work(stream: EventStream) -> None:
        stream.put(b"data: a\n\n")
        await asyncio.sleep(0.02)
        raise NotFound("workflow.not_found", id="w")

    async with serving(work, framing=HELD) as here, calling(here) as reader, asyncio.timeout(5):
        told = await reader.readuntil(b"0\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 200 ")
        assert b'error: {"type"' in told


async def test_a_long_silence_begins_it_too() -> None:
    async def work(_: EventStream) -> None:
        await asyncio.Event().wait()

    beats = timedelta(milliseconds=10)
    async with serving(work, framing=HELD, heartbeat=beats) as here, calling(here) as reader, asyncio.timeout(5):
        assert (await reader.readuntil(b": still at it\n\n")).startswith(b"HTTP/1.1 200 ")


async def test_who_leaves_before_it_begins_ends_the_work() -> None:
    async def work(_: EventStream) -> None:
        await asyncio.Event().wait()

    async with serving(work, framing=HELD) as here:
        async with calling(here):
            await asyncio.sleep(0.02)
        async with asyncio.timeout(5):
            await here.left.wait()
