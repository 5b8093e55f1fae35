"""What the daemon shows to the outside: its routes, the services behind them, how it listens and who may knock."""

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from socket import socket
from typing import Any

from aiohttp import web
from attrs import frozen

from daemon.assembly import Engine
from daemon.clock import Clock
from daemon.domain.access import Role
from daemon.engine.access import Access
from daemon.engine.standing import Standing
from daemon.ids import Ids
from daemon.net.api import (
    accounts,
    ai_webhook,
    alerts,
    audit,
    batches,
    budgets,
    campaigns,
    chat,
    checkups,
    contacts,
    conversations,
    core,
    costs,
    do_not_contact,
    fastgpt,
    friends,
    integrations,
    jobs,
    keys,
    logins,
    media,
    messages,
    moments,
    openai,
    prices,
    quotas,
    rooms,
    secrets,
    services,
    sessions,
    turns,
    webhooks,
    workflow_desk,
    workflow_test,
    workflows,
)
from daemon.net.gewe import callback
from daemon.net.server.app import build
from daemon.net.server.auth import Door
from daemon.net.server.cors import Cors
from daemon.net.server.figures import Figures
from daemon.net.server.guard import Limits
from daemon.net.server.idempotency import Replays
from daemon.net.server.listen import API, HTTP, Listener, Stage, open_tcp, open_unix
from daemon.net.server.metrics import HttpMetrics
from daemon.net.server.nuisances import Nuisances
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
    sessions.routes,
    callback.routes,
    accounts.routes,
    logins.routes,
    messages.routes,
    media.routes,
    campaigns.routes,
    do_not_contact.routes,
    conversations.routes,
    workflows.routes,
    workflow_desk.routes,
    turns.routes,
    ai_webhook.routes,
    webhooks.routes,
    fastgpt.routes,
    chat.routes,
    openai.routes,
    workflow_test.routes,
    batches.routes,
    jobs.routes,
    alerts.routes,
    audit.routes,
    secrets.routes,
    integrations.routes,
    checkups.routes,
    costs.routes,
    quotas.routes,
    prices.routes,
    budgets.routes,
    contacts.routes,
    friends.routes,
    rooms.routes,
    moments.routes,
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
                cors=Cors(frozenset(http.cors_origins)),
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


def door_of(settings: Settings, engine: Engine, access: Access) -> Door:
    proxies = [ip_network(proxy) for proxy in settings.http.trusted_proxies]
    return Door.standard(access, roles_of(settings), engine.db.clock, engine.pressure, proxies)


def app_of(settings: Settings, engine: Engine, face: Face, door: Door) -> web.Application:
    standing = Standing(
        engine.db,
        engine.jobs,
        engine.pace,
        engine.pools,
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
            keys.ACCESS: door.access,
            services.ACCOUNTS: engine.accounts,
            **_of_acts(engine),
            services.AUDIT: engine.audit,
            services.SECRETS: engine.secrets,
            services.CURRENCY: settings.costs.currency,
            services.PRICES: engine.prices,
            services.QUOTAS: engine.quotas,
            services.CONVERSATIONS: engine.conversations,
            services.DATABASE: engine.db,
            services.INTAKE: engine.intake,
            services.INTEGRATIONS: engine.integrations,
            services.PACE: engine.pace,
            services.POOLS: engine.pools,
            services.TARGETS: engine.targets,
            services.LOGINS: engine.logins,
            services.CALLBACK_URLS: engine.callback_urls,
            services.CALLBACK_ALLOW: settings.gewe.callback_allow,
            services.PUBLIC_URL: settings.http.public_url,
            services.JOBS: engine.jobs,
            services.SENDS: engine.sends,
            services.CAMPAIGNS: engine.campaigns,
            services.DO_NOT_CONTACT: engine.do_not_contact,
            services.REVOKES: engine.revokes,
            services.WORKFLOWS: engine.workflows,
            services.WORKFLOW_DESK: engine.workflow_desk,
            services.WORKFLOW_TESTS: engine.workflow_tests,
            services.CHATTING: engine.chatting,
            services.COMPLETIONS: engine.completions,
            services.DIALOGUES: engine.dialogues,
            services.AI_WEBHOOKS: engine.ai_webhooks,
            services.ANALYSIS: engine.analysis,
            services.BATCHES: engine.batches,
        },
    )


def _of_acts(engine: Engine) -> dict[web.AppKey[Any], object]:
    return {
        services.ACT_DESK: engine.act_desk,
        services.CONTACTS: engine.contacts,
        services.MEDIA: engine.media,
        services.FRIENDS: engine.friends,
        services.MOMENTS: engine.moments,
        services.PROFILES: engine.profiles,
        services.ROOMS: engine.rooms,
    }
