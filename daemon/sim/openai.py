"""A simulated OpenAI-compatible service on real HTTP: `async with openai_simulator(...) as sim`, then `sim.url`, …"""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from attrs import define, evolve, field, frozen

from daemon.clock import Clock, SystemClock
from daemon.codec import parse, structure
from daemon.sim.control import Control
from daemon.sim.fastgpt_files import Looker
from daemon.sim.faults import Fault, Faults
from daemon.sim.gate import MAX_BODY, Gate, Traffic, reply
from daemon.sim.ledger import CAP, Ledger
from daemon.sim.openai_ask import Doorman
from daemon.sim.openai_completions import Completions, Limiter
from daemon.sim.openai_errors import NAMED, Refusal, no_model
from daemon.sim.openai_script import PROFILES, Answerer, Script, Scripts
from daemon.sim.server import serving

DEMO_KEY = "sk-demo-00000000000000000000000000000000"
DEMO_MODEL = "gpt-4o-mini"
COMPLETIONS = "*/chat/completions"
BIRTH = 1_721_172_741  # of every model, in unix seconds


@frozen(kw_only=True)
class OpenAiSetup:
    """`profile`: one of PROFILES."""

    keys: tuple[str, ...] = (DEMO_KEY,)
    models: tuple[str, ...] = (DEMO_MODEL,)
    profile: str = "openai"
    script: Script = field(factory=Script)
    requests_per_minute: int | None = None
    seed: int = 1
    ledger_cap: int = CAP
    ledger_file: Path | None = None


@frozen(kw_only=True)
class Play:
    """What POST /_sim/script takes; `model` "" is every model without a script of its own."""

    script: Script
    model: str = ""
    times: int | None = None


@define(eq=False, kw_only=True)
class OpenAiSimulator:
    """What a test holds in its hands. `base_url` is what a client is given."""

    url: str = ""
    ledger: Ledger
    faults: Faults
    scripts: Scripts
    doorman: Doorman
    gate: Gate

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def traffic(self) -> Traffic:
        """Of the completions alone."""
        return self.gate.traffic

    @property
    def asked(self) -> list[Any]:
        """The body of each completion that arrived, oldest first."""
        return [entry.body for entry in self.ledger.of(COMPLETIONS)]

    def play(self, script: Script, *, model: str = "", times: int | None = None) -> None:
        self.scripts.play(script, model=model, times=times)

    def answer_with(self, answerer: Answerer | None) -> None:
        """A function writes every answer; None gives the scripts their word back."""
        self.scripts.answerer = answerer

    async def control_script(self, request: web.Request) -> web.Response:
        asked = structure(parse(await request.read()), Play)
        self.play(asked.script, model=asked.model, times=asked.times)
        return reply({"playing": True})

    async def models(self, request: web.Request) -> web.Response:
        """All of them, or the one that is named."""
        refusal = self.doorman.locked(request)
        if refusal is None and not self.doorman.profile.lists_models:
            return web.Response(status=404, text="404 page not found")
        named = request.match_info.get("model")
        if refusal is None and named is not None and named not in self.doorman.models:
            refusal = no_model(named)
        if refusal is not None:
            return refusal.response()
        shown = [_model(name) for name in self.doorman.models]
        return reply(_model(named) if named else {"object": "list", "data": shown})


@asynccontextmanager
async def openai_simulator(
    setup: OpenAiSetup | None = None, *, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None
) -> AsyncIterator[OpenAiSimulator]:
    setup, clock = setup or OpenAiSetup(), clock or SystemClock()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        simulator, app = _built(setup, session, clock)
        stack.enter_context(simulator.ledger)
        simulator.url = await stack.enter_async_context(serving(app, host, port))
        stack.callback(simulator.faults.clear)  # lets go of those that hang before the server ends
        yield simulator


def _built(setup: OpenAiSetup, session: aiohttp.ClientSession, clock: Clock) -> tuple[OpenAiSimulator, web.Application]:
    chance = random.Random(setup.seed)  # noqa: S311 - seeded, so that a run can be repeated
    doorman = Doorman(PROFILES[setup.profile], setup.keys, setup.models)
    scripts = Scripts()
    scripts.play(setup.script)
    ledger, faults = Ledger(clock, setup.ledger_cap, setup.ledger_file), Faults(chance, tuple(NAMED))
    gate = Gate(ledger=ledger, faults=faults, refuse=_refuse, counted=COMPLETIONS)
    simulator = OpenAiSimulator(ledger=ledger, faults=faults, scripts=scripts, doorman=doorman, gate=gate)
    completions = Completions(
        profile=doorman.profile,
        doorman=doorman,
        scripts=scripts,
        limiter=Limiter(clock, setup.requests_per_minute),
        looker=Looker(session),
        clock=clock,
    )
    app = web.Application(middlewares=[gate.middleware], client_max_size=MAX_BODY)
    app.add_routes([web.post("/v1/chat/completions", completions.handle)])
    app.add_routes([web.get("/v1/models", simulator.models), web.get("/v1/models/{model}", simulator.models)])
    app.add_routes(Control(faults=faults, ledger=ledger, traffic=gate.traffic).routes())
    app.add_routes([web.post("/_sim/script", simulator.control_script)])
    return simulator, app


def _refuse(_: web.Request, __: Any, fault: Fault) -> web.Response:
    usual: Refusal = NAMED[fault.name]
    return evolve(usual, message=fault.message or usual.message, headers=dict(fault.headers)).response()


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": BIRTH, "owned_by": "simulated"}
