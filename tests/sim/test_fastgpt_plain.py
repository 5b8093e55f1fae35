import asyncio

import aiohttp
import pytest

from daemon.sim.fastgpt import DEMO_KEY, FastGptSetup
from daemon.sim.fastgpt_ask import App
from daemon.sim.fastgpt_script import Script, Turn
from daemon.sim.faults import NGINX_504, Fault, Kind
from daemon.sim.ledger import Outcome
from tests.clock import FakeClock
from tests.sim.streams import APP, asked, fastgpt
from tests.sim.wires import asking

PATH = "/v1/chat/completions"
ALL = ["legacy", "4.14.7", "current"]
SELECT = {
    "type": "userSelect",
    "params": {
        "description": "退还是换？",
        "userSelectOptions": [{"key": "option1", "value": "退"}, {"key": "option2", "value": "换"}],
    },
}


async def test_a_plain_answer_is_not_wrapped_and_its_usage_is_a_constant() -> None:
    async with fastgpt() as (_, raw):
        status, document = await raw.post(PATH, asked())

    assert status == 200
    assert document == {
        "title": "几天内可以退货？",
        "id": "t-1",
        "model": "",
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 1},
        "choices": [
            {
                "message": {"role": "assistant", "content": "收到：几天内可以退货？"},
                "finish_reason": "stop",
                "index": 0,
            }
        ],
    }


async def test_the_details_are_the_nodes_with_their_tokens_and_points() -> None:
    script = Script(answer="三十天", points=0.754, input_tokens=1286, output_tokens=74, variables={"handoff": True},
                    nodes=[{"moduleName": "Intent", "moduleType": "classifyQuestion", "totalPoints": 0.215,
                            "cqResult": "Returns"}])  # fmt: skip
    async with fastgpt(script=script) as (_, raw):
        _, document = await raw.post(PATH, asked(detail=True, variables={"lang": "zh"}))

    rows = document["responseData"]
    assert [row["moduleType"] for row in rows] == ["workflowStart", "classifyQuestion", "chatNode"]
    assert (rows[2]["inputTokens"], rows[2]["outputTokens"], rows[2]["totalPoints"]) == (1286, 74, 0.754)
    assert rows[2]["historyPreview"][-1] == {"obj": "AI", "value": "三十天"}
    assert len({row["id"] for row in rows}) == 3
    assert document["newVariables"] == {"lang": "zh", "handoff": True}


@pytest.mark.parametrize("profile", ALL)
async def test_a_title_and_an_id_of_its_own_are_for_the_newer(profile: str) -> None:
    async with fastgpt(FastGptSetup(profile=profile)) as (_, raw):
        _, document = await raw.post("/v2/chat/completions", asked(chatId=None))

    assert ("title" in document) is (profile == "current")
    assert (document["id"] != "") is (profile == "current")


async def test_a_chat_keeps_its_variables_its_turns_and_its_title() -> None:
    async with fastgpt(script=Script(answer="{number}·{chat_id}·{app_id}·{question}")) as (_, raw):
        await raw.post(PATH, asked("一", variables={"lang": "zh"}))
        _, second = await raw.post(PATH, asked("{number}", detail=True))
        _, other = await raw.post(PATH, asked("一", chatId="t-2"))

    assert second["choices"][0]["message"]["content"] == f"2·t-1·{APP}·{{number}}"
    assert (second["newVariables"], second["title"]) == ({"lang": "zh"}, "一")
    assert other["choices"][0]["message"]["content"].startswith("1·t-2")


async def test_nothing_is_kept_of_a_chat_that_asks_for_it() -> None:
    async with fastgpt() as (sim, raw):
        await raw.post(PATH, asked(chatId="NO_RECORD_HISTORIES"))

        assert len(sim.chats) == 0


async def test_answers_are_written_by_a_function_or_by_each_apps_script() -> None:
    setup = FastGptSetup(apps=(App(id=APP), App(id="b" * 24)), keys={DEMO_KEY: None})
    async with fastgpt(setup) as (sim, raw):
        sim.play(Script(answer="乙"), app_id="b" * 24)
        sim.play(Script(answer="一次"), app_id="b" * 24, times=1)
        said = []
        for app in (APP, "b" * 24, "b" * 24):
            _, document = await raw.post(PATH, asked("问", appId=app))
            said.append(document["choices"][0]["message"]["content"])

        def upper(turn: Turn) -> str:
            return turn.question.upper()

        sim.answer_with(upper)
        _, document = await raw.post(PATH, asked("abc", appId=APP))

    assert said == ["收到：问", "一次", "乙"]
    assert document["choices"][0]["message"]["content"] == "ABC"


async def test_the_question_is_the_text_of_the_last_message() -> None:
    parts = [{"type": "text", "text": "这是什么"}, {"type": "image_url", "image_url": {"url": "http://x/1.jpg"}}]
    async with fastgpt() as (_, raw):
        _, document = await raw.post(PATH, asked() | {"messages": [{"role": "user", "content": parts}]})

    assert document["choices"][0]["message"]["content"] == "收到：这是什么\n[image_url]"


async def test_a_failed_node_does_not_fail_the_call() -> None:
    async with fastgpt(script=Script(mishap="node-failure")) as (_, raw):
        status, document = await raw.post(PATH, asked(detail=True))

    assert (status, document["error"]) == (200, "429 upstream rate limit")
    assert document["responseData"][-1]["errorText"] == "429 upstream rate limit"
    assert document["choices"][0]["message"]["content"] == ""


@pytest.mark.parametrize("profile", ALL)
async def test_a_pause_waits_for_the_exact_option(profile: str) -> None:
    async with fastgpt(FastGptSetup(profile=profile), script=Script(interactive=SELECT, answer="好")) as (_, raw):
        _, asking_back = await raw.post(PATH, asked("我要退钱", detail=True))
        _, resumed = await raw.post(PATH, asked("退", detail=True))
        _, again = await raw.post(PATH, asked("我要退钱"))
        _, unknown = await raw.post(PATH, asked("都不要"))

    message = asking_back["choices"][0]["message"]
    if profile == "current":
        assert message["content"] == [{"interactive": SELECT, "type": "interactive"}]
    else:
        assert "content" not in message
    assert resumed["choices"][0]["message"]["content"] == "好"
    assert resumed["responseData"][0]["userSelectResult"] == "退"
    assert again["choices"][0]["message"]["content"] == ""
    assert unknown["choices"][0]["message"]["content"] == ""


async def test_a_form_is_answered_with_json_in_a_string_and_extends_its_record() -> None:
    form = {"type": "userInput", "params": {"description": "订单", "inputForm": [{"type": "input", "key": "orderNo"}]}}
    async with fastgpt(script=Script(interactive=form, answer="好")) as (_, raw):
        await raw.post(PATH, asked(responseChatItemId="ans-1"))
        await raw.post(PATH, asked('{"orderNo":"A-5512"}', responseChatItemId="ans-2"))
        first = await raw.get(f"/core/chat/getResData?appId={APP}&chatId=t-1&dataId=ans-1")
        second = await raw.get(f"/core/chat/getResData?appId={APP}&chatId=t-1&dataId=ans-2")

    assert [row["moduleType"] for row in first["data"]] == ["workflowStart", "formInput", "chatNode"]
    assert first["data"][1]["formInputResult"] == {"orderNo": "A-5512"}
    assert second["data"] == []


async def test_several_parts_are_a_list_with_details_and_lines_without() -> None:
    script = Script(answer="乙", fixed_text="甲")
    async with fastgpt(script=script) as (_, raw):
        _, without = await raw.post(PATH, asked())
        _, v1 = await raw.post(PATH, asked(detail=True))
        _, v2 = await raw.post("/v2/chat/completions", asked(detail=True))

    assert without["choices"][0]["message"]["content"] == "甲\n乙"
    assert v1["choices"][0]["message"]["content"][1] == {"text": {"content": "乙"}, "type": "text"}
    assert v2["choices"][0]["message"]["content"][1] == {"text": {"content": "乙"}}


async def test_reasoning_is_beside_the_answer() -> None:
    async with fastgpt(script=Script(reasoning="想一想")) as (_, raw):
        _, document = await raw.post(PATH, asked())

    assert document["choices"][0]["message"]["reasoning_content"] == "想一想"


async def test_a_plugin_needs_no_messages_and_always_tells_its_details() -> None:
    setup = FastGptSetup(apps=(App(id=APP, type="plugin"),), script=Script(plugin_output={"sum": 3}))
    async with fastgpt(setup) as (_, raw):
        _, document = await raw.post(PATH, {"variables": {"a": 1, "b": 2}})

    rows = [row for row in document["responseData"] if row["moduleType"] == "pluginOutput"]
    assert rows[0]["pluginOutput"] == {"sum": 3}


@pytest.mark.parametrize("path", ["/core/chat/getResData", "/core/chat/record/getResData"])
async def test_the_details_of_a_lost_answer_are_found_by_the_id_the_caller_chose(path: str) -> None:
    quotes = [{"id": "q1", "q": "问", "a": "答"}]
    script = Script(nodes=[{"moduleType": "datasetSearchNode", "moduleName": "Search", "quoteList": quotes}])
    async with fastgpt(script=script) as (sim, raw):
        sim.faults.add(Fault(kind=Kind.DROP, path="*/completions", times=1))
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await raw.post(PATH, asked(responseChatItemId="ans-1"))
        found = await raw.get(f"{path}?appId={APP}&chatId=t-1&dataId=ans-1")
        unknown = await raw.get(f"{path}?appId={APP}&chatId=t-1&dataId=ans-9")

        assert found["code"] == 200
        assert found["data"][-1]["historyPreview"][-1]["value"] == "收到：几天内可以退货？"
        assert found["data"][1]["quoteList"] == [{"id": "q1"}]
        assert unknown["data"] == []
        entry = sim.ledger.of("*/completions")[0]
        assert (entry.outcome, entry.ids["dataId"]) == (Outcome.DROPPED, "ans-1")


async def test_init_tells_whether_the_app_is_there_without_spending() -> None:
    async with fastgpt() as (_, raw):
        await raw.post(PATH, asked("一", variables={"lang": "zh"}))
        there = await raw.get(f"/core/chat/init?appId={APP}&chatId=t-1")
        missing = await raw.get("/core/chat/init?appId=none")

    assert (there["data"]["app"]["type"], there["data"]["title"]) == ("advanced", "一")
    assert there["data"]["variables"] == {"lang": "zh"}
    assert missing["statusText"] == "appUnExist"


async def test_health_adds_up_what_the_key_has_spent() -> None:
    async with fastgpt(script=Script(points=0.25)) as (_, raw):
        for _ in range(2):
            await raw.post(PATH, asked())
        healthy = await raw.get(f"/support/openapi/health?apiKey={DEMO_KEY}")
        unknown = await raw.get("/support/openapi/health?apiKey=none")

    assert healthy["data"] == {"valid": True, "usagePoints": 0.5, "maxUsagePoints": -1, "appId": APP}
    assert (unknown["code"], unknown["message"]) == (500, "APIKey invalid")


async def test_the_old_health_names_the_app() -> None:
    async with fastgpt(FastGptSetup(profile="legacy")) as (_, raw):
        assert (await raw.get(f"/support/openapi/health?apiKey={DEMO_KEY}"))["data"] == {"appId": APP}


async def test_a_stop_ends_a_run_that_waits() -> None:
    async with fastgpt(script=Script(delay_s=30)) as (sim, raw):
        async with asyncio.TaskGroup() as group:
            running = group.create_task(raw.post("/v2/chat/completions", asked(responseChatItemId="ans-1")))
            await sim.wait_for_run("t-1")
            _, stopped = await raw.post("/v2/chat/stop", {"appId": APP, "chatId": "t-1"})
        rows = (await raw.get(f"/core/chat/getResData?appId={APP}&chatId=t-1&dataId=ans-1"))["data"]

    assert stopped["data"] == {"success": True, "completed": True, "chatGenerateStatus": 1}
    assert running.result()[0] == 200
    assert rows[-1]["finishReason"] == "close"


@pytest.mark.parametrize("profile", ALL)
async def test_a_chat_has_one_run_at_a_time_in_the_newer(profile: str) -> None:
    async with fastgpt(FastGptSetup(profile=profile)) as (sim, raw):
        sim.play(Script(delay_s=30), times=1)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(raw.post(PATH, asked()))
            running = await sim.wait_for_run("t-1")
            status, second = await raw.post(PATH, asked())
            running.set()

    assert first.result()[0] == 200
    if profile == "current":
        assert (status, second["statusText"]) == (500, "chatIsGenerating")
    else:
        assert status == 200


async def test_a_data_id_is_used_once() -> None:
    async with fastgpt() as (_, raw):
        await raw.post(PATH, asked(responseChatItemId="ans-1"))
        status, again = await raw.post(PATH, asked(responseChatItemId="ans-1"))

    assert (status, again["message"]) == (500, "Chat dataId already exists: ans-1")


async def test_the_traffic_of_completions_is_counted_and_its_peak_kept() -> None:
    async with fastgpt(script=Script(delay_s=0.05)) as (sim, raw), asking(sim.url) as control:
        await asyncio.gather(*(raw.post(PATH, asked(chatId=f"t-{n}")) for n in range(7)))
        await raw.get(f"/core/chat/init?appId={APP}")

        assert (sim.traffic.in_flight, sim.traffic.most_in_flight, sim.traffic.requests) == (0, 7, 7)
        assert (await control.get("/_sim/traffic"))["most_in_flight"] == 7


async def test_a_limit_of_requests_is_a_window_of_a_minute_from_its_first() -> None:
    clock = FakeClock()
    async with fastgpt(FastGptSetup(requests_per_minute=1), clock=clock) as (_, raw):
        async with raw.session.post(raw.url + PATH, json=asked(), headers=raw.headers) as answer:
            assert answer.headers["X-RateLimit-Remaining"] == "0"
            assert answer.headers["X-RateLimit-Limit"] == "1"
        clock.advance(19)
        status, refused = await raw.post(PATH, asked(stream=True))
        clock.advance(41)
        after, _ = await raw.post(PATH, asked())

    assert (status, refused["code"], after) == (429, 429, 200)
    assert refused["message"].endswith("Please try again in 41 seconds.")


async def test_the_gateway_gives_up_while_the_run_goes_on() -> None:
    async with fastgpt() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.GATEWAY, path="*/completions"))
        plain = await raw.bytes(PATH, asked())
        stream = await raw.bytes(PATH, asked(stream=True, chatId="t-2"))

        assert plain == stream == (504, NGINX_504.encode())
        assert len(sim.chats) == 2


async def test_scripts_are_set_over_http() -> None:
    async with fastgpt() as (sim, raw), asking(sim.url) as control:
        await control.post("/_sim/script", {"script": {"answer": "一次"}, "times": 1})
        said = [(await raw.post(PATH, asked()))[1]["choices"][0]["message"]["content"] for _ in range(2)]

        assert said == ["一次", "收到：几天内可以退货？"]
        assert (await control.post("/_sim/script", {"script": {"mishap": "fire"}}))[0] == 400
