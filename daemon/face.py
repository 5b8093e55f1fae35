"""What the daemon shows to the outside: its routes, the services behind them, how it listens and who may knock."""

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from socket import socket

from aiohttp import web
from attrs import frozen

from daemon.assembly import Engine
from daemon.clock import Clock
from daemon.domain.access import Role
from daemon.engine.access import Access
from daemon.engine.standing import Standing
from daemon.ids import Ids
from daemon.net.api import accounts, conversations, core, jobs, keys, messages, services, workflows
from daemon.net.gewe import callback
from daemon.net.server.app import build
from daemon.net.server.auth import Door
from daemon.net.server.figures import Figures
from daemon.net.server.guard import Limits, Nuisances
from daemon.net.server.idempotency import Replays
from daemon.net.server.listen import API, HTTP, Listener, Stage, open_tcp, open_unix
from daemon.net.server.metrics import HttpMetrics
from daemon.net.server.observe import Surroundings
from daemon.net.server.problems import Teller
from daemon.net.server.readiness import Readiness
from daemon.net.server.routes import Routes
from daemon.settings import Settings
from daemon.vault import Vault

Sockets = Mapping[str, Sequence[socket]]  # handed over by systemd, by name

TABLES: tuple[Routes, ...] = (
    core.routes,
    keys.routes,
    callback.routes,
    accounts.routes,
    messages.routes,
    conversations.routes,
    workflows.routes,
    jobs.routes,
)


@frozen(kw_only=True)
class Face:
    """What the API shows to the outside: how it listens, what it counts, how it speaks, whether it is ready."""

    readiness: Readiness
    metrics: HttpMetrics
    surroundings: Surroundings
    stage: Stage

    @classmethod
    def of(cls, settings: Settings, clock: Clock, vault: Vault) -> "Face":
        readiness, metrics, teller = Readiness(), HttpMetrics.standard(), Teller(vault.redactor)
        http = settings.http
        return cls(
            readiness=readiness,
            metrics=metrics,
            surroundings=Surroundings(
                clock=clock,
                ids=Ids(clock),
                teller=teller,
                metrics=metrics,
                hosts=http.allowed_hosts,
                language=settings.daemon.language,
            ),
            stage=Stage(
                limits=Limits(
                    headers=http.header_timeout,
                    body=http.body_timeout,
                    keep_alive=http.keep_alive,
                    connections=http.connections,
                    per_address=http.per_address,
                ),
                nuisances=Nuisances(clock, metrics),
                teller=teller,
                ids=Ids(clock),
                readiness=readiness,
                drain=settings.daemon.drain_http,
            ),
        )


def listeners_of(settings: Settings, sockets: Sockets) -> list[Listener]:
    """What systemd holds for us; what it does not, we open."""
    held = [Listener(name=name, socket=one) for name in (HTTP, API) for one in sockets.get(name, ())]
    names = {listener.name for listener in held}
    if HTTP not in names:
        held.append(open_tcp(*settings.http.address))
    if API not in names:
        held.append(open_unix(settings.unix_socket))
    return held


def roles_of(settings: Settings) -> dict[int, Role]:
    """Who is who on the Unix socket."""
    return {uid: Role(role) for uid, role in settings.access.roles(os.geteuid()).items()}


def app_of(settings: Settings, engine: Engine, face: Face, access: Access) -> web.Application:
    proxies = [ip_network(proxy) for proxy in settings.http.trusted_proxies]
    door = Door.standard(access, roles_of(settings), engine.db.clock, engine.pressure, proxies)
    standing = Standing(
        engine.db,
        engine.jobs,
        engine.pace,
        engine.pool,
        engine.breakers,
        settings.backups,
        engine.db.clock.now(),
        lambda: face.readiness.reasons,
    )
    return build(
        TABLES,
        door,
        Replays(engine.db, settings.store.keep_idempotency),
        face.surroundings,
        {
            core.READINESS: face.readiness,
            core.FIGURES: Figures(face.metrics.registry),
            core.STATUS: standing,
            keys.ACCESS: access,
            services.ACCOUNTS: engine.accounts,
            services.CONVERSATIONS: engine.conversations,
            services.DATABASE: engine.db,
            services.INTAKE: engine.intake,
            services.PUBLIC_URL: settings.http.public_url,
            services.JOBS: engine.jobs,
            services.SENDS: engine.sends,
            services.WORKFLOWS: engine.workflows,
        },
    )
