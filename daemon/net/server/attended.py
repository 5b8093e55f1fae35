"""Ends a block of work when whoever waits for its answer has hung up: aiohttp tells no handler."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from aiohttp import web

LOOK = timedelta(milliseconds=500)  # how often we see whether they are still there


@asynccontextmanager
async def attended(request: web.Request, look: timedelta = LOOK) -> AsyncIterator[None]:
    """Raises ConnectionResetError in place of the block's end where the connection is gone before it."""
    loop, limit = asyncio.get_running_loop(), asyncio.timeout(None)
    timer: asyncio.TimerHandle

    def look_later() -> None:
        nonlocal timer
        timer = loop.call_later(look.total_seconds(), glance)

    def glance() -> None:
        if is_gone(request):
            limit.reschedule(loop.time())
        else:
            look_later()

    look_later()
    try:
        async with limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise ConnectionResetError from None
        raise
    finally:
        timer.cancel()


def is_gone(request: web.Request) -> bool:
    transport = request.transport
    return transport is None or transport.is_closing()
