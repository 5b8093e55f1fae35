"""Limits on connections and on how long a request may take to arrive: aiohttp has sizes, but no times.

A subclass of aiohttp's own protocol, so that it sees both the bytes and where a request begins and ends. What it
closes it only counts; the log hears of it once a minute, however many come.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import structlog
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import LineTooLong
from attrs import frozen

from daemon.errors import QiaodError
from daemon.ids import Ids
from daemon.net.server.auth import peer_uid
from daemon.net.server.nuisances import Nuisances
from daemon.net.server.problems import BodyTooSlow, Refused, Teller

log = structlog.get_logger()

Handler = Callable[[Any], Awaitable[web.StreamResponse]]

LINE_MOST = 8190  # bytes of a request line, and of a header: what nginx takes
HEADERS_MOST = 60
FIRST_WORDS = timedelta(seconds=1)  # for who has just connected when a stop begins: the request may be on its way

_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_CROWDED = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"


@frozen(kw_only=True)
class Limits:
    headers: timedelta = timedelta(seconds=3)
    body: timedelta = timedelta(seconds=2)
    keep_alive: timedelta = timedelta(seconds=15)
    connections: int = 512
    per_address: int = 64  # the Unix socket is exempt
    stall: timedelta = timedelta(seconds=20)  # how long a reader may take no byte of an answer


class Guard(web.Server):
    """Makes the connections of one application, and knows how many there are and how many are at work."""

    def __init__(
        self, inner: web.Server, handler: Handler, *, limits: Limits, nuisances: Nuisances, teller: Teller, ids: Ids
    ) -> None:
        super().__init__(handler, request_factory=self._begin)
        self._make = inner.request_factory
        self.limits = limits
        self.nuisances = nuisances
        self._teller = teller
        self._ids = ids
        self._per_address: Counter[str] = Counter()
        self._open = 0  # of those with an address
        self._at_work = 0
        self._outliving = set[asyncio.Task[None]]()
        self.stopping = False
        self.idle = asyncio.Event()
        self.idle.set()

    def __call__(self) -> "Connection":
        return Connection(self, asyncio.get_running_loop())

    def admit(self, address: str | None) -> str | None:
        """Why there is no room for one more; None: it is counted in. The Unix socket has no address, and no limit."""
        if address is not None:
            if self._open >= self.limits.connections:
                return "connections"
            if self._per_address[address] >= self.limits.per_address:
                return "per_address"
            self._per_address[address] += 1
            self._open += 1
        self.nuisances.metrics.connections.inc()
        return None

    def leave(self, address: str | None) -> None:
        if address is not None:
            self._open -= 1
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]
        self.nuisances.metrics.connections.dec()

    def busy(self, change: int) -> None:
        self._at_work += change
        if self._at_work:
            self.idle.clear()
        else:
            self.idle.set()

    def outlived_by(self, handler: "asyncio.Task[None]", ended: Callable[[], None]) -> None:
        """A connection is gone while its handler is at work: the daemon may not end under it."""
        self._outliving.add(handler)
        handler.add_done_callback(self._outliving.discard)
        handler.add_done_callback(lambda _: ended())

    def pre_shutdown(self) -> None:
        self.stopping = True
        super().pre_shutdown()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Also of those whose connection is gone, which aiohttp does not know any more."""
        await super().shutdown(timeout)
        if handlers := set(self._outliving):
            for handler in handlers:
                handler.cancel()
            await asyncio.wait(handlers, timeout=timeout)

    def answer(self, error: QiaodError) -> web.Response:
        """For what never became a request."""
        response = self._teller.tell(error, language="en", request_id=self._ids.new())
        response.force_close()
        return response

    def _begin(self, message: Any, payload: StreamReader, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        cast("Connection", protocol).begun(payload)
        return self._make(message, payload, protocol, writer, task)


class Connection(web.RequestHandler):
    __slots__ = ("_address", "_admitted", "_at_work", "_expected", "_guard", "_new", "_timer", "_writing")

    def __init__(self, guard: Guard, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            guard,
            loop=loop,
            keepalive_timeout=guard.limits.keep_alive.total_seconds(),
            lingering_time=guard.limits.body.total_seconds(),
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,
            max_line_size=LINE_MOST,
            max_field_size=LINE_MOST,
            max_headers=HEADERS_MOST,
        )
        self._guard = guard
        self._address: str | None = None
        self._admitted = False
        self._at_work = False
        self._new = True  # no request has come
        self._expected = False  # a stop waits for its first
        self._timer: asyncio.TimerHandle | None = None  # for what is to arrive
        self._writing: asyncio.TimerHandle | None = None  # for what is to leave

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer_uid(transport) is None and isinstance(peer, tuple) else None
        refusal = self._guard.admit(self._address)
        if refusal is not None:
            self._guard.nuisances.note(refusal)
            plain = cast("asyncio.Transport", transport)
            plain.write(_CROWDED)
            plain.close()
            return
        self._admitted = True
        super().connection_made(transport)
        self._arm(self._guard.limits.headers, self._headers_late)
        if self._guard.stopping:
            self.close()  # it was accepted just before

    def close(self) -> None:
        """For a stop. Whoever has just connected may have a request on its way, and that one is still answered."""
        if not self._new:
            super().close()
        elif not self._expected:
            self._expected = True
            self._guard.busy(+1)
            self._arm(FIRST_WORDS, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        if not self._admitted:
            return
        self._guard.leave(self._address)
        self._disarm()
        self._free_writing()
        self._heard()
        if self._at_work and self._task_handler is not None:
            self._guard.outlived_by(self._task_handler, self._ended)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._admitted:
            return
        if data and not self._at_work and self._timer is None:
            self._arm(self._guard.limits.headers, self._headers_late)  # once: later bytes do not prolong it
        super().data_received(data)

    def begun(self, payload: StreamReader) -> None:
        """The head of a request is here, and its handler is about to start."""
        self._disarm()
        self._at_work, self._new = True, False
        self._guard.busy(+1)
        if self._guard.stopping:
            self._heard()
            self.close()  # after its answer
        if not payload.is_eof():
            payload.on_eof(self._disarm)
            self._arm(self._guard.limits.body, lambda: self._body_late(payload))

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._ended()
            if not resp.keep_alive and self.transport is not None:
                self._watch_writing(self.transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.transport is not None:
            self._watch_writing(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._free_writing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # it quotes what was sent: not for answers, not for logs
    ) -> web.StreamResponse:
        """What is no HTTP, told in JSON and without a traceback in the log."""
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            self._ended()
            raise ConnectionError("half an answer has left already, or nobody is there for it")
        if status >= 500:
            log.error("http.crashed", exc_info=exc)
            return self._guard.answer(QiaodError("internal"))
        self._guard.nuisances.note("malformed", type(exc).__name__)
        return self._guard.answer(Refused(431 if isinstance(exc, LineTooLong) else 400))

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Of a connection, not of a handler: bodies that end in nonsense after they were answered."""
        self._guard.nuisances.note("broken", f"{args[0]} {type(kw.get('exc_info')).__name__}")

    def _heard(self) -> None:
        if self._expected:
            self._expected = False
            self._guard.busy(-1)

    def _ended(self) -> None:
        if self._at_work:
            self._at_work = False
            self._guard.busy(-1)

    def _headers_late(self) -> None:
        self._timer = None
        self._guard.nuisances.note("slow_headers")
        if self.transport is not None:
            self.transport.write(_TOO_LATE)
        self.force_close()

    def _body_late(self, payload: StreamReader) -> None:
        """Whoever reads it is told; aiohttp itself, when it reads on to the end of it, takes a TimeoutError quietly."""
        self._timer = None
        self._guard.nuisances.note("slow_body")
        payload.set_exception(BodyTooSlow("the rest of the body did not come in time"))

    def _arm(self, limit: timedelta, late: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self._loop.call_later(limit.total_seconds(), late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch_writing(self, transport: asyncio.Transport) -> None:
        self._free_writing()
        self._writing = self._loop.call_later(self._guard.limits.stall.total_seconds(), self._stalled, transport)

    def _stalled(self, transport: asyncio.Transport) -> None:
        self._guard.nuisances.note("stalled")
        transport.abort()

    def _free_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
