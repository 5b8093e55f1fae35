"""Workflows asked through the API: one message, an analysis, a batch; and their registration, chats and feedback."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daemon.domain.access import Actor, Role
from daemon.domain.turn import Degraded
from daemon.domain.workflow import Provider
from daemon.errors import Forbidden
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY
from daemon.sim.fastgpt_script import Script
from daemon.store import integration_sums
from tests.flows.house import House, house

FASTGPT = "/api/v1/integrations/fastgpt"
WORKFLOWS = "/api/v1/workflows"


async def fallback(h: House, **changes: Any) -> str:
    """A second workflow that answers when the first does not, whose key is made wrong."""
    body = {"name": "Second", "base_url": h.fastgpt.base_url, "key": "fastgpt-nobody", "app_id": "x", "check": False}
    second: str = (await h.api.post(WORKFLOWS, body | changes | {"fallback_id": h.workflow_id}))["id"]
    return second


async def test_a_message_is_answered_with_what_it_cost(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(points=0.5, input_tokens=100, output_tokens=7))
        told = await h.api.post(FASTGPT + "/chat", {"workflow_id": h.workflow_id, "message": "几点开门"})
        assert (told["text"], told["degraded"], told["question"]) == ("收到：几点开门", False, None)
        assert told["usage"] == {
            "input_tokens": 100,
            "output_tokens": 7,
            "embedding_tokens": 0,
            "points_micro": 500_000,
            "known": True,
        }


async def test_pictures_and_files_go_with_the_message(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        attachments = [
            {"kind": "image", "url": "https://example.org/a.png"},
            {"kind": "file", "url": "https://example.org/a.pdf", "name": "a.pdf"},
        ]
        body = {"workflow_id": h.workflow_id, "message": "这是什么", "attachments": attachments}
        await h.api.post(FASTGPT + "/chat", body)
        (entry,) = h.fastgpt.ledger.of("*/chat/completions")
        assert entry.body["messages"][-1]["content"] == [
            {"type": "text", "text": "这是什么"},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "file_url", "name": "a.pdf", "url": "https://example.org/a.pdf"},
        ]


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.8/a.png", "http://[fd00::1]/a"]
)
async def test_an_address_inside_is_not_given_to_a_service_to_fetch(tmp_path: Path, url: str) -> None:
    async with house(tmp_path) as h:
        named = {"message": "这是什么", "attachments": [{"kind": "image", "url": url}]}
        status, problem = await h.api.call("POST", FASTGPT + "/chat", {"workflow_id": h.workflow_id} | named)
        assert (status, problem["errors"][0]["field"]) == (400, "attachments.0.url")
        part = {"type": "image_url", "image_url": {"url": url}}
        completion = {"model": h.workflow_id, "messages": [{"role": "user", "content": [part]}]}
        status, refused = await h.api.call("POST", "/v1/chat/completions", completion)
        assert (status, refused["error"]["param"]) == (400, "messages[0].content")
        assert not h.fastgpt.ledger.of("*/chat/completions")


async def test_a_fallback_answers_and_says_so(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        body = {"workflow_id": await fallback(h), "message": "在吗"}
        told = await h.api.post(FASTGPT + "/chat", body)
        assert (told["text"], told["degraded"], told["workflow_id"]) == ("收到：在吗", True, h.workflow_id)


async def test_a_result_that_does_not_fit_is_asked_for_once_more(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(answer="退款", points=0.25), times=1)
        h.fastgpt.play(Script(answer='{"label":"refund","confidence":0.8,"reason":"退"}', points=0.5))
        body = {"workflow_id": h.workflow_id, "text": "我要退钱", "labels": ["refund", "other"]}
        told = await h.api.post(FASTGPT + "/intent", body)
        assert (told["label"], told["confidence"], told["asked"]) == ("refund", 0.8, 2)
        assert told["usage"]["points_micro"] == 750_000


async def test_a_result_that_never_fits_is_an_error_that_shows_it(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(answer="开心！"))
        status, problem = await h.api.call(
            "POST", FASTGPT + "/sentiment", {"workflow_id": h.workflow_id, "text": "太好了"}
        )
        assert (status, problem["code"]) == (502, "analysis.unfit")
        assert "开心！" in problem["detail"]
        assert len(h.fastgpt.ledger.of("*/chat/completions")) == 2


async def test_a_batch_is_answered_item_by_item(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(points=0.1))
        messages = [{"message": f"问题{n}", "id": f"q{n}"} for n in range(12)]
        body = {"workflow_id": h.workflow_id, "messages": messages, "name": "Reviews"}
        rehearsed = await h.api.post(FASTGPT + "/batch", body | {"dry_run": True}, status=200)
        assert (rehearsed["batch_id"], rehearsed["total"]) == (None, 12)
        batch = await h.api.post(FASTGPT + "/batch", body, status=202)
        await h.settled(FASTGPT + "/batch", "state", {"done"})
        shown = await h.api.get(f"{FASTGPT}/batch/{batch['batch_id']}")
        assert (shown["done"], shown["queued"], shown["usage"]["points_micro"]) == (12, 0, 1_200_000)
        page = await h.api.get(f"{FASTGPT}/batch/{batch['batch_id']}/items?limit=10")
        assert [(row["id"], row["answer"]) for row in page["data"][:2]] == [
            ("q0", "收到：问题0"),
            ("q1", "收到：问题1"),
        ]
        rest = await h.api.get(f"{FASTGPT}/batch/{batch['batch_id']}/items?cursor={page['next_cursor']}")
        assert [row["id"] for row in rest["data"]] == ["q10", "q11"]


async def test_a_stopped_batch_asks_nothing_more(tmp_path: Path) -> None:
    async with house(tmp_path, fastgpt=None) as h:
        h.fastgpt.play(Script(delay_s=0.3))
        messages = [{"message": f"问题{n}"} for n in range(40)]
        batch = await h.api.post(FASTGPT + "/batch", {"workflow_id": h.workflow_id, "messages": messages})
        path = f"{FASTGPT}/batch/{batch['batch_id']}"
        await h.fastgpt.ledger.wait_for("*/chat/completions")
        stopped = await h.api.post(path + "/stop")
        assert (stopped["state"], stopped["cancelled"] >= 20) == ("stopped", True)
        assert (await h.api.call("POST", path + "/stop"))[1]["code"] == "batch.over"
        await h.settled(path + "/items?state=done", "state", {"done"}, number=40 - stopped["cancelled"])
        assert len(h.fastgpt.ledger.of("*/chat/completions")) == 40 - stopped["cancelled"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": "fastgpt-nobody"}, "key"),
        ({"app_id": "6a10c0ffee0000000000dead"}, "app_id"),
        ({"base_url": "http://127.0.0.1:1/api"}, "base_url"),
        ({"base_url": "http://no-such-host.invalid/api"}, "base_url"),
        ({"app_id": None, "key": "fastgpt-nobody"}, "key"),
    ],
)
async def test_a_workflow_that_cannot_answer_is_not_registered(
    tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    async with house(tmp_path) as h:
        known = await h.api.get(f"{WORKFLOWS}/{h.workflow_id}")
        body = {"name": "New", "base_url": known["base_url"], "key": "fastgpt-demo000000000000000000000000"}
        body |= {"app_id": known["app_id"]} | changes
        for path in (WORKFLOWS, FASTGPT + "/workflows"):
            status, problem = await h.api.call("POST", path, body)
            assert (status, [error["field"] for error in problem["errors"]]) == (400, [field])
        added = await h.api.post(WORKFLOWS, body | {"check": False}, status=201)
        checked = await h.api.post(f"{WORKFLOWS}/{added['id']}/check", {})
        assert not checked["ok"]


async def test_a_check_goes_step_by_step(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        path = f"{WORKFLOWS}/{h.workflow_id}/check"
        checked = await h.api.post(path, {})
        assert {step["step"]: step["found"] for step in checked["steps"]} == {
            "resolve": "ok",
            "connect": "ok",
            "key": "ok",
            "app": "ok",
            "run": "skipped",
            "published": "skipped",
        }
        assert h.fastgpt.ledger.of("*/chat/completions") == []
        h.fastgpt.play(Script(mishap="error-before", error="您的工作流版本过低，请重新发布一次"))
        checked = await h.api.post(path, {"run": True})
        assert [step["step"] for step in checked["steps"] if step["found"] == "failed"] == ["published"]


async def test_a_turn_that_a_fallback_answered_shows_it_and_raises_an_alert(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        account = await h.api.get(f"/api/v1/integrations/gewe/accounts/{h.account_id}")
        body = {name: account[name] for name in ("app_id", "wxid", "name", "base_url")}
        second = await fallback(h)
        path = f"/api/v1/integrations/gewe/accounts/{h.account_id}"
        assert (await h.api.call("PUT", path, body | {"workflow_id": second}))[0] == 200
        await h.writes("在吗")
        assert await h.replies() == ["收到：在吗"]
        turn = await last_turn(h)
        assert (turn["degraded"], turn["workflow_id"]) == ("fallback", h.workflow_id)
        assert await open_alerts(h) == ["turn.degraded"]
        right = {"name": "Second", "base_url": h.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        assert (await h.api.call("PUT", f"{WORKFLOWS}/{second}", right))[0] == 200
        assert await open_alerts(h) == []  # it is another one now
        await h.writes("还在吗")
        assert (await h.replies(2))[-1] == "收到：还在吗"
        assert ((await last_turn(h))["degraded"], await open_alerts(h)) == ("", [])


async def test_an_answer_is_rated_and_its_chat_looked_through(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"memory": "service"}) as h:
        await h.writes("几点开门")
        await h.replies()
        turn = await last_turn(h)
        rated = await h.api.post(f"/api/v1/turns/{turn['id']}/feedback", {"feedback": "bad", "text": "不对"})
        assert rated["feedback"] == "bad"
        chats = await h.api.get(f"{WORKFLOWS}/{h.workflow_id}/histories")
        chat = chats["data"][0]["chat_id"]
        records = await h.api.get(f"{WORKFLOWS}/{h.workflow_id}/histories/{chat}")
        assert [(row["role"], row["text"]) for row in records["data"]] == [
            ("user", "几点开门"),
            ("assistant", "收到：几点开门"),
        ]
        assert records["data"][1]["bad_feedback"] == "不对"
        assert (await h.api.call("DELETE", f"{WORKFLOWS}/{h.workflow_id}/histories/{chat}"))[0] == 204
        assert (await h.api.get(f"{WORKFLOWS}/{h.workflow_id}/histories"))["data"] == []


async def test_a_turn_under_way_is_stopped_at_the_service_too(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"endpoint": "v2", "memory": "service"}) as h:
        h.fastgpt.play(Script(delay_s=30))
        await h.writes("多少钱")
        await h.fastgpt.ledger.wait_for("*/chat/completions")
        turn = await last_turn(h)
        stopped = await h.api.post(f"/api/v1/turns/{turn['id']}/stop")
        assert (stopped["state"], stopped["error"]) == ("skipped", "cancelled")
        assert len(h.fastgpt.ledger.of("*/chat/stop")) == 1
        status, problem = await h.api.call("POST", f"/api/v1/turns/{turn['id']}/stop")
        assert (status, problem["code"]) == (409, "turn.over")


async def test_nobody_answers_and_the_person_is_told_so(tmp_path: Path) -> None:
    policy = {"on_failure": "sentence", "failure_text": "稍后答复您。"}
    async with house(tmp_path, policy=policy) as h:
        h.fastgpt.play(Script(mishap="error-before", error="points"))
        await h.writes("在吗")
        assert await h.replies() == ["稍后答复您。"]
        assert (await last_turn(h))["degraded"] == "sentence"
        since = datetime(2020, 1, 1, tzinfo=UTC)
        counts = await h.bridge.engine.db.read(integration_sums.degraded, Provider.FASTGPT, since, None)
        assert counts == {Degraded.SENTENCE: 1}
        assert await open_alerts(h) == ["turn.degraded"]


async def test_a_key_of_one_account_uses_only_what_answers_for_it(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        stranger = await h.api.post(
            WORKFLOWS, {"name": "Other", "base_url": h.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        )
        desk = h.bridge.engine.workflow_desk
        scoped = Actor(id="key:x", role=Role.OPERATOR, accounts=frozenset({h.account_id}))
        await desk.admit(h.workflow_id, scoped)
        with pytest.raises(Forbidden):
            await desk.admit(stranger["id"], scoped)


async def last_turn(h: House) -> dict[str, Any]:
    conversation = (await h.api.get("/api/v1/integrations/conversations"))["data"][0]["id"]
    turns: list[dict[str, Any]] = (await h.api.get(f"/api/v1/integrations/conversations/{conversation}/turns"))["data"]
    return turns[0]


async def open_alerts(h: House) -> list[str]:
    rows = await h.bridge.engine.db.read(
        lambda tx: tx.all("SELECT code FROM alerts WHERE resolved_ms IS NULL AND code = 'turn.degraded'")
    )
    return [row["code"] for row in rows]
