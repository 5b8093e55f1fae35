"""Hostile input on the callback route of a real process: no crash, no 5xx, no growth, no flood in the log."""

import asyncio
import itertools
import os
import re
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.codec import parse
from daemon.domain.account import AccountSignal
from daemon.domain.callback import ControlPacket, Unrecognised
from daemon.domain.contact import ContactChange
from daemon.domain.message import Message
from daemon.errors import Invalid
from daemon.net.gewe import wire
from tests.clock import FakeClock
from tests.faults.living import APP_ID, Living, caller, living, statuses
from tests.faults.malformed import MUTATIONS, malformed
from tests.faults.strangers import raw_cases, said_to, status

LONG = os.environ.get("TORTURE") == "long"
MANY = 10_000 if LONG else 2_000
AT_ONCE = 16
MOST_MEMORY = 150  # MB, altogether
MOST_GROWTH = 25  # MB from the first half to the second: caches fill once
MOST_LINES = 600  # of the log, about however many bodies that make no sense
SLOW = 150  # clients
SLACK = 1.5  # seconds, of a machine that does something else meanwhile
CLOSED_WITHIN = 5.0 + SLACK  # 3 for the headers, 2 for the body
CLOSED_BY_HAND = re.compile(rb"^HTTP/\d\.\d \d{3} |^$")
SAMPLED = "wx_Qiao-samples_0000000007"  # the account of the samples


async def post_all(daemon: Living, http: aiohttp.ClientSession, bodies: list[bytes]) -> Counter[int]:
    answered, left = Counter[int](), iter(bodies)

    async def one_after_another() -> None:
        for body in left:
            async with http.post(daemon.callback_url, data=body) as answer:
                await answer.read()
                answered[answer.status] += 1

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return answered


def bodies(seed: int, number: int) -> list[bytes]:
    """For our own account, so that what makes half sense is half processed."""
    return [body.replace(SAMPLED.encode(), APP_ID.encode()) for body in malformed(Random(seed), number)]


@pytest.mark.torture
async def test_malformed_callbacks_are_refused_or_kept_and_cost_nothing(tmp_path: Path) -> None:
    async with living(tmp_path / "s") as daemon:
        async with aiohttp.ClientSession() as http:
            answered = await post_all(daemon, http, bodies(1, MANY // 2))
            before, seen = daemon.rss(), len(daemon.lines)
            answered += await post_all(daemon, http, bodies(2, MANY // 2))
            after = daemon.rss()
            assert (await daemon.post(http)).status == 200
        print(f"{MANY} malformed callbacks: {dict(answered)}, {before} then {after} MB")  # noqa: T201
        assert answered.total() == MANY
        assert set(answered) <= {200, 400, 404, 413, 415}, answered
        assert min(answered[200], answered[400]) > MANY // 50
        assert after < MOST_MEMORY
        assert after - before < MOST_GROWTH
        unrequested = [line for line in daemon.lines[seen:] if '"event":"http.answered"' not in line]
        assert len(unrequested) < MOST_LINES, Counter(str(parse(line.encode())["event"]) for line in unrequested)
        assert all(isinstance(parse(line.encode()), dict) for line in daemon.lines)
        assert await daemon.stop() == 0


@pytest.mark.torture
async def test_a_reader_that_trusts_its_input_is_found_out(tmp_path: Path) -> None:
    async with living(tmp_path / "s", bug="trusting_reader") as daemon, aiohttp.ClientSession() as http:
        assert (await post_all(daemon, http, bodies(1, 4 * len(MUTATIONS))))[500]


@pytest.mark.torture
async def test_raw_requests_of_bad_faith_get_an_answer_or_are_closed(tmp_path: Path) -> None:
    async with living(tmp_path / "s") as daemon:
        cases = raw_cases(urlsplit(daemon.callback_url).path)
        answers = await asyncio.gather(*(said_to(daemon.url, raw) for raw in cases.values()))
        found = {name: status(answer) for name, answer in zip(cases, answers, strict=True)}
        assert not {name: code for name, code in found.items() if code >= 500 or 200 < code < 400}, found
        assert not [name for name, answer in zip(cases, answers, strict=True) if not CLOSED_BY_HAND.match(answer)]
        assert {found[name] for name in ("length and chunks", "two lengths", "bad chunk", "NUL in a header")} == {400}
        assert {found["body over the limit"], found["gzip"]} == {413, 415}
        async with caller() as http:
            assert (await daemon.post(http)).status == 200
        assert not [line for line in daemon.lines if "Traceback" in line]


@settings(max_examples=5000 if LONG else 300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.binary(max_size=400), st.integers(0, 2**32).map(lambda seed: next(malformed(Random(seed), 1)))))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read = wire.read(body, now=FakeClock().now())
    except Invalid:
        return
    assert isinstance(read, Message | AccountSignal | ContactChange | ControlPacket | Unrecognised)


@pytest.mark.parametrize("way", range(len(MUTATIONS)), ids=lambda way: MUTATIONS[way].__name__.strip("_"))
def test_each_way_of_breaking_a_sample_is_read_or_refused(way: int) -> None:
    for body in itertools.islice(malformed(Random(way), 60 * len(MUTATIONS)), way, None, len(MUTATIONS)):
        with suppress(Invalid):
            wire.read(body, now=FakeClock().now())


async def drip(url: str, head: bytes, drop: bytes) -> float:
    """A byte now and then, and how long it was before the other side had enough."""
    parts, began = urlsplit(url), time.monotonic()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        async with asyncio.timeout(CLOSED_WITHIN * 2):
            writer.write(head)
            closed = asyncio.ensure_future(reader.read(-1))
            with suppress(ConnectionError):
                while not closed.done():
                    writer.write(drop)
                    await asyncio.wait({closed}, timeout=0.3)
                closed.result()
    except TimeoutError:
        return float("inf")
    finally:
        writer.transport.abort()
    return time.monotonic() - began


async def slow_clients(daemon: Living, number: int) -> tuple[list[float], list[float]]:
    """How long each was borne with, and how long others waited for /healthz meanwhile."""
    path = urlsplit(daemon.callback_url).path
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode()
    body = head + b"Content-Length: 1000\r\n\r\n{"
    dripping = [
        asyncio.create_task(drip(daemon.url, *((head, b"A: b\r\n") if index % 2 else (body, b" "))))
        for index in range(number)
    ]
    waited = list[float]()
    async with caller() as http:
        while not all(task.done() for task in dripping):
            began = time.monotonic()
            async with http.get(daemon.url + "/healthz") as answer:
                assert answer.status == 200
            waited.append(time.monotonic() - began)
            await asyncio.sleep(0.05)
    return [task.result() for task in dripping], waited


@pytest.mark.torture
async def test_slow_clients_are_closed_and_hold_up_nobody(tmp_path: Path) -> None:
    async with living(tmp_path / "s") as daemon:
        borne, waited = await slow_clients(daemon, SLOW)
        worst, slowest = sorted(waited)[len(waited) * 99 // 100], max(borne)
        print(f"{SLOW} slow clients: closed within {slowest:.1f} s, /healthz p99 {worst * 1000:.0f} ms")  # noqa: T201
        assert slowest < CLOSED_WITHIN
        assert worst < 1.0
        async with caller() as http:
            assert statuses([await daemon.post(http)])[200]
        assert len([line for line in daemon.lines if "turned_away" in line]) < 10


@pytest.mark.torture
async def test_a_daemon_of_endless_patience_is_found_out(tmp_path: Path) -> None:
    async with living(tmp_path / "s", bug="endless_patience") as daemon:
        with pytest.raises(TimeoutError):
            await said_to(daemon.url, b"GET / HTTP/1.1\r\nHost: ", limit=3 + SLACK)
