"""What n8n has on record of a call of ours, and what an error tells by it: its answer names neither node nor cause."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from daemon.domain.webhook import Webhook
from daemon.domain.webhook_call import RunState, WebhookRequest, WebhookRun
from daemon.engine.ports import WebhookCaller
from daemon.errors import N8nWebhookError

LOOK_PATIENCE = timedelta(seconds=3)  # for the nodes of a run that has ended
LOOK_AGAIN = (0.05, 0.15, 0.3)  # seconds: what a respond node says is heard a moment before the run ends


async def seen(caller: WebhookCaller, webhook: Webhook, request: WebhookRequest) -> WebhookRun | None:
    """The run that the call set off; None where n8n does not tell, or not soon: it is no reason to wait at length."""
    if webhook.api is not None:
        with suppress(N8nWebhookError, TimeoutError):
            async with asyncio.timeout(LOOK_PATIENCE.total_seconds()):
                return await _ended(caller, webhook, request)
    return None


def explain(error: N8nWebhookError, run: WebhookRun) -> None:
    """The error says from now on which execution it was, at which node that failed, and why."""
    error.nodes = run.nodes
    parts = (run.failed_node, run.error or error.detail)
    why = ": ".join(part for part in parts if part)
    error.detail = f"{why} (execution {run.id})".lstrip() if run.id else why
    error.facts["detail"] = error.detail


async def _ended(caller: WebhookCaller, webhook: Webhook, request: WebhookRequest) -> WebhookRun | None:
    run = await caller.look_up(webhook, request, since=request.sent_at)
    for pause in LOOK_AGAIN:
        if run is None or run.state is not RunState.RUNNING:
            break
        await asyncio.sleep(pause)
        run = await caller.look_up(webhook, request, since=request.sent_at)
    return run
