"""The chat API as its seed has it, over both stores of conversations."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from daemon.codec import encode, parse
from daemon.credentials import BadCredential
from daemon.net.sse import SseReader
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY
from daemon.sim.fastgpt_script import Script
from tests.flows.chat import CHAT, STORES, Chatroom, chatroom
from tests.flows.test_a_workflow_asks_back import ASKED, SELECT

over_both_stores = pytest.mark.parametrize("store", STORES)
BODY = {"user_id": "ann", "message": "你好"}
FIELDS = {
    "response", "conversation_id", "message_id", "response_id", "workflow_id", "degraded", "needs_person", "question",
    "usage", "duration_ms", "request_id",
}  # fmt: skip


@over_both_stores
async def test_a_message_gets_its_response(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store) as room:
        told = await room.says("c1", "几点开门")
        assert (told["response"], told["conversation_id"]) == ("收到：几点开门", "c1")
        assert (told["workflow_id"], told["degraded"], told["needs_person"]) == (room.house.workflow_id, False, False)
        assert set(told) == FIELDS


@over_both_stores
async def test_the_history_is_oldest_first_with_content_is_user_and_created_at(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store) as room:
        first = await room.says("c1", "一")
        second = await room.says("c1", "二")
        for _ in range(2):  # on its way, and there
            told = await room.history("c1")
            assert [(m["is_user"], m["content"]) for m in told["messages"]] == [
                (True, "一"), (False, "收到：一"), (True, "二"), (False, "收到：二"),
            ]  # fmt: skip
            assert [m["id"] for m in told["messages"]] == [
                first["message_id"], first["response_id"], second["message_id"], second["response_id"],
            ]  # fmt: skip
            times = [m["created_at"] for m in told["messages"]]
            assert times == sorted(times)
            assert times[0].endswith("Z")
            assert [m["workflow_id"] for m in told["messages"][:2]] == [None, room.house.workflow_id]
            assert (told["conversation_id"], told["has_more"], told["complete"]) == ("c1", False, True)
            await room.carried()


@over_both_stores
async def test_the_history_is_paged_by_limit_and_before(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store) as room:
        for number in range(3):
            await room.says("c1", str(number))
        for _ in range(2):
            latest = await room.history("c1", query="&limit=2")
            assert ([m["content"] for m in latest["messages"]], latest["has_more"]) == (["2", "收到：2"], True)
            first = latest["messages"][0]["id"]
            earlier = await room.history("c1", query=f"&limit=4&before={first}")
            assert [m["content"] for m in earlier["messages"]] == ["0", "收到：0", "1", "收到：1"]
            assert earlier["has_more"] is False
            await room.carried()


async def test_a_limit_beyond_its_bounds_is_400(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        for query in ("user_id=ann&limit=0", "user_id=ann&limit=501", "user_id=ann&limit=x", "limit=3"):
            assert (await room.house.api.call("GET", f"{CHAT}/c1/history?{query}"))[0] == 400


@over_both_stores
async def test_what_was_said_before_goes_to_the_workflow(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store, chat={"history": 2}) as room:
        for text in ("一", "二", "三"):
            await room.says("c1", text)
        assert [(m["role"], m["content"]) for m in room.asked()[-1]["messages"]] == [
            ("user", "二"), ("assistant", "收到：二"), ("user", "三"),
        ]  # fmt: skip
        await room.says("c2", "四")
        assert [m["content"] for m in room.asked()[-1]["messages"]] == ["四"]


async def test_a_service_that_remembers_is_told_the_message_alone(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded", workflow={"memory": "service"}) as room:
        await room.says("c1", "一")
        await room.says("c1", "二")
        first, second = room.asked()
        assert [m["content"] for m in second["messages"]] == ["二"]
        assert first["chatId"] == second["chatId"]
        assert second["customUid"] == "ann"


async def test_400_where_user_id_or_message_is_missing_or_empty(tmp_path: Path) -> None:
    bodies: list[Any] = [
        {"message": "你好"},
        {"user_id": "ann"},
        {"user_id": "", "message": "你好"},
        {"user_id": "ann", "message": ""},
        {"user_id": "ann", "message": "  "},
        {"user_id": None, "message": "你好"},
        {"user_id": "ann", "message": None},
        {},
    ]
    async with chatroom(tmp_path, "embedded") as room:
        for body in bodies:
            status, problem = await room.refused("c1", body)
            assert (status, problem["detail"]) == (400, "缺少 user_id 或 message 参数"), body
            assert (problem["code"], problem["message"]) == ("chat.incomplete", problem["detail"])
        assert room.asked() == []


async def test_400_where_the_body_is_no_json_object(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        api = room.house.api
        headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
        for raw in (b"{", b"", b"[1]", b'"x"', b"null", b"\xff"):
            async with api.http.post(f"{api.url}{CHAT}/c1", data=raw, headers=headers) as answer:
                problem = parse(await answer.read())
                told = answer.status, problem["detail"], problem["code"]
                assert told == (400, "请求数据格式错误", "chat.malformed"), raw


async def test_400_that_the_seed_has_no_words_for_names_the_field(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        for more in ({"message": "长" * 20_001}, {"user_id": 7}, {"other": 1}, {"stream": "yes"}):
            status, problem = await room.refused("c1", BODY | more)
            assert (status, problem["code"]) == (400, "invalid")
            assert [error["field"] for error in problem["errors"]] == list(more)


async def test_english_is_spoken_to_whoever_asks_for_it(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        for language, detail in (("en-GB", "user_id or message is missing."), ("*", "缺少 user_id 或 message 参数")):
            _, problem = await room.refused("c1", {}, **{"Accept-Language": language})
            assert problem["detail"] == detail


@over_both_stores
async def test_403_for_another_users_conversation(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store) as room:
        await room.says("c1", "我的")
        api, path = room.house.api, f"{CHAT}/c1"
        for _ in range(2):
            for method, there, body in (
                ("POST", path, BODY | {"user_id": "bob"}),
                ("GET", path + "/history?user_id=bob", None),
                ("DELETE", path + "?user_id=bob", None),
            ):
                status, problem = await api.call(method, there, body)
                assert (status, problem["detail"]) == (403, "无权访问该对话。")
                assert "我的" not in str(problem)
            await room.carried()
        assert len(room.asked()) == 1
        assert await room.said("c1") == [(True, "我的"), (False, "收到：我的")]


async def test_500_where_the_ai_fails_and_the_code_says_why(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        for error, code in (("points", "fastgpt.no_points"), ("no such error", "fastgpt.upstream")):
            room.house.fastgpt.play(Script(mishap="error-before", error=error))
            status, problem = await room.refused("c1", BODY)
            assert (status, problem["detail"], problem["code"]) == (500, "AI 回复生成异常", code)
        assert await room.said("c1") == []  # what was not answered is asked again


async def test_500_where_the_ai_cannot_be_reached(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        gone = {"name": "Gone", "base_url": "http://127.0.0.1:1/api", "key": DEMO_KEY, "check": False}
        workflow_id = (await room.house.api.post("/api/v1/workflows", gone))["id"]
        status, problem = await room.refused("c1", BODY | {"workflow_id": workflow_id})
        assert (status, problem["detail"], problem["code"]) == (500, "AI 回复生成异常", "remote.no_connection")


async def test_402_where_a_quota_is_used_up(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        quota = {"name": "Q", "scope": "workflow", "scope_id": room.house.workflow_id, "period": "day"}
        await room.house.api.post("/api/v1/quotas", quota | {"measure": "calls", "cap_micro": 1_000_000})
        await room.says("c1", "一")
        status, problem = await room.refused("c1", BODY)
        assert (status, problem["quota"]["name"]) == (402, "Q")


async def test_404_for_a_workflow_that_is_not_there_or_not_named_among_several(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        status, problem = await room.refused("c1", BODY | {"workflow_id": "nobody"})
        assert (status, problem["code"]) == (404, "workflow.not_found")
        second = {"name": "Second", "base_url": room.house.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        await room.house.api.post("/api/v1/workflows", second)
        assert (await room.refused("c1", BODY))[1]["code"] == "workflow.name_one"


async def test_the_workflow_of_the_settings_answers_where_none_is_named(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        second = {"name": "Second", "base_url": room.house.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        workflow_id = (await room.house.api.post("/api/v1/workflows", second))["id"]
        room.house.bridge.engine.dialogues.workflow_id = workflow_id
        assert (await room.says("c1", "你好"))["workflow_id"] == workflow_id
        named = await room.says("c1", "你好", workflow_id=room.house.workflow_id)
        assert named["workflow_id"] == room.house.workflow_id


@over_both_stores
async def test_delete_forgets_it_and_its_name_is_free(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store, workflow={"memory": "service"}) as room:
        await room.says("c1", "忘了我")
        await room.carried()
        assert (await room.house.api.call("DELETE", f"{CHAT}/c1?user_id=ann"))[0] == 204
        assert await room.said("c1") == []
        await room.says("c1", "我是新的", user="bob")
        assert await room.said("c1", user="bob") == [(True, "我是新的"), (False, "收到：我是新的")]
        await room.carried()
        assert await room.said("c1", user="bob") == [(True, "我是新的"), (False, "收到：我是新的")]
        first, second = room.asked()
        assert first["chatId"] != second["chatId"]  # what the service remembers is another's
        audit = (await room.house.api.get("/api/v1/audit?limit=20"))["data"]
        assert [row["target"] for row in audit if row["action"] == "dialogue.forgotten"] == ["dialogue:c1"]
        if room.sim:
            assert [row["content"] for row in room.sim.lines("c1")] == ["我是新的", "收到：我是新的"]


@over_both_stores
async def test_an_unknown_conversation_is_empty_and_deleting_it_is_no_mistake(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store) as room:
        assert (await room.history("nobody"))["messages"] == []
        assert (await room.house.api.call("DELETE", f"{CHAT}/nobody?user_id=ann"))[0] == 204


async def heard(room: Chatroom, conversation: str, **more: Any) -> AsyncIterator[tuple[str, Any]]:
    api = room.house.api
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    body = encode(BODY | {"stream": True} | more)
    async with api.http.post(f"{api.url}{CHAT}/{conversation}", data=body, headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        reader = SseReader()
        async for piece in response.content.iter_any():
            for event in reader.feed(piece):
                yield event.name, parse(event.data)


@over_both_stores
async def test_a_stream_tells_the_answer_as_it_is_made_and_ends_with_the_whole(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store) as room:
        room.house.fastgpt.play(Script(answer="九点开门，六点关门", chunks=4))
        events = [event async for event in heard(room, "c1")]
        assert "".join(told["text"] for name, told in events if name == "answer") == "九点开门，六点关门"
        assert ([name for name, _ in events[-2:]], set(events[-1][1])) == (["answer", "end"], FIELDS)
        assert (await room.said("c1"))[-1] == (False, "九点开门，六点关门")


@over_both_stores
async def test_a_stream_that_is_refused_has_the_status_of_any_other_answer(tmp_path: Path, store: str) -> None:
    """So that a page need not look into the stream for what `response.ok` tells."""
    streamed = BODY | {"stream": True}
    async with chatroom(tmp_path, store) as room:
        await room.says("c1", "我的")
        status, problem = await room.refused("c1", streamed | {"user_id": "bob"})
        assert (status, problem["detail"]) == (403, "无权访问该对话。")
        status, problem = await room.refused("c1", streamed | {"workflow_id": "nobody"})
        assert (status, problem["code"]) == (404, "workflow.not_found")
        room.house.fastgpt.play(Script(mishap="error-before", error="points"), times=1)
        status, problem = await room.refused("c1", streamed)
        assert (status, problem["detail"], problem["code"]) == (500, "AI 回复生成异常", "fastgpt.no_points")
        quota = {"name": "Q", "scope": "workflow", "scope_id": room.house.workflow_id, "period": "day"}
        await room.house.api.post("/api/v1/quotas", quota | {"measure": "calls", "cap_micro": 1_000_000})
        await room.says("c1", "最后一条")
        assert (await room.refused("c1", streamed))[0] == 402


async def test_the_same_idempotency_key_gives_the_same_answer_and_asks_once(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        answers = [await room.refused("c1", BODY, **{"Idempotency-Key": "k-1"}) for _ in range(2)]
        assert answers[0] == answers[1]
        assert len(room.asked()) == 1
        assert len(await room.said("c1")) == 2


async def test_messages_of_one_conversation_are_answered_one_after_another(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        room.house.fastgpt.play(Script(delay_s=0.05))
        await asyncio.gather(*(room.says("c1", str(number)) for number in range(4)))
        assert room.house.fastgpt.traffic.most_in_flight == 1
        said = await room.said("c1")
        assert [text for user, text in said if not user] == [f"收到：{text}" for user, text in said if user]
        await asyncio.gather(*(room.says(f"d{number}", "x") for number in range(4)))
        assert room.house.fastgpt.traffic.most_in_flight > 1


@over_both_stores
async def test_a_limited_key_and_an_agent_see_only_what_they_made(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store) as room:
        agent, scoped = await room.key("agent"), await room.key("operator", scoped=True)
        await room.says("admins", "x")
        for key, own in ((agent, "agents"), (scoped, "ones")):
            assert (await room.refused("admins", BODY, key=key))[0] == 403
            assert (await room.refused(own, BODY, key=key))[0] == 200
            api = evolve(room.house.api, key=key)
            assert len((await api.get(f"{CHAT}/{own}/history?user_id=ann"))["messages"]) == 2
        assert (await room.refused("agents", BODY, key=scoped))[0] == 403
        assert len(await room.said("agents")) == 2  # an admin sees all


async def test_who_may_talk(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        for role, status in (("viewer", 403), ("auditor", 403), ("operator", 200), ("agent", 200)):
            assert (await room.refused(f"of-{role}", BODY, key=await room.key(role)))[0] == status
        assert (await room.refused("c1", BODY, key="qk_nobody"))[0] == 401


@over_both_stores
async def test_a_question_back_is_answered_by_the_next_message_and_both_are_kept(tmp_path: Path, store: str) -> None:
    async with chatroom(tmp_path, store, workflow={"memory": "service"}) as room:
        room.house.fastgpt.play(Script(interactive=SELECT, answer="好的：{question}"), times=2)
        asked = await room.says("c1", "我要退货")
        assert (asked["response"], asked["question"]["kind"]) == (ASKED, "choice")
        told = await room.says("c1", "2")
        assert (told["response"], told["question"]) == ("好的：换货", None)
        assert await room.said("c1") == [(True, "我要退货"), (False, ASKED), (True, "2"), (False, "好的：换货")]


async def test_without_its_key_the_daemon_does_not_begin(tmp_path: Path) -> None:
    chat = {"store": "supabase", "supabase_url": "http://127.0.0.1:1"}
    with pytest.raises(BadCredential) as caught:
        async with chatroom(tmp_path, "embedded", chat=chat):
            pass
    assert caught.value.code == "supabase.no_key"
