"""GeWe wants one call of an account to end before the next begins, and is left alone while it is down."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

from daemon.sim.faults import Fault, Kind
from tests.flows.house import ANN, House, house
from tests.flows.test_acts import GEWE, befriended, mine, unpaced

SENDS = f"{GEWE}/messages"
REMARK, TEXT = "*/contacts/setFriendRemark", "*/message/postText"


async def remark(h: House, name: str = "安") -> tuple[int, Any]:
    return await h.api.call("PUT", f"{GEWE}/contacts/{ANN}", mine(h, remark=name))


async def test_messages_and_acts_of_an_account_never_overlap(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "friend.remark")
        for path in (REMARK, TEXT):
            h.gewe.faults.add(Fault(kind=Kind.LATENCY, path=path, seconds=0.05))
        remarks = [asyncio.create_task(remark(h, f"安 {number}")) for number in range(4)]
        for number in range(6):
            await h.api.post(SENDS, mine(h, to=ANN, content=f"{number}"), status=202)
        assert {status for status, _ in await asyncio.gather(*remarks)} == {204}
        await h.gewe.ledger.wait_for(TEXT, 6, ended=True)
        calls = h.gewe.ledger.of(REMARK) + h.gewe.ledger.of(TEXT)

    calls.sort(key=lambda entry: entry.seq)
    assert len(calls) == 10
    assert all(one.ended is not None and one.ended <= two.monotonic for one, two in pairwise(calls))


async def test_an_act_does_not_wait_for_ever_and_nothing_of_it_is_done(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "friend.remark")
        h.bridge.engine.acts.gateway.patience = 0.05
        hanging = h.gewe.faults.add(Fault(kind=Kind.HANG, path=TEXT))
        await h.api.post(SENDS, mine(h, to=ANN, content="慢"), status=202)
        await h.gewe.ledger.wait_for(TEXT)
        status, told = await remark(h)
        assert (status, told["code"]) == (429, "act.busy")
        assert h.gewe.ledger.of(REMARK) == []
        assert (await h.api.get(f"{GEWE}/acts?kind=friend.remark"))["data"] == []
        h.gewe.faults.remove(hanging)


async def test_a_reply_goes_before_the_acts_that_wait(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "friend.remark")
        hanging = h.gewe.faults.add(Fault(kind=Kind.HANG, path=REMARK, times=1))
        acts = [asyncio.create_task(remark(h, f"安 {number}")) for number in range(3)]
        await h.gewe.ledger.wait_for(REMARK)
        await h.writes("在吗")
        await h.fastgpt.ledger.wait_for("*/chat/completions", ended=True)
        await h.settled(SENDS, "state", {"queued"})
        assert h.gewe.ledger.of(TEXT) == []
        h.gewe.faults.remove(hanging)
        assert await h.replies() == ["收到：在吗"]
        await asyncio.gather(*acts)
        order = [entry.path.rpartition("/")[2] for entry in h.gewe.ledger if entry.path.endswith(("Remark", "Text"))]

    assert order == ["setFriendRemark", "postText", "setFriendRemark", "setFriendRemark"]


async def test_a_slow_address_book_holds_up_nobodys_reply(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "contacts.list", "friend.remark")
        hanging = h.gewe.faults.add(Fault(kind=Kind.HANG, path="*/contacts/fetchContactsList"))
        await h.api.get(f"{GEWE}/contacts?account_id={h.account_id}")
        await h.gewe.ledger.wait_for("*/contacts/fetchContactsList")
        await h.writes("在吗")
        assert await h.replies() == ["收到：在吗"]
        assert (await remark(h))[0] == 204
        h.gewe.faults.remove(hanging)


async def test_a_dead_gateway_refuses_acts_at_once_and_spends_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        befriended(h)
        await unpaced(h, "friend.remark", "friend.search")
        h.gewe.faults.add(Fault(kind=Kind.RESET))
        for _ in range(5):
            await remark(h)
        status, told = await remark(h)
        assert (status, told["code"]) == (503, "gewe.breaker_open")
        read, told = await h.api.call("POST", f"{GEWE}/contacts/search", mine(h, text=ANN))
        assert (read, told["code"]) == (503, "gewe.breaker_open")
        assert len(h.gewe.ledger.of(REMARK)) == 5
        assert len((await h.api.get(f"{GEWE}/acts?limit=100"))["data"]) == 5


async def test_of_many_acts_one_is_the_probe_of_a_gateway_that_may_be_back(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "friend.remark")
        account = h.bridge.engine.accounts.get(h.account_id)
        breaker = h.bridge.engine.acts.gateway.breaker(account)
        for _ in range(5):
            breaker.failed()
        breaker._until = 0.0  # the time is over
        hanging = h.gewe.faults.add(Fault(kind=Kind.HANG, path="*/contacts/search", times=1))
        probe = asyncio.create_task(h.api.call("POST", f"{GEWE}/contacts/search", mine(h, text=ANN)))
        await h.gewe.ledger.wait_for("*/contacts/search")
        status, told = await remark(h)
        assert (status, told["code"]) == (503, "gewe.breaker_open")
        h.gewe.faults.remove(hanging)
        await probe


async def test_an_account_that_never_logged_in_is_told_to(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        body = {"name": "New", "token": "another-token-0123456789", "base_url": h.gewe.base_url}
        new = (await h.api.post(f"{GEWE}/accounts", body))["id"]
        for path, wanted in (
            (SENDS, {"account_id": new, "to": ANN, "content": "你好"}),
            (f"{GEWE}/contacts/search", {"account_id": new, "text": ANN}),
            (
                f"{GEWE}/campaigns",
                {"account_id": new, "name": "x", "message": {"content": "x"}, "recipients": [{"to": ANN}]},
            ),
        ):
            status, told = await h.api.call("POST", path, wanted)
            assert (status, told["code"]) == (409, "account.no_device"), path
