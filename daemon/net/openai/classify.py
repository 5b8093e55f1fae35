"""What a refusal of an OpenAI-compatible service means. Its status is honest; its code tells apart what shares one."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from attrs import frozen

from daemon.codec import parse
from daemon.errors import (
    Invalid,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.limits.retry import LONGEST_WAIT
from daemon.net.foreign import document, said
from daemon.net.outbound import retry_after

SERVICE = "openai"

Clean = Callable[[str], str]
Meaning = tuple[type[RemoteError], str]

LIMIT = "openai.limited"
BAD_REQUEST = RemoteRefused, "openai.bad_request"
FILTERED = RemoteRefused, "openai.filtered"
FORBIDDEN = RemoteRefused, "openai.forbidden"
NO_CREDIT = RemoteRefused, "openai.no_credit"
NO_MODEL = RemoteRefused, "openai.no_model"
TOO_LONG = RemoteRefused, "openai.too_long"
UNAUTHORIZED = RemoteUnauthorized, "openai.unauthorized"
UNAVAILABLE = RemoteUnavailable, "openai.unavailable"
WRONG_ADDRESS = RemoteRefused, "openai.wrong_address"
NONSENSE = RemoteNonsense, "openai.not_an_answer"

WORDS: dict[str, Meaning] = {  # an error's code or type, in lower case; vendors' own beside OpenAI's
    "invalid_api_key": UNAUTHORIZED,
    "authentication_error": UNAUTHORIZED,
    "invalid_authentication_error": UNAUTHORIZED,
    "account_deactivated": UNAUTHORIZED,
    "insufficient_quota": NO_CREDIT,
    "billing_hard_limit_reached": NO_CREDIT,
    "billing_not_active": NO_CREDIT,
    "exceeded_current_quota_error": NO_CREDIT,  # Moonshot
    "arrearage": NO_CREDIT,  # DashScope
    "accountoverdueerror": NO_CREDIT,  # Ark
    "1113": NO_CREDIT,  # Zhipu
    "model_not_found": NO_MODEL,
    "notfounderror": NO_MODEL,  # vLLM
    "model_not_supported": NO_MODEL,
    "context_length_exceeded": TOO_LONG,
    "string_above_max_length": TOO_LONG,
    "content_filter": FILTERED,
    "content_policy_violation": FILTERED,
    "data_inspection_failed": FILTERED,  # DashScope
    "sensitivecontentdetected": FILTERED,  # Ark
    "1301": FILTERED,  # Zhipu
}
STATUSES: dict[int, Meaning] = {
    HTTPStatus.BAD_REQUEST: BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED: UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED: NO_CREDIT,
    HTTPStatus.FORBIDDEN: FORBIDDEN,
    HTTPStatus.METHOD_NOT_ALLOWED: WRONG_ADDRESS,
    HTTPStatus.REQUEST_TIMEOUT: UNAVAILABLE,
    HTTPStatus.CONFLICT: UNAVAILABLE,  # OpenAI's own clients try again
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TOO_LONG,
    HTTPStatus.UNPROCESSABLE_ENTITY: BAD_REQUEST,
    HTTPStatus.TOO_MANY_REQUESTS: (RemoteRefused, LIMIT),  # where it says that to wait is in vain
}
VERDICTS = {"true": True, "false": False}  # of `x-should-retry`, which OpenAI's own clients obey before the status
LIMITED = frozenset({"rate_limit_exceeded", "rate_limit_error", "rate_limit_reached_error", "limit_requests"})
RESETS = ("requests", "tokens")
AGAIN = re.compile(r"try again in ((?:\d+(?:\.\d+)?(?:ms|h|m|s)){1,4})", re.IGNORECASE)
PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|h|m|s)")
UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
}


@frozen
class Words:
    """What the service said of an error."""

    codes: tuple[str, ...] = ()  # its code and its type, in lower case
    message: str = ""
    status: int = 0  # where the body names one: OpenRouter's does, within a 200 too


def classify(status: int, headers: Mapping[str, str], body: bytes, clean: Clean = str) -> RemoteError:
    """The error that an answer with no answer in it stands for. `clean` makes its words fit to be kept."""
    words = read(body)
    if words is None:
        return _by_status(status, headers, Words(message=body.decode("utf-8", "replace")), clean)
    if status < HTTPStatus.MULTIPLE_CHOICES:
        status = words.status or HTTPStatus.INTERNAL_SERVER_ERROR
    return _meant(status, headers, words, clean)


def in_stream(error: object, clean: Clean) -> RemoteError:
    """The error that an object with `error` in the middle of a stream stands for."""
    words = _words({"error": error})
    return _meant(words.status or HTTPStatus.INTERNAL_SERVER_ERROR, {}, words, clean)


def read(body: bytes) -> Words | None:
    """None where the body is no error of such a service."""
    try:
        found: Mapping[str, Any] = document(parse(body))
    except Invalid:
        return None
    if not found.keys() & {"error", "message", "detail"}:
        return None
    return _words(found)


def _words(found: Mapping[str, Any]) -> Words:
    """Under `error`, where vLLM before 0.10 had all at the top, Ollama a bare text, and FastAPI has `detail`."""
    inner = document(found.get("error")) or found
    named = [inner.get("code"), inner.get("type")]
    number = inner.get("code")
    return Words(
        codes=tuple(str(word).lower() for word in named if isinstance(word, str | int)),
        message=said(inner.get("message")) or said(found.get("error")) or said(found.get("detail")),
        status=number if type(number) is int and HTTPStatus.BAD_REQUEST <= number < 600 else 0,
    )


def _meant(status: int, headers: Mapping[str, str], words: Words, clean: Clean) -> RemoteError:
    for code in words.codes:
        if code in WORDS:
            return _error(WORDS[code], clean(words.message))
    if status != HTTPStatus.TOO_MANY_REQUESTS and LIMITED & set(words.codes):
        status = HTTPStatus.TOO_MANY_REQUESTS  # within a stream there is no other place to say so
    if status == HTTPStatus.NOT_FOUND and "model" in words.message.lower():
        return _error(NO_MODEL, clean(words.message))
    return _by_status(status, headers, words, clean)


def _by_status(status: int, headers: Mapping[str, str], words: Words, clean: Clean) -> RemoteError:
    detail, again = clean(words.message), VERDICTS.get(headers.get("x-should-retry", "").strip().lower())
    if status == HTTPStatus.TOO_MANY_REQUESTS and again is not False:
        return RemoteLimited(LIMIT, service=SERVICE, retry_after=wait_of(headers, words.message), detail=detail)
    kind, code = _meaning(status)
    if again and status >= HTTPStatus.BAD_REQUEST:
        kind, code = UNAVAILABLE
    if again is False and kind is RemoteUnavailable:
        kind = RemoteRefused
    return _error((kind, code), f"HTTP {status}: {detail}".rstrip(": "))


def _meaning(status: int) -> Meaning:
    if status in STATUSES:
        return STATUSES[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UNAVAILABLE
    return WRONG_ADDRESS if status >= HTTPStatus.MULTIPLE_CHOICES else NONSENSE


def wait_of(headers: Mapping[str, str], message: str = "") -> timedelta | None:
    """How long to wait, by whichever way of saying it is the most exact; None where none is used."""
    said_ms = headers.get("retry-after-ms", "").strip()
    if said_ms.isascii() and said_ms.isdigit():
        return min(timedelta(milliseconds=int(said_ms[:12])), LONGEST_WAIT)
    if (wait := retry_after(headers)) is not None:
        return wait
    if found := AGAIN.search(message):
        return duration(found[1])
    return _reset(headers)


def _reset(headers: Mapping[str, str]) -> timedelta | None:
    """When what is used up is there again; where nothing is said to be, the first that may have been it."""
    waits = {kind: duration(headers.get(f"x-ratelimit-reset-{kind}", "")) for kind in RESETS}
    known = {kind: wait for kind, wait in waits.items() if wait is not None}
    spent = [wait for kind, wait in known.items() if headers.get(f"x-ratelimit-remaining-{kind}", "").strip() == "0"]
    return max(spent) if spent else min(known.values(), default=None)


def duration(written: str) -> timedelta | None:
    """As Go writes it: `1s`, `6m0s`, `20ms`, `1h2m3.5s`; at most an hour. None for what is none."""
    written = written.strip().lower()
    parts = PART.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        return None
    return min(sum((UNITS[unit] * float(number) for number, unit in parts), timedelta()), LONGEST_WAIT)


def _error(meaning: Meaning, detail: str) -> RemoteError:
    kind, code = meaning
    return kind(code, service=SERVICE, detail=detail)
