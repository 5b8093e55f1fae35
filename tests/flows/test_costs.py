"""Money over the whole daemon: what a reply costs is in the ledger, and a quota that is used up keeps the AI quiet."""

from pathlib import Path
from typing import Any

from daemon.sim.fastgpt import DEMO_KEY
from tests.flows.house import ANN, House, house

POINTS = {"name": "AI", "period": "day", "measure": "points", "kind": "workflow"}
SENDS = {"name": "messages", "period": "day", "measure": "calls", "kind": "send", "cap_micro": 1_000_000}


async def settled(home: House, number: int) -> list[dict[str, Any]]:
    return await home.settled("/api/v1/costs/records", "state", {"settled"}, number=number)


async def test_an_answer_and_its_message_are_charged_to_whom_they_are_for(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.api.post("/api/v1/prices", {"provider": "fastgpt", "point_micro": 15_000})
        await home.writes("你好")
        await home.replies()
        sent, asked = await settled(home, 2)
        assert (asked["kind"], asked["workflow_id"], asked["account_id"]) == (
            "workflow",
            home.workflow_id,
            home.account_id,
        )
        assert (sent["kind"], sent["model"], sent["account_id"]) == ("send", "send", home.account_id)
        assert asked["contact"] == sent["contact"] == ANN
        (turn,) = await turns(home)
        assert asked["usage_known"] is True
        assert asked["points_micro"] == turn["points_micro"] > 0
        assert asked["cost_micro"] == -(-turn["points_micro"] * 15_000 // 1_000_000)


async def turns(home: House) -> list[dict[str, Any]]:
    (conversation,) = (await home.api.get("/api/v1/integrations/conversations"))["data"]
    found: list[dict[str, Any]] = (
        await home.api.get(f"/api/v1/integrations/conversations/{conversation['id']}/turns")
    )["data"]
    return found


async def test_a_used_up_quota_keeps_the_workflow_from_being_asked_and_the_person_gets_the_sentence(
    tmp_path: Path,
) -> None:
    policy = {"on_failure": "sentence", "failure_text": "请稍后再试"}
    async with house(tmp_path, policy=policy) as home:
        await home.api.post("/api/v1/quotas", POINTS | {"cap_micro": 1})
        await home.writes("你好")
        assert await home.replies() == ["请稍后再试"]
        (turn,) = await turns(home)
        assert (turn["state"], turn["error"]) == ("failed", "quota.exceeded")
        assert [row["kind"] for row in await settled(home, 1)] == ["send"]


async def test_messages_beyond_a_quota_wait_until_there_is_room(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        quota = await home.api.post("/api/v1/quotas", SENDS)
        await home.writes("你好")
        await home.replies()
        await home.writes("再见")
        (waiting,) = await home.settled("/api/v1/integrations/gewe/messages", "state", {"waiting"})
        assert waiting["error"] == "quota.exceeded"
        shown = await home.api.get(f"/api/v1/quotas/{quota['id']}")
        assert (shown["windows"][0]["used_micro"], shown["windows"][0]["refused"]) == (1_000_000, 1)


async def test_a_workflow_that_a_quota_holds_is_passed_over_for_its_fallback(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        kept = await home.api.get(f"/api/v1/workflows/{home.workflow_id}")
        second = await home.api.post("/api/v1/workflows", answering(home, kept))
        change = {name: kept[name] for name in ("name", "base_url", "app_id")} | {"fallback_id": second["id"]}
        assert (await home.api.call("PUT", f"/api/v1/workflows/{home.workflow_id}", change))[0] == 200
        quota = POINTS | {"scope": "workflow", "scope_id": home.workflow_id, "cap_micro": 1}
        await home.api.post("/api/v1/quotas", quota)
        await home.writes("你好")
        await home.replies()
        (turn,) = await turns(home)
        assert (turn["state"], turn["workflow_id"], turn["degraded"]) == ("answered", second["id"], "fallback")


async def test_a_caller_beyond_a_quota_is_told_402_and_one_with_another_key_is_not(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        key_id = home.api.key.split("_")[1]
        other = (await home.api.post("/api/v1/keys", {"name": "n8n", "role": "operator"}))["key"]
        await home.api.post("/api/v1/quotas", POINTS | {"scope": "key", "scope_id": key_id, "cap_micro": 1})
        question = {"workflow_id": home.workflow_id, "message": "你好"}
        path = "/api/v1/integrations/fastgpt/chat"
        refused, told = await home.api.call("POST", path, question)
        assert (refused, told["code"], told["quota"]["scope"]) == (402, "quota.exceeded", f"key {key_id}")
        home.api.key = other
        await home.api.post(path, question)


def answering(home: House, workflow: dict[str, Any]) -> dict[str, Any]:
    """Another workflow of the same simulator."""
    return {name: workflow[name] for name in ("base_url", "app_id")} | {"name": "Second", "key": DEMO_KEY}
