import asyncio
import random
from pathlib import Path

import aiohttp
import pytest

from daemon.codec import parse
from daemon.errors import Invalid
from daemon.sim.faults import NGINX_504, Fault, Faults, Kind
from daemon.sim.gewe import GeweSetup
from daemon.sim.ledger import Ledger, Outcome
from tests.clock import FakeClock
from tests.sim.wires import ANN, APP, asking, gewe

TEXT = {"appId": APP, "toWxid": ANN, "content": "你好"}
SEND = "/message/postText"


async def test_a_dropped_answer_cuts_the_client_though_the_message_was_sent_and_is_in_the_ledger() -> None:
    async with gewe() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.DROP, path="*/postText", times=1))

        with pytest.raises(aiohttp.ServerDisconnectedError):
            await raw.post(SEND, TEXT)

        (entry,) = sim.ledger.of("*/postText")
        assert (entry.outcome, entry.body) == (Outcome.DROPPED, TEXT)
        assert entry.ids["newMsgId"] > 1 << 53
        assert sim.received(ANN) == ["你好"]


async def test_a_dropped_answer_without_effect_has_sent_nothing() -> None:
    async with gewe() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.DROP, times=1, effect=False))

        with pytest.raises(aiohttp.ServerDisconnectedError):
            await raw.post(SEND, TEXT)

        assert sim.received(ANN) == []
        assert len(sim.ledger) == 1


async def test_half_an_answer_promises_more_than_it_gives() -> None:
    async with gewe() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.HALF, times=1))

        with pytest.raises(aiohttp.ClientPayloadError):
            await raw.post(SEND, TEXT)

        assert [entry.outcome for entry in sim.ledger] == [Outcome.ABORTED]
        assert sim.received(ANN) == ["你好"]


async def test_a_reset_comes_before_the_body_is_read() -> None:
    async with gewe() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.RESET, times=1))

        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await raw.post(SEND, TEXT)

        (entry,) = sim.ledger
        assert (entry.outcome, entry.body) == (Outcome.ABORTED, None)
        assert sim.received(ANN) == []


async def test_a_request_that_hangs_is_recorded_and_ends_when_the_fault_is_removed() -> None:
    async with gewe() as (sim, raw):
        number = sim.faults.add(Fault(kind=Kind.HANG))

        async def ask() -> None:
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await raw.post(SEND, TEXT)

        async with asyncio.TaskGroup() as group:
            group.create_task(ask())
            await sim.ledger.wait_for("*/postText")
            assert [entry.outcome for entry in sim.ledger] == [Outcome.PENDING]
            sim.faults.remove(number)

        await sim.ledger.wait_for("*/postText", ended=True)
        assert sim.received(ANN) == []


async def test_one_that_hangs_sees_its_client_go() -> None:
    async with gewe() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.HANG))
        limit = aiohttp.ClientTimeout(total=0.05)

        with pytest.raises(TimeoutError):
            await raw.session.post(raw.url + SEND, json=TEXT, timeout=limit)

        (entry,) = await sim.ledger.wait_for("*/postText", ended=True)
        assert entry.outcome is Outcome.DROPPED


async def test_the_gateway_gives_up_with_a_page_of_html_while_the_message_goes_out() -> None:
    async with gewe() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.GATEWAY, times=1))

        status, body = await raw.bytes(SEND, TEXT)

        assert (status, body.decode()) == (504, NGINX_504)
        assert sim.received(ANN) == ["你好"]


async def test_a_status_has_its_body_and_headers_and_no_effect() -> None:
    async with gewe() as (sim, raw):
        fault = Fault(kind=Kind.STATUS, status=503, body="later", headers={"Retry-After": "7"})
        sim.faults.add(fault)

        async with raw.session.post(raw.url + SEND, json=TEXT) as answer:
            assert (answer.status, answer.headers["Retry-After"], await answer.text()) == (503, "7", "later")

        assert sim.received(ANN) == []


async def test_nonsense_is_no_json() -> None:
    async with gewe() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.NONSENSE, times=1))

        status, body = await raw.bytes(SEND, TEXT)

        assert status == 200
        with pytest.raises(Invalid):
            parse(body)


async def test_latency_goes_before_the_answer_and_with_another_fault() -> None:
    async with gewe() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.LATENCY, seconds=0.03, up_to=0.05))
        sim.faults.add(Fault(kind=Kind.ERROR, name="form-c", times=1))

        assert await raw.post(SEND, TEXT) == (200, {"ret": 500, "msg": None})
        status, document = await raw.post(SEND, TEXT)

        assert (status, document["ret"]) == (200, 200)
        assert all((entry.ended or 0) - entry.monotonic >= 0.03 for entry in sim.ledger)


async def test_gewe_has_its_four_forms_of_failure_and_its_texts() -> None:
    async with gewe() as (sim, raw):
        seen = {}
        for name in sim.faults.names:
            sim.faults.add(Fault(kind=Kind.ERROR, name=name, times=1))
            seen[name] = await raw.post(SEND, TEXT)

        assert seen["offline"][1]["data"] == {"code": "-1", "msg": "微信已离线"}
        assert seen["bad-token"][1]["msg"].startswith("HTTP HEADER: X-GEWE-TOKEN=0123")
        assert seen["missing-token"][1] == {"ret": 500, "msg": "header:X-GEWE-TOKEN 不可为空"}
        assert "操作过于频繁" in seen["rate-text"][1]["data"]["msg"]
        assert seen["rate-429"][0] == 429
        assert set(seen["form-a"][1]) == {"ret", "msg", "data"}
        assert set(seen["form-b"][1]) == {"ret", "msg"}
        assert seen["form-c"][1]["msg"] is None
        assert parse(seen["form-d"][1]["data"]["detail"])["ret"] == -1
        assert sim.received(ANN) == []


def test_chance_is_seeded_and_times_are_counted() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults(random.Random(seed))
        faults.add(Fault(kind=Kind.DROP, chance=0.5, times=3, path="/a/*"))
        return [faults.befall("/a/b")[1] is not None for _ in range(40)]

    assert struck(7) == struck(7)
    assert sum(struck(7)) == 3
    assert struck(7) != struck(8)


def test_a_fault_on_another_path_strikes_nobody_here() -> None:
    faults = Faults(random.Random(1))
    faults.add(Fault(kind=Kind.DROP, path="*/postText"))

    assert faults.befall("/v2/api/login/checkOnline") == (0.0, None)


def test_an_error_the_service_does_not_know_is_refused_by_name() -> None:
    faults = Faults(random.Random(1), ("offline",))

    with pytest.raises(Invalid, match="offline"):
        faults.add(Fault(kind=Kind.ERROR, name="on fire"))


async def test_faults_are_added_listed_and_removed_over_http() -> None:
    async with gewe() as (sim, raw), asking(sim.url) as control:
        status, added = await control.post("/_sim/faults", {"kind": "drop", "path": "*/postText", "times": 2})
        assert status == 201

        with pytest.raises(aiohttp.ServerDisconnectedError):
            await raw.post(SEND, TEXT)
        (listed,) = (await control.get("/_sim/faults"))["faults"]
        assert (listed["id"], listed["hit"], listed["left"]) == (added["id"], 1, 1)

        assert await control.status("DELETE", f"/_sim/faults?id={added['id']}") == 200
        assert (await raw.post(SEND, TEXT))[1]["ret"] == 200
        assert (await control.post("/_sim/faults", {"kind": "sabotage"}))[0] == 400
        assert (await control.post("/_sim/faults", {"kind": "drop", "colour": 1}))[0] == 400


async def test_the_ledger_is_read_page_by_page_and_control_is_not_in_it() -> None:
    async with gewe() as (sim, raw), asking(sim.url) as control:
        for _ in range(3):
            await raw.post(SEND, TEXT)

        first = (await control.get("/_sim/ledger?limit=2"))["entries"]
        rest = (await control.get(f"/_sim/ledger?after={first[-1]['seq']}"))["entries"]

        assert [entry["seq"] for entry in first + rest] == [1, 2, 3]
        assert rest[0]["body"] == TEXT
        assert rest[0]["outcome"] == "answered"


async def test_the_ledger_forgets_the_oldest() -> None:
    async with gewe(GeweSetup(ledger_cap=2)) as (sim, raw):
        for _ in range(3):
            await raw.post(SEND, TEXT)

        assert [entry.seq for entry in sim.ledger] == [2, 3]
        assert [entry.seq for entry in sim.ledger.after(2, 10)] == [3]
        assert sim.received(ANN) == ["你好", "你好"]


def test_the_ledger_is_bounded_by_bytes_too() -> None:
    ledger = Ledger(FakeClock(), max_bytes=10)
    for body in (b"12345678", b"12", b"1"):
        ledger.received("/", body)

    assert [entry.raw for entry in ledger] == [b"12", b"1"]


async def test_the_ledger_file_has_each_request_before_its_outcome(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    async with gewe(GeweSetup(ledger_file=file)) as (sim, raw):
        sim.faults.add(Fault(kind=Kind.DROP, times=1))
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await raw.post(SEND, TEXT)
        await raw.post(SEND, TEXT)

        lines = [parse(line) for line in file.read_bytes().splitlines()]

    assert [(line["event"], line["seq"], line["outcome"]) for line in lines] == [
        ("received", 1, "pending"),
        ("ended", 1, "dropped"),
        ("received", 2, "pending"),
        ("ended", 2, "answered"),
    ]
    assert lines[1]["ids"]["newMsgId"] > 1 << 53


async def test_traffic_is_counted() -> None:
    async with gewe() as (sim, raw), asking(sim.url) as control:
        await raw.post(SEND, TEXT)

        assert await control.get("/_sim/traffic") == {"in_flight": 0, "most_in_flight": 1, "requests": 1}
