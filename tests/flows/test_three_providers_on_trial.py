"""A workflow of each provider tried out: the same documents, the nodes in the same words, and nothing that counts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve

from daemon.domain.webhook import AuthKind, Method, N8nApi, RetryTerms, Webhook, WebhookAuth
from daemon.domain.workflow import Provider
from daemon.secret import Secret
from daemon.sim.fastgpt_script import Script as FastGptScript
from daemon.sim.n8n import DEMO_FLOW, N8nSimulator, n8n_simulator
from daemon.sim.n8n_script import Script as N8nScript
from daemon.sim.openai import DEMO_KEY, DEMO_MODEL, OpenAiSimulator, openai_simulator
from daemon.sim.openai_script import Script as OpenAiScript
from daemon.store import webhooks
from daemon.store.tx import Tx
from tests.flows.house import House, house
from tests.flows.test_workflow_test import PATH, said, streamed

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TELLING = (
    "charges",
    "webhook_calls",
    "service_minutes",
    "alerts",
    "conversations",
    "turns",
    "pauses",
    "quotas",
    "jobs",
)


@define
class Trials:
    """A house whose `workflow_id` is one of each provider's in turn."""

    house: House
    n8n: N8nSimulator
    openai: OpenAiSimulator
    of: dict[Provider, str]

    async def begun(self, provider: Provider, **more: Any) -> dict[str, Any]:
        session: dict[str, Any] = await self.house.api.post(PATH, {"workflowId": self.of[provider]} | more)
        return session

    async def counted(self) -> dict[str, list[tuple[Any, ...]]]:
        await self.house.bridge.engine.calls.flush()

        def rows(tx: Tx) -> dict[str, list[tuple[Any, ...]]]:
            return {table: [tuple(row) for row in tx.all(f"SELECT * FROM {table}")] for table in TELLING}

        return await self.house.bridge.engine.db.read(rows)


@asynccontextmanager
async def trials(folder: Path) -> AsyncIterator[Trials]:
    async with house(folder) as h, n8n_simulator() as n8n, openai_simulator() as openai:
        webhook = Webhook(
            id="01900000-0000-7000-8000-000000000001",
            task_type="ragAI",
            name="RAG",
            url=n8n.webhook(DEMO_FLOW.path),
            method=Method.POST,
            auth=WebhookAuth(kind=AuthKind.NONE),
            signing_keys=(),
            timeout=timedelta(seconds=10),
            retry=RetryTerms(),
            cache=None,
            output="",
            at_once=5,
            api=N8nApi(url=n8n.url, key=Secret(n8n.api_key), workflow_id=next(iter(n8n.flows)).workflow_id),
            is_active=True,
            created_at=NOW,
            updated_at=NOW,
        )
        plain = evolve(webhook, id="01900000-0000-7000-8000-000000000002", task_type="plain", api=None)
        engine = h.bridge.engine
        for one in (webhook, plain):
            await engine.db.write(webhooks.add, engine.workflows.vault, one)

        async def added(**workflow: Any) -> str:
            made = await h.api.post("/api/v1/workflows", {"name": "Tried", "check": False} | workflow)
            return str(made["id"])

        of = {
            Provider.FASTGPT: h.workflow_id,
            Provider.N8N: await added(provider="n8n", webhook_id=webhook.id),
            Provider.OPENAI: await added(provider="openai", base_url=openai.base_url, key=DEMO_KEY, model=DEMO_MODEL),
        }
        yield Trials(h, n8n, openai, of)


@pytest.mark.parametrize(
    ("provider", "types"),
    [
        (Provider.FASTGPT, {"start", "llm"}),
        (Provider.N8N, {"start", "code"}),
        (Provider.OPENAI, {"llm"}),
    ],
)
async def test_each_answers_with_its_nodes_in_the_same_words(
    tmp_path: Path, provider: Provider, types: set[str]
) -> None:
    async with trials(tmp_path) as t:
        session = await t.begun(provider, variables={"vip": True})
        told = await said(t.house, session, "几点开门")
        question, answer = told["messages"]
        assert (question["content"], answer["content"]) == ("几点开门", "收到：几点开门")
        meta = answer["meta"]
        assert (meta["success"], meta["needHumanTransfer"]) == (True, False)
        details = meta["nodeDetails"]
        assert {detail["nodeType"] for detail in details} == types
        assert all(detail["success"] and type(detail["durationMs"]) is int for detail in details)
        assert details[0]["input"]


@pytest.mark.parametrize(
    ("provider", "told_before"),
    [(Provider.FASTGPT, "收到：几点开门"), (Provider.N8N, ""), (Provider.OPENAI, "收到：几点开门")],
)
async def test_each_that_streams_tells_its_pieces_and_all_the_session(
    tmp_path: Path, provider: Provider, told_before: str
) -> None:
    async with trials(tmp_path) as t:
        session = await t.begun(provider)
        events = await streamed(t.house, session, "几点开门")
        name, whole = events[-1]
        assert (name, whole["messages"][-1]["content"]) == ("end", "收到：几点开门")
        assert "".join(told["text"] for name, told in events if name == "answer") == told_before


@pytest.mark.parametrize("provider", Provider)
async def test_nothing_of_it_counts_for_any_provider(tmp_path: Path, provider: Provider) -> None:
    async with trials(tmp_path) as t:
        before = await t.counted()
        session = await t.begun(provider)
        await said(t.house, session, "几点开门")
        failed = await failing(t, provider, session)
        assert failed["meta"]["success"] is False
        assert failed["meta"]["errorMessage"]
        await streamed(t.house, session, "在吗")
        assert await t.counted() == before
        talk = {"workflow_id": t.of[provider], "message": "真的"}
        await t.house.api.post("/api/v1/integrations/fastgpt/chat", talk)
        assert await t.counted() != before  # else nothing was looked at


async def failing(t: Trials, provider: Provider, session: dict[str, Any]) -> dict[str, Any]:
    match provider:
        case Provider.FASTGPT:
            t.house.fastgpt.play(FastGptScript(mishap="error-before", error="points"), times=1)
        case Provider.N8N:
            t.n8n.play(N8nScript(mishap="fails"), times=1)
        case Provider.OPENAI:
            t.openai.play(OpenAiScript(mishap="error-before"), times=1)
    message: dict[str, Any] = (await said(t.house, session, "多少钱"))["messages"][-1]
    return message
