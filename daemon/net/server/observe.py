"""Around every request: its id, its language, its errors as problem documents, its line in the log, its count."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from aiohttp import HttpVersion10, web
from attrs import field, frozen

from daemon.clock import Clock
from daemon.ids import Ids
from daemon.net.server.auth import DOOR, peer_uid
from daemon.net.server.cors import Cors
from daemon.net.server.endpoint import ACTOR, HEADERS, LANGUAGE, REQUEST_ID, STATUSES
from daemon.net.server.language import choose
from daemon.net.server.metrics import HttpMetrics
from daemon.net.server.problems import Refused, Teller, as_ours, manner_of

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,128}")  # whatever a caller sends ends in our logs

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SERVER = "qiaod"
ALWAYS = {  # on every answer
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


@frozen(kw_only=True)
class Surroundings:
    """The middleware that is around everything else."""

    clock: Clock
    ids: Ids
    teller: Teller
    metrics: HttpMetrics
    hosts: frozenset[str]  # the names a request on TCP may call us by; none: any
    language: str  # where the caller does not say
    cors: Cors = field(factory=Cors)

    @web.middleware
    async def around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        began = self.clock.monotonic()
        request[REQUEST_ID] = self.request_id(request)
        request[LANGUAGE] = self.language_of(request)
        request[HEADERS] = {**ALWAYS, "X-Request-ID": request[REQUEST_ID], **self.cors.headers(request)}
        bound = structlog.contextvars.bind_contextvars(request_id=request[REQUEST_ID])
        try:
            response = await self._answered(request, handler)
            self._note(request, response, self.clock.monotonic() - began)
        finally:
            structlog.contextvars.reset_contextvars(**bound)
        return response

    def request_id(self, request: web.Request) -> str:
        told = request.headers.get("X-Request-ID")
        return told if told is not None and _REQUEST_ID.fullmatch(told) else self.ids.new()

    def language_of(self, request: web.Request) -> str:
        return choose(request.headers.get("Accept-Language"), self.language)

    def admits(self, request: web.Request) -> bool:
        """Whether it calls us by a name of ours, or on the Unix socket by any."""
        hosts = self.hosts
        return (
            not hosts or host_name(request.headers.get("Host", "")) in hosts or peer_uid(request.transport) is not None
        )

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._admissible(request)
            return self.cors.preflight(request) or await handler(request)
        except ConnectionError:
            log.info("http.abandoned", method=_method(request), route=pattern(request))
            raise  # the caller is gone: there is nobody to tell
        except Exception as error:
            return self.teller.tell(
                as_ours(error),
                language=request[LANGUAGE],
                request_id=request[REQUEST_ID],
                statuses=request.get(STATUSES),
                manner=manner_of(request, request.app),
            )

    def _admissible(self, request: web.Request) -> None:
        if request.version < HttpVersion10:
            raise Refused(400)  # HTTP/0.9 has no headers to answer with, and no reader left
        if not self.admits(request):
            request.app[DOOR].strange(request, "host.refused", pattern(request))
            raise Refused(421)  # DNS rebinding: another site's name for our address

    def _note(self, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
        """The route's pattern, never the path: that of a callback is its secret."""
        route = pattern(request)
        actor = request.get(ACTOR)
        self.metrics.answered(_method(request), route, response.status, seconds)
        log.info(
            "http.answered",
            method=_method(request),
            route=route,
            status=response.status,
            ms=round(seconds * 1000, 1),
            actor=actor.id if actor else None,
        )


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, also of streams: a signal sent just before the first byte."""
    response.headers["Server"] = SERVER  # aiohttp has set its own name and version by now
    for name, value in request.get(HEADERS, ALWAYS).items():
        response.headers.setdefault(name, value)
    if response.status == HTTPStatus.NO_CONTENT:
        response.headers.popall("Content-Type", None)


def pattern(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical.rstrip("/") or "/" if resource is not None else "(none)"


def host_name(host: str) -> str:
    """`localhost` of `localhost:8470`, `::1` of `[::1]:8470`."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].rstrip(".").lower()


def _method(request: web.Request) -> str:
    """One of HTTP's: strangers make up methods, and each would be a series of its own."""
    return request.method if request.method in METHODS else "OTHER"
