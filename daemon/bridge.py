"""The whole daemon on one page: read `open_bridge` downwards for start-up, upwards for shutdown.

Callbacks are taken in as soon as the store is open; what an earlier process left behind is put right after that, and
only then does work begin. Towards the end it is the other way round: nothing new is begun, what is asked is finished,
and the store closes last.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random, SystemRandom
from typing import Any

from attrs import define

from daemon import __version__
from daemon.assembly import Engine, assemble
from daemon.clock import Clock
from daemon.engine.access import Access, ensure_first_key
from daemon.engine.secrets import unlock
from daemon.engine.targets import Targets
from daemon.engine.upkeep import Upkeep
from daemon.face import Face, Sockets, app_of, door_of, listeners_of
from daemon.net.dns_figures import DnsFigures
from daemon.net.outbound import open_outbound
from daemon.net.resolver import open_resolver
from daemon.net.server.auth import Door
from daemon.secret import Secret
from daemon.settings import Settings, changed, digest
from daemon.stages import fatal, put_right, ready, replay, restore_door, restore_levels, watching, working
from daemon.store import meta
from daemon.store.database import Database, open_database
from daemon.store.spool import Spool
from daemon.tasks import running_all
from daemon.vault import Vault
from daemon.wiring import (
    backups_of,
    dns_of,
    keep_of,
    mailing_of,
    media_terms_of,
    pace_of,
    policy_of,
    reply_of,
    retry_of,
    spread_of,
)

MEGABYTE = 1024 * 1024


@define
class Bridge:
    """The daemon at work, as its process sees it."""

    url: str  # where the API is
    first_key: Secret | None  # of the very first start: to be shown, once
    settings: Settings
    engine: Engine
    door: Door

    async def probe(self) -> None:
        """Returns once the store has taken a write; raises StoreUnavailable where it refuses."""
        await self.engine.db.write(meta.probe)

    async def apply(self, settings: Settings) -> None:
        """Take over what a reload may change; StoreUnavailable, and nothing changed, where it cannot be audited."""
        if taken := changed(self.settings, settings)[0]:
            await self.engine.audit.reloaded(taken, _logging(settings))
        engine, self.settings = self.engine, settings
        engine.pace.adopt(pace_of(settings, engine.db.clock, engine.pace.random))
        engine.turns.reply = reply_of(settings)
        engine.media.terms = media_terms_of(settings)
        engine.targets.adopt(settings.targets.allow)
        engine.asking.retry = retry_of(settings, settings.fastgpt.answer_age)
        engine.sends.most_bytes, engine.sends.lives = settings.gewe.text_bytes, settings.gewe.send_ttl
        engine.campaigns.usual, engine.hand_out.mailing = spread_of(settings), mailing_of(settings)
        engine.accounts.default_policy = policy_of(settings)
        engine.watch.check_every, engine.watch.canary_after = settings.gewe.check_every, settings.gewe.canary_after


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
        roots = await unlock(db, vault)
        spool = Spool(settings.spool, settings.store.spool_mb * MEGABYTE)
        stack.callback(spool.close)

        # The way out, and what decides about everything.
        names = await enter(open_resolver(clock, dns_of(settings)))
        outbound = await enter(open_outbound(vault.redactor, Targets.of(settings.targets.allow), names))
        engine = assemble(settings, db, vault, spool, outbound, random or SystemRandom())
        stack.push_async_callback(engine.ai_webhooks.aclose)
        stack.push_async_callback(engine.timers.aclose)
        stack.push_async_callback(engine.secrets.settle)
        await engine.accounts.load()
        await restore_levels(db, engine.pace)
        await engine.audit.begin(**_facts(db, settings))
        stack.push_async_callback(engine.audit.end)

        # The API. Callbacks are kept from here on; what they set off waits for the lanes.
        face = Face.of(settings, clock, vault)
        face.metrics.registry.register(DnsFigures(names))
        access = Access(db, roots.pepper)
        first_key = await ensure_first_key(access, greet=greet)
        door = door_of(settings, engine, access)
        engine.targets.on_refused = door.book.barred
        await restore_door(db, door)
        stack.push_async_callback(door.book.settle)
        app = app_of(settings, engine, face, door)
        addresses = await enter(face.stage.serving(app, listeners_of(settings, sockets)))
        bridge = Bridge(addresses[0], first_key, settings, engine, door)

        # What an earlier process left behind; then work begins.
        await engine.media.put_right()
        await engine.dialogues.shelf.begin()
        await put_right(db, engine.intake)
        await enter(working(engine.jobs, db, grace=settings.daemon.drain_jobs, hurry=hurry))
        await enter(running_all(_beside(bridge)))
        stack.push_async_callback(engine.calls.flush)
        await enter(watching(db, engine.timers, engine.jobs, engine.pressure, engine.audit))
        await enter(ready(face.readiness))
        yield bridge


def _facts(db: Database, settings: Settings) -> dict[str, object]:
    """What the audit log tells of a process that begins."""
    after = "stop" if db.clean else "crash"
    facts = {"version": __version__, "sqlite": db.status().sqlite, "after": after, "settings": digest(settings)}
    return facts | _logging(settings)


def _logging(settings: Settings) -> dict[str, object]:
    """How much is logged: whoever reads the log later must know what it could not show, and when texts were in it."""
    return {"log_level": settings.log.level, "message_text": settings.log.message_text}


def _beside(bridge: Bridge) -> dict[str, Coroutine[Any, Any, None]]:
    """What goes on as long as the daemon works, by name."""
    engine = bridge.engine
    return {
        "spool.replay": replay(engine.intake),
        "upkeep": _upkeep(bridge).run(),
        "secrets": engine.secrets.run(),
        "audit": engine.audit.run(),
        "doorbook": bridge.door.book.run(),
        "accounts.watch": engine.watch.run(),
        "callstats": engine.calls.run(),
        "webhook_calls": engine.ai_webhooks.book.run(),
        "media": engine.media.run(),
        "workflow_tests": engine.workflow_tests.run(),
    }


def _upkeep(bridge: Bridge) -> Upkeep:
    """Asks for the settings each time: they may have been read again."""
    return Upkeep(
        db=bridge.engine.db,
        keep=lambda: keep_of(bridge.settings),
        backups=lambda: backups_of(bridge.settings),
        pressed=lambda: bridge.engine.pressure.pressed,
        audit=bridge.engine.audit,
    )
