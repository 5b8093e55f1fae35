"""Routes of ours, served on loopback with a real database: what the tests of every resource start from."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from attrs import define, field
from prometheus_client import CollectorRegistry

from daemon.clock import Clock, SystemClock
from daemon.codec import encode, parse
from daemon.domain.access import SYSTEM, Role
from daemon.engine.access import Access
from daemon.engine.pressure import Pressure
from daemon.engine.status import QueueDepth, Status, StoreState
from daemon.ids import Ids
from daemon.net.api import core, keys, sessions
from daemon.net.server.app import build
from daemon.net.server.auth import Door
from daemon.net.server.figures import Figures
from daemon.net.server.guard import Limits
from daemon.net.server.idempotency import Replays
from daemon.net.server.listen import Listener, Stage, open_tcp, open_unix
from daemon.net.server.metrics import HttpMetrics
from daemon.net.server.nuisances import Nuisances
from daemon.net.server.observe import Surroundings
from daemon.net.server.problems import Teller
from daemon.net.server.readiness import Readiness
from daemon.net.server.routes import Routes
from daemon.secret import Redactor, Secret
from daemon.store.database import Database, open_database

UNSET: Any = object()


@define
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return parse(self.body)

    @property
    def code(self) -> str:
        """Of a problem document, or of what another API has in its place."""
        return str((self.json if "code" in self.json else self.json["error"])["code"])


@define
class Served:
    """The API as a caller with a key of each role sees it."""

    url: str
    http: aiohttp.ClientSession
    local: aiohttp.ClientSession  # through the Unix socket
    app: web.Application
    db: Database
    access: Access
    redactor: Redactor
    readiness: Readiness
    door: Door
    registry: CollectorRegistry
    keys: dict[Role, Secret] = field(factory=dict)

    async def call(
        self, method: str, path: str, *, role: Role | None = Role.ADMIN, json: Any = UNSET, **more: Any
    ) -> Answer:
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers.setdefault("Authorization", f"Bearer {(await self.key(role)).reveal()}")
        if json is not UNSET:
            more["data"] = encode(json)
            headers.setdefault("Content-Type", "application/json")
        session = self.local if more.pop("local", False) else self.http
        async with session.request(method, self.url + path, headers=headers, **more) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def post(self, path: str, json: Any = UNSET, **more: Any) -> Answer:
        return await self.call("POST", path, json=json, **more)

    async def key(self, role: Role) -> Secret:
        if role not in self.keys:
            _, self.keys[role] = await self.access.create(name=role, role=role, expires_at=None, by=SYSTEM)
        return self.keys[role]


async def status(clock: Clock) -> Status:
    store = StoreState(bytes=4096, wal_bytes=0, schema=1, writes_waiting=0, last_backup_at=None)
    lane = QueueDepth(lane="turn", ready=2, blocked=0, running=1, dead=0, oldest_seconds=0.5)
    return Status(
        version="0",
        started_at=clock.now(),
        uptime_seconds=0,
        epoch=1,
        ready=True,
        reasons=(),
        queues=(lane,),
        store=store,
    )


Services = Callable[[Database], Mapping[web.AppKey[Any], Any]]


@asynccontextmanager
async def serving_routes(
    folder: Path,
    *tables: Routes,
    services: Services = lambda _: {},
    clock: Clock | None = None,
    hosts: Iterable[str] = (),
    uids: Mapping[int, Role] | None = None,
    keep: timedelta = timedelta(hours=24),
    limits: Limits | None = None,
    drain: timedelta = timedelta(seconds=3),
    listeners: Sequence[Listener] = (),
) -> AsyncIterator[Served]:
    """`tables` beside the core routes and the keys; `services` makes what their handlers ask for."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(open_database(folder / "db", clock))
        access, redactor, readiness, registry = (
            Access(db, Secret("pepper")),
            Redactor(),
            Readiness(),
            CollectorRegistry(),
        )
        door, metrics, teller, ids = (
            Door.standard(access, uids or {}, clock, Pressure(clock)),
            HttpMetrics(registry),
            Teller(redactor),
            Ids(clock),
        )
        around = Surroundings(
            clock=clock, ids=ids, teller=teller, metrics=metrics, hosts=frozenset(hosts), language="en"
        )
        given: dict[web.AppKey[Any], Any] = {
            keys.ACCESS: access,
            core.READINESS: readiness,
            core.FIGURES: Figures(registry),
            core.STATUS: lambda: status(clock),
            **services(db),
        }
        app = build([core.routes, keys.routes, sessions.routes, *tables], door, Replays(db, keep), around, given)
        stage = Stage(
            limits=limits or Limits(),
            nuisances=Nuisances(clock, metrics),
            teller=teller,
            ids=ids,
            readiness=readiness,
            drain=drain,
        )
        sockets = listeners or [open_tcp("127.0.0.1", 0), open_unix(folder / "api.sock")]
        url, *_ = await stack.enter_async_context(stage.serving(app, sockets))
        readiness.free_of("starting")
        http = await stack.enter_async_context(aiohttp.ClientSession())
        by_unix = aiohttp.UnixConnector(str(folder / "api.sock"))
        local = await stack.enter_async_context(aiohttp.ClientSession(connector=by_unix))
        yield Served(url, http, local, app, db, access, redactor, readiness, door, registry)
