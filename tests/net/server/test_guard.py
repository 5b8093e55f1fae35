"""Raw bytes against the server: what is no HTTP, what never ends, what is too much."""

import asyncio
import contextlib
import gzip
import logging
import time
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.domain.access import Role
from daemon.net.server.guard import Limits
from tests.net.server import zoo
from tests.net.server.served import Served, serving_routes
from tests.net.server.test_routes import cages

QUICK = Limits(headers=timedelta(seconds=0.5), body=timedelta(seconds=0.4), keep_alive=timedelta(seconds=0.6))
POST = b"POST /api/v1/keys HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


async def exchange(api: Served, raw: bytes) -> bytes:
    """Everything the server says until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
    try:
        writer.write(raw)
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def authorized(api: Served) -> bytes:
    return f"Authorization: Bearer {(await api.key(Role.ADMIN)).reveal()}\r\n".encode()


NO_HTTP = {
    "length and chunks": (POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
    "two lengths": (POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", b"400"),
    "a negative length": (POST + b"Content-Length: -4\r\n\r\nabcd", b"400"),
    "a length that is none": (POST + b"Content-Length: four\r\n\r\nabcd", b"400"),
    "an unknown transfer coding": (POST + b"Transfer-Encoding: identity, gzip\r\n\r\n", b"400"),
    "a folded header": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\n  2\r\n\r\n", b"400"),
    "a NUL in a header": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: 1\x002\r\n\r\n", b"400"),
    "a space before the colon": (b"GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n", b"400"),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", b"400"),
    "two hosts": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", b"400"),
    "a foreign host": (b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421"),
    "HTTP 0.9": (b"GET /healthz\r\n\r\n", b"400"),
    "HTTP 9.9": (b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n", b"400"),
    "a method in small letters": (b"get /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
    "a TLS greeting": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n", b"400"),
    "a line too long": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"4"),
    "a header too long": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000 + b"\r\n\r\n", b"4"),
    "too many headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 70 + b"\r\n", b"400"),
}


@pytest.mark.parametrize("case", NO_HTTP)
async def test_what_is_no_http_of_ours_is_refused_as_a_problem_and_the_connection_ends(
    tmp_path: Path, case: str
) -> None:
    raw, status = NO_HTTP[case]
    async with serving_routes(tmp_path, hosts=["localhost"], limits=QUICK) as api:
        answer = await exchange(api, raw)
        assert answer.startswith((b"HTTP/1.1 " + status, b"HTTP/1.0 " + status, b"HTTP/0.9 " + status))
        assert b"application/problem+json" in answer
        assert b"Traceback" not in answer


async def test_a_body_in_bad_chunks_is_a_bad_request(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, limits=QUICK) as api:
        raw = POST + await authorized(api) + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"
        assert (await exchange(api, raw)).split(b" ")[1] == b"400"


async def test_a_body_that_is_encoded_is_not_decoded(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, limits=QUICK) as api:
        bomb = gzip.compress(bytes(10_000_000))
        answer = await api.call(
            "POST",
            "/api/v1/keys",
            data=bomb,
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        )
        assert (answer.status, answer.code) == (415, "http.media_type")


async def test_a_body_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, limits=QUICK) as api:
        head = POST + await authorized(api)
        announced = await exchange(api, head + b"Content-Length: 99999999999\r\n\r\n")
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        unannounced = await exchange(api, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17)
        assert announced.startswith(b"HTTP/1.1 413")
        assert unannounced.startswith(b"HTTP/1.1 413")


async def test_a_head_that_never_ends_is_ended(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, limits=QUICK) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
        began = time.monotonic()
        writer.write(b"GET /healthz HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and time.monotonic() - began < 5:
                writer.write(b"X: y\r\n")  # a little at a time, for ever
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(), 0.1)
        assert time.monotonic() - began < 2
        writer.close()


async def test_a_body_that_never_comes_is_told_so_and_ended(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, limits=QUICK) as api:
        raw = POST + await authorized(api) + b"Content-Length: 1000\r\n\r\n{"
        answer = await exchange(api, raw)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"code":"http.too_slow"' in answer


async def test_a_body_nobody_reads_does_not_hold_the_connection(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, limits=QUICK) as api:
        raw = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
        assert (await exchange(api, raw)).startswith(b"HTTP/1.1 404")


async def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, limits=QUICK) as api:
        answer = await exchange(api, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")


async def test_slow_clients_are_all_closed_while_health_is_answered(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, limits=Limits(headers=QUICK.headers, body=QUICK.body, per_address=200)) as api:
        slow_body = POST + await authorized(api) + b"Content-Length: 1000\r\n\r\n{"
        began = time.monotonic()
        slow = [asyncio.create_task(exchange(api, raw)) for raw in [b"GET /hea", slow_body, b""] * 50]
        waits = []
        while not all(task.done() for task in slow):
            asked = time.monotonic()
            assert (await api.get("/healthz", role=None)).status == 200
            waits.append(time.monotonic() - asked)
        assert time.monotonic() - began < 5
        assert sorted(waits)[len(waits) // 2] < 0.05
        assert all(task.exception() is None for task in slow)


async def test_one_address_has_only_so_many_connections(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, limits=Limits(per_address=3)) as api:
        port = int(api.url.rpartition(":")[2])
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        refused = await exchange(api, b"")
        unlimited = await api.get("/healthz", role=None, local=True)
        held[0][1].close()
        await held[0][1].wait_closed()
        assert refused.startswith(b"HTTP/1.1 503")
        assert unlimited.status == 200
        await freed(api)
        for _, writer in held[1:]:
            writer.close()


async def freed(api: Served) -> None:
    """A connection's place is free again, soon."""
    async with asyncio.timeout(2):
        while not (await exchange(api, b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.0 200"):
            continue


async def test_who_does_not_read_the_answer_is_cut_off(tmp_path: Path) -> None:
    limits = Limits(stall=timedelta(seconds=0.3))
    async with serving_routes(tmp_path, zoo.routes, services=cages, limits=limits) as api:
        _, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]), limit=1024)
        writer.write(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            while not api.registry.get_sample_value("qiaod_http_turned_away_total", {"reason": "stalled"}):
                await api.get("/healthz", role=None)
        writer.close()


async def test_pipelined_requests_are_all_answered_in_order(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, limits=QUICK) as api:
        one, last = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await exchange(api, one * 40 + last)
        assert answer.count(b"HTTP/1.1 200") == 41
        assert answer.rindex(b'"ready":true') > answer.rindex(b'"status":"ok"')


async def test_a_thousand_bad_requests_leave_hardly_a_trace_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    async with serving_routes(tmp_path) as api:
        for _ in range(50):
            await asyncio.gather(*(exchange(api, b"\x16\x03\x01 garbage\r\n\r\n") for _ in range(20)))
        counted = api.registry.get_sample_value("qiaod_http_turned_away_total", {"reason": "malformed"})
    assert counted == 1000
    assert len(caplog.records) + capsys.readouterr().out.count("\n") < 10
