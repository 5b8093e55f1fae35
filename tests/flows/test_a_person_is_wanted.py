"""A workflow asks for a person: the three ways it can, whichever provider it runs at."""

from pathlib import Path
from typing import Any

import pytest

from daemon.domain.workflow import Provider
from daemon.texts import render
from tests.flows.house import ANN, APP_ID, House
from tests.flows.three import WORKFLOWS, Three, three

MARK = "[[HANDOFF]]"
SAID = "请稍候，同事马上来。"
VARIABLE: dict[str, Any] = {"text": SAID, "fields": {"needHumanTransfer": True}}
CATEGORY: dict[str, Any] = {"text": SAID, "category": "人工"}
MARKED: dict[str, Any] = {"text": f"{SAID}{MARK}"}
WAYS = [
    (Provider.FASTGPT, VARIABLE),
    (Provider.FASTGPT, CATEGORY),
    (Provider.FASTGPT, MARKED),
    (Provider.N8N, VARIABLE),
    (Provider.N8N, CATEGORY),
    (Provider.N8N, MARKED),
    (Provider.OPENAI, MARKED),  # a plain model sets no variable, and has no node that classifies
]


async def told_apart(t: Three, provider: Provider) -> None:
    """Its workflow takes the class 人工 for a wish, too."""
    path = f"{WORKFLOWS}/{t.of[provider]}"
    shown = await t.house.api.get(path)
    drop = ("id", "created_at", "updated_at", "version", "key")
    body = {name: value for name, value in shown.items() if name not in drop}
    body["base_url"] = body["base_url"] or None
    body["handover"] = body["handover"] | {"category": "人工"}
    status, document = await t.house.api.call("PUT", path, body)
    assert status == 200, document


async def conversation(h: House) -> dict[str, Any]:
    (found,) = (await h.api.get("/api/v1/integrations/conversations"))["data"]
    return dict(found)


async def alerts(h: House) -> list[dict[str, Any]]:
    found = (await h.api.get("/api/v1/integrations/monitoring/alerts"))["data"]
    return [alert for alert in found if alert["title"] == render("conversation.person_wanted.title", "en", {})]


@pytest.mark.parametrize(("provider", "way"), WAYS)
async def test_it_says_its_word_and_people_take_over(tmp_path: Path, provider: Provider, way: dict[str, Any]) -> None:
    async with three(tmp_path) as t:
        h = t.house
        await told_apart(t, provider)
        await t.answers(provider)
        t.play(**way)
        await h.writes("转人工")
        assert await h.replies() == [SAID]
        held = await conversation(h)
        assert (held["answered_by"], held["held_by"]) == ("person", "system")
        (alert,) = await alerts(h)
        assert alert["service_name"] == provider.spelled
        audited = (await h.api.get("/api/v1/audit?action=conversation.taken_over"))["data"]
        assert [(row["actor"], row["target"]) for row in audited] == [("system", f"conversation:{held['id']}")]

        t.play("还在吗")
        await h.writes("有人吗")
        await h.settled(f"/api/v1/integrations/conversations/{held['id']}/history", "reason", {"held"})
        assert await h.replies() == [SAID]


async def test_an_answer_that_wants_nobody_goes_on(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        t.play("好的", fields={"needHumanTransfer": False})
        await t.house.writes("在吗")
        assert await t.house.replies() == ["好的"]
        assert (await conversation(t.house))["answered_by"] == "assistant"
        assert await alerts(t.house) == []


async def test_an_answer_that_is_the_mark_alone_says_nothing(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        h = t.house
        t.play(MARK)
        await h.writes("转人工")
        await h.settled("/api/v1/integrations/conversations", "answered_by", {"person"})
        turns = (await h.api.get(f"/api/v1/integrations/conversations/{(await conversation(h))['id']}/turns"))["data"]
        assert [turn["state"] for turn in turns] == ["answered"]
        assert (await h.api.get("/api/v1/integrations/gewe/messages"))["total"] == 0


@pytest.mark.parametrize("how", ["takeover", "release", "phone"])
async def test_the_alert_is_over_once_a_person_sees_to_it(tmp_path: Path, how: str) -> None:
    async with three(tmp_path) as t:
        h = t.house
        t.play(f"{SAID}{MARK}")
        await h.writes("转人工")
        await h.replies()
        path = f"/api/v1/integrations/conversations/{(await conversation(h))['id']}"
        assert len(await alerts(h)) == 1
        if how == "phone":
            await h.gewe.wechat.owner_writes_on_phone(APP_ID, ANN, "我来")
        else:
            await h.api.post(f"{path}/{how}", {})
        assert await alerts(h) == []
        held = await conversation(h)
        assert held["held_by"] == {"takeover": held["held_by"], "release": None, "phone": "phone"}[how]
        assert held["held_by"] != "system"


async def test_handed_back_the_assistant_answers_again(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        h = t.house
        t.play(f"{SAID}{MARK}")
        await h.writes("转人工")
        await h.replies()
        await h.api.post(f"/api/v1/integrations/conversations/{(await conversation(h))['id']}/release", {})
        t.play("又是我")
        await h.writes("在吗")
        assert await h.replies(2) == [SAID, "又是我"]


async def test_a_workflow_without_a_rule_asks_for_nobody(tmp_path: Path) -> None:
    nothing = {"variable": "", "category": "", "mark": ""}
    async with three(tmp_path, workflow={"handover": nothing}) as t:
        t.play(f"好{MARK}", fields={"needHumanTransfer": True})
        await t.house.writes("在吗")
        assert await t.house.replies() == [f"好{MARK}"]
        assert (await conversation(t.house))["answered_by"] == "assistant"


async def test_through_the_api_the_caller_is_told(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        t.play(f"{SAID}{MARK}")
        answered = []
        for workflow_id in t.of.values():
            said = {"user_id": "u1", "message": "转人工", "workflow_id": workflow_id}
            answered.append(await t.house.api.post(f"/api/chat/c-{workflow_id}", said))

    assert [(one["response"], one["needs_person"]) for one in answered] == [(SAID, True)] * 3
