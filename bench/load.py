"""Callbacks as GeWe would send them, each with an id of its own, and two ways to send many.

`closed` keeps a number of connections busy: with wrk where it is installed, else with a client of ours. `paced` sends
at a fixed rate whatever comes back, and counts how long an answer took from when its request was due: a server that
stalls is not spared the requests it delayed. Ours is a plain asyncio protocol over uvloop that looks for the status
and the length only: about 60,000 requests a second on one core, several times what it is to measure.
"""

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import cast

import uvloop
from attrs import asdict, frozen

from bench.processes import LOAD, place
from bench.report import pin

APP = "wx_bench{:08d}"
SOURCE = (
    "<msgsource>\\n\\t<bizflag>0</bizflag>\\n\\t<pua>1</pua>\\n\\t<signature>V1_cqxXBat9|v1_cqxXBat9</signature>\\n\\t"
    "<tmp_node>\\n\\t\\t<publisher-id></publisher-id>\\n\\t</tmp_node>\\n\\t<sec_msg_node>\\n\\t\\t<alnode>\\n\\t\\t\\t<fr>1</fr>"
    "\\n\\t\\t</alnode>\\n\\t</sec_msg_node>\\n</msgsource>\\n"
)
TEXT = "你好，我上周在你们店里买的那双鞋还没有穿过，现在想退货，请问最多可以在多少天之内退，运费由谁来出？谢谢！"
BODY = (
    '{"TypeName":"AddMsg","Appid":"%s","Wxid":"wxid_bot000000000001","Data":{"MsgId":1%09d,"FromUserName":{"string":'
    '"wxid_friend%08d"},"ToUserName":{"string":"wxid_bot000000000001"},"MsgType":1,"Content":{"string":"'
    + TEXT
    + '"},"Status":3,"ImgStatus":1,"ImgBuf":{"iLen":0},"CreateTime":%010d,"MsgSource":"'
    + SOURCE
    + '","PushContent":"Ann : '
    + TEXT
    + '","NewMsgId":7%018d,"MsgSeq":640356096}}'
)

ANSWER_WITHIN = 10.0  # seconds
TICK = 0.001  # seconds between two looks for what is due; the time it took counts from then all the same
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


@frozen
class Callbacks:
    """Each person writes `parts` messages in a row, then comes the next person, of the next account."""

    accounts: int
    people: int  # of each account: then it is the first one's turn again
    parts: int
    series: int  # two series have no id in common

    def body(self, number: int) -> bytes:
        turn = number // self.parts
        app = APP.format(turn % self.accounts)
        person = turn // self.accounts % self.people
        identifier = self.series * 100_000_000 + number
        return (BODY % (app, number, person, time.time(), identifier)).encode()

    def requests(self, url: str) -> Callable[[int], bytes]:
        host, port, path = place(url)
        length = len(self.body(0))
        head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        head_bytes = f"{head}Content-Length: {length}\r\n\r\n".encode()
        return lambda number: head_bytes + self.body(number)


def with_wrk() -> bool:
    return shutil.which("wrk") is not None


def client() -> str:
    return "wrk" if with_wrk() else "own client"


def closed(url: str, callbacks: Callbacks, *, seconds: int, connections: int) -> float:
    """Answers a second, with so many connections that each ask again as soon as they are answered."""
    if with_wrk():
        return _wrk(url, callbacks, seconds=seconds, connections=connections)
    return uvloop.run(_closed(url, callbacks, seconds=seconds, connections=connections))


def paced(url: str, callbacks: Callbacks, *, seconds: float, connections: int, rate: float) -> list[float]:
    """How long each answer took, in seconds."""
    return uvloop.run(_paced(url, callbacks, seconds=seconds, connections=connections, rate=rate))


# wrk calls `request` for each one: here it fills in the numbers that differ.
SCRIPT = """
local body = %(body)s
local accounts, people, parts, series = %(accounts)d, %(people)d, %(parts)d, "7%(series)010d"
local headers = { ["Content-Type"] = "application/json" }
local number, since = 0, os.time()
local names = {}
for n = 0, accounts - 1 do names[n] = string.format("wx_bench%%08d", n) end
function request()
  local n = number
  number = n + 1
  local turn = math.floor(n / parts)
  local person = math.floor(turn / accounts) %% people
  return wrk.format("POST", nil, headers,
    string.format(body, names[turn %% accounts], n, person, since, string.format("%%s%%08d", series, n)))
end
function done(summary)
  local e = summary.errors
  io.write(string.format('\\n{"requests": %%d, "us": %%d, "wrong": %%d}\\n', summary.requests, summary.duration,
    e.status + e.connect + e.read + e.write + e.timeout))
end
"""


def _wrk(url: str, callbacks: Callbacks, *, seconds: int, connections: int) -> float:
    template = BODY.replace("7%018d", "%s").replace("\\", "\\\\").replace('"', '\\"')
    numbers = asdict(callbacks)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "callbacks.lua"
        script.write_text(SCRIPT % {"body": f'"{template}"', **numbers})
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            pin(LOAD, child.pid)
            said, _ = child.communicate(timeout=seconds + 30)
    result = json.loads(said.splitlines()[-1])
    if result["wrong"]:
        raise RuntimeError(f"{result['wrong']} of {result['requests']} callbacks were not answered 2xx")
    return float(result["requests"] / result["us"] * 1e6)


class _Connection(asyncio.Protocol):
    """Sends what it is given and tells of each answer, in order."""

    def __init__(self, answered: Callable[["_Connection"], None]) -> None:
        self.answered = answered
        self.transport: asyncio.Transport | None = None
        self.due: deque[float] = deque()
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, due: float) -> None:
        assert self.transport is not None
        self.due.append(due)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(HEAD_END)) >= 0:
            head = self._received[:end].lower()
            at = head.index(LENGTH) + len(LENGTH)
            whole = end + len(HEAD_END) + int(head[at:].partition(b"\r\n")[0])
            if len(self._received) < whole:
                return
            if not head.startswith(b"http/1.1 200"):
                raise RuntimeError(f"a callback was answered {self._received[:whole]!r}")
            self._received = self._received[whole:]
            self.answered(self)


async def _opened(url: str, number: int, answered: Callable[[_Connection], None]) -> list[_Connection]:
    host, port, _ = place(url)
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: _Connection(answered), host, port) for _ in range(number)]
    return [connection for _, connection in opened]


def _close(connections: Iterable[_Connection]) -> None:
    for connection in connections:
        if connection.transport is not None:
            connection.transport.close()


async def _closed(url: str, callbacks: Callbacks, *, seconds: int, connections: int) -> float:
    make = callbacks.requests(url)
    sent = done = 0
    ends = 0.0
    over = asyncio.Event()

    def answered(connection: _Connection) -> None:
        nonlocal sent, done
        done += 1
        if time.perf_counter() < ends:
            connection.send(make(sent), 0.0)
            sent += 1
        elif done == sent:
            over.set()

    opened = await _opened(url, connections, answered)
    began = time.perf_counter()
    ends = began + seconds
    for connection in opened:
        connection.send(make(sent), 0.0)
        sent += 1
    async with asyncio.timeout(seconds + ANSWER_WITHIN):
        await over.wait()
    _close(opened)
    return done / (time.perf_counter() - began)


async def _paced(url: str, callbacks: Callbacks, *, seconds: float, connections: int, rate: float) -> list[float]:
    make = callbacks.requests(url)
    total, sent = int(seconds * rate), 0
    took: list[float] = []
    over, loop = asyncio.Event(), asyncio.get_running_loop()

    def answered(connection: _Connection) -> None:
        took.append(time.perf_counter() - connection.due.popleft())
        idle.append(connection)
        if len(took) == total:
            over.set()

    def send_what_is_due() -> None:
        nonlocal sent
        while idle and sent < total and (due := began + sent / rate) <= time.perf_counter():
            idle.popleft().send(make(sent), due)
            sent += 1
        if sent < total:
            loop.call_later(TICK, send_what_is_due)

    opened = await _opened(url, connections, answered)
    idle, began = deque(opened), time.perf_counter()
    send_what_is_due()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds + ANSWER_WITHIN):
            await over.wait()
    _close(opened)
    if len(took) < total:
        raise RuntimeError(f"{total - len(took)} of {total} callbacks were never answered")
    return took
