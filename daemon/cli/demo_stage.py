"""The demo's stage: the daemon, its simulated neighbours, and the daemon's own API, which is where all is told from."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import click
from attrs import define, evolve

from daemon import log
from daemon.bridge import Bridge, open_bridge
from daemon.cli.demo_cast import LOGGED_IN
from daemon.clock import SystemClock
from daemon.codec import encode, parse
from daemon.secret import Redactor
from daemon.settings import Settings, load
from daemon.settings_sections import Conversation, Gewe, Log, Targets
from daemon.sim.fastgpt import FastGptSimulator, fastgpt_simulator
from daemon.sim.fastgpt_script import Script
from daemon.sim.gewe import GeweSetup, GeweSimulator, gewe_simulator
from daemon.sim.n8n import N8nSimulator, n8n_simulator
from daemon.sim.n8n_script import Script as N8nScript
from daemon.sim.openai import OpenAiSimulator, openai_simulator
from daemon.sim.openai_script import Script as ModelScript
from daemon.texts import render
from daemon.vault import Vault

T = TypeVar("T")

LOOK = 0.1  # seconds between two looks at what has happened
PATIENCE = 60.0  # seconds for any one thing to happen
THINKING = 0.2  # seconds until a simulated AI answers


class Stuck(Exception):
    """The story cannot go on: something did not happen in time, or the API refused. Its text is for the reader."""


@define
class Stage:
    bridge: Bridge
    gewe: GeweSimulator
    fastgpt: FastGptSimulator
    n8n: N8nSimulator
    model: OpenAiSimulator
    http: aiohttp.ClientSession  # on the Unix socket, where we are known
    language: str
    patience: float = PATIENCE

    def text(self, code: str, **facts: object) -> str:
        return render(f"demo.{code}", self.language, facts)

    def say(self, code: str, **facts: object) -> None:
        click.echo(self.text(code, **facts))

    def tell(self, at: str, name: str, code: str, **facts: object) -> None:
        """One line of what the API says has happened, and when. Texts of several lines are told in one."""
        tidy = {key: value.replace("\n", " / ") if isinstance(value, str) else value for key, value in facts.items()}
        self.say(code, at=at[11:23], name=f"{name:<5}", **tidy)

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        status, raw = await self._asked(method, path, body)
        if status >= 400:
            raise Stuck(self.text("refused", method=method, path=path, why=f"{status} {raw.decode(errors='replace')}"))
        return parse(raw) if raw else None

    async def refusal(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The problem that the API answers with; Stuck where it does what it was to refuse."""
        status, raw = await self._asked(method, path, body)
        if status < 400:
            raise Stuck(self.text("allowed", method=method, path=path))
        found: dict[str, Any] = parse(raw)
        return found

    async def _asked(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        data = None if body is None else encode(body)
        headers = {"Content-Type": "application/json", "Accept-Language": self.language}
        try:
            async with self.http.request(method, f"http://localhost{path}", data=data, headers=headers) as response:
                return response.status, await response.read()
        except aiohttp.ClientError as error:
            raise Stuck(self.text("refused", method=method, path=path, why=error)) from error

    async def rows(self, path: str) -> list[dict[str, Any]]:
        """Of a list, newest first where it is one of what happened."""
        found: list[dict[str, Any]] = (await self.api("GET", path))["data"]
        return found

    async def until(self, what: str, look: Callable[[], Awaitable[T | None]], **facts: object) -> T:
        """What `look` finds, looking again and again; Stuck, naming `what`, where it finds nothing in time."""
        try:
            async with asyncio.timeout(self.patience):
                while True:
                    found = await look()
                    if found is not None:
                        return found
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            awaited = self.text(f"await.{what}", **facts)
            raise Stuck(self.text("missing", what=awaited, seconds=f"{self.patience:g}")) from None


@asynccontextmanager
async def stage(folder: Path, *, port: int, language: str, patience: float = PATIENCE) -> AsyncIterator[Stage]:
    """The daemon and its neighbours, running."""
    settings, clock, redactor = _settings(folder, port, language), SystemClock(), Redactor()
    log.configure(settings.log, redactor, log.Floods(clock), stream=sys.stderr, environ={})
    async with AsyncExitStack() as stack:
        gewe = await stack.enter_async_context(gewe_simulator(GeweSetup(accounts=LOGGED_IN)))
        fastgpt = await stack.enter_async_context(fastgpt_simulator())
        n8n = await stack.enter_async_context(n8n_simulator())
        model = await stack.enter_async_context(openai_simulator())
        fastgpt.play(Script(delay_s=THINKING))
        n8n.play(N8nScript(delay_s=THINKING, input_tokens=120, output_tokens=30))
        model.play(ModelScript(delay_s=THINKING))
        settings = evolve(settings, targets=Targets(allow=tuple(urlsplit(one.url).netloc for one in (n8n, model))))
        http = await stack.enter_async_context(_on_socket(settings.unix_socket))
        vault = Vault(bytes(32), redactor)  # nothing here outlives the demo
        opening = open_bridge(settings, clock=clock, vault=vault, sockets={}, hurry=asyncio.Event())
        bridge = await stack.enter_async_context(opening)
        yield Stage(bridge, gewe, fastgpt, n8n, model, http, language, patience)


def _on_socket(path: Path) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)))


def _settings(folder: Path, port: int, language: str) -> Settings:
    """Those of anybody, but at a pace for watching: `say_pace` tells of it."""
    settings = load(None, {"STATE_DIRECTORY": str(folder)})
    return evolve(
        settings,
        daemon=evolve(settings.daemon, reserve_mb=0, language=language),
        http=evolve(settings.http, listen=f"127.0.0.1:{port}"),
        gewe=evolve(
            settings.gewe,
            per_minute=240,
            burst=10,
            person_per_minute=60,
            room_per_minute=60,
            pause_low=timedelta(seconds=0.1),
            pause_high=timedelta(seconds=0.4),
            switch_pause=timedelta(seconds=0.1),
            room_pause_low=timedelta(seconds=0.1),
            room_pause_high=timedelta(seconds=0.4),
        ),
        conversation=evolve(settings.conversation, merge_window=timedelta(seconds=1)),
        log=Log(level="error"),  # of what only may go wrong the story itself tells
    )


def say_pace(stage: Stage) -> None:
    """How much quicker than usual it goes here."""
    ours, usual = stage.bridge.settings.gewe, Gewe()
    merge = stage.bridge.settings.conversation.merge_window
    stage.say(
        "pace",
        low=_seconds(ours.pause_low),
        high=_seconds(ours.pause_high),
        usual_low=_seconds(usual.pause_low),
        usual_high=_seconds(usual.pause_high),
        per_minute=ours.per_minute,
        usual_per_minute=usual.per_minute,
        merge=_seconds(merge),
        usual_merge=_seconds(Conversation().merge_window),
    )


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():g}"
