import asyncio
import gzip
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from structlog.contextvars import bound_contextvars

from daemon.errors import OutcomeUnknown, RemoteError, RemoteNonsense, RemoteRefused, RemoteUnavailable
from daemon.net.outbound import Outbound, Reply, Timeouts, open_outbound, retry_after
from daemon.secret import Redactor, Secret
from tests.net.loopback import Script, Visit, free_port, loopback

PATIENT = Timeouts(total=timedelta(seconds=10))
HASTY = Timeouts(total=timedelta(seconds=0.2))


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    redactor = Redactor()
    redactor.add(Secret("0123456789abcdef"))
    async with open_outbound(redactor) as outbound:
        yield outbound


async def post(outbound: Outbound, url: str, *, repeatable: bool, timeouts: Timeouts = PATIENT) -> Reply:
    return await outbound.request("gewe", "POST", url, json={"a": 1}, timeouts=timeouts, repeatable=repeatable)


async def closes_at_once(visit: Visit) -> None:
    pass


async def closes_after_the_head(visit: Visit) -> None:
    await visit.reader.readuntil(b"\r\n\r\n")


async def closes_without_an_answer(visit: Visit) -> None:
    await visit.request()


async def resets(visit: Visit) -> None:
    await visit.request()
    visit.reset()


async def answers_half(visit: Visit) -> None:
    await visit.request()
    await visit.say(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ret":2')


async def answers_half_a_chunk(visit: Visit) -> None:
    await visit.request()
    await visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc")


async def answers_no_http(visit: Visit) -> None:
    await visit.request()
    await visit.say(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def answers_broken_gzip(visit: Visit) -> None:
    await visit.request()
    await visit.answer(b"\x00\x01\x02 no gzip", headers="Content-Encoding: gzip\r\n")


async def answers_as_a_proxy_without_a_server(visit: Visit) -> None:
    await visit.request()
    await visit.answer(b"<html>", status="502 Bad Gateway")


async def answers_as_a_proxy_that_waited(visit: Visit) -> None:
    await visit.request()
    await visit.answer(b"<html>", status="504 Gateway Timeout")


FAULTS = [
    (closes_at_once, "remote.cut"),
    (closes_after_the_head, "remote.cut"),
    (closes_without_an_answer, "remote.cut"),
    (resets, "remote.cut"),
    (answers_half, "remote.broken_answer"),
    (answers_half_a_chunk, "remote.broken_answer"),
    (answers_no_http, "remote.broken_answer"),
    (answers_broken_gzip, "remote.broken_answer"),
    (answers_as_a_proxy_without_a_server, "remote.gateway"),
    (answers_as_a_proxy_that_waited, "remote.gateway"),
]


@pytest.mark.parametrize(("fault", "code"), FAULTS)
async def test_a_fault_after_the_connection_stood_leaves_the_outcome_of_an_effect_unknown(
    outbound: Outbound, fault: Script, code: str
) -> None:
    async with loopback(fault) as server:
        with pytest.raises(OutcomeUnknown) as caught:
            await post(outbound, server.url, repeatable=False)

    assert caught.value.code == code
    assert server.visits == 1


@pytest.mark.parametrize(("fault", "code"), FAULTS)
async def test_the_same_fault_may_be_repeated_where_that_does_no_harm(
    outbound: Outbound, fault: Script, code: str
) -> None:
    async with loopback(fault) as server:
        with pytest.raises(RemoteUnavailable) as caught:
            await post(outbound, server.url, repeatable=True)

    assert caught.value.code == code


async def test_an_answer_that_does_not_come_in_time_leaves_the_outcome_unknown(outbound: Outbound) -> None:
    async def never_answers(visit: Visit) -> None:
        await visit.request()
        await visit.reader.read()

    async with loopback(never_answers) as server:
        with pytest.raises(OutcomeUnknown) as caught:
            await post(outbound, server.url, repeatable=False, timeouts=HASTY)

    assert caught.value.code == "remote.timeout"


async def test_a_body_that_stops_in_the_middle_leaves_the_outcome_unknown(outbound: Outbound) -> None:
    async def stops(visit: Visit) -> None:
        await answers_half(visit)
        await visit.reader.read()

    async with loopback(stops) as server:
        with pytest.raises(OutcomeUnknown) as caught:
            await post(outbound, server.url, repeatable=False, timeouts=HASTY)

    assert caught.value.code == "remote.timeout"


async def test_a_refused_connection_was_surely_not_sent_and_tells_no_address(outbound: Outbound) -> None:
    with pytest.raises(RemoteUnavailable) as caught:
        await post(outbound, f"http://127.0.0.1:{free_port()}/", repeatable=False)

    assert caught.value.code == "remote.no_connection"
    assert str(caught.value).endswith("Connection refused")


async def test_a_name_that_nobody_knows_was_surely_not_sent(outbound: Outbound) -> None:
    with pytest.raises(RemoteUnavailable) as caught:
        await post(outbound, "http://no-such-host.invalid/", repeatable=False)

    assert caught.value.code == "remote.no_connection"


async def test_a_failed_tls_handshake_was_surely_not_sent(outbound: Outbound) -> None:
    async with loopback(lambda visit: visit.answer(b"no TLS here")) as server:
        with pytest.raises(RemoteUnavailable) as caught:
            await post(outbound, server.url.replace("http:", "https:"), repeatable=False)

    assert caught.value.code == "remote.no_connection"


async def test_a_handshake_that_never_ends_was_surely_not_sent(outbound: Outbound) -> None:
    async def never_speaks(visit: Visit) -> None:
        while await visit.reader.read(1000):
            pass

    short = Timeouts(connect=timedelta(seconds=0.1), total=timedelta(seconds=10))
    async with loopback(never_speaks) as server:
        with pytest.raises(RemoteUnavailable) as caught:
            await post(outbound, server.url.replace("http:", "https:"), repeatable=False, timeouts=short)

    assert caught.value.code == "remote.no_connection"


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/"])
async def test_what_is_no_address_is_refused(outbound: Outbound, url: str) -> None:
    with pytest.raises(RemoteRefused) as caught:
        await post(outbound, url, repeatable=False)

    assert caught.value.code == "remote.bad_address"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_an_effect_is_never_sent_twice_whatever_its_method(outbound: Outbound, method: str) -> None:
    async with loopback(closes_without_an_answer) as server:
        with pytest.raises(OutcomeUnknown):
            await outbound.request("n8n", method, server.url, timeouts=PATIENT, repeatable=False)

    assert server.visits == 1


async def test_an_effect_has_a_connection_of_its_own_and_a_repeatable_call_reuses_one(outbound: Outbound) -> None:
    async def answers_on(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.answer(b"{}")

    async with loopback(answers_on) as server:
        for _ in range(3):
            await post(outbound, server.url, repeatable=True)
        shared = server.visits
        for _ in range(3):
            await post(outbound, server.url, repeatable=False)

    assert (shared, server.visits) == (1, 4)


async def test_a_redirect_is_an_answer_like_any_other(outbound: Outbound) -> None:
    async def elsewhere(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"", status="307 Temporary Redirect", headers="Location: http://127.0.0.1:1/\r\n")

    async with loopback(elsewhere) as server:
        reply = await post(outbound, server.url, repeatable=False)

    assert (reply.status, server.visits) == (307, 1)


async def test_a_proxy_of_the_environment_is_not_used(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with loopback(lambda visit: visit.answer(b"here")) as server:
        reply = await outbound.request("gewe", "GET", server.url, timeouts=PATIENT, repeatable=True)

    assert reply.body == b"here"


@pytest.mark.parametrize(("repeatable", "expected"), [(False, OutcomeUnknown), (True, RemoteNonsense)])
async def test_an_answer_that_unpacks_to_too_much_is_not_read_to_its_end(
    outbound: Outbound, repeatable: bool, expected: type[RemoteError]
) -> None:
    async def answers_much(visit: Visit) -> None:
        await visit.request()
        await visit.answer(gzip.compress(bytes(1_000_000)), headers="Content-Encoding: gzip\r\n")

    async with loopback(answers_much) as server:
        with pytest.raises(expected) as caught:
            await outbound.request(
                "gewe", "POST", server.url, json={}, timeouts=PATIENT, repeatable=repeatable, most_bytes=1000
            )

    assert caught.value.code == "remote.too_large"


async def test_the_request_says_what_it_belongs_to(outbound: Outbound) -> None:
    requests: list[bytes] = []

    async def listens(visit: Visit) -> None:
        requests.append(await visit.request())
        await visit.answer(b"{}")

    async with loopback(listens) as server:
        with bound_contextvars(request_id="req-1", traceparent="00-abc-def-01"):
            await post(outbound, server.url, repeatable=False)

    (request,) = requests
    assert b"X-Request-ID: req-1\r\n" in request
    assert b"traceparent: 00-abc-def-01\r\n" in request
    assert b"Content-Type: application/json\r\n" in request
    assert request.endswith(b'{"a":1}')


async def test_a_line_break_in_a_header_never_leaves(outbound: Outbound) -> None:
    async with loopback(closes_without_an_answer) as server:
        with pytest.raises(RemoteRefused) as caught:
            await outbound.request(
                "gewe", "POST", server.url, headers={"X-GEWE-TOKEN": "a\r\nb"}, timeouts=PATIENT, repeatable=False
            )

    assert (caught.value.code, server.visits) == ("remote.bad_header", 0)


@pytest.mark.parametrize(("fault", "_"), FAULTS)
async def test_no_failure_tells_the_address_it_was_for(outbound: Outbound, fault: Script, _: str) -> None:
    async with loopback(fault) as server:
        with pytest.raises(RemoteError) as caught:
            await post(outbound, f"{server.url}/hook/very-secret-path", repeatable=False)

    assert "very-secret-path" not in f"{caught.value} {caught.value.detail} {caught.value.facts}"


async def test_a_stream_gives_its_pieces_as_they_come(outbound: Outbound) -> None:
    next_piece = asyncio.Event()

    async def speaks_slowly(visit: Visit) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await next_piece.wait()
        await visit.say(b"3\r\ntwo\r\n0\r\n\r\n")

    pieces = []
    async with (
        loopback(speaks_slowly) as server,
        outbound.stream("fastgpt", "POST", server.url, timeouts=PATIENT, repeatable=False) as stream,
    ):
        async for piece in stream.chunks():
            pieces.append(piece)
            next_piece.set()

    assert pieces == [b"one", b"two"]


async def test_a_silence_within_a_stream_ends_it(outbound: Outbound) -> None:
    async def falls_silent(visit: Visit) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await visit.reader.read()

    timeouts = Timeouts(total=timedelta(seconds=10), idle=timedelta(seconds=0.1))
    async with loopback(falls_silent) as server:
        with pytest.raises(OutcomeUnknown) as caught:
            async with outbound.stream("fastgpt", "POST", server.url, timeouts=timeouts, repeatable=False) as stream:
                await stream.read()

    assert caught.value.code == "remote.timeout"


async def test_a_head_that_does_not_come_in_time_ends_the_stream(outbound: Outbound) -> None:
    async def never_begins(visit: Visit) -> None:
        await visit.request()
        await visit.reader.read()

    timeouts = Timeouts(total=timedelta(seconds=10), first_byte=timedelta(seconds=0.1))
    async with loopback(never_begins) as server:
        with pytest.raises(RemoteUnavailable) as caught:
            async with outbound.stream("fastgpt", "POST", server.url, timeouts=timeouts, repeatable=True):
                pass

    assert caught.value.code == "remote.timeout"


async def test_what_the_reader_of_a_stream_raises_is_left_as_it_is(outbound: Outbound) -> None:
    async with loopback(lambda visit: visit.answer(b"x")) as server:
        with pytest.raises(ValueError, match="mine"):
            async with outbound.stream("fastgpt", "GET", server.url, timeouts=PATIENT, repeatable=True):
                raise ValueError("mine")


async def test_what_a_service_said_is_kept_short_on_one_line_and_without_secrets(outbound: Outbound) -> None:
    said = outbound.detail("X-GEWE-TOKEN=0123456789abcdef\n 不可用" + "x" * 500)

    assert said.startswith("X-GEWE-TOKEN=*** 不可用x")
    assert len(said) == 200


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("7", timedelta(seconds=7)),
        ("99999999999999999999", timedelta(hours=1)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("-1", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after_is_read_where_it_is_a_number_of_seconds(said: str, expected: timedelta | None) -> None:
    assert retry_after({"Retry-After": said}) == expected


@pytest.mark.parametrize(
    ("until", "answered", "expected"),
    [
        ("Sat, 21 Nov 2026 07:00:30 GMT", "Sat, 21 Nov 2026 07:00:00 GMT", timedelta(seconds=30)),
        ("Sat, 21 Nov 2026 06:59:00 GMT", "Sat, 21 Nov 2026 07:00:00 GMT", timedelta()),
        ("Sun, 22 Nov 2026 07:00:00 GMT", "Sat, 21 Nov 2026 07:00:00 GMT", timedelta(hours=1)),
        ("Sat, 21 Nov 2026 07:00:30 GMT", "no date", None),
        ("no date", "Sat, 21 Nov 2026 07:00:00 GMT", None),
    ],
)
def test_a_date_to_come_again_is_held_against_the_date_of_the_answer(
    until: str, answered: str, expected: timedelta | None
) -> None:
    assert retry_after({"Retry-After": until, "Date": answered}) == expected
