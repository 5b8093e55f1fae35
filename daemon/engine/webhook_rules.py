"""What a webhook's config must have to be of use. Pure."""

import base64
import binascii
import re
from collections.abc import Iterator

from daemon.domain.webhook import AuthKind, WebhookAuth
from daemon.engine.webhook_units import WebhookDraft
from daemon.errors import Problem
from daemon.secret import Secret
from daemon.texts import render

HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
OURS = frozenset(  # headers that the call itself needs, by what they say of the body or of the call
    {"host", "content-type", "content-length", "transfer-encoding", "connection", "idempotency-key", "x-request-id"}
    | {"webhook-id", "webhook-timestamp", "webhook-signature"}
)
PREFIX = "whsec_"
LEAST_KEY = 16  # bytes


Wrong = tuple[str, str]  # the field, and the code of what is wrong with it


def problems(draft: WebhookDraft, language: str) -> list[Problem]:
    """Each field that is wrong, and why."""
    wrong = (*_of_auth(draft.auth), *_of_keys(draft.signing_keys), *_of_api(draft), *_of_retry(draft))
    return [Problem(where, render(code, language, {"least": LEAST_KEY})) for where, code in wrong]


def _of_auth(auth: WebhookAuth) -> Iterator[Wrong]:
    if auth.kind is AuthKind.NONE:
        if auth.secret is not None or auth.name:
            yield "auth.kind", "ai_webhook.auth_none"
        return
    if not auth.secret:
        yield "auth.secret", "ai_webhook.auth_secret"
    if auth.kind is AuthKind.BASIC and (not auth.name or ":" in auth.name):
        yield "auth.name", "ai_webhook.auth_user"
    if auth.kind is AuthKind.HEADER and (not HEADER.fullmatch(auth.name) or auth.name.lower() in OURS):
        yield "auth.name", "ai_webhook.auth_header"


def _of_keys(keys: tuple[Secret, ...]) -> Iterator[Wrong]:
    for number, key in enumerate(keys):
        try:
            raw = base64.b64decode(key.reveal().removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raw = b""
        if len(raw) < LEAST_KEY:
            yield f"signing_keys[{number}]", "ai_webhook.signing_key"


def _of_api(draft: WebhookDraft) -> Iterator[Wrong]:
    if draft.api is not None and not draft.api.key:
        yield "api.key", "ai_webhook.api_key"


def _of_retry(draft: WebhookDraft) -> Iterator[Wrong]:
    if draft.retry.cap < draft.retry.base:
        yield "retry.cap_seconds", "ai_webhook.retry_cap"
