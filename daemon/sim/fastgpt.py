"""A simulated FastGPT on real HTTP: `async with fastgpt_simulator(...) as sim`, then `sim.url`, `sim.play`, …"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from attrs import define, evolve, field, frozen

from daemon.clock import Clock, SystemClock
from daemon.codec import parse, structure
from daemon.sim.control import Control
from daemon.sim.fastgpt_ask import App, Keys
from daemon.sim.fastgpt_chats import Chats
from daemon.sim.fastgpt_completions import Completions, Limiter
from daemon.sim.fastgpt_errors import NAMED, answer
from daemon.sim.fastgpt_files import Looker
from daemon.sim.fastgpt_histories import Histories
from daemon.sim.fastgpt_profiles import PROFILES, Profile
from daemon.sim.fastgpt_records import Records
from daemon.sim.fastgpt_run import Planner
from daemon.sim.fastgpt_script import Answerer, Script, Scripts
from daemon.sim.fastgpt_scripts import MISFIT, misjudges
from daemon.sim.faults import Fault, Faults
from daemon.sim.gate import MAX_BODY, Gate, Traffic, reply
from daemon.sim.ledger import CAP, Ledger
from daemon.sim.server import serving

DEMO_KEY = "fastgpt-demo000000000000000000000000"
DEMO_APP = App(id="6a10c0ffee0000000000a001")
COMPLETIONS = "*/chat/completions"


@frozen(kw_only=True)
class FastGptSetup:
    """`keys`: key to the appId it is bound to, or None for a key of the account. `profile`: one of PROFILES."""

    keys: Mapping[str, str | None] = field(factory=lambda: {DEMO_KEY: DEMO_APP.id})
    apps: tuple[App, ...] = (DEMO_APP,)
    profile: str = "current"
    script: Script = field(factory=Script)
    requests_per_minute: int | None = None
    seed: int = 1
    ledger_cap: int = CAP
    ledger_file: Path | None = None


@frozen(kw_only=True)
class Play:
    """What POST /_sim/script takes; `app_id` "" is every app without a script of its own."""

    script: Script
    app_id: str = ""
    times: int | None = None


@define(eq=False, kw_only=True)
class FastGptSimulator:
    """What a test holds in its hands. `base_url` is what a client is given."""

    url: str = ""
    profile: Profile
    ledger: Ledger
    faults: Faults
    keys: Keys
    scripts: Scripts
    chats: Chats
    gate: Gate

    @property
    def base_url(self) -> str:
        return f"{self.url}/api"

    @property
    def traffic(self) -> Traffic:
        """Of the completions alone."""
        return self.gate.traffic

    def play(self, script: Script, *, app_id: str = "", times: int | None = None) -> None:
        self.scripts.play(script, app_id=app_id, times=times)

    def misjudge(self, *, app_id: str = "", times: int = 1, answer: str = MISFIT) -> None:
        """So many answers of a judging app will fit no schema; then it judges again."""
        self.scripts.play(misjudges(self.scripts.standing(app_id), answer), app_id=app_id, times=times)

    def answer_with(self, answerer: Answerer | None) -> None:
        """A function writes every answer; None gives the scripts their word back."""
        self.scripts.answerer = answerer

    async def wait_for_run(self, chat_id: str, *, app_id: str = DEMO_APP.id, timeout: float = 5.0) -> asyncio.Event:
        """The run of this chat once it is under way; setting the event stops it."""

        def running() -> asyncio.Event | None:
            chat = self.chats.find(app_id, chat_id)
            return chat.running if chat else None

        await self.chats.changed.until(lambda: running() is not None, timeout=timeout)
        stop = running()
        assert stop is not None
        return stop

    async def control_script(self, request: web.Request) -> web.Response:
        asked = structure(parse(await request.read()), Play)
        self.play(asked.script, app_id=asked.app_id, times=asked.times)
        return reply({"playing": True})


@asynccontextmanager
async def fastgpt_simulator(
    setup: FastGptSetup | None = None, *, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None
) -> AsyncIterator[FastGptSimulator]:
    setup, clock = setup or FastGptSetup(), clock or SystemClock()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        simulator, app = _built(setup, session, clock)
        stack.enter_context(simulator.ledger)
        simulator.url = await stack.enter_async_context(serving(app, host, port))
        stack.callback(simulator.faults.clear)  # lets go of those that hang before the server ends
        yield simulator


def _built(
    setup: FastGptSetup, session: aiohttp.ClientSession, clock: Clock
) -> tuple[FastGptSimulator, web.Application]:
    chance = random.Random(setup.seed)  # noqa: S311 - seeded, so that a run can be repeated
    profile = PROFILES[setup.profile]
    keys = Keys(profile, setup.keys, {app.id: app for app in setup.apps})
    scripts, chats = Scripts(), Chats(clock)
    scripts.play(setup.script)
    ledger, faults = Ledger(clock, setup.ledger_cap, setup.ledger_file), Faults(chance, tuple(NAMED))
    gate = Gate(ledger=ledger, faults=faults, refuse=_refusing(profile), counted=COMPLETIONS)
    simulator = FastGptSimulator(
        profile=profile, ledger=ledger, faults=faults, keys=keys, scripts=scripts, chats=chats, gate=gate
    )
    completions = Completions(
        profile=profile,
        keys=keys,
        scripts=scripts,
        chats=chats,
        planner=Planner(chance, profile),
        limiter=Limiter(clock, setup.requests_per_minute),
        looker=Looker(session),
    )
    app = web.Application(middlewares=[gate.middleware], client_max_size=MAX_BODY)
    app.add_routes([web.post(f"/api/{api}/chat/completions", completions.handle) for api in ("v1", "v2")])
    records = Records(profile, keys, chats)
    app.add_routes([*records.routes(), *Histories(profile, chats, records).routes()])
    app.add_routes(Control(faults=faults, ledger=ledger, traffic=gate.traffic).routes())
    app.add_routes([web.post("/_sim/script", simulator.control_script)])
    return simulator, app


def _refusing(profile: Profile) -> Callable[[web.Request, Any, Fault], web.Response]:
    def refuse(_: web.Request, body: Any, fault: Fault) -> web.Response:
        stream = isinstance(body, dict) and body.get("stream") is True
        usual = NAMED[fault.name]
        return answer(evolve(usual, message=fault.message or usual.message), profile, stream=stream)

    return refuse
