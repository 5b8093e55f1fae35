"""What befalls the chat API between two of its steps, and what its callers may try."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from yarl import URL

from daemon.codec import encode, parse
from daemon.net.outbound import Timeouts
from daemon.net.supabase.client import Patience, Supabase
from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from daemon.sim.openai import DEMO_KEY as OPENAI_KEY
from daemon.sim.openai import DEMO_MODEL as MODEL
from daemon.sim.openai import openai_simulator
from daemon.sim.openai_script import Script as OpenAiScript
from daemon.sim.supabase import SupabaseSimulator
from daemon.store.tx import Tx
from tests.faults.test_an_answer_given_is_kept import DOWN, due_now
from tests.flows.chat import CHAT, STORES, Chatroom, chatroom
from tests.flows.test_a_workflow_asks_back import SELECT
from tests.flows.test_chat_api import BODY, heard

over_both_stores = pytest.mark.parametrize("store", STORES)
HTML = "<html><body>502 Bad Gateway</body></html>"
QUICK = Timeouts(connect=timedelta(seconds=1), total=timedelta(milliseconds=100))


async def raw(room: Chatroom, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """With the path as it is written."""
    api = room.house.api
    headers |= {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    data, url = None if body is None else encode(body), URL(api.url + path, encoded=True)
    async with api.http.request(method, url, data=data, headers=headers) as answer:
        text = await answer.read()
        return answer.status, parse(text) if text else None


async def asked(room: Chatroom, number: int) -> None:
    async with asyncio.timeout(5):
        while len(room.asked()) < number:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def idle(room: Chatroom) -> None:
    """Once no seat is taken."""
    async with asyncio.timeout(5):
        while any(pool.in_flight for pool in room.house.bridge.engine.pools.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@over_both_stores
async def test_what_is_deleted_while_a_workflow_answers_is_not_remembered(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store, workflow={"memory": "service"}) as room:
        await room.says("c1", "我的密码是 7")
        await room.carried()
        room.house.fastgpt.play(Script(delay_s=0.3))
        under_way = asyncio.ensure_future(room.says("c1", "在吗"))
        await asked(room, 2)
        assert (await room.house.api.call("DELETE", f"{CHAT}/c1?user_id=ann"))[0] == 204
        await under_way
        await room.says("c1", "还在吗")
        await room.carried()
        first, second, third = (question["chatId"] for question in room.asked())
        assert first == second != third  # a chat that knows nothing of it
        assert [text for user, text in await room.said("c1") if user] == ["在吗", "还在吗"]
        if room.sim:
            assert [row["content"] for row in room.sim.lines("c1") if row["is_user"]] == ["在吗", "还在吗"]


async def test_what_was_answered_to_a_question_is_deleted_with_its_conversation(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded", workflow={"memory": "service"}) as room:
        room.house.fastgpt.play(Script(interactive=SELECT))
        await room.says("c1", "我要退货")
        assert await pauses(room) == 1
        assert (await room.house.api.call("DELETE", f"{CHAT}/c1?user_id=ann"))[0] == 204
        assert await pauses(room) == 0


async def pauses(room: Chatroom) -> int:
    return int(await room.house.bridge.engine.db.read(lambda tx: tx.value("SELECT count(*) FROM pauses")))


async def test_another_keys_conversation_is_not_had_by_writing_while_supabase_is_away(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        mine, theirs = await room.key("agent"), await room.key("agent")
        assert (await room.refused("c1", BODY | {"message": "我的"}, key=mine))[0] == 200
        await room.carried()
        await lose_copies(room)
        room.sim.faults.add(DOWN)
        assert (await room.refused("c1", BODY | {"message": "别人的"}, key=theirs))[0] == 200  # taken for new
        room.sim.faults.clear()
        await due_now(room)
        await room.carried()
        for key, status in ((mine, 200), (theirs, 403)):
            api = evolve(room.house.api, key=key)
            assert (await api.call("GET", f"{CHAT}/c1/history?user_id=ann"))[0] == status
        assert [row["content"] for row in room.sim.lines("c1")] == ["我的", "收到：我的"]
        assert await room.alerts() == {"dialogue.owner_differs"}


async def test_a_conversation_that_was_away_goes_on_as_it_was(tmp_path: Path) -> None:
    """An operator reaches those of every key: nothing that one says is dropped, and nobody loses theirs."""
    async with chatroom(tmp_path, "supabase", workflow={"memory": "service"}) as room:
        assert room.sim is not None
        agent = await room.key("agent")
        await room.refused("c1", BODY | {"message": "一"}, key=agent)
        await room.carried()
        await lose_copies(room)
        room.sim.faults.add(DOWN)
        await room.says("c1", "二")
        room.sim.faults.clear()
        await due_now(room)
        await room.carried()
        assert (await room.refused("c1", BODY | {"message": "三"}, key=agent))[0] == 200
        assert [text for user, text in await room.said("c1") if user] == ["一", "二", "三"]
        chats = [question["chatId"] for question in room.asked()]
        assert chats[0] == chats[2]
        assert await room.alerts() == set()


async def lose_copies(room: Chatroom) -> None:
    def lose(tx: Tx) -> None:
        tx.run("DELETE FROM dialogue_lines")
        tx.run("DELETE FROM dialogues")

    await room.house.bridge.engine.db.write(lose)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=Kind.STATUS, status=200, body=HTML),
        Fault(kind=Kind.STATUS, status=502, body=HTML),
        Fault(kind=Kind.STATUS, status=409, body='{"code": "23505", "message": "duplicate key"}'),
        Fault(kind=Kind.STATUS, status=413, body=HTML),
        Fault(kind=Kind.STATUS, status=429),
        Fault(kind=Kind.STATUS, status=200, body="[{}]"),
        Fault(kind=Kind.STATUS, status=200, body="[" * 100_000),
        Fault(kind=Kind.ERROR, name="paused"),
        Fault(kind=Kind.ERROR, name="no-table"),
        Fault(kind=Kind.HALF),
        Fault(kind=Kind.RESET),
        Fault(kind=Kind.HANG),
        Fault(kind=Kind.NONSENSE),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{len(fault.body)}{fault.name}",
)
async def test_whatever_supabase_answers_nobody_is_left_without_theirs(tmp_path: Path, fault: Fault) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        elsewhere = room.house.bridge.engine.dialogues.shelf.elsewhere
        assert elsewhere is not None
        assert isinstance(elsewhere.store, Supabase)
        elsewhere.store.patience = Patience(read=QUICK, write=QUICK)
        await room.says("c1", "一")
        await room.carried()
        room.sim.faults.add(fault)
        await room.says("c1", "二")
        await room.says("c2", "三")
        told = await room.history("c1")
        assert ([m["content"] for m in told["messages"] if m["is_user"]], told["complete"]) == (["一", "二"], False)
        room.sim.faults.clear()
        await due_now(room)
        await until_there(room, room.sim, {"c1": ["一", "二"], "c2": ["三"]})
        assert (await room.history("c1"))["complete"]


async def until_there(room: Chatroom, sim: SupabaseSimulator, wanted: dict[str, list[str]]) -> None:
    """Once Supabase has what these users said, however long the waits for it were to be."""
    async with asyncio.timeout(10):
        while {name: [row["content"] for row in sim.lines(name) if row["is_user"]] for name in wanted} != wanted:
            await due_now(room)
            await asyncio.sleep(0.05)


async def test_who_leaves_a_stream_frees_seat_and_turn_and_leaves_nothing(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        room.house.fastgpt.play(Script(answer="很长的回答" * 20, chunks=20, chunk_delay_s=0.1), times=1)
        events = heard(room, "c1")
        assert (await anext(events))[0] == "answer"
        await events.aclose()  # type: ignore[attr-defined]
        await idle(room)
        assert await room.said("c1") == []
        assert (await room.says("c1", "再来"))["response"] == "收到：再来"


async def test_a_stream_that_breaks_off_ends_with_the_seeds_words_and_keeps_nothing(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        room.house.fastgpt.play(Script(answer="说到一半", chunks=4, mishap="cut"))
        events = [event async for event in heard(room, "c1")]
        assert [name for name, _ in events][-1] == "error"
        assert (events[-1][1]["detail"], events[-1][1]["status"]) == ("AI 回复生成异常", 500)
        await idle(room)
        assert await room.said("c1") == []


async def test_a_call_that_may_have_run_is_not_repeated_under_its_idempotency_key(tmp_path: Path) -> None:
    async with openai_simulator() as openai, chatroom(tmp_path, "embedded") as room:
        openai.play(OpenAiScript(mishap="cut"))
        model = {"name": "Model", "provider": "openai", "base_url": openai.base_url, "key": OPENAI_KEY, "model": MODEL}
        body = BODY | {"workflow_id": (await room.house.api.post("/api/v1/workflows", model))["id"]}
        key = {"Idempotency-Key": "k-1"}
        status, problem = await room.refused("c1", body, **key)
        assert (status, problem["detail"]) == (500, "AI 回复生成异常")
        status, problem = await room.refused("c1", body, **key)
        assert (status, problem["code"]) == (409, "idempotency.uncertain")
        assert len(openai.ledger.of("*/chat/completions")) == 1


PATHS = {
    "a%2Fhistory": "a/history",
    "a%2F..%2Fb": "a/../b",
    "..": "..",
    "a%25b": "a%b",
    "a%2525b": "a%25b",
    "a+b": "a+b",
    "a%20b": "a b",
    "a%3Fuser_id=bob": "a?user_id=bob",
    "%F0%9F%98%80": "😀",
    "%22a%22,(b).eq.*": '"a",(b).eq.*',
    "x": "x",
    "%E7%8E%8B" * 200: "王" * 200,
}


@over_both_stores
async def test_any_name_is_one_conversation_and_no_other(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store) as room:
        for path, name in PATHS.items():
            status, told = await raw(room, "POST", f"{CHAT}/{path}", BODY | {"message": name})
            assert (status, told["conversation_id"]) == (200, name)
        await room.carried()
        for path, name in PATHS.items():
            _, told = await raw(room, "GET", f"{CHAT}/{path}/history?user_id=ann")
            assert [line["content"] for line in told["messages"]] == [name, f"收到：{name}"]
            assert (await raw(room, "DELETE", f"{CHAT}/{path}?user_id=ann"))[0] == 204
        await room.carried()
        if room.sim:
            assert not room.sim.base.tables["qiaod_messages"].rows


async def test_names_that_are_none_are_400(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        for path in ("%20", "a%00b", "a%0Ab", "x" * 201, "x" * 7000):
            assert (await raw(room, "POST", f"{CHAT}/{path}", BODY))[0] == 400, path
        for user in ("a\x00b", "x" * 201, "x" * 10_000, "a\n"):
            assert (await raw(room, "POST", f"{CHAT}/c1", BODY | {"user_id": user}))[0] == 400
        assert room.asked() == []


@over_both_stores
async def test_texts_come_back_as_they_were_said(tmp_path: Path, store: str) -> None:
    said = [
        "😀👨‍👩‍👧",
        "\u202eabc\u2066",
        "e\u0301 é",
        " 前后 \n\t",
        "'); DROP TABLE dialogues; --",
        '"\\u0000"',
        "长" * 20_000,
    ]
    async with chatroom(tmp_path, store) as room:
        for text in said:
            await room.says("c1", text)
        await room.carried()
        assert [text for user, text in await room.said("c1") if user] == said


async def test_half_a_character_is_no_json(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        api = room.house.api
        headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
        body = b'{"user_id": "ann", "message": "\\ud83d"}'
        async with api.http.post(f"{api.url}{CHAT}/c1", data=body, headers=headers) as answer:
            assert (answer.status, parse(await answer.read())["code"]) == (400, "chat.malformed")


@over_both_stores
async def test_a_history_of_thousands_is_paged_from_end_to_end(tmp_path: Path, store: str) -> None:
    number = 10_000 if store == "embedded" else 2_000
    async with chatroom(tmp_path, store) as room:
        await room.says("c1", "起")
        await room.carried()
        await many(room, number)
        seen, before = list[str](), ""
        while True:
            told = await room.history("c1", query=f"&limit=500{before}")
            seen[:0] = [line["content"] for line in told["messages"]]
            if not told["has_more"]:
                break
            before = f"&before={told['messages'][0]['id']}"
        assert seen == ["起", "收到：起", *map(str, range(number))]
        await room.says("c1", "末")
        assert len(room.asked()[-1]["messages"]) == 21


async def many(room: Chatroom, number: int) -> None:
    place = "copy" if room.sim else "here"

    def insert(tx: Tx) -> list[str]:
        ids = [tx.new_id() for _ in range(number)]
        rows = [(name, "c1", str(at), at % 2 == 0, place, tx.now_ms) for at, name in enumerate(ids)]
        insertion = "INSERT INTO dialogue_lines (id, dialogue_id, content, is_user, place, created_ms)"
        tx.many(f"{insertion} VALUES ($1, $2, $3, $4, $5, $6)", rows)
        return ids

    ids = await room.house.bridge.engine.db.write(insert)
    if room.sim:
        rows = [
            {"id": name, "conversation_id": "c1", "content": str(at), "is_user": at % 2 == 0}
            for at, name in enumerate(ids)
        ]
        room.sim.base.insert("qiaod_messages", rows, conflict=None, resolution=None)
