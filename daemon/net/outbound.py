"""The one way to call another service: time limits, a size limit, and failures told apart by whether it may have acted.

A failure before a connection stood is RemoteUnavailable: surely nothing was done. After that nobody can know, so it is
OutcomeUnknown, or RemoteUnavailable where the caller says that repeating the call does no harm. HTTP statuses are the
caller's to read, except 502 and 504: those are a proxy's word for "no answer came".
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import SimpleNamespace

import aiohttp
from aiohttp import hdrs
from attrs import define, field, frozen
from structlog.contextvars import get_contextvars

from daemon import __version__
from daemon.clock import EPOCH
from daemon.codec import encode
from daemon.errors import OutcomeUnknown, RemoteError, RemoteNonsense, RemoteRefused, RemoteUnavailable
from daemon.limits.retry import parse_retry_after
from daemon.net.meter import Meter, Unmetered
from daemon.secret import Redactor

MOST_BYTES = 4 * 1024 * 1024  # of an answer; the longest seen is a contact list of some hundred kB
MOST_DETAIL = 200  # characters of another service's words that are kept
READ_FOR_DETAIL = 4096  # cleaned before it is cut, so that no half of a secret stays at the end
KEPT_ALIVE = 4.0  # seconds: below the 5 s after which Node, which FastGPT and n8n run on, drops an idle connection
DNS_KEPT = 60  # seconds
SILENT_PROXY = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT})
CONTEXT_HEADERS = {"request_id": "X-Request-ID", "traceparent": "traceparent"}


@frozen(kw_only=True)
class Timeouts:
    """How long to wait. `total` ends at the answer's last byte; `idle` is the longest silence within a stream."""

    connect: timedelta = timedelta(seconds=5)
    total: timedelta
    first_byte: timedelta | None = None  # from the start to the head of the answer
    idle: timedelta | None = None


@frozen(kw_only=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes


@define
class _Call:
    """One request under way, as the connector reports on it."""

    service: str
    repeatable: bool
    timeouts: Timeouts
    connected: bool = False  # from here on bytes may have left

    def failed(self, code: str, detail: str) -> RemoteError:
        if not self.connected or self.repeatable:
            return RemoteUnavailable(code, service=self.service, detail=detail)
        return OutcomeUnknown(code, service=self.service, detail=detail)


@define
class Stream:
    """An answer whose body arrives in pieces."""

    status: int
    headers: Mapping[str, str]
    _response: aiohttp.ClientResponse
    _call: _Call
    _most_bytes: int

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its pieces as they come; a silence longer than `idle` ends it as a failure."""
        left = self._most_bytes
        while piece := await self._piece():
            left -= len(piece)
            if left < 0:
                raise _too_large(self._call, self._most_bytes)
            yield piece

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.chunks()])

    async def _piece(self) -> bytes:
        with _translated(self._call):
            async with asyncio.timeout(_seconds(self._call.timeouts.idle)):
                return await self._response.content.readany()


@define
class Outbound:
    """Made by `open_outbound`. Never follows a redirect, never uses a proxy, keeps no cookies.

    A call that may not be repeated gets a connection of its own: a kept one may die unseen, which makes its outcome
    unknown for nothing.
    """

    _once: aiohttp.ClientSession
    _kept: aiohttp.ClientSession
    _redactor: Redactor
    meter: Meter = field(factory=Unmetered, kw_only=True)

    async def request(
        self,
        service: str,
        method: str,
        url: str,
        *,
        timeouts: Timeouts,
        repeatable: bool,
        json: object = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> Reply:
        """The whole answer. Cancelling it leaves the outcome as unknown as a lost answer does."""
        async with self.stream(
            service,
            method,
            url,
            timeouts=timeouts,
            repeatable=repeatable,
            json=json,
            params=params,
            headers=headers,
            most_bytes=most_bytes,
        ) as stream:
            return Reply(status=stream.status, headers=stream.headers, body=await stream.read())

    @asynccontextmanager
    async def stream(
        self,
        service: str,
        method: str,
        url: str,
        *,
        timeouts: Timeouts,
        repeatable: bool,
        json: object = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> AsyncIterator[Stream]:
        """The head of the answer, and its body in pieces while the block runs."""
        call = _Call(service, repeatable, timeouts)
        session = self._kept if repeatable else self._once
        with _translated(call):
            async with asyncio.timeout(_seconds(timeouts.first_byte)):
                response = await session.request(
                    method,
                    url,
                    params=params,
                    data=None if json is None else encode(json),
                    headers=_headers(call, headers, has_body=json is not None),
                    timeout=aiohttp.ClientTimeout(
                        total=timeouts.total.total_seconds(), connect=timeouts.connect.total_seconds()
                    ),
                    allow_redirects=False,
                    trace_request_ctx=call,
                )
        async with response:
            if response.status in SILENT_PROXY:
                raise call.failed("remote.gateway", f"HTTP {response.status}")
            yield Stream(response.status, response.headers, response, call, most_bytes)

    @contextmanager
    def metered(self, service: str) -> Iterator[None]:
        """Count the block as one call of the service: done, or failed by the error that leaves it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        except RemoteError as error:
            self.meter.took(service, loop.time() - began, error.code)
            raise
        self.meter.took(service, loop.time() - began, None)

    def detail(self, words: object) -> str:
        """What another service said, fit to be kept: secrets masked, one line, short."""
        text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        cleaned = " ".join(self._redactor.clean(text[:READ_FOR_DETAIL]).split())
        return cleaned if len(cleaned) <= MOST_DETAIL else f"{cleaned[: MOST_DETAIL - 1]}…"


@asynccontextmanager
async def open_outbound(redactor: Redactor) -> AsyncIterator[Outbound]:
    once = aiohttp.TCPConnector(limit=0, force_close=True, ttl_dns_cache=DNS_KEPT)  # who calls bounds how many
    kept = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_ALIVE, ttl_dns_cache=DNS_KEPT)
    async with _session(once) as fresh, _session(kept) as reusing:
        yield Outbound(fresh, reusing, redactor)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """What `Retry-After` says, in seconds or as a date; None where it says nothing.

    A date is held against the answer's own `Date`: our clock may differ from the service's.
    """
    said, answered = headers.get(hdrs.RETRY_AFTER, ""), headers.get(hdrs.DATE, "")
    try:
        now = parsedate_to_datetime(answered).replace(tzinfo=UTC)
    except ValueError:
        return parse_retry_after(said, EPOCH) if said.strip().isdigit() else None
    return parse_retry_after(said, now)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={hdrs.USER_AGENT: f"qiaod/{__version__}"},
        trace_configs=[_watch()],
    )


def _watch() -> aiohttp.TraceConfig:
    """Tells each call when its connection stands, and stops aiohttp's own resending.

    aiohttp sends GET, PUT, DELETE and the like once more when the connection dies, also a fresh one, and also when
    the request had been received.
    """

    async def connecting(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        call: _Call = context.trace_request_ctx
        if call.connected and not call.repeatable:
            raise aiohttp.ServerDisconnectedError

    async def connected(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.connected = True

    watch = aiohttp.TraceConfig()
    watch.on_connection_create_start.append(connecting)
    watch.on_connection_create_end.append(connected)
    watch.on_connection_reuseconn.append(connected)
    return watch


def _headers(call: _Call, headers: Mapping[str, str] | None, *, has_body: bool) -> dict[str, str]:
    context = get_contextvars()
    sent = {name: str(context[key]) for key, name in CONTEXT_HEADERS.items() if context.get(key)}
    if has_body:
        sent[hdrs.CONTENT_TYPE] = "application/json"
    sent.update(headers or {})
    if any(not character.isprintable() for value in sent.values() for character in value):
        raise RemoteRefused("remote.bad_header", service=call.service)  # a line break in a token, most likely
    return sent


@contextmanager
def _translated(call: _Call) -> Iterator[None]:
    """aiohttp's failures become ours, here and nowhere else. Their texts may hold the URL: only their kind is told."""
    try:
        yield
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise RemoteRefused("remote.bad_address", service=call.service) from None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise call.failed(_code(call, error), _reason(error)) from None


def _code(call: _Call, error: Exception) -> str:
    match error:
        case _ if not call.connected:
            return "remote.no_connection"
        case TimeoutError():
            return "remote.timeout"
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError() | ValueError():
            return "remote.broken_answer"
        case _:
            return "remote.cut"


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return str(error.certificate_error)[:MOST_DETAIL]
        case aiohttp.ClientConnectorError():
            return str(error.os_error)[:MOST_DETAIL]
        case _:
            return type(error).__name__


def _too_large(call: _Call, most_bytes: int) -> RemoteError:
    if call.repeatable:
        return RemoteNonsense("remote.too_large", service=call.service, most_bytes=most_bytes)
    return OutcomeUnknown("remote.too_large", service=call.service, most_bytes=most_bytes)


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
