"""What an account has learnt stays, its device may change under it, it goes without a trace, and shows its profile."""

from pathlib import Path
from typing import Any

from daemon.domain.message import AccountId, Wxid
from daemon.sim.gewe_accounts import State
from daemon.store import contacts
from daemon.store.contacts import ContactKind
from daemon.store.tx import Tx
from tests.flows.house import ANN, APP_ID, BOT, ROOM, House, house
from tests.flows.test_acts import GEWE, acts, mine, unpaced

ACCOUNTS = f"{GEWE}/accounts"
OTHER_DEVICE = "wx_otherDevice00000000002"


def said(h: House, **more: Any) -> dict[str, Any]:
    return {"name": "Shop", "base_url": h.gewe.base_url, "workflow_id": h.workflow_id} | more


async def test_a_change_that_does_not_name_the_wxid_keeps_what_was_learnt(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        path = f"{ACCOUNTS}/{h.account_id}"
        status, changed = await h.api.call("PUT", path, said(h, name="Tea shop"))
        assert (status, changed["wxid"], changed["app_id"], changed["name"]) == (200, BOT, APP_ID, "Tea shop")
        status, changed = await h.api.call("PUT", path, said(h, wxid="wxid_said"))
        assert (status, changed["wxid"]) == (200, "wxid_said")
        status, changed = await h.api.call("PUT", path, said(h, app_id=OTHER_DEVICE))
        assert (status, changed["wxid"]) == (200, None)  # who is on that one is still to be learnt


async def test_a_device_that_gewe_changes_at_a_login_is_kept_used_and_heard(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.accounts.get(APP_ID).state = State.OFFLINE
        moved = h.gewe.accounts.add(OTHER_DEVICE, BOT, token=h.gewe.token, state=State.NONE)
        h.gewe.accounts._devices[APP_ID] = moved  # asked about the old one, GeWe speaks of the new one
        begun = await h.api.post(f"{ACCOUNTS}/{h.account_id}/login", {"region": "320000"})
        assert begun["app_id"] == OTHER_DEVICE
        del h.gewe.accounts._devices[APP_ID]
        h.gewe.accounts.confirm(OTHER_DEVICE)
        check = await h.api.post(f"{ACCOUNTS}/{h.account_id}/check-login", {})
        assert (check["step"], check["account"]["app_id"]) == ("done", OTHER_DEVICE)
        delivery = await h.gewe.wechat.person_writes(OTHER_DEVICE, ANN, "在吗")
        assert delivery.accepted
        assert await h.replies() == ["收到：在吗"]
        (sent,) = h.gewe.ledger.of("*/message/postText")
        assert sent.body["appId"] == OTHER_DEVICE
        rows = (await h.api.get(f"/api/v1/audit?target=account:{h.account_id}"))["data"]
        started = next(row for row in rows if row["action"] == "login.started")
        assert (started["detail"]["device"], started["detail"]["device_before"]) == (OTHER_DEVICE, APP_ID)


def left_of(tx: Tx, account_id: str) -> dict[str, int]:
    tables = ("contacts", "contact_books", "rooms", "act_budgets", "friend_requests", "do_not_contact", "relogins")
    counts = {table: tx.value(f"SELECT count(*) FROM {table} WHERE account_id = $1", account_id) for table in tables}
    return counts | {"logins": tx.value("SELECT count(*) FROM logins WHERE id = $1", account_id)}


def fill(tx: Tx, account_id: str) -> None:
    """A row in each table, as an account that is used leaves them."""
    contacts.add(tx, AccountId(account_id), Wxid(ANN), ContactKind.FRIEND)
    tx.run("INSERT INTO contact_books (account_id, tried_ms) VALUES ($1, 1)", account_id)
    tx.run("INSERT INTO rooms (account_id, wxid, room, read_ms) VALUES ($1, 'r@chatroom', '{}', 1)", account_id)
    tx.run("INSERT INTO relogins (account_id, rounds, next_ms) VALUES ($1, 1, 1)", account_id)
    tx.run(
        """
        INSERT INTO friend_requests (id, account_id, wxid, nickname, greeting, user_ticket, ticket, scene, room, state,
                                     received_ms)
        VALUES ('f', $1, 'a', '', '', 'v3', 'v4', 6, '', 'waiting', 1)
        """,
        account_id,
    )


async def test_a_removed_account_leaves_nothing_of_its_own_behind(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        db = h.bridge.engine.db
        await unpaced(h, "room.create")
        h.gewe.accounts.get(APP_ID).state = State.OFFLINE
        await h.api.post(f"{ACCOUNTS}/{h.account_id}/login", {"region": "320000"})
        await h.api.post(f"{GEWE}/do-not-contact", {"to": ANN, "account_id": h.account_id}, status=201)
        everybody = await h.api.post(f"{GEWE}/do-not-contact", {"to": "wxid_all"}, status=201)
        await db.write(fill, h.account_id)
        assert 0 not in (await db.read(left_of, h.account_id)).values()
        assert (await h.api.call("DELETE", f"{ACCOUNTS}/{h.account_id}"))[0] == 204
        assert set((await db.read(left_of, h.account_id)).values()) == {0}
        assert [row["id"] for row in (await h.api.get(f"{GEWE}/do-not-contact"))["data"]] == [everybody["id"]]


async def test_an_account_shows_who_it_is(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        shown = await h.api.get(f"{ACCOUNTS}/{h.account_id}/profile")
        assert shown["wxid"] == BOT
        assert shown["nickname"]
        (act,) = await acts(h, "profile.read")
        assert act["state"] == "done"


async def test_a_room_is_left_and_no_longer_known(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "room.leave")
        for wxid in (ANN, "zhangsan2288"):
            h.gewe.wechat.people.name(wxid)
        room = (await h.api.post(f"{GEWE}/groups", mine(h, wxids=[ANN, "zhangsan2288"]), status=201))["room"]
        listed = f"{GEWE}/groups?account_id={h.account_id}"
        assert [row["room"] for row in (await h.api.get(listed))["data"]] == [room]
        assert (await h.api.call("POST", f"{GEWE}/groups/{room}/leave", mine(h)))[0] == 204
        assert (await h.api.get(listed))["data"] == []
        (left,) = h.gewe.ledger.of("*/group/quitChatroom")
        assert left.body["chatroomId"] == room
        rows = (await h.api.get(f"/api/v1/audit?target=account:{h.account_id}"))["data"]
        assert rows[0]["action"] == "room.leave"
        assert rows[0]["detail"]["target"] == room != ROOM
