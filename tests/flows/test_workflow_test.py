"""The workflow test as its screens were made for it: the seven routes, each status, and each field of its documents."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientSession
from attrs import evolve

from daemon.codec import encode, parse
from daemon.domain.access import SYSTEM
from daemon.domain.workflow import Provider
from daemon.net.sse import SseReader
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY
from daemon.sim.fastgpt_script import Script
from daemon.store.tx import Tx
from tests.flows.house import Api, House, house, running_daemon
from tests.flows.test_a_workflow_asks_back import ASKED, SELECT

PATH = "/api/v1/workflow-test/sessions"
NOBODYS = "550e8400-e29b-41d4-a716-446655440000"
SESSION = {"testSessionId", "workflowId", "workflowName", "messages", "createdAt", "lastActiveAt"}
MESSAGE = {"id", "role", "content", "timestamp", "meta"}
META = {"success", "durationMs", "errorMessage", "needHumanTransfer", "nodeDetails"}
DETAIL = {"nodeId", "nodeType", "input", "output", "durationMs", "success"}
REMEMBERING = {"memory": "service"}
STATISTICS = (  # and all else that tells of what really happened
    *("conversations", "turns", "messages", "sends", "jobs", "contacts", "accounts"),
    *("charges", "quotas", "service_minutes", "alerts", "pauses", "chats"),
)
CLASSIFIED = {
    "moduleType": "classifyQuestion",
    "moduleName": "问题分类",
    "query": "多少钱",
    "cqList": [{"key": "a", "value": "产品咨询"}, {"key": "b", "value": "其他"}],
    "cqResult": "产品咨询",
    "runningTime": 0.2,
}

Told = tuple[str, Any]


async def begun(h: House, *, api: Api | None = None, **more: Any) -> dict[str, Any]:
    session: dict[str, Any] = await (api or h.api).post(PATH, {"workflowId": h.workflow_id} | more, status=200)
    return session


async def said(h: House, session: dict[str, Any], message: str) -> dict[str, Any]:
    told: dict[str, Any] = await h.api.post(
        f"{PATH}/{session['testSessionId']}/messages", {"message": message}, status=200
    )
    return told


async def key_of(h: House, role: str, **more: Any) -> Api:
    made = await h.api.post("/api/v1/keys", {"name": role, "role": role} | more)
    return evolve(h.api, key=made["key"])


def bodies(h: House) -> list[dict[str, Any]]:
    return [entry.body for entry in h.fastgpt.ledger.of("*/chat/completions")]


@asynccontextmanager
async def asking(h: House, session: dict[str, Any], message: str) -> AsyncIterator[AsyncIterator[Told]]:
    headers = {"Authorization": f"Bearer {h.api.key}", "Content-Type": "application/json"}
    url = f"{h.api.url}{PATH}/{session['testSessionId']}/messages"
    body = encode({"message": message, "stream": True})
    async with h.api.http.post(url, data=body, headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        reader = SseReader()

        async def told() -> AsyncIterator[Told]:
            async for piece in response.content.iter_any():
                for event in reader.feed(piece):
                    yield event.name, parse(event.data)

        yield told()


async def streamed(h: House, session: dict[str, Any], message: str) -> list[Told]:
    async with asking(h, session, message) as events:
        return [event async for event in events]


async def test_post_sessions_begins_a_session(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h, variables={"customerId": "xxx"})
        assert set(session) == SESSION
        assert re.fullmatch(r"test_[0-9a-f]{12}", session["testSessionId"])
        assert (session["workflowId"], str(UUID(session["workflowId"]))) == (h.workflow_id, h.workflow_id)
        assert (session["workflowName"], session["messages"]) == ("Sales", [])
        assert session["createdAt"] == session["lastActiveAt"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", session["createdAt"])


async def test_post_messages_answers_with_the_whole_session(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(nodes=[CLASSIFIED]))
        told = await said(h, session, "多少钱")
        assert set(told) == SESSION
        question, answer = told["messages"]
        assert set(question) == set(answer) == MESSAGE
        assert (question["role"], question["content"], question["meta"]) == ("user", "多少钱", None)
        assert (answer["role"], answer["content"]) == ("assistant", "收到：多少钱")
        assert question["id"] != answer["id"]
        assert session["createdAt"] <= question["timestamp"] <= answer["timestamp"] == told["lastActiveAt"]
        meta = answer["meta"]
        assert set(meta) == META
        assert (meta["success"], meta["errorMessage"], meta["needHumanTransfer"]) == (True, None, False)
        assert type(meta["durationMs"]) is int
        assert [set(detail) for detail in meta["nodeDetails"]] == [DETAIL] * 3
        start, intent, model = meta["nodeDetails"]
        assert (start["nodeType"], start["input"], start["success"]) == ("start", "多少钱", True)
        assert (intent["nodeType"], intent["input"], intent["output"]) == ("intent", "多少钱", "产品咨询")
        assert (intent["durationMs"], intent["success"]) == (200, True)
        assert (model["nodeType"], model["input"], model["output"]) == ("llm", "多少钱", "收到：多少钱")
        assert all(isinstance(detail["nodeId"], str) and detail["nodeId"] for detail in meta["nodeDetails"])


async def test_get_session_shows_it_as_it_stands(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        told = await said(h, session, "你好")
        assert await h.api.get(f"{PATH}/{session['testSessionId']}") == told


async def test_post_clear_empties_the_session_and_its_variables_and_keeps_it(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h, variables={"vip": True})
        await said(h, session, "你好")
        path = f"{h.api.url}{PATH}/{session['testSessionId']}/clear"
        async with h.api.http.post(
            path, headers={"Authorization": f"Bearer {h.api.key}"}
        ) as response:  # as a page does
            cleared = parse(await response.read())
        assert (response.status, set(cleared), cleared["messages"]) == (200, SESSION, [])
        assert cleared["testSessionId"] == session["testSessionId"]
        assert [line["content"] for line in (await said(h, session, "再来"))["messages"]] == ["再来", "收到：再来"]
        first, second = bodies(h)
        assert (first["variables"], second["variables"]) == ({"vip": True}, {})
        assert [line["content"] for line in second["messages"]] == ["再来"]


async def test_delete_session_is_204_and_it_is_gone(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        path = f"{PATH}/{session['testSessionId']}"
        assert await h.api.call("DELETE", path) == (204, None)
        assert (await h.api.call("GET", path))[0] == 400
        assert (await h.api.call("DELETE", path))[0] == 400


async def test_put_variables_are_laid_over_those_it_has(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"variables": {"shop": "Mitte"}}) as h:
        session = await begun(h, variables={"customerId": "1", "vip": False})
        path = f"{PATH}/{session['testSessionId']}/variables"
        status, changed = await h.api.call("PUT", path, {"vip": True, "testMode": True, "tags": ["a"]})
        assert (status, set(changed), changed["testSessionId"]) == (200, SESSION, session["testSessionId"])
        await said(h, session, "你好")
        (body,) = bodies(h)
        wanted = {"shop": "Mitte", "customerId": "1", "vip": True, "testMode": True, "tags": ["a"]}
        assert body["variables"] == wanted


async def test_variables_are_bounded(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        path = f"{PATH}/{session['testSessionId']}/variables"
        assert (await h.api.call("PUT", path, {"long": "x" * 33_000}))[0] == 400
        assert (await h.api.call("PUT", path, ["no object"]))[0] == 400


async def test_get_sessions_is_a_bare_list_of_ones_own_with_the_latest_active_first(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        operator, other = await key_of(h, "operator"), await key_of(h, "operator")
        one, two = await begun(h, api=operator), await begun(h, api=operator)
        told = await operator.post(f"{PATH}/{one['testSessionId']}/messages", {"message": "你好"})
        assert await operator.get(PATH) == [told, two]
        assert await other.get(PATH) == []
        assert await h.api.get(PATH) == [told, two]  # an admin looks after all


async def test_another_keys_session_is_like_a_missing_one(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        path = f"{PATH}/{session['testSessionId']}"
        operator = await key_of(h, "operator")
        calls = [
            ("GET", path, None),
            ("DELETE", path, None),
            ("POST", path + "/clear", None),
            ("POST", path + "/messages", {"message": "你好"}),
            ("PUT", path + "/variables", {"a": 1}),
        ]
        for method, target, body in calls:
            status, problem = await operator.call(method, target, body)
            wanted = (400, f"测试会话不存在或已过期: {session['testSessionId']}")
            assert (status, problem["message"]) == wanted, (method, target)
        assert await h.api.get(path) == session


async def test_a_missing_session_is_the_seeds_400(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        status, problem = await h.api.call("GET", f"{PATH}/test_a1b2c3d4e5f6")
        wanted = {"status": 400, "error": "Bad Request", "message": "测试会话不存在或已过期: test_a1b2c3d4e5f6"}
        assert (status, {name: problem[name] for name in wanted}) == (400, wanted)
        assert problem["code"] == "workflow_test.not_found"


async def test_a_missing_workflow_is_the_seeds_400(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        status, problem = await h.api.call("POST", PATH, {"workflowId": NOBODYS})
        wanted = {"status": 400, "error": "Bad Request", "message": f"工作流不存在: {NOBODYS}"}
        assert (status, {name: problem[name] for name in wanted}) == (400, wanted)


async def test_whoever_asks_for_english_gets_it(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        _, problem = await h.api.call("GET", f"{PATH}/test_x", **{"Accept-Language": "en"})
        assert problem["message"] == "There is no test session test_x, or its time is over."


async def test_a_workflow_id_that_is_no_uuid_is_400(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        wrong: tuple[Any, ...] = ({}, {"workflowId": None}, {"workflowId": "sales"}, {"workflowId": ""}, [])
        for body in wrong:
            status, problem = await h.api.call("POST", PATH, body)
            assert (status, problem["error"], problem["code"]) == (400, "Bad Request", "invalid"), body


async def test_a_message_that_is_missing_empty_or_endless_is_400(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        for body in ({}, {"message": ""}, {"message": " \n"}, {"message": None}, {"message": "长" * 20_001}):
            status, problem = await h.api.call("POST", f"{PATH}/{session['testSessionId']}/messages", body)
            assert (status, {error["field"] for error in problem["errors"]}) == (400, {"message"}), body
        assert bodies(h) == []


async def test_without_a_key_it_is_401_and_a_viewer_may_not_spend(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        nobody, viewer = evolve(h.api, key="qk_nobody"), await key_of(h, "viewer")
        for path, body in ((PATH, {"workflowId": h.workflow_id}), (f"{PATH}/{session['testSessionId']}/clear", None)):
            assert (await nobody.call("POST", path, body))[0] == 401
            assert (await viewer.call("POST", path, body))[0] == 403
        operator = await key_of(h, "operator")
        assert (await operator.call("POST", PATH, {"workflowId": h.workflow_id}))[0] == 200


async def test_a_key_of_other_accounts_may_not_test_the_workflow(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        other = {"name": "Other", "base_url": h.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        foreign = (await h.api.post("/api/v1/workflows", other))["id"]
        scoped = await key_of(h, "operator", accounts=[h.account_id])
        status, problem = await scoped.call("POST", PATH, {"workflowId": foreign})
        assert (status, problem["code"]) == (403, "auth.workflow")
        assert (await scoped.call("POST", PATH, {"workflowId": h.workflow_id}))[0] == 200


async def test_a_failed_run_is_a_message_that_says_why_and_no_error_of_the_api(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(mishap="error-before", error="points"), times=1)
        _, failed = (await said(h, session, "你好"))["messages"]
        assert (failed["role"], failed["content"], failed["meta"]["success"]) == ("assistant", "", False)
        assert failed["meta"]["errorMessage"] == "FastGPT 团队的 AI 积分已用完。"
        assert failed["meta"]["nodeDetails"] == []
        await said(h, session, "还在吗")
        assert [line["content"] for line in bodies(h)[-1]["messages"]] == ["你好", "还在吗"]


async def test_a_run_that_says_nothing_shows_which_node_failed(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(mishap="node-failure", error="模型超时"))
        _, failed = (await said(h, session, "你好"))["messages"]
        assert (failed["meta"]["success"], "模型超时" in failed["meta"]["errorMessage"]) == (False, True)
        *_, model = failed["meta"]["nodeDetails"]
        assert (model["nodeType"], model["success"], model["output"]) == ("llm", False, "模型超时")


async def test_a_wish_for_a_person_is_told_and_its_mark_is_seen_by_nobody(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(answer="马上为您转接[[HANDOFF]]", chunks=8), times=2)
        answer = (await said(h, session, "找人工"))["messages"][-1]
        assert (answer["content"], answer["meta"]["needHumanTransfer"]) == ("马上为您转接", True)
        events = await streamed(h, session, "找人工")
        assert "".join(told["text"] for name, told in events if name == "answer") == "马上为您转接"
        h.fastgpt.play(Script(variables={"needHumanTransfer": True}), times=1)
        assert (await said(h, session, "找人工"))["messages"][-1]["meta"]["needHumanTransfer"] is True
        assert (await said(h, session, "谢谢"))["messages"][-1]["meta"]["needHumanTransfer"] is False


async def test_what_was_said_goes_with_the_next_message_where_we_remember(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"system_prompt": "简短回答"}) as h:
        session = await begun(h)
        for message in ("一", "二"):
            await said(h, session, message)
        told = [(line["role"], line["content"]) for line in bodies(h)[-1]["messages"]]
        assert told == [("system", "简短回答"), ("user", "一"), ("assistant", "收到：一"), ("user", "二")]
        assert "chatId" not in bodies(h)[-1]


async def test_a_service_that_remembers_goes_on_in_one_chat_until_it_is_cleared(tmp_path: Path) -> None:
    async with house(tmp_path, workflow=REMEMBERING) as h:
        session = await begun(h)
        for message in ("一", "二"):
            await said(h, session, message)
        await h.api.post(f"{PATH}/{session['testSessionId']}/clear")
        await said(h, session, "三")
        first, second, third = bodies(h)
        assert first["chatId"] == second["chatId"] != third["chatId"]
        assert [line["content"] for line in second["messages"]] == ["二"]


async def test_what_a_workflow_asks_back_is_answered_by_the_next_message(tmp_path: Path) -> None:
    async with house(tmp_path, workflow=REMEMBERING) as h:
        session = await begun(h)
        h.fastgpt.play(Script(interactive=SELECT, answer="好的：{question}"), times=2)
        assert (await said(h, session, "我要退货"))["messages"][-1]["content"] == ASKED
        again = (await said(h, session, "9"))["messages"][-1]
        assert (again["role"], again["meta"]["success"], again["meta"]["nodeDetails"]) == ("assistant", True, [])
        assert len(bodies(h)) == 1  # a reply that does not fit is no business of the workflow's
        assert (await said(h, session, "2"))["messages"][-1]["content"] == "好的：换货"
        first, second = bodies(h)
        assert (second["chatId"], second["messages"][-1]["content"]) == (first["chatId"], "换货")


async def test_a_question_that_is_left_leaves_its_chat(tmp_path: Path) -> None:
    async with house(tmp_path, workflow=REMEMBERING) as h:
        session = await begun(h)
        h.fastgpt.play(Script(interactive=SELECT), times=1)
        await said(h, session, "我要退货")
        assert (await said(h, session, "取消"))["messages"][-1]["content"] == "好的，已取消。还有什么可以帮您？"
        assert (await said(h, session, "在吗"))["messages"][-1]["content"] == "收到：在吗"
        first, second = bodies(h)
        assert first["chatId"] != second["chatId"]


async def test_a_workflow_that_asks_back_in_vain_is_told_of(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(interactive=SELECT), times=1)
        *_, hint = (await said(h, session, "我要退货"))["messages"]
        assert (hint["role"], hint["meta"], "memory 设为 service" in hint["content"]) == ("system", None, True)


async def test_one_message_at_a_time(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(delay_s=0.3), times=1)
        first = asyncio.create_task(said(h, session, "一"))
        await h.fastgpt.ledger.wait_for("*/chat/completions")
        path = f"{PATH}/{session['testSessionId']}/messages"
        status, problem = await h.api.call("POST", path, {"message": "二"})
        assert (status, problem["code"]) == (409, "workflow_test.busy")
        assert problem["message"] == "该测试会话正在处理上一条消息，请等待回复，或清除、删除会话。"
        shown = await h.api.get(f"{PATH}/{session['testSessionId']}")
        assert [line["content"] for line in shown["messages"]] == ["一"]
        assert [line["content"] for line in (await first)["messages"]] == ["一", "收到：一"]
        assert (await said(h, session, "三"))["messages"][-1]["content"] == "收到：三"


@pytest.mark.parametrize("how", ["delete", "clear"])
async def test_a_run_stops_where_its_session_is_removed_or_cleared(tmp_path: Path, how: str) -> None:
    async with house(tmp_path, workflow={"endpoint": "v2", "memory": "service"}) as h:
        session = await begun(h)
        path = f"{PATH}/{session['testSessionId']}"
        h.fastgpt.play(Script(delay_s=30), times=1)
        first = asyncio.create_task(h.api.call("POST", f"{path}/messages", {"message": "一"}))
        await h.fastgpt.ledger.wait_for("*/chat/completions")
        await (h.api.call("DELETE", path) if how == "delete" else h.api.post(f"{path}/clear"))
        status, told = await asyncio.wait_for(first, 5)
        assert (status, told.get("messages")) == ((400, None) if how == "delete" else (200, []))
        await h.fastgpt.ledger.wait_for("*/chat/stop")
        assert h.bridge.engine.pools[Provider.FASTGPT].in_flight == 0


async def test_a_stream_tells_nodes_pieces_and_at_its_end_the_session(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(nodes=[CLASSIFIED], chunks=4))
        events = await streamed(h, session, "多少钱")
        names = [name for name, _ in events]
        assert set(names) == {"node", "answer", "usage", "end"}
        assert names.index("node") < names.index("answer")
        assert {tuple(told) for name, told in events if name == "node"} == {("name", "nodeType")}
        assert "".join(told["text"] for name, told in events if name == "answer") == "收到：多少钱"
        last, whole = events[-1]
        assert (last, whole) == ("end", await h.api.get(f"{PATH}/{session['testSessionId']}"))


async def test_a_stream_of_a_failed_run_ends_with_the_session_too(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(mishap="error-before", error="points"))
        ((name, whole),) = await streamed(h, session, "你好")
        assert (name, whole["messages"][-1]["meta"]["success"]) == ("end", False)


async def test_whoever_leaves_a_stream_ends_its_run_and_may_say_something_else(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"endpoint": "v2", "memory": "service"}) as h:
        session = await begun(h)
        h.fastgpt.play(Script(delay_s=30), times=1)
        async with asking(h, session, "一"):
            await h.fastgpt.ledger.wait_for("*/chat/completions")
        await h.fastgpt.ledger.wait_for("*/chat/stop")
        path = f"{PATH}/{session['testSessionId']}/messages"
        async with asyncio.timeout(5):
            while (again := await h.api.call("POST", path, {"message": "二"}))[0] == 409:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert [line["content"] for line in again[1]["messages"]] == ["一", "二", "收到：二"]


async def test_a_stream_whose_session_is_removed_ends_with_the_seeds_error(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(delay_s=30), times=1)
        async with asking(h, session, "一") as events:
            await h.fastgpt.ledger.wait_for("*/chat/completions")
            await h.api.call("DELETE", f"{PATH}/{session['testSessionId']}")
            name, problem = [event async for event in events][-1]
        assert (name, problem["status"]) == ("error", 400)
        assert problem["message"] == f"测试会话不存在或已过期: {session['testSessionId']}"


async def test_a_key_has_only_so_many_sessions_and_is_told_which_to_delete(tmp_path: Path) -> None:
    async with house(tmp_path, workflow_test={"sessions_per_key": 2}) as h:
        first, _ = await begun(h), await begun(h)
        status, problem = await h.api.call("POST", PATH, {"workflowId": h.workflow_id})
        assert (status, problem["code"]) == (409, "workflow_test.too_many")
        assert first["testSessionId"] in problem["message"]
        await begun(h, api=await key_of(h, "operator"))  # another key has its own
        await h.api.call("DELETE", f"{PATH}/{first['testSessionId']}")
        await begun(h)


async def test_sessions_survive_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h, variables={"vip": True})
        told = await said(h, session, "你好")
        settings, api = h.settings, h.api
    async with running_daemon(settings) as bridge, ClientSession() as http:
        again = evolve(api, http=http, url=bridge.url)
        assert await again.get(f"{PATH}/{session['testSessionId']}") == told
        trial = await bridge.engine.workflow_tests.get(session["testSessionId"], by=SYSTEM)
        assert trial.variables == {"vip": True}


async def test_nothing_of_a_test_reaches_production(tmp_path: Path) -> None:
    async with house(tmp_path, workflow=REMEMBERING) as h:

        def counted(tx: Tx) -> dict[str, list[tuple[Any, ...]]]:
            return {table: [tuple(row) for row in tx.all(f"SELECT * FROM {table}")] for table in STATISTICS}

        async def standing() -> Any:
            await h.bridge.engine.calls.flush()
            stats = await h.api.get("/api/v1/integrations/fastgpt/stats")
            return await h.bridge.engine.db.read(counted), {n: v for n, v in stats.items() if "time" not in n}

        before = await standing()
        session = await begun(h)
        h.fastgpt.play(Script(interactive=SELECT), times=2)
        for message in ("我要退货", "2"):
            await said(h, session, message)
        h.fastgpt.play(Script(mishap="error-before", error="points"), times=1)
        await said(h, session, "多少钱")
        await streamed(h, session, "在吗")
        assert len(bodies(h)) == 4
        assert await standing() == before
        await h.api.post("/api/v1/integrations/fastgpt/chat", {"workflow_id": h.workflow_id, "message": "真的"})
        assert await standing() != before  # else nothing was looked at


async def test_what_is_done_with_sessions_is_audited_without_their_words(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        await said(h, session, "秘密的问题")
        await h.api.call("PUT", f"{PATH}/{session['testSessionId']}/variables", {"pin": "秘密的变量"})
        await h.api.post(f"{PATH}/{session['testSessionId']}/clear")
        await h.api.call("DELETE", f"{PATH}/{session['testSessionId']}")
        rows = [row for row in (await h.api.get("/api/v1/audit"))["data"] if row["action"].startswith("workflow_test.")]
        assert [row["action"].partition(".")[2] for row in rows] == [
            "removed",
            "cleared",
            "changed",
            "asked",
            "created",
        ]
        assert {row["target"] for row in rows} == {f"workflow_test:{session['testSessionId']}"}
        assert "秘密" not in str(rows)


async def test_a_session_is_removed_by_its_timer(tmp_path: Path) -> None:
    """With the real wheel; tests/engine/test_workflow_test.py has its minutes to the second."""
    async with house(tmp_path) as h:
        session = await begun(h)
        engine = h.bridge.engine
        long_ago = datetime.fromisoformat(session["createdAt"]) - timedelta(minutes=30)
        await engine.db.write(
            lambda tx: tx.run("UPDATE workflow_tests SET active_ms = $1", int(long_ago.timestamp() * 1000))
        )
        assert (await h.api.call("GET", f"{PATH}/{session['testSessionId']}"))[0] == 400
        await begun(h)  # stirs the one who removes
        async with asyncio.timeout(5):
            while await engine.db.read(lambda tx: tx.value("SELECT COUNT(*) FROM workflow_tests")) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
