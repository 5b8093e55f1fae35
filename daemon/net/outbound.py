"""The one way to call another service: time limits, a size limit, and failures told apart by whether it may have acted.

A failure before a connection stood is RemoteUnavailable: surely nothing was done. After that nobody can know, so it is
OutcomeUnknown, or RemoteUnavailable where the caller says that repeating the call does no harm. HTTP statuses are the
caller's to read, except 502 and 504: those are a proxy's word for "no answer came".
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from aiohttp import hdrs
from attrs import define, field, frozen
from structlog.contextvars import get_contextvars

from daemon.clock import EPOCH, SystemClock
from daemon.codec import encode
from daemon.engine.targets import Target, Targets
from daemon.errors import Invalid, RemoteError, RemoteRefused
from daemon.limits.retry import parse_retry_after
from daemon.net.connecting import CALL, fresh_session, keeping_session
from daemon.net.meter import Meter, Unmetered
from daemon.net.outcomes import MOST_DETAIL, Call, too_large, translated
from daemon.net.resolver import DnsTerms, Resolver, open_resolver
from daemon.secret import Redactor
from daemon.settings_targets import LONGEST_NAME

MOST_BYTES = 4 * 1024 * 1024  # of an answer; the longest seen is a contact list of some hundred kB
READ_FOR_DETAIL = 4096  # cleaned before it is cut, so that no half of a secret stays at the end
SILENT_PROXY = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
BARRED = "targets."  # how the codes begin of what may not be called
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
class Stream:
    """An answer whose body arrives in pieces."""

    status: int
    headers: Mapping[str, str]
    _response: aiohttp.ClientResponse
    _call: Call
    _idle: timedelta | None
    _most_bytes: int

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its pieces as they come; a silence longer than `idle` ends it as a failure."""
        left = self._most_bytes
        while piece := await self._piece():
            left -= len(piece)
            if left < 0:
                raise too_large(self._call, self._most_bytes)
            yield piece

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.chunks()])

    async def _piece(self) -> bytes:
        with translated(self._call):
            async with asyncio.timeout(_seconds(self._idle)):
                return await self._response.content.readany()


@define
class Outbound:
    """Made by `open_outbound`. Never follows a redirect, never uses a proxy, keeps no cookies.

    A call that may not be repeated gets a connection of its own: a kept one may die unseen, which makes its outcome
    unknown for nothing. So does one that is guarded: a kept one was let through for somebody else. Where an unknown
    outcome is no harm, the caller may take a kept one all the same: a handshake with a distant service takes longer
    than all else that is done here.
    """

    _once: aiohttp.ClientSession
    _kept: aiohttp.ClientSession
    _guarded: aiohttp.ClientSession
    _redactor: Redactor
    targets: Targets
    names: Resolver
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
        guarded: bool = False,
        plain: bool = False,
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
            guarded=guarded,
            plain=plain,
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
        guarded: bool = False,
        plain: bool = False,
        kept: bool = False,
    ) -> AsyncIterator[Stream]:
        """The head of the answer, and its body in pieces while the block runs.

        `guarded`: the URL comes from somebody who may not reach everything that we can; `plain`: http will do for it.
        `kept`: over a connection that an earlier call left, if there is one.
        """
        call = Call(service, repeatable)
        with self._barred_told(), translated(call):
            if guarded:
                call.target = self._target(service, url, plain=plain)
            async with asyncio.timeout(_seconds(timeouts.first_byte)):
                token = CALL.set(call)
                try:
                    response = await self._session(call, kept=kept).request(
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
                finally:
                    CALL.reset(token)
        async with response:
            if response.status in SILENT_PROXY:
                raise call.failed("remote.gateway", f"HTTP {response.status}")
            if guarded and response.status in REDIRECTS:
                raise RemoteRefused("remote.redirected", service=service, host=_host_of(response))
            yield Stream(response.status, response.headers, response, call, timeouts.idle, most_bytes)

    def _session(self, call: Call, *, kept: bool) -> aiohttp.ClientSession:
        if call.target is not None:
            return self._guarded
        return self._kept if call.repeatable or kept else self._once

    def _target(self, service: str, url: str, *, plain: bool) -> Target:
        try:
            return self.targets.check_url(url, plain=plain)
        except Invalid as error:
            raise RemoteRefused(error.code, service, "", **error.facts) from None

    @contextmanager
    def _barred_told(self) -> Iterator[None]:
        try:
            yield
        except RemoteRefused as error:
            if error.code.startswith(BARRED):
                self.targets.on_refused(error)
            raise

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
async def open_outbound(
    redactor: Redactor, targets: Targets | None = None, names: Resolver | None = None
) -> AsyncIterator[Outbound]:
    """`targets`: where guarded calls may go, by default to the open internet. `names`: by default the system's."""
    targets = targets or Targets()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        if names is None:
            names = await enter(open_resolver(SystemClock(), DnsTerms()))
        once, kept = await enter(fresh_session(names)), await enter(keeping_session(names))
        guarded = await enter(fresh_session(names, targets))
        yield Outbound(once, kept, guarded, redactor, targets, names)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """What `Retry-After` says, in seconds or as a date; None where it says nothing.

    A date is held against the answer's own `Date`: our clock may differ from the service's.
    """
    said, answered = headers.get(hdrs.RETRY_AFTER, ""), headers.get(hdrs.DATE, "")
    try:
        now = parsedate_to_datetime(answered).replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no date, or one of a year that no clock has
        return parse_retry_after(said, EPOCH) if said.strip().isdigit() else None
    return parse_retry_after(said, now)


def _headers(call: Call, headers: Mapping[str, str] | None, *, has_body: bool) -> dict[str, str]:
    context = get_contextvars()
    sent = {name: str(context[key]) for key, name in CONTEXT_HEADERS.items() if context.get(key)}
    if has_body:
        sent[hdrs.CONTENT_TYPE] = "application/json"
    sent.update(headers or {})
    if not all(value.isprintable() for value in sent.values()):
        raise RemoteRefused("remote.bad_header", service=call.service)  # a line break in a token, most likely
    return sent


def _host_of(response: aiohttp.ClientResponse) -> str:
    """Where a redirect leads; no more than its host, for the rest may be a secret."""
    try:
        return (urlsplit(response.headers.get(hdrs.LOCATION, "")).hostname or response.url.host or "")[:LONGEST_NAME]
    except ValueError:
        return ""


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
