"""The whole daemon on one page: read `open_bridge` downwards for start-up, upwards for shutdown.

Callbacks are taken in as soon as the store is open; what an earlier process left behind is put right after that, and
only then does work begin. Towards the end it is the other way round: nothing new is begun, what is asked is finished,
and the store closes last.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from ipaddress import ip_network
from random import Random, SystemRandom

from aiohttp import web
from attrs import define, frozen

from daemon.clock import Clock
from daemon.domain.callback import Callback
from daemon.domain.workflow import Provider
from daemon.engine.access import Access, ensure_first_key
from daemon.engine.accounts import Accounts
from daemon.engine.conversations import Conversations
from daemon.engine.intake import Intake
from daemon.engine.jobs import Jobs
from daemon.engine.outbox import Outbox
from daemon.engine.pressure import Pressure
from daemon.engine.sends import Sends
from daemon.engine.standing import Standing
from daemon.engine.timers import Timers
from daemon.engine.turns import Turns
from daemon.engine.upkeep import Upkeep
from daemon.engine.workflows import Workflows
from daemon.limits.breaker import Breakers
from daemon.limits.pace import Pace
from daemon.limits.pool import Pool
from daemon.limits.retry import RetryBudget
from daemon.net.api import core, keys, services
from daemon.net.fastgpt.client import FastGpt
from daemon.net.gewe import wire
from daemon.net.gewe.client import GeweClient
from daemon.net.outbound import Outbound, open_outbound
from daemon.net.server.app import build
from daemon.net.server.auth import Door
from daemon.net.server.figures import Figures
from daemon.net.server.idempotency import Replays
from daemon.secret import Secret
from daemon.settings import Settings
from daemon.stages import confirm_key, fatal, put_right, ready, replay, restore_levels, watching, working
from daemon.store import meta
from daemon.store.database import Database, open_database
from daemon.store.spool import Spool
from daemon.tasks import running
from daemon.vault import Vault
from daemon.wiring import (
    SAMPLES,
    TABLES,
    TRIGGERS,
    Face,
    Sockets,
    backups_of,
    buckets_of,
    keep_of,
    lanes_of,
    listeners_of,
    pace_of,
    policy_of,
    reply_of,
    retry_of,
    roles_of,
)

MEGABYTE = 1024 * 1024


@frozen(kw_only=True)
class Engine:
    """What decides and works: everything between the store and the API."""

    db: Database
    timers: Timers
    pace: Pace
    pool: Pool
    breakers: Breakers
    accounts: Accounts
    workflows: Workflows
    conversations: Conversations
    intake: Intake
    turns: Turns
    sends: Sends
    jobs: Jobs
    pressure: Pressure


@define
class Bridge:
    """The daemon at work, as its process sees it."""

    url: str  # where the API is
    first_key: Secret | None  # of the very first start: to be shown, once
    settings: Settings
    engine: Engine

    async def probe(self) -> None:
        """Returns once the store has taken a write; raises StoreUnavailable where it refuses."""
        await self.engine.db.write(meta.probe)

    def apply(self, settings: Settings) -> None:
        """Take over what a reload may change."""
        engine, self.settings = self.engine, settings
        engine.pace.adopt(pace_of(settings, engine.db.clock, engine.pace.random))
        engine.turns.reply = reply_of(settings)
        engine.turns.retry = retry_of(settings, settings.fastgpt.answer_age)
        engine.sends.most_bytes, engine.sends.lives = settings.gewe.text_bytes, settings.gewe.send_ttl
        engine.accounts.default_policy = policy_of(settings)


@asynccontextmanager
async def open_bridge(
    settings: Settings,
    *,
    clock: Clock,
    vault: Vault,
    sockets: Sockets,
    hurry: asyncio.Event,
    random: Random | None = None,
    greet: bool = True,
) -> AsyncIterator[Bridge]:
    """Running for as long as the block lasts. Once `hurry` is set, leaving it waits for the store alone.

    `greet`: somebody is there to be shown the first admin key of a new installation.
    """
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context

        # The store, and what it keeps for us.
        reserve = settings.daemon.reserve_mb * MEGABYTE
        db = await enter(open_database(settings.database, clock, backups=settings.backups, reserve=reserve))
        await enter(fatal(db, hurry))
        await confirm_key(db, vault)
        spool = Spool(settings.spool, settings.store.spool_mb * MEGABYTE)
        stack.callback(spool.close)

        # The way out, and what decides about everything.
        outbound = await enter(open_outbound(vault.redactor))
        engine = _engine(settings, db, vault, spool, outbound, random or SystemRandom())
        stack.push_async_callback(engine.timers.aclose)
        await engine.accounts.load()
        await restore_levels(db, engine.pace)

        # The API. Callbacks are kept from here on; what they set off waits for the lanes.
        face = Face.of(settings, clock, vault)
        access = Access(db, vault.pepper())
        first_key = await ensure_first_key(access) if greet else None
        app = _app(settings, engine, face, access)
        addresses = await enter(face.stage.serving(app, listeners_of(settings, sockets)))
        bridge = Bridge(addresses[0], first_key, settings, engine)

        # What an earlier process left behind; then work begins.
        await put_right(db, engine.intake)
        await enter(working(engine.jobs, db, grace=settings.daemon.drain_jobs, hurry=hurry))
        _ = await enter(running(replay(engine.intake), "spool.replay"))
        _ = await enter(running(_upkeep(bridge).run(), "upkeep"))
        await enter(watching(db, engine.timers, engine.jobs, engine.pressure))
        await enter(ready(face.readiness))
        yield bridge


def _engine(settings: Settings, db: Database, vault: Vault, spool: Spool, outbound: Outbound, random: Random) -> Engine:
    clock, pressure = db.clock, Pressure(db.clock)
    timers, breakers = Timers(clock), Breakers(clock, random)
    pool, pace = Pool(settings.fastgpt.in_flight, settings.fastgpt.queue), pace_of(settings, clock, random)
    retry = retry_of(settings, settings.fastgpt.answer_age)
    accounts = Accounts(db, vault, policy_of(settings))
    workflows = Workflows(db, vault, settings.fastgpt.workflow_cache)
    turns = Turns(
        db,
        accounts,
        workflows,
        assistants={Provider.FASTGPT: FastGpt(outbound)},
        pool=pool,
        breakers=breakers,
        retry=retry,
        budgets={provider: RetryBudget(clock) for provider in Provider},
        random=random,
        reply=reply_of(settings),
        pressure=pressure,
    )
    outbox = Outbox(db, accounts, GeweClient(outbound), pace, breakers, retry, random)
    intake = Intake(
        db,
        accounts,
        partial(_read, clock),
        spool,
        triggers=buckets_of(TRIGGERS, clock),
        samples=buckets_of(SAMPLES, clock),
    )
    return Engine(
        db=db,
        timers=timers,
        pace=pace,
        pool=pool,
        breakers=breakers,
        accounts=accounts,
        workflows=workflows,
        conversations=Conversations(db),
        intake=intake,
        turns=turns,
        sends=Sends(db, settings.gewe.text_bytes, settings.gewe.send_ttl, pressure),
        jobs=Jobs(db, clock, timers, random, lanes_of(settings, turns=turns, outbox=outbox)),
        pressure=pressure,
    )


def _app(settings: Settings, engine: Engine, face: Face, access: Access) -> web.Application:
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


def _upkeep(bridge: Bridge) -> Upkeep:
    """Asks for the settings each time: they may have been read again."""
    return Upkeep(
        db=bridge.engine.db,
        keep=lambda: keep_of(bridge.settings),
        backups=lambda: backups_of(bridge.settings),
        pressed=lambda: bridge.engine.pressure.pressed,
    )


def _read(clock: Clock, body: bytes) -> Callback:
    return wire.read(body, now=clock.now())
