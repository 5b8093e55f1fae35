"""People who write: callbacks as GeWe delivers them, at a steady rate, and a list of those that were acknowledged."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
from attrs import define, field, frozen

from daemon.codec import encode
from daemon.sim.bell import Bell
from daemon.sim.wechat_events import Line, Numbers, text

PATIENCE = 20.0  # seconds; GeWe's are 3, which a busy machine must not turn into a lost callback: `slowest` is reported
FIRST_ID = 1 << 62


@frozen
class Person:
    app: str
    wxid: str


@define
class Callback:
    """One body, and whom it is from."""

    app: str
    wechat_id: str
    body: bytes


@define(kw_only=True)
class Load:
    """Each person has one callback under way at a time, so that the order they wrote in is known."""

    url: str
    accounts: Mapping[str, str]  # app_id to wxid
    file: BinaryIO
    http: aiohttp.ClientSession
    people: deque[Person]
    outcomes: Counter[str] = field(factory=Counter)  # ok, or how it went wrong
    slowest: float = 0.0
    in_flight: int = 0
    shift: float = 0.0  # seconds that the wall clock of WeChat is ahead of ours
    ended: Bell = field(factory=Bell)  # a delivery
    _numbers: Numbers = field(factory=Numbers)
    _last: int = 0

    def callback(self, person: Person) -> Callback:
        """What nobody has said before."""
        self._last += 1
        new_id = FIRST_ID + time.time_ns() // 1000 * 64 + self._last % 64
        bot = self.accounts[person.app]
        line = Line(
            app_id=person.app,
            wxid=bot,
            sender=person.wxid,
            to=bot,
            content=f"问题 {self._last}",
            push=f"{person.wxid} : …",
        )
        body = text(line, numbers=self._numbers, new_msg_id=new_id, create_time=int(time.time() + self.shift))
        return Callback(person.app, str(new_id), encode(body))

    async def deliver(self, callback: Callback) -> bool:
        """Whether it was acknowledged; only then it is on the list."""
        began, self.in_flight = time.monotonic(), self.in_flight + 1
        try:
            headers = {"Content-Type": "application/json"}
            async with self.http.post(self.url, data=callback.body, headers=headers) as answer:
                await answer.read()
                outcome = "ok" if answer.status == 200 else f"status {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            outcome = type(error).__name__
        finally:
            self.in_flight -= 1
        if outcome == "ok":
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.file.write(encode({"app": callback.app, "wechat_id": callback.wechat_id}) + b"\n")
        self.outcomes[outcome] += 1
        self.ended.ring()
        return outcome == "ok"

    @property
    def failed(self) -> int:
        return self.outcomes.total() - self.outcomes["ok"]

    async def write(self, number: int) -> None:
        """So many callbacks at once, of as many people."""
        people = [self.people[index % len(self.people)] for index in range(number)]
        await asyncio.gather(*(self.deliver(self.callback(person)) for person in people))

    @asynccontextmanager
    async def steady(self, rate: float) -> AsyncIterator[None]:
        """`rate` callbacks a second inside the block, while somebody has none under way; all end before it does."""
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self._steady(rate, group))
            try:
                yield
            finally:
                writing.cancel()

    async def _steady(self, rate: float, group: asyncio.TaskGroup) -> None:
        due = time.monotonic()
        while True:
            due = max(due + 1 / rate, time.monotonic())  # what was missed is not made up for
            await asyncio.sleep(due - time.monotonic())
            if self.people:
                group.create_task(self._next())

    async def _next(self) -> None:
        person = self.people.popleft()
        try:
            await self.deliver(self.callback(person))
        finally:
            self.people.append(person)


@asynccontextmanager
async def load(url: str, accounts: Mapping[str, str], acked: Path, *, people: int) -> AsyncIterator[Load]:
    """Every callback on a connection of its own: a kept one may die unseen while the daemon is replaced."""
    crowd = deque(
        Person(app, f"wxid_p{number:05d}x{index}") for number in range(people) for index, app in _numbered(accounts)
    )
    connector, limit = aiohttp.TCPConnector(limit=0, force_close=True), aiohttp.ClientTimeout(total=PATIENCE)
    with acked.open("ab", buffering=0) as file:
        async with aiohttp.ClientSession(connector=connector, timeout=limit) as http:
            yield Load(url=url, accounts=accounts, file=file, http=http, people=crowd)


def _numbered(accounts: Mapping[str, Any]) -> list[tuple[int, str]]:
    return list(enumerate(accounts))
