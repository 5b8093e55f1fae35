"""An answer told in server-sent events while it is made, to a caller who is there and keeps up.

It ends with one event `end` and the whole, or `error` and the problem document. Who leaves, or lets too much wait,
ends the work too.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

from aiohttp import web
from attrs import define, field

from daemon.codec import encode
from daemon.net.server.call import Call
from daemon.net.server.problems import TELLER, as_ours

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = timedelta(seconds=15)  # of silence: proxies close a connection after 30 to 60 s of it
LOOK = timedelta(milliseconds=500)  # whether the caller is still there: aiohttp tells no handler
PATIENCE = timedelta(seconds=30)  # for the reader to take what is written
MOST_WAITING = 256 * 1024  # bytes kept for a slow reader, beside what the connection itself holds
_BEAT = b": still at it\n\n"


@define(eq=False)
class EventStream:
    """One such answer. `over` runs the work; the work calls `tell`."""

    call: Call
    heartbeat: timedelta = HEARTBEAT
    most_waiting: int = MOST_WAITING
    _waiting: deque[bytes] = field(factory=deque, init=False)
    _bytes: int = field(default=0, init=False)
    _stirred: asyncio.Event = field(factory=asyncio.Event, init=False)

    def tell(self, name: str, data: bytes) -> None:
        """Never waits. `data` is JSON, which has no line breaks. Too much of it unread cuts the connection; one alone,
        however long, is none that waits."""
        event = f"event: {name}\ndata: ".encode() + data + b"\n\n"
        if self._bytes and self._bytes + len(event) > self.most_waiting:
            self._cut()
            return
        self._bytes += len(event)
        self._waiting.append(event)
        self._stirred.set()

    async def over(self, work: Coroutine[Any, Any, Any]) -> web.StreamResponse:
        """The answer, once `work` and its last event are through. Raises ConnectionError where nobody reads it."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(lambda _: self._stirred.set())
        try:
            response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
            response.content_type, response.charset = MEDIA_TYPE, "utf-8"
            await response.prepare(self.call.request)
            while not task.done():
                await self._write_waiting(response)
                await self._rest(response)
            await self._write_waiting(response)
            self._conclude(task)
            await self._write_waiting(response)
            await response.write_eof()
            return response
        finally:
            task.cancel()
            await asyncio.wait([task])

    def _conclude(self, task: "asyncio.Future[Any]") -> None:
        error = task.exception()
        if error is None:
            self.tell("end", encode(task.result()))
        elif isinstance(error, Exception):
            told = self.call.app[TELLER].written(
                as_ours(error), language=self.call.language, request_id=self.call.id, statuses=None
            )
            self.tell("error", told)
        else:
            raise error

    async def _rest(self, response: web.StreamResponse) -> None:
        """Until there is something to tell; with a word now and then, so that nobody takes us for gone."""
        loop = asyncio.get_running_loop()
        beats_at = loop.time() + self.heartbeat.total_seconds()
        while not self._stirred.is_set():
            if self._gone:
                raise ConnectionResetError
            wait = min(LOOK.total_seconds(), max(0.0, beats_at - loop.time()))
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stirred.wait()
            if loop.time() >= beats_at:
                await self._write(response, _BEAT)
                beats_at = loop.time() + self.heartbeat.total_seconds()
        self._stirred.clear()

    async def _write_waiting(self, response: web.StreamResponse) -> None:
        while self._waiting:
            event = self._waiting.popleft()
            await self._write(response, event)
            self._bytes -= len(event)

    async def _write(self, response: web.StreamResponse, event: bytes) -> None:
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await response.write(event)
        except TimeoutError:
            self._cut()
            raise ConnectionResetError from None

    @property
    def _gone(self) -> bool:
        transport = self.call.request.transport
        return transport is None or transport.is_closing()

    def _cut(self) -> None:
        """Whoever waits for the connection to take more is told so at once."""
        transport = self.call.request.transport
        if transport is not None:
            transport.abort()
