"""What an n8n webhook is told: the standard request, who we are, and the signature. Field names here are theirs."""

import base64
import warnings
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt
from attrs import frozen
from standardwebhooks import Webhook as Signer
from standardwebhooks.webhooks import EmptyWebhookSecretError

from daemon.clock import rfc3339
from daemon.codec import encode, encode_text
from daemon.domain.webhook import AuthKind, Method, Webhook, WebhookAuth
from daemon.domain.webhook_call import STANDARD_FIELDS, WebhookRequest
from daemon.errors import N8nRefused
from daemon.secret import Secret

SERVICE = "n8n"
MOST_BODY = 16 * 1024 * 1024  # bytes: N8N_PAYLOAD_SIZE_MAX; past it n8n says 500 and cuts the connection
MOST_QUERY = 8 * 1024  # characters of a GET's fields; proxies take no more
TOKEN_LIVES = timedelta(minutes=5)  # the clocks of both sides may differ


@frozen(kw_only=True)
class Wire:
    """A request as it goes out: `body` or, of a GET, `params`."""

    body: dict[str, Any] | None
    params: dict[str, str] | None
    headers: dict[str, str]
    credential: Secret  # what of the headers opens the webhook, as a workflow may say it back; empty: nothing does


def wire(webhook: Webhook, request: WebhookRequest, *, now: datetime) -> Wire:
    """All of it, or N8nRefused where it cannot be sent."""
    fields = standard(request)
    query = webhook.method is Method.GET
    raw = b"" if query else encode(fields)
    params = {name: _in_query(value) for name, value in fields.items()} if query else None
    if len(raw) > MOST_BODY or (params and sum(len(part) for pair in params.items() for part in pair) > MOST_QUERY):
        raise N8nRefused("n8n.too_big", service=SERVICE, most_bytes=MOST_QUERY if query else MOST_BODY)
    identity = _identity(webhook.auth, now=now)
    opens = "".join(identity.values()).removeprefix("Basic ").removeprefix("Bearer ")
    return Wire(
        body=None if query else fields,
        params=params,
        credential=Secret(opens),
        headers={
            **identity,
            "X-Request-ID": request.request_id or request.call_id,
            "Idempotency-Key": request.call_id,
            **_signed(webhook.signing_keys, request.call_id, raw, now=now),
        },
    )


def standard(request: WebhookRequest) -> dict[str, Any]:
    """The same for each attempt, so that a workflow can tell a repetition by `requestId`. No extra replaces ours."""
    extra = {name: value for name, value in request.extra.items() if name not in STANDARD_FIELDS}
    return {
        "taskType": request.task_type,
        "chatInput": request.text,
        "sessionId": request.session_id,
        "requestId": request.call_id,
        "timestamp": rfc3339(request.sent_at),
        "metadata": request.metadata,
        **extra,
    }


def pair(auth: WebhookAuth) -> Secret:
    """User and password as basic authentication sends them."""
    secret = (auth.secret or Secret("")).reveal()
    return Secret(base64.b64encode(f"{auth.name}:{secret}".encode()).decode())


def _in_query(value: object) -> str:
    return value if isinstance(value, str) else encode_text(value)


def _identity(auth: WebhookAuth, *, now: datetime) -> dict[str, str]:
    secret = (auth.secret or Secret("")).reveal()
    match auth.kind:
        case AuthKind.BASIC:
            return {"Authorization": f"Basic {pair(auth).reveal()}"}
        case AuthKind.HEADER:
            return {auth.name: secret}
        case AuthKind.JWT:
            return {"Authorization": f"Bearer {_token(secret, now=now)}"}
        case AuthKind.NONE:
            return {}


def _token(passphrase: str, *, now: datetime) -> str:
    claims = {"iss": "qiaod", "iat": now, "exp": now + TOKEN_LIVES}
    with warnings.catch_warnings():  # that a passphrase is short is for whoever set it in n8n
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        try:
            return jwt.encode(claims, passphrase, algorithm="HS256")
        except jwt.InvalidKeyError:  # it is empty, or looks like the public half of a pair
            raise N8nRefused("n8n.bad_passphrase", service=SERVICE) from None


def _signed(keys: tuple[Secret, ...], call_id: str, raw: bytes, *, now: datetime) -> Mapping[str, str]:
    """Standard Webhooks: a signature by each key, so that the receiver may still have the old one, or the new."""
    if not keys:
        return {}
    try:
        signatures = [Signer(key.reveal()).sign(call_id, now, raw.decode()) for key in keys]
    except (ValueError, EmptyWebhookSecretError):  # it is no base64, or of nothing
        raise N8nRefused("n8n.bad_signing_key", service=SERVICE) from None
    return {
        "webhook-id": call_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
