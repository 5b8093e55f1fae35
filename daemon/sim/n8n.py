"""A simulated n8n on real HTTP: `async with n8n_simulator(...) as sim`, then `sim.url`, `sim.play`, `sim.save`, …"""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from attrs import define, evolve, frozen

from daemon.clock import Clock, SystemClock
from daemon.codec import parse, structure
from daemon.errors import Invalid, Problem
from daemon.sim.control import Control
from daemon.sim.faults import Fault, Faults
from daemon.sim.gate import MAX_BODY, Gate, Traffic, reply
from daemon.sim.ledger import CAP, Ledger
from daemon.sim.n8n_api import Api
from daemon.sim.n8n_errors import NAMED, NO_TYPE
from daemon.sim.n8n_executions import Execution, Executions
from daemon.sim.n8n_flows import Flows
from daemon.sim.n8n_hooks import Hooks, elsewhere
from daemon.sim.n8n_life import Life, Stage
from daemon.sim.n8n_memory import Memory
from daemon.sim.n8n_run import Runner
from daemon.sim.n8n_script import Answerer, Flow, Script, Scripts
from daemon.sim.power import Power, powered

API_KEY = "n8n_api_demo_000000000000000000000000"
DEMO_FLOW = Flow(path="rag-ai", name="RAG AI")
KEEPALIVE_S = 5.0  # after which n8n closes an idle connection
PAYLOAD_MAX = 16 * 1024 * 1024  # n8n's default


@frozen(kw_only=True)
class N8nSetup:
    """`at_once`: N8N_CONCURRENCY_PRODUCTION_LIMIT. `publish_s`: from the API's 200 to the webhook's first answer."""

    flows: tuple[Flow, ...] = (DEMO_FLOW,)
    api_key: str = API_KEY  # "": the public API knows none
    profile: Literal["2.41.1", "2.8.4"] = "2.41.1"
    at_once: int | None = None
    publish_s: float = 0.0
    page_s: float = 0.0  # of each start: "n8n is starting up" to every call
    booting_s: float = 0.0  # and then HTML 404s
    payload_max: int = PAYLOAD_MAX
    seed: int = 1
    ledger_cap: int = CAP
    ledger_file: Path | None = None


@frozen(kw_only=True)
class Play:
    """What POST /_sim/script takes; `path` "" is every workflow."""

    script: Script
    path: str = ""
    times: int | None = None


@frozen(kw_only=True)
class Switch:
    """What POST /_sim/stage takes: a stage to stay in; None goes by the clock again."""

    stage: Stage | None


@define(eq=False, kw_only=True)
class N8nSimulator:
    """What a test holds in its hands."""

    url: str = ""
    ledger: Ledger
    faults: Faults
    flows: Flows
    scripts: Scripts
    executions: Executions
    hooks: Hooks
    life: Life
    gate: Gate
    api_key: str
    power: Power | None = None

    @property
    def traffic(self) -> Traffic:
        """Of everything but the controls."""
        return self.gate.traffic

    def webhook(self, path: str = DEMO_FLOW.path) -> str:
        """The production URL of the workflow with this path."""
        flow = next((flow for flow in self.flows if flow.path == path), None)
        return f"{self.url}/webhook/{flow.route if flow else path}"

    def test_url(self, path: str = DEMO_FLOW.path) -> str:
        return f"{self.url}/webhook-test/{path}"

    def resume_url(self, execution: Execution) -> str:
        return f"{self.url}/webhook-waiting/{execution.id}?signature={execution.signature}"

    def save(self, flow: Flow) -> None:
        """A workflow more, or a change to one."""
        self.flows.save(flow)

    def play(self, script: Script, *, path: str = "", times: int | None = None) -> None:
        self.scripts.play(script, path=path, times=times)

    def answer_with(self, answerer: Answerer | None) -> None:
        """A function writes every answer; None gives the scripts their word back."""
        self.scripts.answerer = answerer

    def listen(self, path: str = DEMO_FLOW.path) -> None:
        """Somebody clicks "Execute workflow": the test URL takes one call."""
        self.hooks.listening.add(path)

    @property
    def runs(self) -> list[Execution]:
        """Every execution, oldest first."""
        return list(self.executions)

    async def wait_for_runs(self, number: int, *, status: str = "", timeout: float = 5.0) -> list[Execution]:
        """Those in this status (any, when ""), once there are so many."""

        def found() -> list[Execution]:
            return [run for run in self.executions if not status or run.status == status]

        await self.executions.wait_for(lambda: len(found()) >= number, timeout=timeout)
        return found()

    async def kill(self) -> None:
        """SIGKILL: what is under way is cut without a byte, its executions are `crashed`, and calls are refused."""
        assert self.power is not None
        await self.power.off()
        await self.executions.crash()

    async def terminate(self) -> None:
        """SIGTERM: what is under way ends, then calls are refused."""
        assert self.power is not None
        await self.executions.settle()
        await self.power.off()

    async def start(self) -> None:
        """After `kill` or `terminate`: at the same address, through the same start-up."""
        assert self.power is not None
        self.life.begin()
        await self.power.on()

    async def control_script(self, request: web.Request) -> web.Response:
        asked = structure(parse(await request.read()), Play)
        self.play(asked.script, path=asked.path, times=asked.times)
        return reply({"playing": True})

    async def control_flow(self, request: web.Request) -> web.Response:
        flow = structure(parse(await request.read()), Flow)
        self.save(flow)
        return reply({"id": flow.workflow_id, "url": f"{self.url}/webhook/{flow.route}"}, status=201)

    async def control_stage(self, request: web.Request) -> web.Response:
        self.life.forced = structure(parse(await request.read()), Switch).stage
        return reply({"stage": self.life.stage})

    async def control_listen(self, request: web.Request) -> web.Response:
        path = request.query.get("path", "")
        if not any(flow.route == path for flow in self.flows):
            raise Invalid(problems=[Problem("path", f"no workflow has {path!r}")])
        self.listen(path)
        return reply({"listening": path})


@asynccontextmanager
async def n8n_simulator(
    setup: N8nSetup | None = None, *, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None
) -> AsyncIterator[N8nSimulator]:
    setup, clock = setup or N8nSetup(), clock or SystemClock()
    async with AsyncExitStack() as stack:
        simulator, app = _built(setup, clock)
        stack.enter_context(simulator.ledger)
        simulator.power = await stack.enter_async_context(powered(app, host, port, keepalive_s=KEEPALIVE_S))
        simulator.url = simulator.power.url
        stack.push_async_callback(simulator.executions.crash)
        stack.callback(simulator.faults.clear)  # lets go of those that hang before the server ends
        yield simulator


def _built(setup: N8nSetup, clock: Clock) -> tuple[N8nSimulator, web.Application]:
    chance = random.Random(setup.seed)  # noqa: S311 - seeded, so that a run can be repeated
    flows, scripts, memory = Flows(clock, setup.publish_s), Scripts(), Memory()
    for flow in setup.flows:
        flows.save(flow)
    executions = Executions(clock, setup.at_once)
    runner = Runner(scripts, executions, memory, setup.profile)
    ledger, faults = Ledger(clock, setup.ledger_cap, setup.ledger_file), Faults(chance, tuple(NAMED))
    life = Life(clock=clock, page_s=setup.page_s, booting_s=setup.booting_s, payload_max=setup.payload_max)
    hooks = Hooks(flows=flows, executions=executions, runner=runner, memory=memory, clock=clock, profile=setup.profile)
    gate = Gate(ledger=ledger, faults=faults, refuse=_refuse)
    simulator = N8nSimulator(
        ledger=ledger,
        faults=faults,
        flows=flows,
        scripts=scripts,
        executions=executions,
        hooks=hooks,
        life=life,
        gate=gate,
        api_key=setup.api_key,
    )
    app = web.Application(middlewares=[life.too_big, gate.middleware, life.middleware], client_max_size=MAX_BODY)
    app.on_response_prepare.append(_untyped)
    app.add_routes(Control(faults=faults, ledger=ledger, traffic=gate.traffic).routes())
    app.add_routes(_controls(simulator))
    app.add_routes(life.routes())
    app.add_routes(Api(key=setup.api_key, flows=flows, executions=executions, runner=runner).routes())
    app.add_routes(_pages(hooks))
    return simulator, app


def _controls(simulator: N8nSimulator) -> list[web.RouteDef]:
    return [
        web.post("/_sim/script", simulator.control_script),
        web.post("/_sim/workflows", simulator.control_flow),
        web.post("/_sim/stage", simulator.control_stage),
        web.post("/_sim/listen", simulator.control_listen),
    ]


def _pages(hooks: Hooks) -> list[web.RouteDef]:
    async def other(request: web.Request) -> web.Response:
        return elsewhere(request)

    routes: list[tuple[str, Callable[[web.Request], Any]]] = [
        ("/webhook/{path:.+}", hooks.production),
        ("/webhook-test/{path:.+}", hooks.test),
        ("/webhook-waiting/{number}{suffix:(/.*)?}", hooks.waiting),
        ("/{path:.*}", other),
    ]
    return [web.route("*", path, handler) for path, handler in routes]


def _refuse(_: web.Request, __: Any, fault: Fault) -> web.Response:
    usual = NAMED[fault.name]
    return (evolve(usual, body=fault.message.encode()) if fault.message else usual).response()


async def _untyped(_: web.Request, response: web.StreamResponse) -> None:
    """Some of n8n's answers have no Content-Type, and aiohttp would give them one."""
    if response.headers.get("Content-Type") == NO_TYPE:
        del response.headers["Content-Type"]
