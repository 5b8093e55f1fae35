"""What an account does besides sending messages, through the whole daemon: counted, paced, at most once, audited."""

from pathlib import Path
from typing import Any

from daemon.sim.faults import Fault, Kind
from tests.flows.house import ANN, APP_ID, BOT, ROOM, House, house

GEWE = "/api/v1/integrations/gewe"
AT_ONCE = {"per_hour": 1000, "per_day": 1000, "gap_low_seconds": 0, "gap_high_seconds": 0, "beyond_safe": True}
NEW = "wxid_stranger0000001"
ACCOUNTS = f"{GEWE}/accounts"


async def unpaced(h: House, *kinds: str, **changes: Any) -> None:
    for kind in kinds:
        path = f"{ACCOUNTS}/{h.account_id}/budgets/{kind}"
        status, told = await h.api.call("PUT", path, AT_ONCE | changes)
        assert (status, told["is_safe"]) == (200, False), told


async def acts(h: House, kind: str) -> list[dict[str, Any]]:
    return list((await h.api.get(f"{GEWE}/acts?kind={kind}"))["data"])


def befriended(h: House) -> None:
    for wxid in (ANN, "zhangsan2288", "wxid_third"):
        h.gewe.wechat.people.name(wxid)


def mine(h: House, **more: Any) -> dict[str, Any]:
    return {"account_id": h.account_id, **more}


async def test_the_next_one_has_to_wait_and_is_told_how_long(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        befriended(h)
        await unpaced(h, "room.create", per_hour=1)
        await h.api.post(f"{GEWE}/groups", mine(h, wxids=[ANN, "zhangsan2288"]), status=201)
        status, told = await h.api.call("POST", f"{GEWE}/groups", mine(h, wxids=[ANN, "zhangsan2288"]))
        rows = (await h.api.get(f"{ACCOUNTS}/{h.account_id}/budgets"))["data"]
        created = h.gewe.ledger.of("*/group/createChatroom")

    assert (status, told["code"], len(created)) == (429, "act.budget_spent", 1)
    assert next(row for row in rows if row["kind"] == "room.create")["used_hour"] == 1


async def test_an_account_that_is_new_does_not_add_friends(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        body = mine(h, user_ticket="v3_x@stranger", ticket="v4_x")
        status, told = await h.api.call("POST", f"{GEWE}/contacts", body)
        assert (status, told["code"]) == (429, "act.too_new")
        assert await acts(h, "friend.add") == []


async def test_a_laxer_budget_than_the_safe_one_has_to_be_meant(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        path = f"{ACCOUNTS}/{h.account_id}/budgets/moments.post"
        status, told = await h.api.call("PUT", path, AT_ONCE | {"beyond_safe": False})
        assert (status, told["code"]) == (409, "act.beyond_safe")
        await unpaced(h, "moments.post")
        assert (await h.api.call("DELETE", path))[0] == 204
        rows = (await h.api.get(f"{ACCOUNTS}/{h.account_id}/budgets"))["data"]
        assert all(row["is_usual"] and row["is_safe"] for row in rows)
        audit = (await h.api.get("/api/v1/audit"))["data"]
        assert {"act_budget.set", "act_budget.reset"} <= {row["action"] for row in audit}


async def test_an_act_whose_answer_was_lost_is_unknown_until_a_person_settles_it(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "room.rename")
        h.gewe.faults.add(Fault(kind=Kind.DROP, path="*/group/modifyChatroomName", times=1))
        status, _ = await h.api.call("PUT", f"{GEWE}/groups/{ROOM}", mine(h, name="新群名"))
        (act,) = await acts(h, "room.rename")
        assert (status, act["state"], act["target"]) == (504, "unknown", ROOM)
        settled = await h.api.post(f"{GEWE}/acts/{act['id']}/settle", {"outcome": "not_done"})
        assert (settled["state"], settled["error"]) == ("failed", "act.settled_not_done")
        again, told = await h.api.call("POST", f"{GEWE}/acts/{act['id']}/settle", {"outcome": "done"})
        assert (again, told["code"]) == (409, "act.not_unknown")
        rows = (await h.api.get(f"{ACCOUNTS}/{h.account_id}/budgets"))["data"]
        assert next(row for row in rows if row["kind"] == "room.rename")["used_day"] == 0


async def test_a_product_that_lacks_a_call_says_so_at_once_and_spends_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        body = {"app_id": "wx_self", "name": "Own", "token": "another-token-0123456789", "base_url": h.gewe.base_url}
        own = await h.api.post(ACCOUNTS, body | {"product": "self_hosted"})
        status, told = await h.api.call("GET", f"{GEWE}/moments?account_id={own['id']}")
        rows = (await h.api.get(f"{ACCOUNTS}/{own['id']}/budgets"))["data"]
        assert (status, told["status"]) == (501, 501)
        assert next(row for row in rows if row["kind"] == "moments.read")["used_day"] == 0


async def test_the_address_book_is_read_in_the_background(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.wechat.people.name(ANN, "安妮")
        await unpaced(h, "contacts.read", "contacts.list")
        path = f"{GEWE}/contacts?account_id={h.account_id}"
        first = await h.api.get(path)
        assert (first["data"], first["stale"], first["refreshing"]) == ([], True, True)
        (ann,) = await h.settled(f"{path}&kind=friend", "nickname", {"安妮"})
        listed = await h.api.get(f"{path}&q={ANN}")
        assert (ann["wxid"], ann["known"]) == (ANN, True)
        assert ([row["wxid"] for row in listed["data"]], listed["stale"], listed["error"]) == ([ANN], False, None)
        assert len(h.gewe.ledger.of("*/contacts/fetchContactsList")) == 1


async def test_a_stranger_is_found_added_and_remarked(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.wechat.people.stranger(NEW, "新朋友")
        await unpaced(h, "friend.add", "friend.remark", "friend.delete")
        found = await h.api.post(f"{GEWE}/contacts/search", mine(h, text=NEW))
        assert found["nickname"] == "新朋友"
        ticket = {"user_ticket": found["user_ticket"], "ticket": found["ticket"], "greeting": "我是小店"}
        assert (await h.api.call("POST", f"{GEWE}/contacts", mine(h, **ticket)))[0] == 204
        changed = await h.api.call("PUT", f"{GEWE}/contacts/{ANN}", mine(h, remark="安", muted=True))
        assert changed == (204, None)
        (search,), (add,) = await acts(h, "friend.search"), await acts(h, "friend.add")
        assert search["target"] == "wx…01"
        assert found["ticket"] not in str(add)
        audit = (await h.api.get("/api/v1/audit"))["data"]
        done = {row["action"] for row in audit}
        assert {"friend.add", "friend.remark", "conversation.muted"} <= done
        assert "friend.search" not in done
        await h.writes("在吗")
        conversation = (await h.api.get("/api/v1/integrations/conversations"))["data"][0]
        assert (conversation["peer"], conversation["muted"]) == (ANN, True)


async def test_a_friend_request_with_the_right_word_is_accepted_once_and_greeted(tmp_path: Path) -> None:
    policy = {
        "friends": {"accept": "keywords", "keywords": ["订单"], "greeting": "您好，请说", "remark": "客户 {nickname}"}
    }
    async with house(tmp_path, policy=policy) as h:
        await unpaced(h, "friend.accept", "friend.remark")
        await h.gewe.wechat.person_asks_to_be_friend(APP_ID, NEW, greeting="我有订单要问", nickname="小李")
        assert await h.replies(to=NEW) == ["您好，请说"]
        await h.gewe.wechat.person_asks_to_be_friend(APP_ID, "wxid_other", greeting="交个朋友")
        (accepted,) = await h.settled(f"{GEWE}/friend-requests", "state", {"accepted"})
        (waiting,) = await h.settled(f"{GEWE}/friend-requests", "state", {"waiting"})
        assert (accepted["wxid"], accepted["by_rule"], waiting["by_rule"]) == (NEW, True, False)
        (remarked,) = await h.gewe.ledger.wait_for("*/contacts/setFriendRemark")
        assert remarked.body["remark"] == "客户 小李"
        decided = f"{GEWE}/friend-requests/{waiting['id']}"
        assert (await h.api.post(f"{decided}/reject"))["state"] == "rejected"
        assert (await h.api.call("POST", f"{decided}/accept"))[0] == 409
        assert len(h.gewe.ledger.of("*/contacts/addContacts")) == 1


async def test_an_acceptance_whose_answer_was_lost_is_never_tried_again(tmp_path: Path) -> None:
    async with house(tmp_path, policy={"friends": {"accept": "everybody", "greeting": "您好"}}) as h:
        await unpaced(h, "friend.accept")
        h.gewe.faults.add(Fault(kind=Kind.DROP, path="*/contacts/addContacts", times=1))
        await h.gewe.wechat.person_asks_to_be_friend(APP_ID, NEW, greeting="你好")
        (unknown,) = await h.settled(f"{GEWE}/friend-requests", "state", {"unknown"})
        status, told = await h.api.call("POST", f"{GEWE}/friend-requests/{unknown['id']}/accept")
        assert (status, told["code"]) == (409, "friend_request.decided")
        assert len(h.gewe.ledger.of("*/contacts/addContacts")) == 1
        assert h.gewe.received(NEW) == []


async def test_a_room_is_shown_as_it_was_known_when_gewe_refuses_to_read_it(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "room.read")
        await h.gewe.wechat.group_writes(APP_ID, ROOM, ANN, "大家好")
        rooms = (await h.api.get(f"{GEWE}/groups?account_id={h.account_id}"))["data"]
        assert [room["room"] for room in rooms] == [ROOM]
        path = f"{GEWE}/groups/{ROOM}?account_id={h.account_id}"
        fresh = await h.api.get(path)
        assert ANN in {member["wxid"] for member in fresh["members"]}
        assert fresh["problem"] is None
        h.gewe.faults.add(Fault(kind=Kind.ERROR, name="form-a", path="*/group/getChatroomInfo"))
        held = await h.api.get(f"{path}&refresh=true")
        assert held["members"] == fresh["members"]
        assert held["problem"] == "gewe.refused"
        assert (await h.api.get(path))["problem"] is None


async def test_a_room_is_made_filled_and_announced_to(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "room.create", "room.invite", "room.remove", "room.announce", "room.read")
        befriended(h)
        room = (await h.api.post(f"{GEWE}/groups", mine(h, wxids=[ANN, "zhangsan2288"])))["room"]
        path = f"{GEWE}/groups/{room}"
        await h.api.post(f"{path}/members", mine(h, wxids=["wxid_third"]))
        removal = f"{path}/members?account_id={h.account_id}&wxid=wxid_third"
        assert (await h.api.call("DELETE", removal))[0] == 204
        assert (await h.api.call("PUT", f"{path}/announcement", mine(h, text="明天休息")))[0] == 204
        shown = await h.api.get(f"{path}/announcement?account_id={h.account_id}")
        assert (shown["text"], shown["editor"]) == ("明天休息", BOT)


async def test_moments_are_read_page_by_page_liked_and_commented(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "moments.read", "moments.like", "moments.comment", "moments.post", "moments.delete")
        ids = [str(h.gewe.wechat.friend_posts(APP_ID, ANN, f"第{n}条")) for n in range(12)]
        path = f"{GEWE}/moments?account_id={h.account_id}"
        first = await h.api.get(path)
        second = await h.api.get(f"{path}&cursor={first['next_cursor']}")
        assert [post["id"] for page in (first, second) for post in page["data"]] == ids[::-1]
        assert (await h.api.call("POST", f"{GEWE}/moments/{ids[0]}/like", mine(h)))[0] == 204
        assert (await h.api.call("POST", f"{GEWE}/moments/{ids[0]}/comment", mine(h, text="真好")))[0] == 204
        post = await h.api.get(f"{GEWE}/moments/{ids[0]}?account_id={h.account_id}")
        assert [one["wxid"] for one in post["likes"]] == [BOT]
        assert [one["text"] for one in post["comments"]] == ["真好"]
        tried = await h.api.post(f"{GEWE}/moments", mine(h, text="开业了", dry_run=True))
        assert (tried["dry_run"], await acts(h, "moments.post")) == (True, [])
        posted = await h.api.post(f"{GEWE}/moments", mine(h, text="开业了"))
        gone = await h.api.call("DELETE", f"{GEWE}/moments/{posted['id']}?account_id={h.account_id}")
        assert gone == (204, None)
