"""What a webhook's config must have to be of use. Pure."""

import base64
import binascii
import re
from collections.abc import Iterator

from daemon.domain.webhook import AuthKind, WebhookAuth
from daemon.engine.webhook_units import WebhookDraft
from daemon.errors import Problem
from daemon.secret import Secret

HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
OURS = frozenset(  # headers that the call itself needs, by what they say of the body or of the call
    {"host", "content-type", "content-length", "transfer-encoding", "connection", "idempotency-key", "x-request-id"}
    | {"webhook-id", "webhook-timestamp", "webhook-signature"}
)
PREFIX = "whsec_"
LEAST_KEY = 16  # bytes


def problems(draft: WebhookDraft) -> list[Problem]:
    """Each field that is wrong, and why."""
    return [*_of_auth(draft.auth), *_of_keys(draft.signing_keys), *_of_api(draft), *_of_retry(draft)]


def _of_auth(auth: WebhookAuth) -> Iterator[Problem]:
    if auth.kind is AuthKind.NONE:
        if auth.secret is not None or auth.name:
            yield Problem("auth.kind", "says none, and there is a name or a secret")
        return
    if not auth.secret:
        yield Problem("auth.secret", "is missing; it stays only with the kind and the address it was for")
    if auth.kind is AuthKind.BASIC and (not auth.name or ":" in auth.name):
        yield Problem("auth.name", "is to be the user, without a colon")
    if auth.kind is AuthKind.HEADER and (not HEADER.fullmatch(auth.name) or auth.name.lower() in OURS):
        yield Problem("auth.name", "is to be the name of a header that the call itself does not need")


def _of_keys(keys: tuple[Secret, ...]) -> Iterator[Problem]:
    for number, key in enumerate(keys):
        try:
            raw = base64.b64decode(key.reveal().removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raw = b""
        if len(raw) < LEAST_KEY:
            yield Problem(f"signing_keys[{number}]", f"is to be base64 of {LEAST_KEY} bytes or more, as whsec_…")


def _of_api(draft: WebhookDraft) -> Iterator[Problem]:
    if draft.api is not None and not draft.api.key:
        yield Problem("api.key", "is missing; it stays only with the address it was for")


def _of_retry(draft: WebhookDraft) -> Iterator[Problem]:
    if draft.retry.cap < draft.retry.base:
        yield Problem("retry.cap_seconds", "is less than base_seconds")
