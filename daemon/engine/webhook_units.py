"""Units of work about n8n's webhooks: their configs, what their calls cost, what a person is told of them."""

from datetime import timedelta
from typing import Any

from attrs import asdict, evolve, frozen

from daemon.domain.access import Actor
from daemon.domain.alert import AlertType, NewAlert, Severity
from daemon.domain.call_log import CallEntry
from daemon.domain.cost import ONE_ACT, ChargeKind, NewCharge, Scopes, Units, attempt_ref
from daemon.domain.webhook import CacheTerms, Method, N8nApi, RetryTerms, Webhook, WebhookAuth
from daemon.domain.workflow import Provider, Usage
from daemon.engine import costs
from daemon.engine.costs import Refusal, Terms
from daemon.errors import (
    Conflict,
    N8nBarred,
    N8nWebhookError,
    NotFound,
    PreconditionFailed,
    QiaodError,
    RemoteUnauthorized,
)
from daemon.secret import Secret
from daemon.store import alerts, audit, webhook_calls, webhooks
from daemon.store.tx import Tx
from daemon.vault import Vault

ASKS_FOR_A_CHANGE = frozenset(  # what n8n goes on saying until somebody changes something, here or there
    {"n8n.not_registered", "n8n.wrong_address", "n8n.misbuilt", "n8n.bad_passphrase", "n8n.bad_signing_key"}
)


@frozen(kw_only=True)
class WebhookDraft:
    """What an operator says of a webhook."""

    task_type: str
    name: str
    url: str
    method: Method
    auth: WebhookAuth
    signing_keys: tuple[Secret, ...]
    timeout: timedelta
    retry: RetryTerms
    cache: CacheTerms | None
    output: str
    at_once: int
    api: N8nApi | None
    is_active: bool


def known(tx: Tx, vault: Vault, webhook_id: str, version: int | None = None) -> Webhook:
    """The webhook, in the version that the caller has seen."""
    webhook = webhooks.get(tx, vault, webhook_id)
    if webhook is None:
        raise NotFound("ai_webhook.not_found", id=webhook_id)
    if version is not None and version != webhook.version:
        raise PreconditionFailed("stale_version", found=webhook.version)
    return webhook


def add(tx: Tx, vault: Vault, draft: WebhookDraft, *, by: Actor) -> Webhook:
    _free(tx, vault, draft, own_id=None)
    webhook = Webhook(id=tx.new_id(), created_at=tx.now, updated_at=tx.now, version=1, **_fields(draft))
    webhooks.add(tx, vault, webhook)
    _audit(tx, by, "added", webhook)
    return webhook


def change(tx: Tx, vault: Vault, webhook_id: str, draft: WebhookDraft, *, version: int | None, by: Actor) -> Webhook:
    before = known(tx, vault, webhook_id, version)
    _free(tx, vault, draft, own_id=webhook_id)
    webhook = evolve(before, updated_at=tx.now, version=before.version + 1, **_fields(draft))
    webhooks.save(tx, vault, webhook)
    alerts.resolve(tx, _fingerprint(webhook_id))  # it is another one now: what was wrong shows again, or is over
    _audit(tx, by, "changed", webhook)
    return webhook


def remove(tx: Tx, vault: Vault, webhook_id: str, *, version: int | None, by: Actor) -> Webhook:
    webhook = known(tx, vault, webhook_id, version)
    if users := webhooks.users(tx, webhook_id):
        raise Conflict("ai_webhook.in_use", users=", ".join(users))
    webhooks.remove(tx, webhook_id)
    alerts.resolve(tx, _fingerprint(webhook_id))
    _audit(tx, by, "removed", webhook)
    return webhook


def clear_cache(tx: Tx, vault: Vault, webhook_id: str, *, by: Actor) -> None:
    """Its answers are to be forgotten: here it is only written down."""
    _audit(tx, by, "cache_cleared", known(tx, vault, webhook_id))


def reserve(tx: Tx, name: str, attempt: int, task_type: str, scopes: Scopes, terms: Terms) -> str | Refusal:
    """The name of the attempt's charge; or why it may not be made, and then nothing is held."""
    ref = attempt_ref(ChargeKind.WORKFLOW, name, attempt)
    new = NewCharge(
        ref=ref,
        kind=ChargeKind.WORKFLOW,
        provider=Provider.N8N,
        model=task_type,
        scopes=scopes,
        estimate=ONE_ACT,
    )
    reserved = costs.try_reserve(tx, new, terms)
    return reserved if isinstance(reserved, Refusal) else ref


def answered(tx: Tx, ref: str, usage: Usage, entry: CallEntry) -> None:
    """One attempt ended in an answer, and with it the call."""
    used = Units.of(usage)
    costs.settle(tx, ref, ONE_ACT if used is None else evolve(used, acts=1))
    alerts.resolve(tx, _fingerprint(entry.webhook_id))
    webhook_calls.add(tx, [entry])


def failed(tx: Tx, ref: str, webhook: Webhook, error: N8nWebhookError, entry: CallEntry | None) -> None:
    """One attempt failed. `entry`: the call has with it; None: another attempt follows."""
    if error.may_have_run:
        costs.settle(tx, ref, None)
    else:
        costs.release(tx, ref)
    if entry is not None:
        ended(tx, webhook, error, entry)


def ended(tx: Tx, webhook: Webhook, error: QiaodError | None, entry: CallEntry) -> None:
    """How a call ended whose cost is somebody else's business."""
    webhook_calls.add(tx, [entry])
    if error is None:
        alerts.resolve(tx, _fingerprint(webhook.id))
    elif isinstance(error, RemoteUnauthorized | N8nBarred) or error.code in ASKS_FOR_A_CHANGE:
        _tell(tx, webhook, error)


def _tell(tx: Tx, webhook: Webhook, error: QiaodError) -> None:
    new = NewAlert(
        fingerprint=_fingerprint(webhook.id),
        service="n8n",
        type=AlertType.SERVICE_DOWN,
        severity=Severity.HIGH,
        code="ai_webhook.unauthorized" if isinstance(error, RemoteUnauthorized) else "ai_webhook.refused",
        facts={"webhook": webhook.name, "task_type": webhook.task_type, "reason": error.code},
    )
    alerts.raise_(tx, new)


def _free(tx: Tx, vault: Vault, draft: WebhookDraft, *, own_id: str | None) -> None:
    """One active webhook a kind of task."""
    other = webhooks.active_for(tx, vault, draft.task_type) if draft.is_active else None
    if other is not None and other.id != own_id:
        raise Conflict("ai_webhook.task_taken", task_type=draft.task_type, name=other.name)


def _fingerprint(webhook_id: str) -> str:
    return f"n8n.webhook/{webhook_id}"


def _audit(tx: Tx, by: Actor, verb: str, webhook: Webhook) -> None:
    detail = {
        "name": webhook.name,
        "task_type": webhook.task_type,
        "is_active": webhook.is_active,
        "version": webhook.version,
    }
    audit.record(tx, by, f"ai_webhook.{verb}", f"ai_webhook:{webhook.id}", detail=detail)


def _fields(draft: WebhookDraft) -> dict[str, Any]:
    return asdict(draft, recurse=False)
