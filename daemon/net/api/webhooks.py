"""Webhooks of n8n: their configs, trying them out, the log of their calls, how they do."""

from datetime import datetime, timedelta
from typing import Annotated

from daemon.domain.access import Role
from daemon.domain.call_log import CallFilter, CallOutcome
from daemon.engine.ai_webhooks import Task
from daemon.net.api.ai_webhook import SessionId, TaskType
from daemon.net.api.fields import Identifier
from daemon.net.api.services import AI_WEBHOOKS
from daemon.net.api.webhook_bodies import AiWebhookBody, AiWebhookView, draft, view
from daemon.net.api.webhook_views import (
    WebhookCallView,
    WebhookClearedView,
    WebhookStatsView,
    WebhookTrialBody,
    WebhookTrialView,
    call_view,
    stats_view,
    trial_view,
)
from daemon.net.server.call import Call, Page, Paging, Reply
from daemon.net.server.constraints import Range
from daemon.net.server.routes import Routes

routes = Routes("AI webhooks")

PATH = "/api/v1/webhooks"
ONE = PATH + "/{webhook_id}"
DAY = 24.0


@routes.get(PATH, role=Role.VIEWER, summary="List the webhooks of n8n", whole=True)
async def page(
    call: Call, paging: Paging, *, task_type: TaskType | None = None, is_active: bool | None = None
) -> Page[AiWebhookView]:
    rows, total = await call.service(AI_WEBHOOKS).registry.page(
        task_type=task_type, is_active=is_active, before=paging.after, limit=paging.limit + 1
    )
    return Page.of(rows, total, paging, view=view, after=lambda webhook: webhook.id)


@routes.post(PATH, role=Role.ADMIN, summary="Add a webhook of n8n", status=201, effect=True, whole=True)
async def create(call: Call, body: AiWebhookBody) -> Reply[AiWebhookView]:
    webhook = await call.service(AI_WEBHOOKS).add(draft(body, None), by=call.actor, language=call.language)
    return Reply(body=view(webhook), headers={"Location": f"{PATH}/{webhook.id}"})


@routes.get(PATH + "/calls", role=Role.VIEWER, summary="The log of webhook calls, newest first", whole=True)
async def calls(
    call: Call,
    paging: Paging,
    *,
    webhook_id: Identifier | None = None,
    task_type: TaskType | None = None,
    session_id: SessionId | None = None,
    call_id: Identifier | None = None,
    outcome: CallOutcome | None = None,
    cached: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page[WebhookCallView]:
    """`since` and `until` go by when a call ended. What people wrote in chats is shown to operators only."""
    wanted = CallFilter(
        webhook_id=webhook_id,
        task_type=task_type,
        session_id=session_id,
        call_id=call_id,
        outcome=outcome,
        cached=cached,
        since=since,
        until=until,
    )
    rows, total = await call.service(AI_WEBHOOKS).calls(wanted, before=paging.after, limit=paging.limit + 1)
    chats = call.actor.role is not None and call.actor.role.includes(Role.OPERATOR)
    return Page.of(rows, total, paging, view=lambda entry: call_view(entry, chats=chats), after=lambda entry: entry.id)


@routes.get(PATH + "/stats", role=Role.VIEWER, summary="How each webhook does", whole=True)
async def stats(call: Call, *, hours: Annotated[float, Range(0.1, 24 * 31)] = DAY) -> WebhookStatsView:
    """The calls are those of the last `hours`, the cache's figures those since the daemon's start."""
    desk = call.service(AI_WEBHOOKS)
    return stats_view(await desk.figures(timedelta(hours=hours)), desk.cache, hours)


@routes.get(ONE, role=Role.VIEWER, summary="Show a webhook", whole=True)
async def show(call: Call, webhook_id: str) -> AiWebhookView:
    return view(await call.service(AI_WEBHOOKS).registry.get(webhook_id))


@routes.put(ONE, role=Role.ADMIN, summary="Change a webhook; its cached answers are forgotten", whole=True)
async def change(call: Call, webhook_id: str, body: AiWebhookBody) -> AiWebhookView:
    """A secret that is left out stays as it is, as long as what it belongs to stays."""
    desk = call.service(AI_WEBHOOKS)
    told = draft(body, await desk.registry.get(webhook_id))
    changed = await desk.change(webhook_id, told, version=call.if_match, by=call.actor, language=call.language)
    return view(changed)


@routes.delete(ONE, role=Role.ADMIN, summary="Remove a webhook that no workflow runs through", whole=True)
async def remove(call: Call, webhook_id: str) -> None:
    await call.service(AI_WEBHOOKS).remove(webhook_id, version=call.if_match, by=call.actor)


@routes.post(ONE + "/test", role=Role.OPERATOR, summary="Try a webhook out", effect=True, whole=True)
async def test(call: Call, webhook_id: str, body: WebhookTrialBody) -> WebhookTrialView:
    """A real call, never cached, also of one that is switched off. A failure is an answer of its own, with 200."""
    task = Task(task_type="", text=body.chatInput, session_id=body.sessionId, extra=body.extra, metadata=body.metadata)
    tried = await call.service(AI_WEBHOOKS).test(webhook_id, task, dry=body.dry, by=call.actor)
    return trial_view(tried, call.language)


@routes.delete(ONE + "/cache", role=Role.OPERATOR, summary="Forget a webhook's cached answers", status=200, whole=True)
async def clear_cache(call: Call, webhook_id: str) -> WebhookClearedView:
    return WebhookClearedView(answers=await call.service(AI_WEBHOOKS).clear_cache(webhook_id, by=call.actor))
