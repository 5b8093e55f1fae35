"""Requests whose answers take a while, whole or streamed: how long each took, and how soon its first word came.

So many connections each ask again as soon as they are answered, with a plain asyncio protocol over uvloop that looks
for the status, the end and the chunks only.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, cast

import uvloop
from attrs import define, field, frozen

from bench.processes import Daemon, place
from daemon.codec import encode

ANSWER_WITHIN = 20.0  # seconds
KEYS = 400  # each may ask 10 times a second, and 30 times at once
MODEL = "bench"
QUESTION = "多久可以退货？"

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_WORDS = b'"content":"'
_NO_WORDS = b'"content":""'


@define
class Answers:
    """Of one run: milliseconds of each answer, and of its first word where it was streamed."""

    took: list[float] = field(factory=list)
    first: list[float] = field(factory=list)
    words: int = 0  # chunks that had some
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.took) / self.seconds

    def at(self, share: float) -> float:
        return sorted(self.took)[int(share * (len(self.took) - 1))]


@frozen
class Party:
    """One who is asked: where, and the requests that take turns."""

    url: str
    requests: Sequence[bytes]

    def answers(self, *, at_once: int, seconds: float, spread: float = 0.0) -> Answers:
        """`spread`: seconds over which the callers begin, as those do who do not know of each other."""
        return uvloop.run(_asked(self, at_once, seconds, spread))


def party(url: str, keys: Sequence[str], body: Mapping[str, Any]) -> Party:
    host, port, path = place(url)
    told = encode(body)
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    rest = f"Content-Length: {len(told)}\r\n\r\n".encode() + told
    return Party(url, [f"{head}Authorization: Bearer {key}\r\n".encode() + rest for key in keys])


def completion(model: str, *, stream: bool) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": QUESTION}], "stream": stream}


def keys_of(bridge: Daemon) -> list[str]:
    """The texts of keys for many callers."""
    names = (f"bench {number}" for number in range(KEYS))
    return [bridge.call("POST", "/api/v1/keys", {"name": name, "role": "operator"})["key"] for name in names]


def added(pairs: Sequence[tuple[Answers, Answers]], share: float) -> list[float]:
    """Milliseconds more than straight, of each pair."""
    return [ours.at(share) - straight.at(share) for ours, straight in pairs]


def first_word(answers: Answers) -> float:
    return statistics.median(answers.first)


class _Connection(asyncio.Protocol):
    """Asks one thing at a time."""

    def __init__(self, answers: Answers, answered: Callable[["_Connection"], None]) -> None:
        self.answers, self.answered = answers, answered
        self.transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._began = 0.0
        self._whole = 0  # bytes of the answer; 0: not known, for it comes in chunks
        self._spoke = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes) -> None:
        assert self.transport is not None
        self._received.clear()
        self._whole, self._spoke, self._began = 0, False, time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        begins = not self._received
        self._received += data
        if begins:
            self._look_at_head()
        if not self._whole and not self._spoke and self._says_something():
            self._spoke = True
            self.answers.first.append(self._milliseconds())
        if self._ended():
            self.answers.took.append(self._milliseconds())
            self.answers.words += self._received.count(_WORDS) - self._received.count(_NO_WORDS)
            self.answered(self)

    def _look_at_head(self) -> None:
        """The head comes in one packet: it is short, and loopback's are long."""
        end = self._received.find(_HEAD_END) + len(_HEAD_END)
        head = self._received[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"answered {bytes(self._received)!r}")
        _, found, rest = head.partition(_LENGTH)
        if found:
            self._whole = end + int(rest.partition(b"\r\n")[0])

    def _says_something(self) -> bool:
        return self._received.count(_WORDS) > self._received.count(_NO_WORDS)

    def _ended(self) -> bool:
        return len(self._received) >= self._whole if self._whole else self._received.endswith(_LAST_CHUNK)

    def _milliseconds(self) -> float:
        return (time.perf_counter() - self._began) * 1000


async def _asked(party: Party, at_once: int, seconds: float, spread: float) -> Answers:
    """For so long, at least one answer a connection; what was asked by then is waited for."""
    answers, numbers, over = Answers(), count(), asyncio.Event()
    waiting = at_once
    host, port, _ = place(party.url)
    loop = asyncio.get_running_loop()
    broken: list[dict[str, Any]] = []

    def broke(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        broken.append(context)
        over.set()

    loop.set_exception_handler(broke)

    def ask(connection: _Connection) -> None:
        connection.ask(party.requests[next(numbers) % len(party.requests)])

    def answered(connection: _Connection) -> None:
        nonlocal waiting
        if time.perf_counter() < ends:
            ask(connection)
            return
        waiting -= 1
        if not waiting:
            over.set()

    made = [await loop.create_connection(lambda: _Connection(answers, answered), host, port) for _ in range(at_once)]
    began = time.perf_counter()
    ends = began + seconds
    for number, (_, connection) in enumerate(made):
        loop.call_later(number * spread / at_once, ask, connection)
    async with asyncio.timeout(seconds + ANSWER_WITHIN):
        await over.wait()
    answers.seconds = time.perf_counter() - began
    for transport, _ in made:
        transport.close()
    if broken:
        raise RuntimeError(f"{party.url}: {broken[0]}")
    return answers
