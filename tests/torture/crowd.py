"""What an account does for many people, while its daemon is killed again and again: a campaign, and new friends."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from daemon.sim.faults import Fault, Kind
from daemon.store import connect
from tests.torture.evidence import GEWE as GEWE_LEDGER
from tests.torture.evidence import requests
from tests.torture.history import Rule, Violation
from tests.torture.house import House, house, operator, post
from tests.torture.scenarios import POST_TEXT, Verdict, being_sent, verdict

GEWE = "/api/v1/integrations/gewe"
APP = "wx_app0"
ACCEPT = "*/contacts/addContacts"
ANY_TIME = {"begin": "00:00", "end": "00:00", "time_zone": "Asia/Shanghai"}
ENDED = {"sent", "unknown"}


async def campaign(
    folder: Path, *, people: int, kills: int, seed: int = 1, bug: str = "", slow: float = 0.03, aimed: bool = False
) -> Verdict:
    """Nobody is written to twice, everybody is or `unknown`, and the campaign ends.

    `slow`: seconds that GeWe takes. `aimed`: each kill hits a send, rather than any moment.
    """
    random = Random(seed)
    async with house(folder, bug=bug, accounts=1) as h:
        h.gewe.faults.add(Fault(kind=Kind.LATENCY, path=POST_TEXT, seconds=slow))
        h.gewe.faults.add(Fault(kind=Kind.DROP, path=POST_TEXT, chance=0.05))
        await _begin_campaign(h, people)
        await h.daemon.kill()
        await asyncio.to_thread(_hurry, h.database)
        await h.daemon.start()
        for _ in range(kills):
            await (being_sent(h) if aimed else asyncio.sleep(random.uniform(0.05, 0.3)))
            await h.daemon.kill()
            await h.daemon.start()
        await h.settle()
        found = await verdict(h, people=people, kills=kills)
        broken, states = await asyncio.to_thread(_written_to, h.database, folder / GEWE_LEDGER, people)
        return Verdict([*found.broken, *broken], found.figures | {"recipients": states})


async def _begin_campaign(h: House, people: int) -> None:
    async with operator(h.api) as http:
        body = {
            "account_id": (await _only_account(h)),
            "name": "Spring",
            "message": {"type": "text", "content": "第 {{ number }} 位，新茶到了"},
            "recipients": [{"to": f"wxid_{one}", "variables": {"number": f"{one}"}} for one in range(people)],
            "quiet_hours": ANY_TIME,
            "per_hour": 2400,
            "min_gap_seconds": 1,
            "max_gap_seconds": 1,
        }
        await post(http, f"{GEWE}/campaigns", body)


async def _only_account(h: House) -> str:
    return str((await asyncio.to_thread(_rows, h.database, "SELECT id FROM accounts"))[0]["id"])


def _hurry(database: Path) -> None:
    """Gaps that nobody is allowed to ask for: what takes an hour is over in seconds."""
    with closing(connect.for_writing(database)) as db:
        db.execute("UPDATE campaigns SET gap_low_ms = 10, gap_high_ms = 40, next_ms = 0")


def _written_to(database: Path, ledger: Path, people: int) -> tuple[list[Violation], dict[str, int]]:
    received = Counter(
        entry["body"]["toWxid"] for entry in requests(ledger) if entry["path"].endswith("/message/postText")
    )
    broken = [Violation(Rule.SENT_TWICE, f"{who}: {times} times") for who, times in received.items() if times > 1]
    rows = _rows(database, "SELECT peer, state FROM campaign_recipients")
    unseen = [
        row for row in rows if row["state"] not in ENDED or (row["state"] == "sent" and not received[row["peer"]])
    ]
    broken += [Violation(Rule.SENT_UNSEEN, f"{dict(row)}") for row in unseen]
    if len(rows) != people:
        broken.append(Violation(Rule.FORGOTTEN, f"{people - len(rows)} recipients"))
    (state,) = (row["state"] for row in _rows(database, "SELECT state FROM campaigns"))
    if state != "done":
        broken.append(Violation(Rule.WORK_LEFT, f"the campaign is {state}"))
    return broken, Counter(row["state"] for row in rows)


async def friends(folder: Path, *, people: int, kills: int, seed: int = 1, bug: str = "") -> Verdict:
    """Who asks is accepted once at most, and greeted once at most; what nobody knows of is `unknown`."""
    random = Random(seed)
    async with house(folder, bug=bug, accounts=1) as h:
        h.gewe.faults.add(Fault(kind=Kind.LATENCY, path=ACCEPT, seconds=0.05))
        await _welcome(h)
        h.gewe.callbacks.point(h.gewe.token, h.load.url)
        for one in range(people):
            delivery = await h.gewe.wechat.person_asks_to_be_friend(APP, f"wxid_{one}", greeting="你好")
            assert delivery.accepted
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.05, 0.25))
            await h.daemon.kill()
            await h.daemon.start()
        await h.settle()
        found = await verdict(h, people=people, kills=kills)
        kept = [one for one in found.broken if one.rule is not Rule.KEPT]  # nobody answers a request with words
        broken, states = await asyncio.to_thread(_befriended, h.database, folder / GEWE_LEDGER, people)
        return Verdict([*kept, *broken], found.figures | {"requests": states, "violations": len(kept) + len(broken)})


async def _welcome(h: House) -> None:
    """Everybody is accepted, at once, and greeted."""
    account_id = await _only_account(h)
    async with operator(h.api) as http:
        budget: dict[str, Any] = {
            "per_hour": 1000,
            "per_day": 1000,
            "gap_low_seconds": 0,
            "gap_high_seconds": 0,
            "beyond_safe": True,
        }
        path = f"http://localhost{GEWE}/accounts/{account_id}"
        async with http.put(f"{path}/budgets/friend.accept", json=budget) as answer:
            assert answer.status == 200, await answer.text()
        policy = {"friends": {"accept": "everybody", "greeting": "您好"}}
        change = {"name": "Shop", "base_url": h.gewe.base_url, "policy": policy}
        async with http.put(path, json=change) as answer:
            assert answer.status == 200, await answer.text()


def _befriended(database: Path, ledger: Path, people: int) -> tuple[list[Violation], dict[str, int]]:
    asked = requests(ledger)
    accepted = Counter(entry["body"]["v3"] for entry in asked if entry["path"].endswith("/contacts/addContacts"))
    greeted = Counter(entry["body"]["toWxid"] for entry in asked if entry["path"].endswith("/message/postText"))
    broken = [
        Violation(Rule.SENT_TWICE, f"{who}: {times} times")
        for counted in (accepted, greeted)
        for who, times in counted.items()
        if times > 1
    ]
    rows = _rows(database, "SELECT user_ticket, state FROM friend_requests")
    open_still = [row for row in rows if row["state"] not in {"accepted", "unknown"}]
    unseen = [row for row in rows if row["state"] == "accepted" and not accepted[row["user_ticket"]]]
    broken += [Violation(Rule.WORK_LEFT, f"{dict(row)}") for row in open_still]
    broken += [Violation(Rule.SENT_UNSEEN, f"{dict(row)}") for row in unseen]
    if len(rows) != people:
        broken.append(Violation(Rule.STORED_TWICE, f"{len(rows)} requests of {people} people"))
    return broken, Counter(row["state"] for row in rows)


def _rows(database: Path, sql: str) -> list[sqlite3.Row]:
    with closing(connect.for_reading(database)) as db:
        return list(db.execute(sql))
