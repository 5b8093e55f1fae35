"""Pushes events to the set URL as GeWe does: one POST, 3 s of patience, no retry, and every oddity on demand."""

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from attrs import define, evolve, field, frozen

from daemon.clock import Clock, rfc3339
from daemon.codec import encode
from daemon.sim.bell import Bell
from daemon.sim.gewe_envelopes import Body, Envelope, wrapped

PATIENCE_S = 3.0  # contract 9
KEPT = 200_000  # records


@frozen(kw_only=True)
class Knobs:
    """The oddities of contract 15.11."""

    envelope: Envelope = Envelope.V1
    patience_s: float = PATIENCE_S
    retries: int = 0  # after a timeout or a status of 500 and more
    copies: int = 0  # duplicates, each after `copy_after_s`
    copy_chance: float = 1.0
    copy_after_s: float = 0.0
    hold_chance: float = 0.0  # disorder: such a push waits until another has overtaken it, or `hold_s`
    hold_s: float = 0.5
    without_wxid: bool = False
    string_ids: bool = False
    token_in_body: bool = False
    broken_xml: bool = False
    group_prefix: bool = True
    type_name: str = ""  # instead of the true one
    header_secret: str = ""  # sent as Authorization with messages, never with control packets
    test_packet: str = "验证回调地址是否可用"  # or 回调地址链接成功！


@define(eq=False, kw_only=True)
class Delivery:
    """One push. `where` hides the path, for the path is the secret."""

    seq: int
    at: str
    monotonic: float
    where: str
    app_id: str
    type_name: str
    new_msg_id: int | None
    copy: int = 0
    outcome: str = "pending"  # answered, timeout, failed, nowhere, offline
    status: int | None = None
    seconds: float = 0.0

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@define(eq=False)
class Callbacks:
    clock: Clock
    random: random.Random
    session: aiohttp.ClientSession
    knobs: Knobs = field(factory=Knobs)
    records: deque[Delivery] = field(factory=lambda: deque(maxlen=KEPT), init=False)
    _urls: dict[str, str] = field(factory=dict, init=False)
    _seq: int = field(default=0, init=False)
    _ended: int = field(default=0, init=False)
    _overtaken: Bell = field(factory=Bell, init=False)
    _later: set[asyncio.Task[None]] = field(factory=set, init=False)

    def set_url(self, token: str, url: str) -> None:
        """Through the API: the header secret of the console is dropped (contract 2.1)."""
        self._urls[token] = url
        self.knobs = evolve(self.knobs, header_secret="")

    def point(self, token: str, url: str) -> None:
        """As in the console: no test, and the header secret stays."""
        self._urls[token] = url

    def url(self, token: str) -> str | None:
        return self._urls.get(token)

    async def probe(self, token: str, url: str) -> bool:
        """The test packet that must be answered before a URL is taken."""
        packet = {"testMsg": self.knobs.test_packet, "token": token}
        outcome, status = await self._post(url, packet, {})
        return outcome == "answered" and status == 200

    async def deliver(self, token: str, body: Mapping[str, Any]) -> Delivery:
        """Push a v1 event in the envelope set, with the copies and the disorder set; the first push's record."""
        knobs = self.knobs
        shaped = odd(body, knobs, token)
        if knobs.hold_chance and self.random.random() < knobs.hold_chance:
            await self._be_overtaken(knobs.hold_s)
        first = await self._push(token, body, shaped, copy=0)
        if knobs.copies and self.random.random() < knobs.copy_chance:
            for copy in range(1, knobs.copies + 1):
                await asyncio.sleep(knobs.copy_after_s)
                await self._push(token, body, shaped, copy=copy)
        return first

    def later(self, token: str, *events: Mapping[str, Any]) -> None:
        """Push these, one after the other, once the call that led to them is answered."""

        async def in_turn() -> None:
            for event in events:
                await self.deliver(token, event)

        task = asyncio.create_task(in_turn())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def settle(self) -> None:
        """Return once nothing that was left for later is on its way any more."""
        while self._later:
            await asyncio.wait(self._later)

    async def abandon(self) -> None:
        for task in tuple(self._later):
            task.cancel()
        await self.settle()

    def lost(self, body: Mapping[str, Any], outcome: str) -> Delivery:
        """Nothing is pushed; that, too, is on record."""
        record = self._record("", body, copy=0)
        record.outcome = outcome
        return record

    async def _push(self, token: str, body: Mapping[str, Any], shaped: Body, *, copy: int) -> Delivery:
        url = self._urls.get(token)
        if url is None:
            return self.lost(body, "nowhere")
        record = self._record(hidden(url), body, copy=copy)
        headers = {"Authorization": self.knobs.header_secret} if self.knobs.header_secret else {}
        for _ in range(1 + self.knobs.retries):
            record.outcome, record.status = await self._post(url, shaped, headers)
            if record.outcome == "answered" and (record.status or 0) < 500:
                break
        record.seconds = self.clock.monotonic() - record.monotonic
        self._ended += 1
        self._overtaken.ring()
        return record

    async def _post(self, url: str, document: Body, headers: Mapping[str, str]) -> tuple[str, int | None]:
        limit = aiohttp.ClientTimeout(total=self.knobs.patience_s)
        all_headers = {"Content-Type": "application/json", **headers}
        try:
            async with self.session.post(url, data=encode(document), headers=all_headers, timeout=limit) as answer:
                await answer.read()
                return "answered", answer.status
        except TimeoutError:
            return "timeout", None
        except (aiohttp.ClientError, ValueError, OSError):
            return "failed", None

    async def _be_overtaken(self, seconds: float) -> None:
        before = self._ended
        try:
            await self._overtaken.until(lambda: self._ended > before, timeout=seconds)
        except TimeoutError:
            return  # nobody came: the push goes out late instead

    def _record(self, where: str, body: Mapping[str, Any], *, copy: int) -> Delivery:
        self._seq += 1
        record = Delivery(
            seq=self._seq,
            at=rfc3339(self.clock.now()),
            monotonic=self.clock.monotonic(),
            where=where,
            app_id=body.get("Appid", ""),
            type_name=body.get("TypeName", ""),
            new_msg_id=body.get("Data", {}).get("NewMsgId"),
            copy=copy,
        )
        self.records.append(record)
        return record


def hidden(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}/***"


def odd(body: Mapping[str, Any], knobs: Knobs, token: str) -> Body:
    """The event with the oddities of `knobs`, in its envelope. The event itself is left as it is."""
    event = dict(body)
    if "Content" in event.get("Data", {}):
        event["Data"] = _odd_message(event["Data"], knobs)
    if knobs.type_name:
        event["TypeName"] = knobs.type_name
    if knobs.without_wxid:
        event.pop("Wxid", None)
    shaped = wrapped(event, knobs.envelope)
    return {**shaped, "token": token} if knobs.token_in_body else shaped


def _odd_message(data: Mapping[str, Any], knobs: Knobs) -> Body:
    content = data["Content"]["string"]
    if not knobs.group_prefix and data["FromUserName"]["string"].endswith("@chatroom"):
        content = content.partition(":\n")[2] or content
    if knobs.broken_xml:
        content = content.replace("</msg>", "<msg&").replace("</sysmsg>", "<sysmsg&")
    ids = {name: str(data[name]) for name in ("MsgId", "NewMsgId") if name in data} if knobs.string_ids else {}
    return {**data, **ids, "Content": {"string": content}}
