"""A simulated GeWe on real HTTP: `async with gewe_simulator(...) as sim`, then `sim.url`, `sim.wechat`, …"""

import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from inspect import isawaitable
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from attrs import define, field, frozen

from daemon.clock import Clock, SystemClock
from daemon.sim.circles import Circles
from daemon.sim.control import Control
from daemon.sim.faults import Fault, Faults
from daemon.sim.gate import ENTRY, MAX_BODY, Gate, json_of, reply
from daemon.sim.gewe_accounts import Accounts, State
from daemon.sim.gewe_call import Call, Endpoint
from daemon.sim.gewe_callbacks import Callbacks, Knobs
from daemon.sim.gewe_contacts import Contacts
from daemon.sim.gewe_control import GeweControl
from daemon.sim.gewe_downloads import Downloads
from daemon.sim.gewe_group_settings import GroupSettings
from daemon.sim.gewe_groups import Groups
from daemon.sim.gewe_login import Login
from daemon.sim.gewe_media import DOWNLOADS, Media, MediaKnobs
from daemon.sim.gewe_messages import Messages
from daemon.sim.gewe_moments import MomentsApi
from daemon.sim.gewe_personal import Personal
from daemon.sim.gewe_wire import ERRORS, HEADER_MISSING, HOSTED, HOSTED_ONLY, PREFIXES, Reply, bad_token, failure, plain
from daemon.sim.ledger import CAP, Ledger
from daemon.sim.moments import Moments
from daemon.sim.people import People
from daemon.sim.sent import Sends
from daemon.sim.server import serving
from daemon.sim.wechat import WeChat
from daemon.sim.wechat_control import WeChatControl

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - the contract's example
HEADER = "X-GEWE-TOKEN"
DEMO_ACCOUNTS = {"wx_demoAppId000000000001": "wxid_bot000000000001"}  # those of the contract's samples


@frozen(kw_only=True)
class GeweSetup:
    """`accounts`: appId to wxid, online from the start, all under the first token."""

    accounts: Mapping[str, str] = field(factory=lambda: dict(DEMO_ACCOUNTS))
    tokens: tuple[str, ...] = (TOKEN,)
    callback_url: str | None = None
    knobs: Knobs = field(factory=Knobs)
    media: MediaKnobs = field(factory=MediaKnobs)
    auto_login: bool = False
    seed: int = 1
    ledger_cap: int = CAP
    ledger_file: Path | None = None


@define(eq=False, kw_only=True)
class GeweSimulator:
    """What a test holds in its hands. `base_url` is what a client of the hosted GeWe is given."""

    url: str = ""
    token: str
    ledger: Ledger
    faults: Faults
    accounts: Accounts
    callbacks: Callbacks
    sends: Sends
    people: People
    media: Media
    circles: Circles
    moments: Moments
    wechat: WeChat
    gate: Gate

    @property
    def base_url(self) -> str:
        return self.url + HOSTED

    @property
    def self_hosted_url(self) -> str:
        """What a client of the self-hosted GeWe is given."""
        return self.url + PREFIXES[1]

    @property
    def media_url(self) -> str:
        """What the self-hosted product's relative file URLs are joined to."""
        return self.url + DOWNLOADS

    def received(self, to: str) -> list[str]:
        return self.wechat.received(to)

    async def wait_for_texts(self, to: str, number: int = 1, *, timeout: float = 10.0) -> list[str]:
        return await self.wechat.wait_for_texts(to, number, timeout=timeout)

    def app(self, endpoints: Iterable[Endpoint], tokens: tuple[str, ...]) -> web.Application:
        app = web.Application(middlewares=[self.gate.middleware], client_max_size=MAX_BODY)
        for endpoint in endpoints:
            front = _Front(endpoint, tokens)
            app.add_routes([web.post(f"{prefix}/{endpoint.path}", front.answer) for prefix in PREFIXES])
        control = Control(faults=self.faults, ledger=self.ledger, traffic=self.gate.traffic)
        app.add_routes([web.get(DOWNLOADS + "{place:.+}", self.media.serve)])
        app.add_routes([*control.routes(), *GeweControl(self.wechat).routes(), *WeChatControl(self.wechat).routes()])
        return app


@frozen
class _Front:
    """Checks the token, then lets the endpoint answer."""

    endpoint: Endpoint
    tokens: tuple[str, ...]

    async def answer(self, request: web.Request) -> web.Response:
        token = request.headers.get(HEADER, "")
        if self.endpoint.needs_token and token not in self.tokens:
            return reply(bad_token(token) if token else plain(HEADER_MISSING))
        hosted = request.path.startswith(HOSTED)
        if self.endpoint.hosted_only and not hosted:
            return reply(plain(HOSTED_ONLY))
        body = json_of(await request.read())
        if not isinstance(body, dict):
            return reply({"status": 400, "error": "Bad Request", "path": request.path}, status=400)
        call = Call(token, hosted, body, request[ENTRY])
        answered = self.endpoint.answers(call)
        document: Reply = await answered if isawaitable(answered) else answered
        return reply(document)


@asynccontextmanager
async def gewe_simulator(
    setup: GeweSetup | None = None, *, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None
) -> AsyncIterator[GeweSimulator]:
    setup = setup or GeweSetup()
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)  # GeWe pushes without waiting for its other pushes
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        )
        simulator = _built(setup, session, clock or SystemClock())
        stack.push_async_callback(simulator.callbacks.abandon)
        stack.enter_context(simulator.ledger)
        app = simulator.app(_endpoints(setup, simulator), setup.tokens)
        simulator.url = simulator.media.url = await stack.enter_async_context(serving(app, host, port))
        stack.callback(simulator.faults.clear)  # lets go of those that hang before the server ends
        yield simulator


def _built(setup: GeweSetup, session: aiohttp.ClientSession, clock: Clock) -> GeweSimulator:
    chance = random.Random(setup.seed)  # noqa: S311 - seeded, so that a run can be repeated
    accounts = Accounts(clock, chance, setup.auto_login)
    callbacks = Callbacks(clock, chance, session, setup.knobs)
    sends, people = Sends(clock, chance, setup.ledger_cap), People()
    ledger, faults = Ledger(clock, setup.ledger_cap, setup.ledger_file), Faults(chance, ERRORS)
    for app_id, wxid in setup.accounts.items():
        accounts.add(app_id, wxid, token=setup.tokens[0], state=State.ONLINE)
    if setup.callback_url is not None:
        callbacks.point(setup.tokens[0], setup.callback_url)
    media = Media(clock, chance, session, setup.media)
    circles, moments = Circles(chance, people), Moments(clock, chance, people)
    wechat = WeChat(
        clock=clock,
        random=chance,
        accounts=accounts,
        callbacks=callbacks,
        sends=sends,
        people=people,
        media=media,
        circles=circles,
        moments=moments,
    )
    return GeweSimulator(
        token=setup.tokens[0],
        ledger=ledger,
        faults=faults,
        accounts=accounts,
        callbacks=callbacks,
        sends=sends,
        people=people,
        media=media,
        circles=circles,
        moments=moments,
        wechat=wechat,
        gate=Gate(ledger=ledger, faults=faults, refuse=_refuse),
    )


def _endpoints(setup: GeweSetup, simulator: GeweSimulator) -> list[Endpoint]:
    clock, accounts, callbacks = simulator.ledger.clock, simulator.accounts, simulator.callbacks
    people, circles = simulator.people, simulator.circles
    return [
        *Login(setup.tokens, accounts, callbacks).endpoints(),
        *Messages(clock, accounts, simulator.sends, simulator.media).endpoints(),
        *Contacts(clock, accounts, people, circles, callbacks).endpoints(),
        *Groups(clock, accounts, people, circles, callbacks).endpoints(),
        *GroupSettings(clock, accounts, people, circles, callbacks).endpoints(),
        *Personal(accounts, circles).endpoints(),
        *Downloads(accounts, simulator.media).endpoints(),
        *MomentsApi(accounts, simulator.moments, simulator.media).endpoints(),
    ]


def _refuse(request: web.Request, _: Any, fault: Fault) -> web.Response:
    if fault.name == "rate-429":
        after = fault.headers.get("Retry-After", "5")
        return reply(plain("Too Many Requests"), status=429, headers={"Retry-After": after})
    return reply(failure(fault.name, request.headers.get(HEADER, ""), fault.message))
