"""Every way GeWe can let us down, and what becomes of the message: a named state, and never a second copy."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from daemon.sim.faults import Fault, Kind
from daemon.sim.gewe import gewe_simulator
from daemon.sim.gewe_accounts import State
from tests.flows.house import ANN, APP_ID, BOT, House, house
from tests.net.loopback import free_port

POST = "*/message/postText"
ACCOUNTS = "/api/v1/integrations/gewe/accounts"
SENDS = "/api/v1/integrations/gewe/messages"
BRIEF = timedelta(seconds=0.5)


@frozen(kw_only=True)
class Case:
    """A fault of the simulator, the state of the first send that met it, and whether it reached the person."""

    fault: Fault
    state: str
    error: str | None
    arrived: bool = False
    calls: int = 1


def fault(kind: Kind, **more: Any) -> Fault:
    return Fault(kind=kind, path=POST, **{"times": 1, **more})


def unknown(kind: Kind, error: str, *, arrived: bool, **more: Any) -> Case:
    return Case(fault=fault(kind, **more), state="unknown", error=error, arrived=arrived)


def refused(name: str, state: str, error: str, **more: Any) -> Case:
    return Case(fault=fault(Kind.ERROR, name=name, **more), state=state, error=error)


CASES = {
    "slow": Case(fault=fault(Kind.LATENCY, seconds=0.3), state="sent", error=None, arrived=True),
    "cut off in mid-answer": unknown(Kind.HALF, "remote.broken_answer", arrived=True),
    "the answer is lost after it was sent": unknown(Kind.DROP, "remote.cut", arrived=True),
    "the answer is lost before it was sent": unknown(Kind.DROP, "remote.cut", arrived=False, effect=False),
    "reset": unknown(Kind.RESET, "remote.cut", arrived=False),
    "a 504 page, and it was sent": unknown(Kind.GATEWAY, "remote.gateway", arrived=True),
    "a 504 page, and it was not": unknown(Kind.GATEWAY, "remote.gateway", arrived=False, effect=False),
    "a 503 of some proxy": unknown(Kind.STATUS, "gewe.broken_answer", arrived=False, status=503),
    "nonsense": unknown(Kind.NONSENSE, "gewe.broken_answer", arrived=False),
    "429": Case(
        fault=fault(Kind.ERROR, name="rate-429", headers={"Retry-After": "1"}),
        state="sent",
        error=None,
        arrived=True,
        calls=2,
    ),
    "too often, in words": refused("rate-text", "waiting", "gewe.limited", times=None),
    "offline": refused("offline", "waiting", "gewe.offline", times=None),
    "wrong token": refused("bad-token", "waiting", "gewe.unauthorized", times=None),
    "no token": refused("missing-token", "waiting", "gewe.unauthorized", times=None),
    "risk control": refused("risk", "failed", "gewe.restricted"),
    "another refusal": refused("form-a", "failed", "gewe.refused"),
    "a refusal without a word": refused("form-c", "failed", "gewe.refused"),
}


async def queue(h: House, text: str = "您好", *, account: str = "") -> str:
    body = {"account_id": account or h.account_id, "to": ANN, "content": text}
    return str((await h.api.post(SENDS, body, status=202))["id"])


async def became(h: House, send: str, *states: str, error: str | None = None) -> dict[str, Any]:
    async with asyncio.timeout(15):
        while True:
            found: dict[str, Any] = await h.api.get(f"{SENDS}/{send}")
            if found["state"] in states and (error is None or found["error"] == error):
                return found
            await asyncio.sleep(0.05)  # the API has a rate limit of its own


async def account_became(h: House, state: str) -> dict[str, Any]:
    return (await h.settled(ACCOUNTS, "state", {state}))[0]


async def change_account(h: House, **changes: Any) -> None:
    body = {"app_id": APP_ID, "wxid": BOT, "name": "Shop", "base_url": h.gewe.base_url, "workflow_id": h.workflow_id}
    status, document = await h.api.call("PUT", f"{ACCOUNTS}/{h.account_id}", body | changes)
    assert status == 200, document


def calls(h: House, text: str) -> int:
    return sum(entry.body["content"] == text for entry in h.gewe.ledger.of(POST) if entry.raw)


@pytest.mark.parametrize("name", CASES)
async def test_a_message_that_meets_a_fault_ends_as_the_table_says(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    async with house(tmp_path) as h:
        h.gewe.faults.add(case.fault)
        send = await became(h, await queue(h), "sent" if case.calls > 1 else case.state, error=case.error)
        assert (send["state"], send["error"], send["attempts"]) == (case.state, case.error, case.calls)
        assert h.gewe.received(ANN) == (["您好"] if case.arrived else [])
        assert len(h.gewe.ledger.of(POST)) == case.calls


async def test_where_nobody_listens_it_waits_and_goes_out_once_somebody_does(tmp_path: Path) -> None:
    port = free_port()
    async with house(tmp_path) as h:
        await change_account(h, base_url=f"http://127.0.0.1:{port}/gewe/v2/api")
        send = await queue(h)
        waiting = await became(h, send, "waiting", error="remote.no_connection")
        assert waiting["attempts"] >= 1
        async with gewe_simulator(port=port) as back:
            assert (await became(h, send, "sent"))["error"] is None
            assert back.received(ANN) == ["您好"]


async def test_an_unknown_message_is_never_repeated_by_itself_and_holds_up_nobody(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.faults.add(fault(Kind.DROP))
        first = await queue(h, "第一条")
        assert (await became(h, first, "unknown"))["error"] == "remote.cut"
        await became(h, await queue(h, "第二条"), "sent")
        await asyncio.sleep(0.3)
        assert (await became(h, first, "unknown"))["attempts"] == 1
        assert calls(h, "第一条") == 1


async def test_a_person_settles_an_unknown_message_or_sends_it_once_more(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.faults.add(fault(Kind.DROP, effect=False, times=3))
        arrived, lost, repeated = [await queue(h, text) for text in ("到了", "没到", "再来")]
        for send in (arrived, lost, repeated):
            await became(h, send, "unknown")
        settled = await h.api.post(f"{SENDS}/{arrived}/settle", {"outcome": "sent"})
        assert (settled["state"], settled["error"]) == ("sent", "send.settled_sent")
        settled = await h.api.post(f"{SENDS}/{lost}/settle", {"outcome": "not_sent"})
        assert (settled["state"], settled["error"]) == ("failed", "send.settled_not_sent")
        again = await h.api.post(f"{SENDS}/{repeated}/retry", status=202)
        assert (again["parent_id"], again["origin"]) == (repeated, "resend")
        await became(h, again["id"], "sent")
        assert (await became(h, repeated, "failed"))["error"] == "send.repeated"
        assert [calls(h, text) for text in ("到了", "没到", "再来")] == [1, 1, 2]
        assert h.gewe.received(ANN) == ["再来"]


async def test_what_the_state_does_not_allow_is_a_409_and_changes_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        sent = await queue(h)
        await became(h, sent, "sent")
        for action, body in (("cancel", None), ("retry", None), ("settle", {"outcome": "sent"})):
            status, problem = await h.api.call("POST", f"{SENDS}/{sent}/{action}", body)
            assert (status, problem["code"].partition(".")[0]) == (409, "send"), problem
        assert (await became(h, sent, "sent"))["error"] is None
        await change_account(h, suspended=True)
        body = {"account_id": h.account_id, "to": ANN, "content": "x"}
        status, problem = await h.api.call("POST", SENDS, body)
        assert (status, problem["code"]) == (409, "account.not_sending")


async def test_a_waiting_message_can_be_cancelled_and_a_cancelled_one_sent_again(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        offline = h.gewe.faults.add(fault(Kind.ERROR, name="offline", times=None))
        first, second = await queue(h, "第一条"), await queue(h, "第二条")
        await became(h, first, "waiting")
        cancelled = await h.api.post(f"{SENDS}/{first}/cancel")
        assert (cancelled["state"], cancelled["error"]) == ("cancelled", "send.cancelled")
        h.gewe.faults.remove(offline)
        again = await h.api.post(f"{SENDS}/{first}/retry", status=202)
        await h.writes("在吗", wxid="wxid_friend00000002")
        await became(h, again["id"], "sent")
        await became(h, second, "sent")
        assert h.gewe.received(ANN) == ["第二条", "第一条"]


async def test_gewe_says_offline_and_the_next_message_from_the_account_brings_it_back(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("你好")
        await h.replies()
        await account_became(h, "online")
        assert (await h.gewe.wechat.drop(APP_ID)) is not None
        await account_became(h, "offline")
        send = await queue(h)
        assert (await became(h, send, "waiting", error="gewe.offline"))["not_before"] is not None
        h.gewe.accounts.get(APP_ID).state = State.ONLINE
        await h.writes("我又来了", wxid="wxid_friend00000002")
        assert (await became(h, send, "sent"))["attempts"] == 2  # long before the minute it would have waited
        await account_became(h, "online")


async def test_an_account_that_is_only_believed_online_is_found_out_by_its_sends(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.accounts.get(APP_ID).false_online = True
        await became(h, await queue(h), "waiting", error="gewe.offline")
        assert (await account_became(h, "offline"))["state_reason"] == "gewe.offline"
        assert h.gewe.received(ANN) == []


async def test_a_rejected_token_stops_the_account_until_it_is_replaced(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await change_account(h, token="f" * 32)
        first, second = await queue(h, "第一条"), await queue(h, "第二条")
        await became(h, first, "waiting", error="gewe.unauthorized")
        await asyncio.sleep(0.2)
        assert len(h.gewe.ledger.of(POST)) == 1
        await change_account(h, token=h.gewe.token)
        await became(h, first, "sent")
        await became(h, second, "sent")
        assert h.gewe.received(ANN) == ["第一条", "第二条"]


async def test_a_reply_that_comes_too_late_expires_instead_of_being_sent(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        settings = h.bridge.settings
        await h.bridge.apply(evolve(settings, gewe=evolve(settings.gewe, reply_ttl=BRIEF)))
        offline = h.gewe.faults.add(fault(Kind.ERROR, name="offline", times=None))
        await h.writes("几点开门?")
        reply = (await h.settled(SENDS, "state", {"waiting"}))[0]["id"]
        await asyncio.sleep(BRIEF.total_seconds())
        h.gewe.faults.remove(offline)
        await h.writes("还在吗", wxid="wxid_friend00000002")
        assert (await became(h, reply, "expired"))["error"] == "gewe.offline"
        assert await h.replies(to="wxid_friend00000002") == ["收到：还在吗"]
        assert h.gewe.received(ANN) == []


async def test_while_gewe_is_down_messages_wait_without_attempts(tmp_path: Path) -> None:
    port = free_port()
    async with house(tmp_path) as h:
        await change_account(h, base_url=f"http://127.0.0.1:{port}/gewe/v2/api")
        first, second = await queue(h, "第一条"), await queue(h, "第二条")
        assert (await became(h, first, "waiting", error="gewe.breaker_open"))["attempts"] == 5
        assert (await became(h, second, "queued"))["attempts"] == 0
        async with gewe_simulator(port=port) as back:
            await became(h, second, "sent")
            assert back.received(ANN) == ["第一条", "第二条"]


async def test_the_rest_of_a_long_text_stays_home_when_a_part_of_it_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.faults.add(fault(Kind.ERROR, name="risk"))
        parts = (await h.api.post(SENDS, {"account_id": h.account_id, "to": ANN, "content": "长" * 2000}))["parts"]
        assert len(parts) > 2
        assert (await became(h, parts[0], "failed"))["error"] == "gewe.restricted"
        for part in parts[1:]:
            assert (await became(h, part, "cancelled"))["error"] == "gewe.restricted"
        assert h.gewe.received(ANN) == []
