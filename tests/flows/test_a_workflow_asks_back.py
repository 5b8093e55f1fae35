"""A workflow stops to ask the person in WeChat, and goes on with their answer."""

from pathlib import Path
from typing import Any

import pytest

from daemon.sim.fastgpt import FastGptSetup
from daemon.sim.fastgpt_script import Script
from daemon.store import pauses
from tests.flows.house import ANN, APP_ID, House, house

SELECT = {
    "type": "userSelect",
    "params": {
        "description": "退款还是换货？",
        "userSelectOptions": [{"key": "a", "value": "退款"}, {"key": "b", "value": "换货"}],
    },
}
FORM = {
    "type": "userInput",
    "params": {
        "description": "请填写订单信息",
        "inputForm": [
            {"type": "input", "key": "orderNo", "label": "订单号", "required": True, "maxLength": 40},
            {"type": "numberInput", "key": "qty", "label": "数量", "required": True, "min": 1, "max": 9},
        ],
    },
}
REMEMBERING = {"memory": "service"}
ASKED = "退款还是换货？\n1. 退款\n2. 换货"


def bodies(h: House) -> list[dict[str, Any]]:
    return [entry.body for entry in h.fastgpt.ledger.of("*/chat/completions")]


async def unheard(h: House) -> list[str]:
    """The open alerts about workflows that ask back in vain."""
    code = "workflow.pause_needs_memory"
    rows = await h.bridge.engine.db.read(
        lambda tx: tx.all("SELECT fingerprint FROM alerts WHERE code = $1 AND resolved_ms IS NULL", code)
    )
    return [row["fingerprint"] for row in rows]


@pytest.mark.parametrize("profile", ["legacy", "4.14.7", "current"])
async def test_a_number_is_the_answer_and_the_run_goes_on_in_its_chat(tmp_path: Path, profile: str) -> None:
    async with house(tmp_path, workflow=REMEMBERING, fastgpt=FastGptSetup(profile=profile)) as h:
        h.fastgpt.play(Script(interactive=SELECT, answer="好的：{question}"), times=2)
        await h.writes("我要退货")
        assert await h.replies() == [ASKED]
        await h.writes("２")
        assert await h.replies(2) == [ASKED, "好的：换货"]
        first, second = bodies(h)
        assert second["chatId"] == first["chatId"]
        assert second["messages"] == [{"role": "user", "content": "换货"}]
        await h.writes("谢谢")
        assert (await h.replies(3))[-1] == "收到：谢谢"
        assert await unheard(h) == []


@pytest.mark.parametrize("profile", ["legacy", "4.14.7", "current"])
async def test_where_no_chat_is_known_the_reply_is_a_question_with_its_history(tmp_path: Path, profile: str) -> None:
    async with house(tmp_path, fastgpt=FastGptSetup(profile=profile)) as h:
        h.fastgpt.play(Script(interactive=SELECT), times=1)
        h.fastgpt.play(Script(answer="{earlier} / {question}"))
        await h.writes("我要退货")
        assert await h.replies() == [ASKED]
        assert await unheard(h) == [f"ai.pause/{h.workflow_id}"]
        await h.writes("2")
        assert (await h.replies(2))[-1] == f"我要退货 / {ASKED} / 2"
        assert not [body for body in bodies(h) if "chatId" in body]
        known = await h.api.get(f"/api/v1/workflows/{h.workflow_id}")
        changed = {"name": "Sales", "base_url": known["base_url"], "app_id": known["app_id"], "memory": "service"}
        assert (await h.api.call("PUT", f"/api/v1/workflows/{h.workflow_id}", changed))[0] == 200
        assert await unheard(h) == []


async def test_a_whole_answer_says_its_chat_and_its_question_is_answered_there(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"memory": "daemon", "stream": False}) as h:
        h.fastgpt.play(Script(interactive=SELECT, answer="好的：{question}"), times=2)
        await h.writes("我要退货")
        assert await h.replies() == [ASKED]
        await h.writes("2")
        assert (await h.replies(2))[-1] == "好的：换货"
        first, second = bodies(h)
        assert ("chatId" in first, bool(second["chatId"])) == (False, True)
        assert second["messages"] == [{"role": "user", "content": "换货"}]
        assert await unheard(h) == []


async def test_a_wrong_answer_is_asked_again_without_asking_the_workflow(tmp_path: Path) -> None:
    async with house(tmp_path, workflow=REMEMBERING) as h:
        h.fastgpt.play(Script(interactive=SELECT))
        await h.writes("我要退货")
        await h.replies()
        await h.writes("随便")
        assert (await h.replies(2))[-1] == "没有这个选项，请回复 1 到 2 的数字。\n1. 退款\n2. 换货"
        assert len(bodies(h)) == 1


async def test_a_form_is_filled_in_field_by_field_and_sent_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"memory": "service"}) as h:
        h.fastgpt.play(Script(interactive=FORM, answer="已登记"), times=2)
        for number, text in enumerate(("登记", "A-5512", "十双", "2"), start=1):
            await h.writes(text)
            await h.replies(number)
        assert await h.replies(4) == ["请填写订单信息\n订单号", "数量", "请回复一个数字。\n数量", "已登记"]
        assert bodies(h)[-1]["messages"] == [{"role": "user", "content": '{"orderNo":"A-5512","qty":2}'}]


async def test_who_cancels_goes_on_in_a_new_chat(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"memory": "service"}) as h:
        h.fastgpt.play(Script(interactive=SELECT), times=1)
        await h.writes("我要退货")
        await h.replies()
        await h.writes("取消")
        assert (await h.replies(2))[-1] == "好的，已取消。还有什么可以帮您？"
        await h.writes("几点开门")
        assert (await h.replies(3))[-1] == "收到：几点开门"
        first, second = bodies(h)
        assert first["chatId"] != second["chatId"]


async def test_a_question_that_nobody_answered_in_time_is_forgotten(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"memory": "service"}) as h:
        h.fastgpt.play(Script(interactive=SELECT), times=1)
        await h.writes("我要退货")
        await h.replies()
        await h.settled("/api/v1/integrations/gewe/messages", "state", {"sent"})
        await h.bridge.engine.db.write(lambda tx: tx.run("UPDATE pauses SET expires_ms = $1", tx.now_ms))
        await h.writes("1")
        assert (await h.replies(2))[-1] == "收到：1"
        first, second = bodies(h)
        assert first["chatId"] != second["chatId"]


async def test_a_takeover_ends_what_was_asked_meanwhile(tmp_path: Path) -> None:
    async with house(tmp_path, workflow=REMEMBERING) as h:
        h.fastgpt.play(Script(interactive=SELECT, delay_s=0.3), times=1)
        await h.writes("我要退货")
        await h.fastgpt.ledger.wait_for("*/chat/completions")
        await h.gewe.wechat.owner_writes_on_phone(APP_ID, ANN, "我来")
        conversation = (await h.api.get("/api/v1/integrations/conversations"))["data"][0]["id"]
        await h.settled(f"/api/v1/integrations/conversations/{conversation}/turns", "state", {"skipped"})
        assert await h.bridge.engine.db.read(pauses.get, conversation) is None


async def test_a_conversation_of_the_api_is_asked_back_too(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(interactive=SELECT, answer="好的：{question}"), times=2)
        path, body = "/api/v1/integrations/fastgpt/chat", {"workflow_id": h.workflow_id, "conversation_id": "c1"}
        asked = await h.api.post(path, body | {"message": "退货"})
        assert (asked["text"], asked["question"]["options"]) == (ASKED, ["退款", "换货"])
        again = await h.api.post(path, body | {"message": "七"})
        assert again["question"]["options"] == ["退款", "换货"]
        done = await h.api.post(path, body | {"message": "1"})
        assert (done["text"], done["question"]) == ("好的：退款", None)
