"""A house with a workflow of each provider, every one of them ready to answer its WeChat account."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import define, evolve

from daemon.domain.webhook import Method, N8nApi, RetryTerms, Webhook, WebhookAuth
from daemon.domain.workflow import Provider
from daemon.secret import Secret
from daemon.sim.fastgpt_script import Script as FastGptScript
from daemon.sim.n8n import DEMO_FLOW, N8nSimulator, n8n_simulator
from daemon.sim.n8n_script import Script as N8nScript
from daemon.sim.openai import DEMO_KEY, DEMO_MODEL, OpenAiSimulator, openai_simulator
from daemon.sim.openai_script import Script as OpenAiScript
from daemon.store import webhooks
from tests.flows.house import House, house

WORKFLOWS = "/api/v1/workflows"
ACCOUNTS = "/api/v1/integrations/gewe/accounts"
THEN = datetime(2026, 1, 2, tzinfo=UTC)
WEBHOOK = Webhook(
    id="01900000-0000-7000-8000-000000000001",
    task_type="ragAI",
    name="RAG",
    url="",
    method=Method.POST,
    auth=WebhookAuth(),
    signing_keys=(),
    timeout=timedelta(seconds=10),
    retry=RetryTerms(),
    cache=None,
    output="",
    at_once=5,
    api=None,
    is_active=True,
    created_at=THEN,
    updated_at=THEN,
)


@define
class Three:
    house: House
    n8n: N8nSimulator
    openai: OpenAiSimulator
    of: dict[Provider, str]

    async def answers(self, provider: Provider) -> str:
        """From now on the account is answered by this provider's workflow; its id."""
        path = f"{ACCOUNTS}/{self.house.account_id}"
        account = await self.house.api.get(path)
        names = ("app_id", "wxid", "name", "base_url", "policy")
        body = {name: account[name] for name in names} | {"workflow_id": self.of[provider]}
        status, document = await self.house.api.call("PUT", path, body)
        assert status == 200, document
        return self.of[provider]

    def play(
        self,
        text: str = "收到：{question}",
        *,
        fields: dict[str, Any] | None = None,
        category: str = "",
        tokens: tuple[int, int] = (120, 30),
    ) -> None:
        """What each of them does next, as far as it can."""
        classified = {"moduleName": "Intent", "moduleType": "classifyQuestion", "cqResult": category}
        judged = {"sentimentAnalysis": {"category": category}}
        node = {"name": "Mood", "type": "@n8n/n8n-nodes-langchain.sentimentAnalysis", "output": judged}
        self.house.fastgpt.play(
            FastGptScript(
                answer=text,
                variables=fields or {},
                nodes=[classified] if category else [],
                input_tokens=tokens[0],
                output_tokens=tokens[1],
            )
        )
        self.n8n.play(
            N8nScript(
                answer=text,
                fields=fields or {},
                nodes=[node] if category else [],
                input_tokens=tokens[0],
                output_tokens=tokens[1],
            )
        )
        self.openai.play(OpenAiScript(answer=text, input_tokens=tokens[0], output_tokens=tokens[1]))


@asynccontextmanager
async def three(
    folder: Path, *, retry: RetryTerms | None = None, api: bool = True, **given: Any
) -> AsyncIterator[Three]:
    """`api`: n8n's tells what ran."""
    async with n8n_simulator() as n8n, openai_simulator() as openai, house(folder, **given) as h:
        telling = N8nApi(url=n8n.url, key=Secret(n8n.api_key), workflow_id=next(iter(n8n.flows)).workflow_id)
        webhook = evolve(
            WEBHOOK,
            url=n8n.webhook(DEMO_FLOW.path),
            retry=retry or RetryTerms(),
            api=telling if api else None,
        )
        await h.bridge.engine.db.write(webhooks.add, h.bridge.engine.workflows.vault, webhook)

        async def added(**workflow: Any) -> str:
            made = await h.api.post(WORKFLOWS, workflow)
            return str(made["id"])

        of = {
            Provider.FASTGPT: h.workflow_id,
            Provider.N8N: await added(name="Flow", provider="n8n", webhook_id=webhook.id),
            Provider.OPENAI: await added(
                name="Model", provider="openai", base_url=openai.base_url, key=DEMO_KEY, model=DEMO_MODEL
            ),
        }
        yield Three(h, n8n, openai, of)
