"""A webhook, a call of it, and a client that may go to this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve

from daemon.clock import Clock, SystemClock
from daemon.domain.webhook import Method, N8nApi, RetryTerms, Webhook, WebhookAuth
from daemon.domain.webhook_call import WebhookRequest
from daemon.engine.targets import Targets
from daemon.errors import N8nWebhookError
from daemon.net.n8n.client import N8nWebhookClient, Patience
from daemon.net.outbound import Outbound, open_outbound
from daemon.secret import Redactor, Secret
from daemon.sim.n8n import N8nSimulator

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HERE = Targets.of(["127.0.0.1:*"])
WEBHOOK = Webhook(
    id="h1",
    task_type="ragAI",
    name="RAG",
    url="http://127.0.0.1:1/webhook/rag-ai",
    method=Method.POST,
    auth=WebhookAuth(),
    signing_keys=(),
    timeout=timedelta(seconds=5),
    retry=RetryTerms(),
    cache=None,
    output="",
    at_once=10,
    api=None,
    is_active=True,
    created_at=THEN,
    updated_at=THEN,
)
REQUEST = WebhookRequest(
    call_id="call-1",
    task_type="ragAI",
    text="hello",
    session_id="s1",
    sent_at=THEN,
    request_id="r-1",
    metadata={"user": "ann"},
    extra={"shop": 7},
)


@asynccontextmanager
async def outbound() -> AsyncIterator[Outbound]:
    async with open_outbound(Redactor(), HERE) as made:
        yield made


@asynccontextmanager
async def client(clock: Clock | None = None, **patience: timedelta) -> AsyncIterator[N8nWebhookClient]:
    async with outbound() as made:
        yield N8nWebhookClient(made, clock or SystemClock(), Patience(**patience))


def webhook(sim: N8nSimulator, path: str = "rag-ai", **changes: Any) -> Webhook:
    return evolve(WEBHOOK, **{"url": sim.webhook(path), **changes})


def api_of(sim: N8nSimulator, workflow_id: str, *, key: str = "") -> N8nApi:
    return N8nApi(url=sim.url, key=Secret(key or sim.api_key), workflow_id=workflow_id)


def told(error: N8nWebhookError) -> tuple[type[N8nWebhookError], str, bool]:
    """What a caller can tell by it."""
    return type(error), error.code, error.may_have_run
