"""A daemon process with one account and no neighbours: what the tests of disks, strangers and secrets do things to."""

import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
from attrs import define, field, frozen

from daemon.codec import encode, parse
from daemon.sim.wechat_events import Line, Numbers, text

ROOT = Path(__file__).parents[2]
LIMIT = 30.0  # seconds for anything that takes one or two on an idle machine
PATIENCE = aiohttp.ClientTimeout(total=10)
APP_ID, BOT, TOKEN = "wx_demoAppId000000000001", "wxid_bot000000000001", "gewe-token-0123456789abcdef"
ACCOUNTS = "/api/v1/integrations/gewe/accounts"
QUICK = {
    "QIAOD_HTTP_LISTEN": "127.0.0.1:0",
    "QIAOD_HTTP_PER_ADDRESS": "400",
    "QIAOD_DAEMON_RESERVE_MB": "0",
    "QIAOD_STORE_BACKUP_EVERY_HOURS": "0",
    "QIAOD_CONVERSATION_MERGE_WINDOW_SECONDS": "0",
    "QIAOD_GEWE_PAUSE_LOW_SECONDS": "0",
    "QIAOD_GEWE_PAUSE_HIGH_SECONDS": "0",
    "QIAOD_JOBS_RETRY_BASE_SECONDS": "0.05",
    "QIAOD_LOG_FORMAT": "json",
}


@frozen(kw_only=True)
class Answer:
    """Of one callback. `status` 0: there was none."""

    status: int
    wechat_id: str
    began: float
    seconds: float
    retry_after: str | None = None


@define(eq=False, kw_only=True)
class Living:
    """`wrapper`: the command that runs the daemon's, strace for one. `bug`: what `sabotage` does to it."""

    state: Path
    sockets: Path
    wrapper: Sequence[str] = ()
    bug: str = ""
    environ: dict[str, str] = field(factory=dict)
    lines: list[str] = field(factory=list)  # its log, over all its lives
    url: str = ""
    callback_url: str = ""
    process: asyncio.subprocess.Process | None = None
    _hearing: asyncio.Task[None] | None = None
    _heard: asyncio.Event = field(factory=asyncio.Event)
    _numbers: Numbers = field(factory=Numbers)
    _last: int = 0

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    async def start(self) -> None:
        module = ["tests.faults.sabotage", self.bug] if self.bug else ["daemon"]
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.sockets), "PYTHONPATH": str(ROOT)}
        environ |= {"QIAOD_DAEMON_STATE_DIR": str(self.state), "QIAOD_HTTP_UNIX_SOCKET": str(self.sockets / "api")}
        seen = len(self.lines)
        self.process = await asyncio.create_subprocess_exec(
            *[*self.wrapper, sys.executable, "-m", *module, "serve"],
            env=environ | QUICK | self.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._hearing = asyncio.create_task(self._hear(self.process))
        ready = await self.said("daemon.ready", after=seen)
        path = self.callback_url.partition("/api/")[2]
        self.url = str(ready["url"])
        self.callback_url = f"{self.url}/api/{path}" if path else await self._furnish()

    async def said(self, event: str, *, after: int = 0, limit: float = LIMIT) -> dict[str, Any]:
        """That line of its log, from line number `after` on."""
        async with asyncio.timeout(limit):
            while True:
                for line in self.lines[after:]:
                    if f'"event":"{event}"' in line:
                        found: dict[str, Any] = parse(line.encode())
                        return found
                assert self.process is None or self.process.returncode is None, "".join(self.lines[-30:])
                self._heard.clear()
                await self._heard.wait()

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The local API, as an operator on the machine."""
        connector = aiohttp.UnixConnector(str(self.sockets / "api"))
        async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as http:
            data, headers = None if body is None else encode(body), {"Content-Type": "application/json"}
            async with http.request(method, "http://localhost" + path, data=data, headers=headers) as answer:
                raw = await answer.read()
                return answer.status, parse(raw) if raw else None

    async def post(self, http: aiohttp.ClientSession, *, sender: str = "wxid_friend00000001") -> Answer:
        """One message that nobody has sent before."""
        wechat_id, body = self.message("你好", sender=sender)
        began, retry_after, status = time.monotonic(), None, 0
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with http.post(self.callback_url, data=body) as answer:
                await answer.read()
                status, retry_after = answer.status, answer.headers.get("Retry-After")
        seconds = time.monotonic() - began
        return Answer(status=status, wechat_id=wechat_id, began=began, seconds=seconds, retry_after=retry_after)

    def message(self, content: str, *, sender: str = "wxid_friend00000001") -> tuple[str, bytes]:
        """Its id and its bytes."""
        self._last += 1
        new_id = (1 << 62) + self._last
        line = Line(app_id=APP_ID, wxid=BOT, sender=sender, to=BOT, content=content, push=None)
        body = text(line, numbers=self._numbers, new_msg_id=new_id, create_time=int(time.time()))
        return str(new_id), encode(body)

    async def ended(self, limit: float = LIMIT) -> int:
        assert self.process
        assert self._hearing
        async with asyncio.timeout(limit):
            code = await self.process.wait()
            await self._hearing
            return code

    async def stop(self) -> int:
        assert self.process
        self.process.terminate()
        return await self.ended()

    async def close(self) -> None:
        """Whatever happened, no process of ours is left."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.ended()

    def rss(self) -> int:
        """Its memory in MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // (1 << 20)

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr
        async for line in process.stderr:
            self.lines.append(line.decode())
            self._heard.set()
        await process.wait()
        self._heard.set()

    async def _furnish(self) -> str:
        account = {"app_id": APP_ID, "wxid": BOT, "name": "Shop", "token": TOKEN, "base_url": "http://127.0.0.1:9"}
        status, added = await self.call("POST", ACCOUNTS, account)
        assert status == 201, added
        return self.url + str(added["callback_url"])


@asynccontextmanager
async def living(
    state: Path, *, wrapper: Sequence[str] = (), bug: str = "", environ: dict[str, str] | None = None
) -> AsyncIterator[Living]:
    async with AsyncExitStack() as stack:
        sockets = stack.enter_context(tempfile.TemporaryDirectory(prefix="qiaod-"))  # a socket's path must be short
        daemon = Living(state=state, sockets=Path(sockets), wrapper=wrapper, bug=bug, environ=environ or {})
        stack.push_async_callback(daemon.close)
        await daemon.start()
        yield daemon


@asynccontextmanager
async def caller() -> AsyncIterator[aiohttp.ClientSession]:
    """GeWe's side: a connection for each callback, as it is not known to keep any."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as http:
        yield http


async def steadily(daemon: Living, http: aiohttp.ClientSession, *, rate: float, seconds: float) -> list[Answer]:
    """`rate` callbacks a second, however long each takes."""
    began, posting = time.monotonic(), list[asyncio.Task[Answer]]()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(began + number / rate - time.monotonic())
        posting.append(asyncio.create_task(daemon.post(http, sender=f"wxid_p{number % 50:04}")))
    return list(await asyncio.gather(*posting))


def statuses(answers: Sequence[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def acknowledged(answers: Sequence[Answer]) -> set[str]:
    return {answer.wechat_id for answer in answers if answer.status == 200}


def kept(database: Path) -> set[str]:
    """What a fresh look at the file finds, once nobody has it open; it is whole, too."""
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in db.execute("SELECT wechat_id FROM messages")}
