"""An answer told in server-sent events while it is made, to a caller who is there and keeps up.

It ends with one event `end` and the whole, or `error` and the problem document; an API of another kind frames its
events otherwise. Who leaves, or lets too much wait, ends the work too.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from aiohttp import web
from attrs import define, field, frozen

from daemon.codec import encode
from daemon.net.server.attended import LOOK, is_gone
from daemon.net.server.call import Call
from daemon.net.server.endpoint import STATUSES
from daemon.net.server.problems import TELLER, as_ours, manner_of

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = timedelta(seconds=15)  # of silence: proxies close a connection after 30 to 60 s of it
PATIENCE = timedelta(seconds=30)  # for the reader to take what is written
MOST_WAITING = 256 * 1024  # bytes kept for a slow reader, beside what the connection itself holds
_BEAT = b": still at it\n\n"


def _named(name: str, data: bytes) -> bytes:
    return f"event: {name}\ndata: ".encode() + data + b"\n\n"


def _no_more() -> Mapping[str, str]:
    return {}


@frozen(kw_only=True)
class Framing:
    """How an answer ends on the wire, and how it begins."""

    end: Callable[[Any], bytes]  # of what the work came to
    error: Callable[[bytes], bytes]  # of the document that says what went wrong
    held: bool = False  # it begins with the first event: what fails before that is told by a status of its own
    headers: Callable[[], Mapping[str, str]] = _no_more  # asked for as it begins


NAMED = Framing(end=lambda result: _named("end", encode(result)), error=partial(_named, "error"))


@define(eq=False)
class EventStream:
    """One such answer. `over` runs the work; the work calls `tell`, or `put` with an event of its own framing."""

    call: Call
    framing: Framing = NAMED
    heartbeat: timedelta = HEARTBEAT
    most_waiting: int = MOST_WAITING
    _waiting: deque[bytes] = field(factory=deque, init=False)
    _bytes: int = field(default=0, init=False)
    _stirred: asyncio.Event = field(factory=asyncio.Event, init=False)

    def tell(self, name: str, data: bytes) -> None:
        """Never waits. `data` is JSON, which has no line breaks."""
        self.put(_named(name, data))

    def put(self, event: bytes) -> None:
        """Never waits. Too much of it unread cuts the connection; one alone, however long, is none that waits."""
        if self._bytes and self._bytes + len(event) > self.most_waiting:
            self._cut()
            return
        self._bytes += len(event)
        self._waiting.append(event)
        self._stirred.set()

    async def over(self, work: Coroutine[Any, Any, Any]) -> web.StreamResponse:
        """The answer, once `work` and its last event are through. Raises ConnectionError where nobody reads it, and
        where the answer is held what ended the work before it began."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(lambda _: self._stirred.set())
        response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        response.content_type, response.charset = MEDIA_TYPE, "utf-8"
        try:
            if not self.framing.held:
                await self._begin(response)
            while not task.done():
                await self._write_waiting(response)
                await self._rest(response)
            error = task.exception()
            if error is not None and not response.prepared:
                raise error
            await self._write_waiting(response)
            self._conclude(task, error)
            await self._write_waiting(response)
            await response.write_eof()
            return response
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _begin(self, response: web.StreamResponse) -> None:
        response.headers.update(self.framing.headers())
        await response.prepare(self.call.request)

    def _conclude(self, task: "asyncio.Future[Any]", error: BaseException | None) -> None:
        if error is None:
            self.put(self.framing.end(task.result()))
        elif isinstance(error, Exception):
            told = self.call.app[TELLER].written(
                as_ours(error),
                language=self.call.language,
                request_id=self.call.id,
                statuses=self.call.request.get(STATUSES),
                manner=manner_of(self.call.request, self.call.app),
            )
            self.put(self.framing.error(told))
        else:
            raise error

    async def _rest(self, response: web.StreamResponse) -> None:
        """Until there is something to tell; with a word now and then, so that nobody takes us for gone."""
        loop = asyncio.get_running_loop()
        beats_at = loop.time() + self.heartbeat.total_seconds()
        while not self._stirred.is_set():
            if is_gone(self.call.request):
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
        """All that waits in one: a system call an event would be most of what an event costs."""
        while self._waiting:
            events = b"".join(self._waiting)
            self._waiting.clear()
            await self._write(response, events)
            self._bytes -= len(events)

    async def _write(self, response: web.StreamResponse, events: bytes) -> None:
        if not response.prepared:
            await self._begin(response)
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await response.write(events)
        except TimeoutError:
            self._cut()
            raise ConnectionResetError from None

    def _cut(self) -> None:
        """Whoever waits for the connection to take more is told so at once."""
        transport = self.call.request.transport
        if transport is not None:
            transport.abort()
