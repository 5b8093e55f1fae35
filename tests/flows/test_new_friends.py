"""A new friend is accepted when there is room for it, and greeted once, when WeChat says that they are there."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from daemon.engine import friends
from daemon.engine.friends import FRIEND_LANE
from daemon.sim.faults import Fault, Kind
from daemon.sim.gewe_callbacks import Delivery
from daemon.sim.wechat_contacts import befriended
from daemon.store import due, job_desk
from tests.flows.house import APP_ID, House, house
from tests.flows.test_acts import GEWE, NEW, unpaced

REQUESTS, SENDS = f"{GEWE}/friend-requests", f"{GEWE}/messages"
POLICY = {"friends": {"accept": "everybody", "greeting": "您好，请说"}}
ACCEPT = "*/contacts/addContacts"


async def asks(h: House) -> None:
    await h.gewe.wechat.person_asks_to_be_friend(APP_ID, NEW, greeting="你好", nickname="小李")


async def told(h: House, v3: str) -> Delivery:
    return await h.gewe.callbacks.deliver(h.gewe.token, befriended(APP_ID, NEW, "小李", v3))


async def jobs_left(h: House) -> list[Any]:
    found = await h.bridge.engine.db.read(job_desk.page, lane=FRIEND_LANE, limit=20)
    return [job for job in found if job.ended_at is None]


async def waits_for(h: House, reason: str) -> None:
    """The job of the request has been put off."""
    async with asyncio.timeout(10):
        while True:
            if any(job.state == "ready" and job.last_error == reason for job in await jobs_left(h)):
                return
            await asyncio.sleep(0.01)


async def accepted_in_silence(h: House) -> str:
    """Accepted, and WeChat does not say that the friend is there; the v3 ticket of the request."""
    await unpaced(h, "friend.accept")
    h.gewe.faults.add(Fault(kind=Kind.LATENCY, path=ACCEPT, seconds=0.1))
    await asks(h)
    h.gewe.callbacks.point(h.gewe.token, "http://127.0.0.1:9/nobody")
    (request,) = await h.settled(REQUESTS, "state", {"accepted"})
    (call,) = h.gewe.ledger.of(ACCEPT)
    assert request["wxid"] == NEW
    await h.gewe.callbacks.settle()
    h.gewe.callbacks.point(h.gewe.token, h.callback_url)
    return str(call.body["v3"])


async def test_the_greeting_waits_for_wechat_to_say_that_the_friend_is_there(tmp_path: Path) -> None:
    async with house(tmp_path, policy=POLICY) as h:
        v3 = await accepted_in_silence(h)
        (greeting,) = [job for job in await jobs_left(h) if job.key.startswith("greeting/")]
        assert timedelta(seconds=50) < greeting.due_at - h.bridge.engine.db.clock.now() <= friends.GREETING_WAITS
        assert (await told(h, "v3_somebody_else@stranger")).accepted
        assert [job.due_at for job in await jobs_left(h) if job.id == greeting.id] == [greeting.due_at]
        assert (await told(h, v3)).accepted
        assert await h.replies(to=NEW) == ["您好，请说"]


async def test_it_goes_out_once_however_often_wechat_says_so(tmp_path: Path) -> None:
    async with house(tmp_path, policy=POLICY) as h:
        v3 = await accepted_in_silence(h)
        await told(h, v3)
        assert await h.replies(to=NEW) == ["您好，请说"]
        again = befriended(APP_ID, NEW, "小李二号", v3)  # something about them is new
        assert (await h.gewe.callbacks.deliver(h.gewe.token, again)).accepted
        assert not any(job.key.startswith("greeting/") for job in await jobs_left(h))
        assert (await h.api.get(SENDS))["total"] == 1


async def test_where_wechat_says_nothing_it_goes_out_after_a_minute(tmp_path: Path) -> None:
    async with house(tmp_path, policy=POLICY) as h:
        await accepted_in_silence(h)
        await h.bridge.engine.db.write(due.hasten_all, lane=FRIEND_LANE)  # the minute is over
        assert await h.replies(to=NEW) == ["您好，请说"]


async def test_a_quota_that_is_used_up_makes_an_acceptance_wait_and_does_not_lose_it(tmp_path: Path) -> None:
    async with house(tmp_path, policy=POLICY) as h:
        await unpaced(h, "friend.accept")
        quota = {"name": "acts", "period": "day", "measure": "calls", "kind": "act", "cap_micro": 1}
        added = await h.api.post("/api/v1/quotas", quota)
        await asks(h)
        await waits_for(h, "quota.exceeded")
        assert [row["state"] for row in (await h.api.get(REQUESTS))["data"]] == ["waiting"]
        assert h.gewe.ledger.of(ACCEPT) == []
        assert (await h.api.call("DELETE", f"/api/v1/quotas/{added['id']}"))[0] == 204
        await h.bridge.engine.db.write(due.hasten_all, lane=FRIEND_LANE)
        await h.settled(REQUESTS, "state", {"accepted"})
        assert len(h.gewe.ledger.of(ACCEPT)) == 1


async def test_an_account_that_is_offline_makes_an_acceptance_wait(tmp_path: Path) -> None:
    async with house(tmp_path, policy=POLICY) as h:
        await unpaced(h, "friend.accept")
        h.gewe.faults.add(Fault(kind=Kind.ERROR, path=ACCEPT, name="offline", times=1))
        await asks(h)
        await waits_for(h, "gewe.offline")
        await h.bridge.engine.db.write(due.hasten_all, lane=FRIEND_LANE)
        await h.settled(REQUESTS, "state", {"accepted"})
