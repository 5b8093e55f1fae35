"""What is shown of webhook calls: the log, a trial, the figures."""

# ruff: noqa: N815  # the names of the seed's documents

from datetime import datetime
from typing import Annotated, Any

from attrs import field, frozen

from daemon.codec import parse
from daemon.domain.call_log import CallEntry, CallOutcome, Served, Via
from daemon.domain.webhook import Method, Webhook
from daemon.domain.webhook_call import WebhookRequest
from daemon.engine.ai_webhooks import Tried, WebhookFigures
from daemon.engine.answer_cache import AnswerCache, Counts
from daemon.engine.webhook_errands import Ran
from daemon.errors import N8nRefused
from daemon.limits.breaker import State
from daemon.net.api.ai_webhook import Extra, SessionId
from daemon.net.n8n.wire_request import wire
from daemon.net.server.constraints import Length, Note
from daemon.secret import MASK


@frozen(kw_only=True)
class WebhookCallView:
    id: str
    call_id: Annotated[str, Note("What n8n was told as `requestId`, if it was asked.")]
    webhook_id: str
    task_type: str
    session_id: str
    via: Via
    outcome: CallOutcome
    cached: bool
    served: Annotated[Served, Note("By a run of its own, by that of an equal call under way, or from the cache.")]
    request: Annotated[Any, Note("Shortened, secrets masked; null where it is a chat that the reader may not see.")]
    response: Any
    status: Annotated[int | None, Note("HTTP's; null where no answer came.")]
    attempts: int
    duration_ms: int
    error: str | None
    detail: str | None
    actor: str
    request_id: str | None
    created_at: datetime


@frozen(kw_only=True)
class WebhookTrialBody:
    """Any other field goes to n8n beside these."""

    chatInput: Annotated[str, Length(1, 20_000)] = "ping"
    sessionId: SessionId = "test"
    metadata: dict[str, Any] = field(factory=dict)
    dry: Annotated[bool, Note("Only what would be sent; n8n is not called.")] = False
    extra: Extra = field(factory=dict)


@frozen(kw_only=True)
class WebhookSentView:
    """What n8n is sent, credentials masked."""

    method: Method
    url: str
    headers: dict[str, str]
    body: Any


@frozen(kw_only=True)
class WebhookTrialErrorView:
    code: Annotated[str, Note("n8n_connection, n8n_timeout or n8n_response.")]
    reason: Annotated[str, Note("The finer code.")]
    message: str
    may_have_run: bool


@frozen(kw_only=True)
class WebhookTrialView:
    success: Annotated[bool | None, Note("null: it was dry.")]
    output: str
    data: Any
    accepted: Annotated[bool, Note("The run has begun, and nobody will say what becomes of it.")]
    status: Annotated[int | None, Note("HTTP's.")]
    duration_ms: int
    call_id: str
    sent: WebhookSentView | None
    error: WebhookTrialErrorView | None


@frozen(kw_only=True)
class WebhookCacheView:
    hits: int
    misses: int
    shared: Annotated[int, Note("Calls answered by the run of an equal one under way.")]
    bypassed: int
    evicted: Annotated[int, Note("For want of room.")]
    entries: int
    bytes: int
    hit_rate: Annotated[float | None, Note("From 0 to 1; null where nothing was asked for.")]


@frozen(kw_only=True)
class WebhookFiguresView:
    webhook_id: str
    task_type: str
    name: str
    is_active: bool
    calls: int
    answered: int
    failed: int
    unknown: Annotated[int, Note("No answer came, and the workflow may have run.")]
    refused: Annotated[int, Note("By ourselves, before n8n was asked.")]
    cached: Annotated[int, Note("Answered without a run of their own.")]
    success_rate: Annotated[float | None, Note("From 0 to 1, of those that were not refused.")]
    p50_ms: Annotated[int | None, Note("Of up to 1,000 of the latest runs that were answered.")]
    p95_ms: int | None
    breaker: State
    in_flight: int
    waiting: int
    cache: WebhookCacheView


@frozen(kw_only=True)
class WebhookStatsView:
    hours: float
    calls: int
    success_rate: float | None
    cache_bytes: Annotated[int, Note("Of all webhooks together.")]
    cache_most_bytes: int
    webhooks: list[WebhookFiguresView]


@frozen(kw_only=True)
class WebhookClearedView:
    answers: Annotated[int, Note("How many were forgotten.")]


def call_view(entry: CallEntry, *, chats: bool) -> WebhookCallView:
    """`chats`: the reader may see what people wrote."""
    open_ = chats or entry.via is not Via.WORKFLOW
    return WebhookCallView(
        id=entry.id,
        call_id=entry.call_id,
        webhook_id=entry.webhook_id,
        task_type=entry.task_type,
        session_id=entry.session_id,
        via=entry.via,
        outcome=entry.outcome,
        cached=entry.served is not Served.RUN,
        served=entry.served,
        request=parse(entry.request) if open_ else None,
        response=parse(entry.response) if open_ and entry.response is not None else None,
        status=entry.status,
        attempts=entry.attempts,
        duration_ms=entry.duration_ms,
        error=entry.error,
        detail=entry.detail,
        actor=entry.actor,
        request_id=entry.request_id,
        created_at=entry.created_at,
    )


def trial_view(tried: Tried, language: str) -> WebhookTrialView:
    done, error = tried.done, tried.error
    failure = None
    if error is not None:
        failure = WebhookTrialErrorView(
            code=error.kind, reason=error.code, message=error.text(language), may_have_run=error.may_have_run
        )
    return WebhookTrialView(
        success=None if done is None and error is None else done is not None,
        output=done.answer.text if done else "",
        data=done.answer.data if done else None,
        accepted=done is not None and done.answer.accepted,
        status=done.answer.status if done else error.status if error else None,
        duration_ms=round(tried.seconds * 1000),
        call_id=tried.request.call_id,
        sent=_sent(tried.webhook, tried.request),
        error=failure,
    )


def stats_view(figures: list[WebhookFigures], cache: AnswerCache[Ran], hours: float) -> WebhookStatsView:
    ended = sum(one.sums.calls - one.sums.refused for one in figures)
    return WebhookStatsView(
        hours=hours,
        calls=sum(one.sums.calls for one in figures),
        success_rate=sum(one.sums.answered for one in figures) / ended if ended else None,
        cache_bytes=cache.bytes,
        cache_most_bytes=cache.most_bytes,
        webhooks=[_figures(one) for one in figures],
    )


def _figures(one: WebhookFigures) -> WebhookFiguresView:
    webhook, sums = one.webhook, one.sums
    return WebhookFiguresView(
        webhook_id=webhook.id,
        task_type=webhook.task_type,
        name=webhook.name,
        is_active=webhook.is_active,
        calls=sums.calls,
        answered=sums.answered,
        failed=sums.failed,
        unknown=sums.unknown,
        refused=sums.refused,
        cached=sums.without_run,
        success_rate=sums.success_rate,
        p50_ms=sums.p50_ms,
        p95_ms=sums.p95_ms,
        breaker=one.breaker.state,
        in_flight=one.in_flight,
        waiting=one.waiting,
        cache=_cache(one.cache),
    )


def _cache(counts: Counts) -> WebhookCacheView:
    return WebhookCacheView(
        hits=counts.hits,
        misses=counts.misses,
        shared=counts.shared,
        bypassed=counts.bypassed,
        evicted=counts.evicted,
        entries=counts.entries,
        bytes=counts.bytes,
        hit_rate=counts.hit_rate,
    )


def _sent(webhook: Webhook, request: WebhookRequest) -> WebhookSentView | None:
    try:
        sent = wire(webhook, request, now=request.sent_at)
    except N8nRefused:  # it cannot be sent as it is set up
        return None
    credentials = {"authorization", webhook.auth.name.lower()}
    headers = {name: MASK if name.lower() in credentials else value for name, value in sent.headers.items()}
    return WebhookSentView(
        method=webhook.method, url=webhook.url, headers=headers, body=sent.params if sent.body is None else sent.body
    )
