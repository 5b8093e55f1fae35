"""The life of a simulated n8n process: it starts late, says what it is doing, and takes no more than so many bytes."""

from collections.abc import Awaitable, Callable
from enum import StrEnum

from aiohttp import web
from attrs import define, field

from daemon.clock import Clock
from daemon.sim.gate import CONTROL, reply
from daemon.sim.n8n_errors import BOOT_PAGE, NO_DATABASE, TOO_BIG, cannot

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Stage(StrEnum):
    PAGE = "page"  # every path: 200 and a page that says to wait
    BOOTING = "booting"  # healthy, but webhooks are HTML 404s
    READY = "ready"
    NO_DATABASE = "no-database"


@define(eq=False, kw_only=True)
class Life:
    """`forced`: the stage it stays in; None goes by the clock, from the last start."""

    clock: Clock
    page_s: float
    booting_s: float
    payload_max: int
    forced: Stage | None = None
    _began: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._began = self.clock.monotonic()

    @property
    def stage(self) -> Stage:
        if self.forced is not None:
            return self.forced
        up = self.clock.monotonic() - self._began
        if up < self.page_s:
            return Stage.PAGE
        return Stage.BOOTING if up < self.page_s + self.booting_s else Stage.READY

    @web.middleware
    async def middleware(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        if request.path.startswith((CONTROL, "/healthz")):
            return await handler(request)
        match self.stage:
            case Stage.PAGE:
                return BOOT_PAGE.response()
            case Stage.BOOTING if request.path.startswith("/webhook"):
                return cannot(request.method, request.path).response()
            case Stage.NO_DATABASE:
                return NO_DATABASE.response()
        return await handler(request)

    @web.middleware
    async def too_big(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        """Not 413: the answer of a failed run, and the connection is closed while its client still sends."""
        if (request.content_length or 0) <= self.payload_max:
            return await handler(request)
        response = TOO_BIG.response()
        response.force_close()
        return response

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/healthz", self.healthz), web.get("/healthz/readiness", self.readiness)]

    async def healthz(self, _: web.Request) -> web.Response:
        """The process is up: that is all it says."""
        return reply({"status": "ok"})

    async def readiness(self, _: web.Request) -> web.Response:
        ready = self.stage is Stage.READY
        return reply({"status": "ok" if ready else "error"}, status=200 if ready else 503)
