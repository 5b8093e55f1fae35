"""The demo's story: who writes what, what is shown of it, and whether every reply came exactly once."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import click
from attrs import define, evolve, field, frozen

from daemon import log
from daemon.bridge import Bridge, open_bridge
from daemon.clock import SystemClock
from daemon.codec import encode, parse
from daemon.secret import Redactor
from daemon.settings import Settings, load
from daemon.settings_sections import Log
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, FastGptSimulator, fastgpt_simulator
from daemon.sim.fastgpt_script import Script
from daemon.sim.gewe import DEMO_ACCOUNTS, GeweSimulator, gewe_simulator
from daemon.tasks import running
from daemon.texts import render
from daemon.vault import Vault

APP_ID, BOT = next(iter(DEMO_ACCOUNTS.items()))
ROOM = "10000000001@chatroom"
GAP = 0.25  # seconds between the half-sentences: well within the merge window
LOOK = 0.1  # seconds between two looks at what has happened
PATIENCE = 60.0  # seconds for all replies
QUIET = 2.0  # seconds in which no second reply may come


@frozen(kw_only=True)
class Part:
    """What one contact does, and the reply that is due."""

    name: str
    wxid: str
    lines: tuple[str, ...]
    reply: str
    room: str | None = None

    @property
    def to(self) -> str:
        return self.room or self.wxid


PARTS = (
    Part(name="Ann", wxid="wxid_friend00000001", lines=("你好，周末营业吗？",), reply="收到：你好，周末营业吗？"),
    Part(
        name="Bao",
        wxid="wxid_friend00000002",
        lines=("我想问一下", "上次那款", "还有货吗"),
        reply="收到：我想问一下\n上次那款\n还有货吗",
    ),
    Part(
        name="Chen",
        wxid="zhangsan2288",
        lines=("@Bot\u2005 明天几点开会？",),
        reply="@Chen\u2005收到：明天几点开会？",
        room=ROOM,
    ),
)


@define
class Story:
    """The stage: the daemon, its neighbours, and what was shown already."""

    bridge: Bridge
    gewe: GeweSimulator
    fastgpt: FastGptSimulator
    http: aiohttp.ClientSession  # on the Unix socket, where we are known
    language: str
    _shown: set[str] = field(factory=set, init=False)

    def say(self, code: str, **facts: object) -> None:
        click.echo(render(f"demo.{code}", self.language, facts))

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else encode(body)
        headers = {"Content-Type": "application/json"}
        async with self.http.request(method, f"http://localhost{path}", data=data, headers=headers) as response:
            response.raise_for_status()
            return parse(await response.read())

    async def set_up(self) -> str:
        """A workflow and an account, made as anybody would make them. The address of the account's callback."""
        workflow = {"name": "Demo", "base_url": self.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        account = {
            "name": "Demo",
            "app_id": APP_ID,
            "wxid": BOT,
            "token": self.gewe.token,
            "base_url": self.gewe.base_url,
            "workflow_id": (await self.api("POST", "/api/v1/workflows", workflow))["id"],
        }
        added = await self.api("POST", "/api/v1/integrations/gewe/accounts", account)
        url: str = self.bridge.url + added["callback_url"]
        self.gewe.callbacks.point(self.gewe.token, url)
        return url

    async def play(self, part: Part) -> None:
        for number, line in enumerate(part.lines):
            await asyncio.sleep(GAP if number else 0)
            self.say("writes", name=part.name, text=line)
            if part.room:
                await self.gewe.wechat.group_writes(APP_ID, part.room, part.wxid, line, at=[BOT], name=part.name)
            else:
                await self.gewe.wechat.person_writes(APP_ID, part.wxid, line, name=part.name)

    async def show_for_ever(self) -> None:
        """Each step of each conversation, once, as soon as the API tells of it."""
        while True:
            for conversation in (await self.api("GET", "/api/v1/integrations/conversations"))["data"]:
                await self._show(conversation)
            await asyncio.sleep(LOOK)

    async def _show(self, conversation: Mapping[str, Any]) -> None:
        path = f"/api/v1/integrations/conversations/{conversation['id']}"
        name = next((part.name for part in PARTS if part.to == conversation["peer"]), conversation["peer"])
        history = (await self.api("GET", f"{path}/history"))["data"]
        for line in reversed(history):
            if line["author"] == "peer":
                self._step(line["id"], "received", at=line["received_at"], name=name, text=line["text"])
        for turn in reversed((await self.api("GET", f"{path}/turns"))["data"]):
            self._step(f"{turn['id']}?", "asked", at=turn["created_at"], name=name, text=turn["question"])
            if turn["state"] == "answered":
                points = turn["points_micro"] / 1_000_000
                self._step(f"{turn['id']}!", "answered", at=turn["ended_at"], name=name, points=points)
        for line in reversed(history):
            if line["author"] != "peer" and line["state"] == "sent":
                if line["id"] in self._shown:
                    continue
                sent = await self.api("GET", f"/api/v1/integrations/gewe/messages/{line['id']}")
                self._step(line["id"], "sent", at=sent["ended_at"], name=name, text=line["text"])

    def _step(self, key: str, code: str, *, at: str, name: str, **facts: object) -> None:
        if key not in self._shown:
            self._shown.add(key)
            tidy = {
                fact: value.replace("\n", " / ") if isinstance(value, str) else value for fact, value in facts.items()
            }
            self.say(code, at=at[11:23], name=f"{name:<5}", **tidy)

    async def complete(self) -> bool:
        """Whether every reply arrives, once and no more."""
        with suppress(TimeoutError):  # what did not come is told below
            for part in PARTS:
                await self.gewe.wait_for_texts(part.to, 1, timeout=PATIENCE)
        await asyncio.sleep(QUIET)
        wrong = {part.name: self.gewe.received(part.to) for part in PARTS}
        wrong = {part.name: wrong[part.name] for part in PARTS if wrong[part.name] != [part.reply]}
        for name, got in wrong.items():
            self.say("wrong", name=name, got=got)
        self.say("failed" if wrong else "complete", count=len(PARTS))
        return not wrong


async def tell(folder: Path, *, port: int, once: bool, language: str) -> int:
    """The exit code."""
    async with stage(folder, port=port, language=language) as story:
        callback = await story.set_up()
        story.say("stage", url=story.bridge.url, gewe=story.gewe.url, fastgpt=story.fastgpt.url)
        async with running(story.show_for_ever(), "demo.show"):
            await asyncio.gather(*(story.play(part) for part in PARTS))
            complete = await story.complete()
            if not once:
                assert story.bridge.first_key is not None
                story.say("try", url=story.bridge.url, key=story.bridge.first_key.reveal(), gewe=story.gewe.url)
                story.say("callback", callback=callback)
                await _stopped()
        return 0 if complete else 1


@asynccontextmanager
async def stage(folder: Path, *, port: int, language: str) -> AsyncIterator[Story]:
    """The daemon and its neighbours, running."""
    settings, clock, redactor = _settings(folder, port), SystemClock(), Redactor()
    log.configure(settings.log, redactor, log.Floods(clock), stream=sys.stderr, environ={})
    async with AsyncExitStack() as stack:
        gewe = await stack.enter_async_context(gewe_simulator())
        fastgpt = await stack.enter_async_context(fastgpt_simulator())
        fastgpt.play(Script(delay_s=0.4))
        http = await stack.enter_async_context(_on_socket(settings.unix_socket))
        vault = Vault(bytes(32), redactor)  # nothing here outlives the demo
        opening = open_bridge(settings, clock=clock, vault=vault, sockets={}, hurry=asyncio.Event())
        yield Story(await stack.enter_async_context(opening), gewe, fastgpt, http, language)


def _on_socket(path: Path) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)))


def _settings(folder: Path, port: int) -> Settings:
    settings = load(None, {"STATE_DIRECTORY": str(folder)})
    return evolve(
        settings,
        daemon=evolve(settings.daemon, reserve_mb=0),
        http=evolve(settings.http, listen=f"127.0.0.1:{port}"),
        log=Log(level="warning"),
    )


async def _stopped() -> None:
    """Until Ctrl-C or SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
