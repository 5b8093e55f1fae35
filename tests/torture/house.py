"""A real daemon between a simulated WeChat and a simulated FastGPT, in a process that may be killed at any moment."""

import asyncio
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from attrs import define

from daemon.codec import encode, parse
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, FastGptSetup, FastGptSimulator, fastgpt_simulator
from daemon.sim.fastgpt_script import Script
from daemon.sim.gewe import GeweSetup, GeweSimulator, gewe_simulator
from tests.torture.evidence import ACKED, FASTGPT, GEWE, read, work_left
from tests.torture.history import History, Pace, Violation, check
from tests.torture.load import Load, load
from tests.torture.process import LIMIT, Daemon

BACKLOG = 4096  # as the socket unit has it: while the daemon is replaced, callers wait there
THINKING = 0.02  # seconds FastGPT takes, where a scenario has no other wish
ACCOUNTS = 4  # each sends one message at a time
PEOPLE = 30  # of each account

CONFIG = """
[daemon]
state_dir = "state"
reserve_mb = 0

[http]
unix_socket = "{sockets}/api"
per_address = 512

[gewe]
pause_low_seconds = 0
pause_high_seconds = 0
person_per_minute = 100000
room_per_minute = 100000
switch_pause_seconds = 0
room_pause_low_seconds = 0
room_pause_high_seconds = 0
per_minute = {per_minute}
burst = {burst}
global_per_minute = 1000000

[conversation]
merge_window_seconds = 0
merge_most_seconds = 0
history = 0

[jobs]
retry_base_seconds = 0.05
retry_cap_seconds = 1

[store]
backup_every_hours = 0

[log]
format = "json"
"""


@define(kw_only=True)
class House:
    folder: Path
    daemon: Daemon
    gewe: GeweSimulator
    fastgpt: FastGptSimulator
    load: Load
    api: Path  # the socket of operators
    pace: Pace | None = None

    @property
    def database(self) -> Path:
        return self.folder / "state" / "qiaod.db"

    async def settle(self) -> None:
        """Wait until nothing is left to do, or nothing is done any more: with a fault built in, soon."""
        patience, before = 3.0 if self.daemon.bug else LIMIT, -1
        until = time.monotonic() + patience
        while time.monotonic() < until:
            work = await asyncio.to_thread(work_left, self.database, shift=self.load.shift)
            if not work and not any(self.database.parent.glob("spool*")):
                break
            if work != before:
                before, until = work, time.monotonic() + patience
            await asyncio.sleep(0.1)

    async def judged(self) -> list[Violation]:
        """Let it finish and stop it; what contradicts the promises."""
        await self.settle()
        await self.daemon.stop()
        return check(await self.history())

    async def history(self) -> History:
        """Of a daemon that has stopped."""
        return await asyncio.to_thread(read, self.folder, self.database, shift=self.load.shift, pace=self.pace)


@asynccontextmanager
async def house(
    folder: Path,
    *,
    bug: str = "",
    accounts: int = ACCOUNTS,
    people: int = PEOPLE,
    per_minute: int = 100_000,
    burst: int = 1000,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[House]:
    """One workflow, some accounts. `bug`: what `sabotage` has the daemon do wrong."""
    bots = {f"wx_app{number}": f"wxid_bot{number:012d}" for number in range(accounts)}
    async with AsyncExitStack() as stack:
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qiaod-")))  # their paths must be short
        gewe = await stack.enter_async_context(gewe_simulator(GeweSetup(accounts=bots, ledger_file=folder / GEWE)))
        fastgpt = await stack.enter_async_context(
            fastgpt_simulator(FastGptSetup(script=Script(delay_s=THINKING), ledger_file=folder / FASTGPT))
        )
        config = folder / "qiaod.toml"
        config.write_text(CONFIG.format(sockets=sockets, per_minute=per_minute, burst=burst))
        http = stack.enter_context(_listening())
        daemon = Daemon(
            config=config,
            http=http,
            notify=stack.enter_context(_notify(sockets / "notify")),
            log=folder / "daemon.log",
            bug=bug,
            environ=environ or {},
        )
        stack.push_async_callback(daemon.close)
        await daemon.start()
        path = await _furnish(sockets / "api", bots, gewe, fastgpt)
        url = f"http://127.0.0.1:{http.getsockname()[1]}{path}"
        writing = await stack.enter_async_context(load(url, bots, folder / ACKED, people=people))
        pace = Pace(rate=(per_minute - burst) / 60, burst=burst)
        yield House(
            folder=folder, daemon=daemon, gewe=gewe, fastgpt=fastgpt, load=writing, api=sockets / "api", pace=pace
        )


@asynccontextmanager
async def operator(api: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(api))) as http:
        yield http


async def _furnish(api: Path, accounts: Mapping[str, str], gewe: GeweSimulator, fastgpt: FastGptSimulator) -> str:
    """Through the local API, as an operator does; the path that callbacks come to."""
    workflow = {"name": "Sales", "base_url": fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
    paths = []
    async with operator(api) as http:
        workflow_id = (await post(http, "/api/v1/workflows", workflow))["id"]
        for app_id, wxid in accounts.items():
            account = {"app_id": app_id, "wxid": wxid, "name": app_id, "token": gewe.token, "base_url": gewe.base_url}
            added = await post(http, "/api/v1/integrations/gewe/accounts", account | {"workflow_id": workflow_id})
            paths.append(added["callback_url"])
    return str(paths[0])


async def post(http: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """As an operator; what is answered."""
    headers = {"Content-Type": "application/json"}
    async with http.post("http://localhost" + path, data=encode(body), headers=headers) as answer:
        document: dict[str, Any] = parse(await answer.read())
        assert answer.status < 300, document
        return document


@contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(BACKLOG)
        yield held


@contextmanager
def _notify(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.setblocking(False)
        bound.bind(str(path))
        yield bound
