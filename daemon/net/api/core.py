"""The daemon itself: alive, ready, its figures, its state."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from attrs import frozen
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from daemon.domain.access import Role
from daemon.engine.status import Status, of_accounts
from daemon.net.server.call import Call, Reply
from daemon.net.server.figures import Figures
from daemon.net.server.readiness import Readiness
from daemon.net.server.routes import Open, Routes

READINESS = web.AppKey("readiness", Readiness)
FIGURES = web.AppKey("figures", Figures)
STATUS = web.AppKey[Callable[[], Awaitable[Status]]]("status", Callable)  # type: ignore[arg-type]

routes = Routes("Core")


@frozen(kw_only=True)
class Health:
    status: str


@frozen(kw_only=True)
class Ready:
    ready: bool
    reasons: tuple[str, ...]


@routes.get("/healthz", role=Open.PUBLIC, summary="200 while the event loop turns")
async def healthz(_: Call) -> Health:
    return Health(status="ok")


@routes.get("/readyz", role=Open.PUBLIC, summary="200 once requests can be served; 503 says why not", also=(503,))
async def readyz(call: Call) -> Reply[Ready]:
    readiness = call.service(READINESS)
    body = Ready(ready=readiness.ready, reasons=readiness.reasons)
    return Reply(body=body, status=200 if readiness.ready else 503)


@routes.get("/metrics", role=Open.LOCAL, summary="Figures for Prometheus", produces="text/plain", whole=True)
async def metrics(call: Call) -> web.Response:
    figures = call.service(FIGURES)
    figures.show(await call.service(STATUS)())
    return web.Response(
        body=generate_latest(figures.registry),
        headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"},
    )


@routes.get("/api/v1/status", role=(Role.VIEWER, Role.AUDITOR), summary="Queues, limiters, breakers, store at a glance")
async def status(call: Call) -> Status:
    found = await call.service(STATUS)()
    return found if call.scope is None else of_accounts(found, call.scope)
