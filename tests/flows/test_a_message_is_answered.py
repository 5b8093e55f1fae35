"""The story this daemon exists for, told through real sockets and a real database."""

from pathlib import Path

from daemon.sim.fastgpt_script import Script
from tests.flows.house import ANN, APP_ID, BOT, ROOM, house


async def test_a_private_question_is_answered_once(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("几点开门?")
        assert await h.replies() == ["收到：几点开门?"]
        sends = await h.settled("/api/v1/integrations/gewe/messages", "state", {"sent"})
        assert [(s["to"], s["content"], s["error"]) for s in sends] == [(ANN, "收到：几点开门?", None)]
        assert int(sends[0]["wechat_id"]) > 2**53


async def test_half_sentences_become_one_question(tmp_path: Path) -> None:
    policy = {"merge_window_seconds": 0.3, "merge_most_seconds": 3}
    async with house(tmp_path, policy=policy) as h:
        for part in ("你好", "我想问一下", "运费多少"):
            await h.writes(part)
        assert await h.replies() == ["收到：你好\n我想问一下\n运费多少"]
        assert len(h.fastgpt.ledger.of("*/chat/completions")) == 1


async def test_a_mention_in_a_room_is_answered_with_a_mention(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.gewe.wechat.group_writes(APP_ID, ROOM, ANN, "随便聊聊", name="Ann")
        await h.gewe.wechat.group_writes(APP_ID, ROOM, ANN, "@Bot\u2005 几点开会", at=[BOT], name="Ann")
        assert await h.replies(to=ROOM) == ["@Ann\u2005收到：几点开会"]
        assert h.gewe.ledger.of("*/message/postText")[-1].body["ats"] == ANN


async def test_what_was_said_before_goes_with_the_next_question(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("第一个问题")
        await h.replies(1)
        await h.settled("/api/v1/integrations/gewe/messages", "state", {"sent"})
        await h.writes("第二个问题")
        await h.replies(2)
        asked = h.fastgpt.ledger.of("*/chat/completions")[-1].body["messages"]
        assert [(m["role"], m["content"]) for m in asked] == [
            ("user", "第一个问题"),
            ("assistant", "收到：第一个问题"),
            ("user", "第二个问题"),
        ]


async def test_while_a_person_answers_the_assistant_is_silent_and_afterwards_it_is_not(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.gewe.wechat.owner_writes_on_phone(APP_ID, ANN, "我来回答")
        await h.writes("谢谢")
        conversations = await h.api.get("/api/v1/integrations/conversations?held=true")
        conversation = conversations["data"][0]
        assert (conversation["answered_by"], conversation["held_by"]) == ("person", "phone")
        await h.api.post(f"/api/v1/integrations/conversations/{conversation['id']}/release")
        await h.writes("还有一个问题")
        assert await h.replies() == ["收到：还有一个问题"]
        history = await h.api.get(f"/api/v1/integrations/conversations/{conversation['id']}/history")
        assert [(line["author"], line["text"], line["reason"]) for line in reversed(history["data"])][:2] == [
            ("person", "我来回答", "self"),
            ("peer", "谢谢", "held"),
        ]


async def test_an_answer_that_comes_after_a_takeover_is_not_sent(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(delay_s=0.5))
        await h.writes("多少钱")
        await h.fastgpt.ledger.wait_for("*/chat/completions")
        await h.gewe.wechat.owner_writes_on_phone(APP_ID, ANN, "我来")
        conversation = (await h.api.get("/api/v1/integrations/conversations"))["data"][0]["id"]
        turns = await h.settled(f"/api/v1/integrations/conversations/{conversation}/turns", "state", {"skipped"})
        assert [(t["error"], t["answer"]) for t in turns] == [("held", "收到：多少钱")]
        assert h.gewe.received(ANN) == []
