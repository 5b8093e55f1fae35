"""One message goes to many people through the API: planned, sent, watched, paused, stopped."""

import asyncio
from pathlib import Path
from typing import Any

from tests.flows.house import ANN, Api, House, house

CAMPAIGNS = "/api/v1/integrations/gewe/campaigns"
LIST = "/api/v1/integrations/gewe/do-not-contact"
SENDS = "/api/v1/integrations/gewe/messages"
ANY_TIME = {"begin": "00:00", "end": "00:00", "time_zone": "Asia/Shanghai"}


def body(h: House, *people: str, **changes: Any) -> dict[str, Any]:
    return {
        "account_id": h.account_id,
        "name": "Spring",
        "message": {"type": "text", "content": "{{ name }}，新茶到了"},
        "recipients": [{"to": one, "variables": {"name": one.upper()}} for one in people],
        "quiet_hours": ANY_TIME,
        "per_hour": 2400,
        "min_gap_seconds": 1,
        "max_gap_seconds": 1,
    } | changes


async def until(h: House, campaign: str, *states: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            found: dict[str, Any] = await h.api.get(f"{CAMPAIGNS}/{campaign}")
            if found["state"] in states:
                return found
            await asyncio.sleep(0.05)  # the API has a rate limit of its own


async def test_each_recipient_gets_their_own_text_once(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        created = await h.api.post(CAMPAIGNS, body(h, "ann", "bob", "ann"), status=201)
        assert (created["recipients"], created["left_out_total"]) == (2, 1)
        done = await until(h, created["campaign"]["id"], "done")
        assert (done["progress"]["sent"], done["total"], done["ends_at"]) == (2, 2, None)
        assert h.gewe.received("ann") == ["ANN，新茶到了"]
        assert h.gewe.received("bob") == ["BOB，新茶到了"]
        path = f"{CAMPAIGNS}/{done['id']}/recipients"
        first = await h.api.get(path + "?limit=1")
        second = await h.api.get(f"{path}?limit=1&cursor={first['next_cursor']}")
        assert [row["to"] for row in first["data"] + second["data"]] == ["ann", "bob"]
        send = await h.api.get(f"{SENDS}/{first['data'][0]['message_id']}")
        assert (send["origin"], send["state"]) == ("campaign", "sent")
        assert (await h.api.get(CAMPAIGNS + "?state=done"))["total"] == 1


async def test_a_dry_run_tells_all_and_does_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.api.post(LIST, {"to": "cid"}, status=201)
        wanted = body(h, "ann", "bob", "cid", "ann", dry_run=True)
        wanted["recipients"].append({"to": "dan"})
        plan = await h.api.post(CAMPAIGNS, wanted, status=200)
        assert plan["campaign"] is None
        assert [(one["to"], one["reason"], one["variable"]) for one in plan["left_out"]] == [
            ("cid", "send.do_not_contact", None),
            ("ann", "campaign.duplicate", None),
            ("dan", "campaign.missing_variable", "name"),
        ]
        assert [one["content"] for one in plan["samples"]] == ["ANN，新茶到了", "BOB，新茶到了"]
        assert plan["ends_at"] > plan["first_at"]
        assert (await h.api.get(CAMPAIGNS))["total"] == 0


async def test_a_missing_variable_refuses_it_and_names_the_recipient(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        wanted = body(h, "ann", recipients=[{"to": "ann", "variables": {"name": "A"}}, {"to": "bob"}])
        status, problem = await h.api.call("POST", CAMPAIGNS, wanted)
        assert (status, [error["field"] for error in problem["errors"]]) == (400, ["recipients[1].variables.name"])


async def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        cases: list[tuple[dict[str, Any], str]] = [
            ({"message": {"content": "{{ a.b }}"}}, "message.text"),
            ({"message": {"type": "image"}}, "message.url"),
            ({"message": {"type": "quote", "content": "x", "message_id": "m"}}, "message.type"),
            ({"quiet_hours": ANY_TIME | {"time_zone": "Mars/Olympus"}}, "quiet_hours.time_zone"),
            ({"quiet_hours": ANY_TIME | {"begin": "24:00"}}, "quiet_hours.begin"),
            ({"min_gap_seconds": 9}, "min_gap_seconds"),
            ({"expires_at": "2026-01-01T00:00:00Z"}, "expires_at"),
        ]
        for change, field in cases:
            status, problem = await h.api.call("POST", CAMPAIGNS, body(h, "ann", **change))
            assert (status, [error["field"] for error in problem["errors"]]) == (400, [field])


async def test_a_paused_one_waits_and_a_stopped_one_ends(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        later = {"starts_at": "2099-01-01T00:00:00Z"}
        campaign = (await h.api.post(CAMPAIGNS, body(h, "ann", "bob", **later)))["campaign"]
        assert campaign["state"] == "scheduled"
        path = f"{CAMPAIGNS}/{campaign['id']}"
        assert (await h.api.post(path + "/pause"))["state"] == "paused"
        assert (await h.api.call("POST", path + "/pause"))[0] == 409
        assert (await h.api.post(path + "/resume"))["state"] == "scheduled"
        stopped = await h.api.post(path + "/stop")
        assert (stopped["state"], stopped["progress"]["cancelled"]) == ("stopped", 2)
        assert (await h.api.call("POST", path + "/resume"))[0] == 409


async def test_who_writes_a_stop_word_is_left_alone_but_answered(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes(" td ")
        assert await h.replies() == ["收到：td"] or await h.replies() == ["收到： td "]
        listed = (await h.api.get(LIST))["data"]
        assert [(one["to"], one["reason"], one["account_id"]) for one in listed] == [(ANN, "stop_word", h.account_id)]
        sending = {"account_id": h.account_id, "to": ANN, "content": "促销"}
        status, problem = await h.api.call("POST", SENDS, sending)
        assert (status, problem["code"]) == (409, "send.do_not_contact")
        assert (await h.api.call("POST", CAMPAIGNS, body(h, ANN)))[1]["code"] == "campaign.nobody"
        assert (await h.api.call("DELETE", f"{LIST}/{listed[0]['id']}"))[0] == 204
        await h.api.post(SENDS, sending, status=202)


async def test_a_word_among_others_is_no_stop_word(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("please do not stop")
        await h.replies()
        assert (await h.api.get(LIST))["total"] == 0


async def test_a_key_of_one_account_sees_and_touches_nothing_of_another(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.api.post(SENDS, {"account_id": h.account_id, "to": ANN, "content": "你好"}, status=202)
        campaign = (await h.api.post(CAMPAIGNS, body(h, "bob", starts_at="2099-01-01T00:00:00Z")))["campaign"]["id"]
        other = {"app_id": "wx_second", "name": "Second", "token": h.gewe.token, "base_url": h.gewe.base_url}
        second = (await h.api.post("/api/v1/integrations/gewe/accounts", other))["id"]
        key = {"name": "elsewhere", "role": "operator", "accounts": [second]}
        status, made = await h.api.call("POST", "/api/v1/keys", key)
        assert status == 201, made
        stranger = Api(h.api.http, h.api.url, made["key"])
        for path in (SENDS, CAMPAIGNS):
            assert (await stranger.get(path))["total"] == 0
        for method, path, sent in (
            ("POST", SENDS, {"account_id": h.account_id, "to": ANN, "content": "x"}),
            ("GET", f"{SENDS}?account_id={h.account_id}", None),
            ("GET", f"{CAMPAIGNS}/{campaign}", None),
            ("POST", f"{CAMPAIGNS}/{campaign}/stop", None),
            ("POST", CAMPAIGNS, body(h, "ann")),
            ("POST", LIST, {"to": ANN}),
            ("POST", LIST, {"to": ANN, "account_id": h.account_id}),
        ):
            assert (await stranger.call(method, path, sent))[0] == 403, (method, path)
