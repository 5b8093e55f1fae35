"""A webhook's config as callers write it and as it is shown: secrets go in, and only their ends come out."""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from attrs import field, frozen

from daemon.domain.webhook import AuthKind, CacheTerms, Method, N8nApi, RetryTerms, Webhook, WebhookAuth
from daemon.engine.webhook_units import WebhookDraft
from daemon.net.api.ai_webhook import TaskType
from daemon.net.api.fields import ForeignId, Name, Token, Url
from daemon.net.server.constraints import Length, Note, Pattern, Range
from daemon.secret import Secret

HeaderValue = Annotated[str, Length(1, 2000), Pattern(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")]
SigningKey = Annotated[str, Length(8, 500), Pattern(r"(whsec_)?[A-Za-z0-9+/]+={0,2}")]
Attempts = Annotated[int, Range(1, 10), Note("The first included.")]


@frozen(kw_only=True)
class AiWebhookAuthBody:
    kind: AuthKind = AuthKind.NONE
    name: Annotated[str, Length(0, 200), Note("basic: the user; header: the header's name.")] = ""
    secret: Annotated[
        HeaderValue | None,
        Note("The password, the header's value, the passphrase. Never shown again; left out of a change, it stays."),
    ] = None


@frozen(kw_only=True)
class AiWebhookRetryBody:
    attempts: Attempts = 3
    base_seconds: Annotated[float, Range(0.01, 60)] = 1.0
    cap_seconds: Annotated[float, Range(0.01, 600)] = 30.0
    repeat: Annotated[bool, Note("Also where the workflow may have run: it tells calls apart by their id.")] = False


@frozen(kw_only=True)
class AiWebhookCacheBody:
    ttl_seconds: Annotated[float, Range(1, 7 * 86_400)]
    shared: Annotated[bool, Note("One answer for every session.")] = False


@frozen(kw_only=True)
class AiWebhookApiBody:
    url: Annotated[Url, Note("n8n's own address.", "https://n8n.example.com")]
    key: Annotated[Token | None, Note("Never shown again; left out of a change, it stays.")] = None
    workflow_id: ForeignId


@frozen(kw_only=True)
class AiWebhookBody:
    task_type: TaskType
    name: Annotated[Name | None, Note("For people; the task type where it is left out.")] = None
    url: Annotated[Url, Note("Whole, as n8n shows it.", "https://n8n.example.com/webhook/rag-ai")]
    method: Method = Method.POST
    auth: AiWebhookAuthBody = field(factory=AiWebhookAuthBody)
    signing_keys: Annotated[
        list[SigningKey] | None,
        Length(0, 5),
        Note("Standard Webhooks, `whsec_…`: all of them sign. Left out of a change, they stay; [] takes them away."),
    ] = None
    timeout_seconds: Annotated[float, Range(1, 900), Note("Of one attempt, to the last byte.")] = 90.0
    retry: AiWebhookRetryBody = field(factory=AiWebhookRetryBody)
    cache: Annotated[AiWebhookCacheBody | None, Note("null: no answer is cached.")] = None
    output: Annotated[
        str,
        Length(0, 200),
        Note("Where its text is in the answer: names and indexes with dots between; empty: the usual places."),
    ] = ""
    at_once: Annotated[int, Range(1, 200), Note("Calls under way at the same time.")] = 10
    api: Annotated[AiWebhookApiBody | None, Note("n8n's public API: it tells what ran, and what failed.")] = None
    is_active: Annotated[bool, Note("Of the webhooks of one task type at most one is.")] = True


@frozen(kw_only=True)
class AiWebhookAuthView:
    kind: AuthKind
    name: str
    secret: Annotated[str | None, Note("Its last characters.")]


@frozen(kw_only=True)
class AiWebhookApiView:
    url: str
    key: Annotated[str, Note("Its last characters.")]
    workflow_id: str


@frozen(kw_only=True)
class AiWebhookView:
    id: str
    task_type: str
    name: str
    url: str
    method: Method
    auth: AiWebhookAuthView
    signing_keys: Annotated[list[str], Note("Their last characters.")]
    timeout_seconds: float
    retry: AiWebhookRetryBody
    cache: AiWebhookCacheBody | None
    output: str
    at_once: int
    api: AiWebhookApiView | None
    is_active: bool
    created_at: datetime
    updated_at: datetime
    version: int


def draft(body: AiWebhookBody, before: Webhook | None) -> WebhookDraft:
    """What was said, with the secrets of before where none were."""
    keys = () if before is None else before.signing_keys
    return WebhookDraft(
        task_type=body.task_type,
        name=body.name or body.task_type,
        url=body.url,
        method=body.method,
        auth=_auth(body.auth, body.url, before),
        signing_keys=keys if body.signing_keys is None else tuple(map(Secret, body.signing_keys)),
        timeout=timedelta(seconds=body.timeout_seconds),
        retry=RetryTerms(
            attempts=body.retry.attempts,
            base=timedelta(seconds=body.retry.base_seconds),
            cap=timedelta(seconds=body.retry.cap_seconds),
            repeat=body.retry.repeat,
        ),
        cache=None
        if body.cache is None
        else CacheTerms(ttl=timedelta(seconds=body.cache.ttl_seconds), shared=body.cache.shared),
        output=body.output,
        at_once=body.at_once,
        api=_api(body.api, before),
        is_active=body.is_active,
    )


def view(webhook: Webhook) -> AiWebhookView:
    auth, retry, cache, api = webhook.auth, webhook.retry, webhook.cache, webhook.api
    return AiWebhookView(
        id=webhook.id,
        task_type=webhook.task_type,
        name=webhook.name,
        url=webhook.url,
        method=webhook.method,
        auth=AiWebhookAuthView(
            kind=auth.kind, name=auth.name, secret=None if auth.secret is None else auth.secret.hint()
        ),
        signing_keys=[key.hint() for key in webhook.signing_keys],
        timeout_seconds=webhook.timeout.total_seconds(),
        retry=AiWebhookRetryBody(
            attempts=retry.attempts,
            base_seconds=retry.base.total_seconds(),
            cap_seconds=retry.cap.total_seconds(),
            repeat=retry.repeat,
        ),
        cache=None if cache is None else AiWebhookCacheBody(ttl_seconds=cache.ttl.total_seconds(), shared=cache.shared),
        output=webhook.output,
        at_once=webhook.at_once,
        api=None if api is None else AiWebhookApiView(url=api.url, key=api.key.hint(), workflow_id=api.workflow_id),
        is_active=webhook.is_active,
        created_at=webhook.created_at,
        updated_at=webhook.updated_at,
        version=webhook.version,
    )


def _auth(body: AiWebhookAuthBody, url: str, before: Webhook | None) -> WebhookAuth:
    if body.secret is not None:
        return WebhookAuth(kind=body.kind, name=body.name, secret=Secret(body.secret))
    same = before is not None and before.auth.kind is body.kind and _place(before.url) == _place(url)
    return WebhookAuth(kind=body.kind, name=body.name, secret=before.auth.secret if before and same else None)


def _api(body: AiWebhookApiBody | None, before: Webhook | None) -> N8nApi | None:
    if body is None:
        return None
    known = before.api if before is not None else None
    kept = known.key if known is not None and _place(known.url) == _place(body.url) else Secret("")
    return N8nApi(url=body.url, key=kept if body.key is None else Secret(body.key), workflow_id=body.workflow_id)


def _place(url: str) -> tuple[str, str]:
    """Whom a secret was given to: whoever changes that has to know the secret."""
    try:
        parts = urlsplit(url)
    except ValueError:  # nobody's: it is refused right after
        return "", url
    return parts.scheme, parts.netloc.lower()
