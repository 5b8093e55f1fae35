"""The whole daemon on one page: read it downwards for start-up, upwards for shutdown.

Callbacks are taken in as soon as the store is open; what an earlier process left behind is put right after that, and
only then does work begin. Towards the end it is the other way round: nothing new is begun, what is asked is finished,
and the store closes last.
"""

import asyncio
import collections.abc as abc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from random import Random, SystemRandom

from attrs import define
from prometheus_client import CollectorRegistry

from daemon.clock import Clock
from daemon.domain.callback import Callback
from daemon.domain.workflow import Provider
from daemon.engine.access import Access, ensure_first_key
from daemon.engine.accounts import Accounts
from daemon.engine.clockwatch import ClockWatch
from daemon.engine.conversations import Conversations
from daemon.engine.intake import Intake
from daemon.engine.jobs import Jobs
from daemon.engine.outbox import Outbox
from daemon.engine.sends import Sends
from daemon.engine.standing import Standing
from daemon.engine.timers import Timers
from daemon.engine.turns import Turns
from daemon.engine.upkeep import Upkeep
from daemon.engine.workflows import Workflows
from daemon.limits.breaker import Breakers
from daemon.limits.pool import Pool
from daemon.net.api import core, keys, services
from daemon.net.fastgpt.client import FastGpt
from daemon.net.gewe import wire
from daemon.net.gewe.client import GeweClient
from daemon.net.outbound import open_outbound
from daemon.net.server.app import build
from daemon.net.server.auth import Door
from daemon.net.server.idempotency import Replays
from daemon.net.server.metrics import HttpMetrics
from daemon.net.server.problems import Teller
from daemon.net.server.readiness import Readiness
from daemon.secret import Secret
from daemon.settings import Settings
from daemon.stages import confirm_key, each_second, fatal, put_right, ready, replay, restore_levels, working
from daemon.store import meta
from daemon.store.database import Database, open_database
from daemon.store.spool import Spool
from daemon.tasks import running
from daemon.vault import Vault
from daemon.wiring import (
    SAMPLES,
    TABLES,
    TRIGGERS,
    Sockets,
    adopt,
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
    stage_of,
    surroundings_of,
)

MEGABYTE = 1024 * 1024


@define
class Bridge:
    """The daemon at work, as its process sees it."""

    url: str  # where the API is
    first_key: Secret | None  # of the very first start: to be shown, once
    db: Database
    settings: Settings
    _adopt: abc.Callable[[Settings], None]

    async def probe(self) -> None:
        """Returns once the store has taken a write; raises StoreUnavailable where it refuses."""
        await self.db.write(meta.probe)

    def apply(self, settings: Settings) -> None:
        """Take over what a reload may change."""
        self.settings = settings
        self._adopt(settings)


@asynccontextmanager
async def open_bridge(
    settings: Settings,
    *,
    clock: Clock,
    vault: Vault,
    sockets: Sockets,
    hurry: asyncio.Event,
    random: Random | None = None,
) -> AsyncIterator[Bridge]:
    """Running for as long as the block lasts. Once `hurry` is set, leaving it waits for the store alone."""
    random = random or SystemRandom()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context

        # The store, and what it keeps for us.
        reserve = settings.daemon.reserve_mb * MEGABYTE
        db = await enter(open_database(settings.database, clock, backups=settings.backups, reserve=reserve))
        await enter(fatal(db, hurry))
        await confirm_key(db, vault)
        spool = Spool(settings.spool, settings.store.spool_mb * MEGABYTE)
        stack.callback(spool.close)
        accounts = Accounts(db, vault, policy_of(settings))
        await accounts.load()

        # The limits, as full as they were.
        pace = pace_of(settings, clock, random)
        await restore_levels(db, pace)
        pool = Pool(settings.fastgpt.in_flight, settings.fastgpt.queue)
        breakers = Breakers(clock, random)
        retry = retry_of(settings, settings.fastgpt.answer_age)

        # The neighbours.
        outbound = await enter(open_outbound(vault.redactor))
        assistants = {Provider.FASTGPT: FastGpt(outbound)}
        gewe = GeweClient(outbound)

        # What is done, and when.
        timers = Timers(clock)
        stack.push_async_callback(timers.aclose)
        workflows = Workflows(db, vault, settings.fastgpt.workflow_cache)
        turns = Turns(db, accounts, workflows, assistants, pool, breakers, retry, random, reply_of(settings))
        outbox = Outbox(db, accounts, gewe, pace, breakers, retry, random)
        jobs = Jobs(db, clock, timers, random, lanes_of(settings, turns=turns, outbox=outbox))
        intake = Intake(
            db,
            accounts,
            partial(_read, clock),
            spool,
            triggers=buckets_of(TRIGGERS, clock),
            samples=buckets_of(SAMPLES, clock),
        )
        sends = Sends(db, settings.gewe.text_bytes, settings.gewe.send_ttl)

        # The API. Callbacks are kept from here on; what they set off waits for the lanes.
        readiness, registry, teller = Readiness(), CollectorRegistry(), Teller(vault.redactor)
        metrics = HttpMetrics(registry)
        access = Access(db, vault.pepper())
        door = Door.standard(access, roles_of(settings), clock)
        standing = Standing(db, jobs, pace, pool, breakers, settings.backups, clock.now(), lambda: readiness.reasons)
        app = build(
            TABLES,
            door,
            Replays(db, settings.store.keep_idempotency),
            surroundings_of(settings, clock, teller, metrics),
            {
                core.READINESS: readiness,
                core.REGISTRY: registry,
                core.STATUS: standing,
                keys.ACCESS: access,
                services.ACCOUNTS: accounts,
                services.CONVERSATIONS: Conversations(db),
                services.INTAKE: intake,
                services.PUBLIC_URL: settings.http.public_url,
                services.SENDS: sends,
                services.WORKFLOWS: workflows,
            },
        )
        first_key = await ensure_first_key(access)
        stage = stage_of(settings, clock, teller, metrics, readiness)
        addresses = await enter(stage.serving(app, listeners_of(settings, sockets)))

        # What an earlier process left behind; then work begins.
        await put_right(db, intake)
        await enter(working(jobs, db, grace=settings.daemon.drain_sends + settings.daemon.drain_ai, hurry=hurry))
        _ = await enter(running(replay(intake), "spool.replay"))
        bridge = Bridge(addresses[0], first_key, db, settings, partial(adopt, pace, turns, sends, accounts))
        upkeep = Upkeep(db=db, keep=lambda: keep_of(bridge.settings), backups=lambda: backups_of(bridge.settings))
        _ = await enter(running(upkeep.run(), "upkeep"))
        each_second(timers, ClockWatch(clock, lambda _: jobs.wake(lane.name for lane in jobs.lanes)).look)
        await enter(ready(readiness))
        yield bridge


def _read(clock: Clock, body: bytes) -> Callback:
    return wire.read(body, now=clock.now())
