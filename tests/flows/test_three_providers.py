"""WeChat answered by FastGPT, n8n or a plain model: each set up, remembered, charged and repeated in its own way."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.webhook import RetryTerms
from daemon.domain.workflow import Provider
from daemon.sim.faults import Fault, Kind
from daemon.sim.n8n_life import Stage
from daemon.sim.n8n_script import Script
from daemon.sim.openai import COMPLETIONS, DEMO_KEY, DEMO_MODEL
from tests.flows.house import Api, House, running_daemon
from tests.flows.test_what_survives_of_the_ai import as_killed_now
from tests.flows.three import WEBHOOK, WORKFLOWS, three

MODEL = {"name": "M", "provider": "openai", "key": DEMO_KEY, "model": DEMO_MODEL, "check": False}
FLOW = {"name": "F", "provider": "n8n", "webhook_id": WEBHOOK.id, "check": False}
FASTGPT = {"name": "G", "key": "fastgpt-000000000000", "base_url": "http://127.0.0.1:9", "check": False}


async def charges(h: House) -> list[dict[str, Any]]:
    rows = (await h.api.get("/api/v1/costs/records"))["data"]
    return [row for row in rows if row["kind"] == "workflow"]


@pytest.mark.parametrize("provider", Provider)
async def test_each_answers_a_contact_and_is_charged_by_what_its_price_goes_by(
    tmp_path: Path, provider: Provider
) -> None:
    async with three(tmp_path) as t:
        h = t.house
        workflow_id = await t.answers(provider)
        t.play(tokens=(120, 30))
        await h.writes("几点开门")
        assert await h.replies() == ["收到：几点开门"]
        (charge,) = await charges(h)
        billed = {"n8n": "ragAI", "openai": DEMO_MODEL}.get(provider, charge["model"])
        assert (charge["provider"], charge["model"], charge["workflow_id"]) == (provider, billed, workflow_id)
        assert (charge["state"], charge["usage_known"]) == ("settled", True)
        assert charge["acts"] == (1 if provider is Provider.N8N else 0)
        assert (charge["input_tokens"], charge["output_tokens"]) == (120, 30)


async def test_a_plain_model_is_told_its_prompt_and_what_was_said_before(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        h = t.house
        workflow_id = await t.answers(Provider.OPENAI)
        body = {
            "name": "Model",
            "provider": "openai",
            "base_url": t.openai.base_url,
            "model": DEMO_MODEL,
            "system_prompt": "你是{{shop}}的客服",
            "variables": {"shop": "鞋店", "temperature": 0.2},
        }
        assert (await h.api.call("PUT", f"{WORKFLOWS}/{workflow_id}", body))[0] == 200
        await h.writes("在吗")
        await h.replies()
        await h.writes("几点开门")
        await h.replies(2)
        asked = t.openai.asked[-1]

    assert [(one["role"], one["content"]) for one in asked["messages"]] == [
        ("system", "你是鞋店的客服"),
        ("user", "在吗"),
        ("assistant", "收到：在吗"),
        ("user", "几点开门"),
    ]
    assert asked["temperature"] == 0.2
    assert "wxid" not in asked["user"]


@pytest.mark.parametrize("memory", ["daemon", "service"])
async def test_n8n_is_told_the_history_or_the_session_that_has_it(tmp_path: Path, memory: str) -> None:
    async with three(tmp_path) as t:
        h = t.house
        workflow_id = await t.answers(Provider.N8N)
        body = {"name": "Flow", "provider": "n8n", "webhook_id": WEBHOOK.id, "memory": memory}
        assert (await h.api.call("PUT", f"{WORKFLOWS}/{workflow_id}", body))[0] == 200
        await h.writes("在吗")
        await h.replies()
        await h.writes("几点开门")
        await h.replies(2)
        first, second = (entry.body for entry in t.n8n.ledger.of("/webhook/*"))

    assert second["chatInput"] == "几点开门"
    assert first["sessionId"] == second["sessionId"]
    history = second["metadata"].get("history", [])
    assert [line["content"] for line in history] == (["在吗", "收到：在吗"] if memory == "daemon" else [])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (MODEL, {"base_url"}),
        (MODEL | {"base_url": "http://127.0.0.1:9", "model": None}, {"model"}),
        (MODEL | {"base_url": "http://127.0.0.1:9", "memory": "service"}, {"memory"}),
        (
            MODEL | {"base_url": "http://127.0.0.1:9", "app_id": "a", "endpoint": "v2", "webhook_id": WEBHOOK.id},
            {"app_id", "endpoint", "webhook_id"},
        ),
        (
            MODEL | {"base_url": "http://127.0.0.1:9", "variables": {"temperature": "hot", "stop": 1}},
            {"variables.temperature", "variables.stop"},
        ),
        (FLOW | {"webhook_id": None}, {"webhook_id"}),
        (FLOW | {"webhook_id": "no-such"}, {"webhook_id"}),
        (
            FLOW | {"base_url": "http://127.0.0.1:9", "key": "k", "model": "m", "app_id": "a"},
            {"base_url", "key", "model", "app_id"},
        ),
        (FASTGPT | {"base_url": None, "key": None}, {"base_url", "key"}),
        (FASTGPT | {"key": ""}, {"key"}),
        (FASTGPT | {"model": "gpt-4o", "webhook_id": WEBHOOK.id}, {"model", "webhook_id"}),
    ],
    ids=lambda value: str(sorted(value))[:60],
)
async def test_what_a_provider_lacks_or_has_too_much_is_named(
    tmp_path: Path, body: dict[str, Any], fields: set[str]
) -> None:
    async with three(tmp_path) as t:
        status, problem = await t.house.api.call("POST", WORKFLOWS, body)

    assert status == 400
    assert {error["field"] for error in problem["errors"]} == fields


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": "sk-wrong-000000000"}, "key"),
        ({"model": "gpt-0"}, "model"),
        ({"base_url": "http://127.0.0.1:9"}, "base_url"),
    ],
)
async def test_a_plain_model_is_checked_before_it_is_added(tmp_path: Path, changes: dict[str, str], field: str) -> None:
    async with three(tmp_path) as t:
        body = MODEL | {"base_url": t.openai.base_url, "check": True} | changes
        status, problem = await t.house.api.call("POST", WORKFLOWS, body)

    assert status == 400
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_a_local_model_needs_no_key_and_shows_none(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        body = MODEL | {"base_url": "http://127.0.0.1:9", "key": None}
        made = await t.house.api.post(WORKFLOWS, body)
        shown = await t.house.api.get(f"{WORKFLOWS}/{made['id']}")

    assert (shown["key"], shown["model"], shown["webhook_id"]) == ("", DEMO_MODEL, None)
    assert shown["handover"] == {"variable": "needHumanTransfer", "category": "", "mark": "[[HANDOFF]]"}


async def test_a_key_is_not_told_to_another_provider(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        api, path = t.house.api, f"{WORKFLOWS}/{t.house.workflow_id}"
        body = {"name": "M", "provider": "openai", "base_url": t.openai.base_url, "model": DEMO_MODEL}
        status, shown = await api.call("PUT", path, body)

    assert (status, shown["key"]) == (200, "")


async def test_only_fastgpts_are_in_the_view_of_fastgpt(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        api, view = t.house.api, "/api/v1/integrations/fastgpt/workflows"
        listed = (await api.get(view))["data"]
        status, _ = await api.call("GET", f"{view}/{t.of[Provider.OPENAI]}")
        of_openai = (await api.get(f"{WORKFLOWS}?provider=openai"))["data"]

    assert [row["workflow_id"] for row in listed] == [t.house.workflow_id]
    assert status == 404
    assert [row["id"] for row in of_openai] == [t.of[Provider.OPENAI]]


async def test_an_answer_of_another_provider_is_not_in_fastgpts_figures(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        h = t.house
        await t.answers(Provider.OPENAI)
        await h.writes("在吗")
        await h.replies()
        stats = await h.api.get("/api/v1/integrations/fastgpt/stats")

    assert (stats["total_tokens"], stats["total_cost"], stats["degraded"]) == (0, 0, {}), stats


async def test_an_alert_names_the_service_that_did_not_answer(tmp_path: Path) -> None:
    async with three(tmp_path, policy={"on_failure": "sentence", "failure_text": "稍后回复"}) as t:
        h = t.house
        await t.answers(Provider.OPENAI)
        t.openai.faults.add(Fault(kind=Kind.ERROR, name="no-credit", path=COMPLETIONS))
        await h.writes("在吗")
        assert await h.replies() == ["稍后回复"]
        (alert,) = (await h.api.get("/api/v1/integrations/monitoring/alerts?service_name=OpenAI"))["data"]

    assert alert["metadata"]["reason"] == "openai.no_credit"


async def test_a_plain_model_is_asked_again_where_its_answer_was_lost(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        h = t.house
        await t.answers(Provider.OPENAI)
        t.openai.faults.add(Fault(kind=Kind.DROP, path=COMPLETIONS, times=1))
        await h.writes("在吗")
        assert await h.replies() == ["收到：在吗"]
        states = sorted(charge["state"] for charge in await charges(h))

    assert len(t.openai.asked) == 2
    assert states == ["reserved", "settled"]


@pytest.mark.parametrize(("repeat", "runs"), [(False, 1), (True, 2)])
@pytest.mark.parametrize("kind", [Kind.DROP, Kind.NONSENSE])
async def test_n8n_is_asked_again_only_where_its_webhook_says_that_it_may(
    tmp_path: Path, repeat: bool, runs: int, kind: Kind
) -> None:
    policy = {"on_failure": "sentence", "failure_text": "稍后回复"}
    async with three(tmp_path, retry=RetryTerms(repeat=repeat), api=False, policy=policy) as t:
        h = t.house
        await t.answers(Provider.N8N)
        t.n8n.faults.add(Fault(kind=kind, path="/webhook/*", times=1))
        await h.writes("在吗")
        assert await h.replies() == ["收到：在吗" if repeat else "稍后回复"]
        (known,) = (await h.api.get("/api/v1/integrations/conversations"))["data"]
        turns = f"/api/v1/integrations/conversations/{known['id']}/turns"
        (turn,) = await h.settled(turns, "state", {"answered", "failed"})

    assert len(t.n8n.ledger.of("/webhook/*")) == runs
    assert turn["attempts"] == runs
    assert turn["error"] != "turn.not_repeated", "it was not even begun again"


async def test_n8n_is_asked_again_where_surely_nothing_ran(tmp_path: Path) -> None:
    async with three(tmp_path, retry=RetryTerms(repeat=False), api=False) as t:
        h = t.house
        await t.answers(Provider.N8N)
        t.n8n.life.forced = Stage.PAGE
        await h.writes("在吗")
        await t.n8n.ledger.wait_for("/webhook/*", ended=True)
        t.n8n.life.forced = None
        assert await h.replies() == ["收到：在吗"]


@pytest.mark.parametrize(
    ("repeat", "telling", "runs", "state", "error"),
    [
        (False, False, 1, "failed", "turn.not_repeated"),
        (False, True, 1, "answered", None),
        (True, False, 2, "answered", None),
    ],
)
async def test_a_run_of_n8n_that_our_end_cut_off_is_looked_up_and_not_repeated(
    tmp_path: Path, repeat: bool, telling: bool, runs: int, state: str, error: str | None
) -> None:
    """As if the daemon were killed while n8n works; another one finds what it left."""
    async with three(tmp_path / "first", retry=RetryTerms(repeat=repeat), api=telling) as t:
        h = t.house
        await t.answers(Provider.N8N)
        t.n8n.play(Script(delay_s=0.3))
        await h.writes("在吗")
        await t.n8n.ledger.wait_for("/webhook/*")
        left = as_killed_now(h.settings, tmp_path / "second")
        await h.replies()  # at n8n it ran to its end
        async with running_daemon(left) as bridge:
            there = evolve(h, bridge=bridge, api=Api(h.api.http, bridge.url, h.api.key))
            (known,) = (await there.api.get("/api/v1/integrations/conversations"))["data"]
            turns = f"/api/v1/integrations/conversations/{known['id']}/turns"
            (turn,) = await there.settled(turns, "state", {"answered", "failed"})

    assert (turn["state"], turn["error"]) == (state, error)
    assert len(t.n8n.ledger.of("/webhook/*")) == runs
