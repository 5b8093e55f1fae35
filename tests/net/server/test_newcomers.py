"""Who has just connected when a stop begins: heard if they speak, not waited for if they do not."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.net.server.served import Served, serving_routes

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@asynccontextmanager
async def connected(api: Served) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that the server has taken, and on which nothing was said yet."""
    before = api.registry.get_sample_value("qiaod_http_connections") or 0
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
    async with asyncio.timeout(5):
        while True:
            if api.registry.get_sample_value("qiaod_http_connections") != before:
                break
            await asyncio.sleep(0.005)
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_a_stop_still_answers_who_had_connected_and_speaks_only_now(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(serving_routes(tmp_path))
        async with connected(api) as (reader, writer):
            stopping = asyncio.create_task(stack.aclose())
            await asyncio.wait_for(api.readiness.stopping.wait(), 2)
            await asyncio.sleep(0.01)  # turns of the loop in which it would have been closed
            writer.write(HEALTH)
            answer = await asyncio.wait_for(reader.read(), 5)
            await stopping
            assert answer.startswith(b"HTTP/1.1 200")


async def test_a_stop_waits_hardly_for_who_says_nothing(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(serving_routes(tmp_path))
        async with connected(api) as (reader, _):
            began = time.monotonic()
            await stack.aclose()
            assert time.monotonic() - began < 2.5
            assert await reader.read() == b""


async def test_a_stop_closes_at_once_who_was_answered_before(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(serving_routes(tmp_path))
        async with connected(api) as (reader, writer):
            writer.write(HEALTH)
            await reader.readuntil(b"\r\n\r\n")
            began = time.monotonic()
            await stack.aclose()
            assert time.monotonic() - began < 0.9
