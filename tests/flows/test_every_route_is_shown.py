"""Routes that no story of another test passes by: each asked for what it is there for, and what came of it."""

from datetime import timedelta
from pathlib import Path

from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY
from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from daemon.sim.pictures import jpeg
from tests.flows.house import ANN, APP_ID, ROOM, House, house
from tests.flows.test_acts import GEWE, NEW, acts, mine, unpaced

API = "/api/v1"
CONVERSATIONS = f"{API}/integrations/conversations"
FASTGPT = f"{API}/integrations/fastgpt"
SENDS = f"{GEWE}/messages"


async def conversation(h: House) -> str:
    (row,) = (await h.api.get(CONVERSATIONS))["data"]
    return str(row["id"])


async def test_a_conversation_is_shown_and_its_assistant_muted_and_unmuted(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("在吗")
        await h.replies()
        path = f"{CONVERSATIONS}/{await conversation(h)}"
        assert (await h.api.get(path))["peer"] == ANN
        assert (await h.api.call("PUT", path, {"muted": True}))[1]["muted"] is True
        await h.writes("还在吗")
        assert (await h.api.get(f"{path}/history"))["data"][0]["reason"] == "muted"
        assert (await h.api.call("PUT", path, {"muted": False}))[1]["muted"] is False


async def test_a_person_takes_over_and_what_is_written_then_is_kept(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("在吗")
        await h.replies()
        path = f"{CONVERSATIONS}/{await conversation(h)}"
        taken = await h.api.post(f"{path}/takeover", {"minutes": 60})
        await h.writes("有人吗")
        history = (await h.api.get(f"{path}/history"))["data"]
        assert (taken["answered_by"], history[0]["reason"], len(h.gewe.received(ANN))) == ("person", "held", 1)


async def test_a_turn_is_shown_with_its_question_and_its_answer(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("多少钱")
        await h.replies()
        turns = f"{CONVERSATIONS}/{await conversation(h)}/turns"
        (turn,) = await h.settled(turns, "state", {"answered"})
        shown = await h.api.get(f"{API}/turns/{turn['id']}")
        assert (shown["question"], shown["answer"]) == ("多少钱", "收到：多少钱")


async def test_the_sentiment_of_a_text_is_told(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(answer='{"label":"positive","confidence":0.9,"reason":"开心"}'))
        told = await h.api.post(f"{FASTGPT}/sentiment", {"workflow_id": h.workflow_id, "text": "太好了"})
        assert (told["label"], told["confidence"], told["asked"]) == ("positive", 0.9, 1)


async def test_a_fastgpt_workflow_is_registered_shown_and_removed(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        body = {"name": "After sales", "base_url": h.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        added = await h.api.post(f"{FASTGPT}/workflows", body, status=201)
        path = f"{FASTGPT}/workflows/{added['workflow_id']}"
        assert (await h.api.get(path))["name"] == "After sales"
        assert (await h.api.call("DELETE", path))[0] == 204
        assert (await h.api.call("GET", path))[0] == 404


async def test_a_workflow_that_nothing_uses_is_removed(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        body = {"name": "Old", "base_url": h.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        path = f"{API}/workflows/{(await h.api.post(f'{API}/workflows', body))['id']}"
        assert (await h.api.call("DELETE", path))[0] == 204
        assert (await h.api.call("DELETE", f"{API}/workflows/{h.workflow_id}"))[0] == 409


async def test_a_price_is_shown(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        added = await h.api.post(f"{API}/prices", {"provider": "fastgpt", "point_micro": 15000}, status=201)
        assert (await h.api.get(f"{API}/prices/{added['id']}"))["point_micro"] == 15000


async def test_a_contact_is_looked_up_asked_after_and_deleted(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.wechat.people.name(ANN, "安妮")
        await unpaced(h, "contacts.read", "relation.check", "friend.delete")
        path = f"{GEWE}/contacts/{ANN}?account_id={h.account_id}"
        assert (await h.api.get(path))["nickname"] == "安妮"
        (relation,) = (await h.api.post(f"{GEWE}/contacts/relations", mine(h, wxids=[ANN])))["relations"]
        assert relation == ANN
        assert (await h.api.call("DELETE", path))[0] == 204
        (deleted,) = h.gewe.ledger.of("*/contacts/deleteFriend")
        assert deleted.body["wxid"] == ANN


async def test_an_act_is_shown_with_what_became_of_it(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "room.rename")
        await h.gewe.wechat.group_writes(APP_ID, ROOM, ANN, "大家好")
        assert (await h.api.call("PUT", f"{GEWE}/groups/{ROOM}", mine(h, name="客户群")))[0] == 204
        (row,) = await acts(h, "room.rename")
        shown = await h.api.get(f"{GEWE}/acts/{row['id']}")
        assert (shown["state"], shown["target"]) == ("done", ROOM)


async def test_a_room_gets_another_name(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "room.rename")
        await h.gewe.wechat.group_writes(APP_ID, ROOM, ANN, "大家好")
        assert (await h.api.call("PUT", f"{GEWE}/groups/{ROOM}", mine(h, name="客户群")))[0] == 204
        (renamed,) = h.gewe.ledger.of("*/group/modifyChatroomName")
        assert (renamed.body["chatroomId"], renamed.body["chatroomName"]) == (ROOM, "客户群")


async def test_a_person_accepts_a_friend_request(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unpaced(h, "friend.accept")
        await h.gewe.wechat.person_asks_to_be_friend(APP_ID, NEW, greeting="你好", nickname="小李")
        (waiting,) = await h.settled(f"{GEWE}/friend-requests", "state", {"waiting"})
        accepted = await h.api.post(f"{GEWE}/friend-requests/{waiting['id']}/accept")
        assert (accepted["state"], accepted["by_rule"]) == ("accepted", False)
        assert len(h.gewe.ledger.of("*/contacts/addContacts")) == 1


async def test_an_entry_of_those_left_alone_is_shown(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        added = await h.api.post(f"{GEWE}/do-not-contact", {"to": ANN, "note": "by phone"}, status=201)
        assert (await h.api.get(f"{GEWE}/do-not-contact/{added['id']}"))["note"] == "by phone"


async def test_a_received_medium_is_shown(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.gewe.wechat.person_sends_image(APP_ID, ANN, data=jpeg(64, 48))
        (row,) = await h.settled(f"{GEWE}/media", "state", {"ready"})
        shown = await h.api.get(f"{GEWE}/media/{row['message_id']}")
        assert (shown["kind"], shown["media_type"]) == ("image", "image/jpeg")


async def test_a_message_that_waits_is_cancelled_and_sent_once_more_when_somebody_asks(tmp_path: Path) -> None:
    slowly = {"pause_low": timedelta(seconds=5), "pause_high": timedelta(seconds=5)}
    async with house(tmp_path, pace=slowly) as h:
        for text in ("one", "two"):
            await h.api.post(SENDS, {"account_id": h.account_id, "to": ANN, "content": text})
        await h.settled(SENDS, "state", {"sent"})
        (waiting,) = await h.settled(SENDS, "state", {"waiting"})
        path = f"{SENDS}/{waiting['id']}"
        assert (await h.api.post(f"{path}/cancel"))["state"] == "cancelled"
        again = await h.api.post(f"{path}/retry")
        assert (again["parent_id"], again["content"]) == (waiting["id"], "two")


async def test_what_nobody_knows_of_is_settled_by_a_person(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.faults.add(Fault(kind=Kind.DROP, path="*/message/postText", times=1))
        await h.api.post(SENDS, {"account_id": h.account_id, "to": ANN, "content": "在吗"})
        (unknown,) = await h.settled(f"{SENDS}?state=unknown", "state", {"unknown"})
        settled = await h.api.post(f"{SENDS}/{unknown['id']}/settle", {"outcome": "sent"})
        assert (settled["state"], settled["error"]) == ("sent", "send.settled_sent")
