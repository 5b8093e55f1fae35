"""What an answer of n8n's means that is not the workflow's: by status, type and the shape of its body.

A 2xx may be none, and a 404 may be a page that is still booting. What surely did not run may be called again; an
answer that the workflow may have made itself counts as one of a run.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from http import HTTPStatus
from typing import Any

from attrs import frozen

from daemon.codec import parse
from daemon.errors import (
    Invalid,
    N8nBarred,
    N8nCut,
    N8nLimited,
    N8nNonsense,
    N8nRan,
    N8nRefused,
    N8nTimeoutError,
    N8nUnauthorized,
    N8nUnreachable,
    N8nWebhookError,
    OutcomeUnknown,
    RemoteError,
    RemoteLimited,
    RemoteRefused,
    RemoteUnavailable,
)
from daemon.net.foreign import document, said, text
from daemon.net.n8n.wire_request import SERVICE
from daemon.net.outbound import retry_after

JSON = ("/json", "+json")
Clean = Callable[[str], str]
Meaning = tuple[type[N8nWebhookError], str]

STARTING = "n8n is starting up"
BOOTING = re.compile(r"Cannot [A-Z]+ /")  # Express, before n8n has told it of the webhooks
PAGE = re.compile(r"\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html)\b", re.IGNORECASE | re.DOTALL)
EDITOR = re.compile(r"<title>[^<]{0,80}n8n", re.IGNORECASE)
ITEM = frozenset({"headers", "params", "query", "body", "webhookUrl", "executionMode"})  # what a Webhook node gives
STARTED = {"message": "Workflow was started"}
FILTERED = {"message": "Webhook call received"}
NO_DATA = "Workflow executed successfully but"
MISBUILT = re.compile(
    r"(?:No|Unused) Respond to Webhook node found|No authentication data defined|Workflow could not be started"
)
NO_ITEMS = "No item to return was found"
FAILED = frozenset({"Error in workflow", "There was a problem executing the workflow"})
CLOUD_TIMEOUT = 524  # of the proxy before n8n Cloud, after 100 s
LIMITS = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
POLICY, SANDBOX = "Content-Security-Policy", "sandbox"  # n8n gives it to what a workflow answers, and to nothing else

UNREACHABLE = N8nUnreachable, "n8n.unavailable"
NOT_REGISTERED = N8nRefused, "n8n.not_registered"
STATUS = N8nRan, "n8n.status"
PLAIN: dict[int, Meaning] = {  # whatever the body says
    HTTPStatus.UNAUTHORIZED: (N8nUnauthorized, "n8n.unauthorized"),
    HTTPStatus.FORBIDDEN: (N8nUnauthorized, "n8n.unauthorized"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (N8nRefused, "n8n.too_big"),
    HTTPStatus.PRECONDITION_REQUIRED: (N8nRefused, "n8n.misbuilt"),  # somebody has to connect a credential
    HTTPStatus.SERVICE_UNAVAILABLE: UNREACHABLE,
    CLOUD_TIMEOUT: (N8nTimeoutError, "remote.gateway"),
}
OWN: dict[int, Meaning] = {  # only in n8n's own shape: a workflow may use these too
    HTTPStatus.NOT_FOUND: NOT_REGISTERED,
    HTTPStatus.CONFLICT: (N8nRefused, "n8n.bad_request"),  # an execution that has been resumed
    HTTPStatus.UNPROCESSABLE_ENTITY: (N8nRefused, "n8n.bad_request"),
}


@frozen
class Body:
    """`json` None: it is none."""

    raw: bytes
    type: str

    @cached_property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    @cached_property
    def json(self) -> Any:
        try:
            return parse(self.raw)
        except Invalid:
            return None

    @property
    def is_broken(self) -> bool:
        """It says that it is JSON, and is none: the half of an answer, or somebody else's."""
        return self.type.endswith(JSON) and self.json is None and self.raw.strip() != b"null"

    @property
    def is_page(self) -> bool:
        return self.type == "text/html" and PAGE.match(self.text) is not None


def body_of(headers: Mapping[str, str], raw: bytes) -> Body:
    return Body(raw.removeprefix(BOM_UTF8), headers.get("Content-Type", "").partition(";")[0].strip().lower())


def refusal(status: int, headers: Mapping[str, str], raw: bytes, clean: Clean) -> N8nWebhookError:
    """The error of an answer with a status that is no success."""
    body = body_of(headers, raw)
    told = document(body.json)
    words = said(told.get("message")) or ("" if body.is_page else body.text)
    detail = clean(f"HTTP {status}: {words}; {text(told.get('hint'))}".rstrip("; :"))
    wait, own = retry_after(headers), not headers.get(POLICY, "").startswith(SANDBOX)
    if status in LIMITS and (wait is not None or (own and status == HTTPStatus.TOO_MANY_REQUESTS)):
        return N8nLimited("n8n.limited", service=SERVICE, retry_after=wait, detail=detail)
    plain = PLAIN.get(status) if own or status == HTTPStatus.UNAUTHORIZED else None  # it may check our signature itself
    meaning = plain or _meant(status, body, told, own=own)
    error = _error(meaning, detail)
    if isinstance(error, N8nRan) and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        error.is_fault = False
    return error


def no_answer(body: Body, sent: object, clean: Clean) -> N8nWebhookError | None:
    """The error of a success that holds no answer of the workflow's; None where it may be one."""
    if not body.raw.strip():
        return _error((N8nRan, "n8n.empty"), "")
    if body.text.startswith(STARTING):
        return _error((N8nUnreachable, "n8n.starting"), "")
    if body.is_page:
        editor = EDITOR.search(body.text) is not None  # a GET of any address outside the webhooks
        return _error((N8nRefused, "n8n.wrong_address") if editor else (N8nNonsense, "n8n.not_an_answer"), "")
    if body.is_broken:
        return _error((N8nNonsense, "n8n.not_an_answer"), clean(body.text))
    found = body.json
    match found:
        case [dict() as only]:  # of all entries there is one
            found = only
        case dict():
            pass
        case _:
            return None
    return _of_object(found, sent, clean)


def _of_object(found: dict[str, Any], sent: object, clean: Clean) -> N8nWebhookError | None:
    message = text(found.get("message"))
    if found == FILTERED:
        return _error((N8nRefused, "n8n.filtered"), "")
    if message.startswith(NO_DATA) and len(found) == 1:
        return _error((N8nRan, "n8n.empty"), clean(message))
    if found.keys() == ITEM or found == sent:
        return _error((N8nRan, "n8n.parked"), "")
    if found.get("executionStarted") is True:
        return _error((N8nRan, "n8n.goes_on"), clean(said(found.get("executionId"))))
    if found.keys() == {"error"}:
        return _error((N8nRan, "n8n.failed"), clean(said(found["error"])))
    return None


def in_stream(words: str, clean: Clean) -> N8nWebhookError:
    return _error((N8nRan, "n8n.failed"), clean(words))


@contextmanager
def told_apart() -> Iterator[None]:
    """The errors of a call that came to no answer become n8n's; their codes stay."""
    try:
        yield
    except N8nWebhookError:
        raise
    except RemoteError as error:
        raise _of_call(error) from None


def _of_call(error: RemoteError) -> N8nWebhookError:
    match error:
        case RemoteLimited():  # nobody but n8n itself says so
            return N8nLimited(error.code, service=SERVICE, retry_after=error.retry_after, detail=error.detail)
        case RemoteRefused() if error.code == "remote.redirected":  # by a proxy, or by a respond node
            return N8nRan(error.code, **_facts(error))
        case RemoteRefused():
            return N8nBarred(error.code, **_facts(error))
        case RemoteUnavailable():
            return N8nUnreachable(error.code, **_facts(error))
        case OutcomeUnknown() if error.code == "remote.timeout" or error.detail == f"HTTP {HTTPStatus.GATEWAY_TIMEOUT}":
            return N8nTimeoutError(error.code, **_facts(error))
        case OutcomeUnknown() if error.code == "remote.too_large":
            return N8nNonsense(error.code, **_facts(error))
        case OutcomeUnknown():
            return N8nCut(error.code, **_facts(error))
        case _:
            return N8nNonsense(error.code, **_facts(error))


def _facts(error: RemoteError) -> dict[str, Any]:
    return {**error.facts, "service": SERVICE}


def _meant(status: int, body: Body, told: Mapping[str, Any], *, own: bool) -> Meaning:
    """`own`: nothing shows that it is a workflow's. An old n8n never shows it, so that the shape counts as well."""
    message = said(told.get("message")) or body.text
    shaped = type(told.get("code")) is int
    if own and status == HTTPStatus.NOT_FOUND and not told:
        return _without_json(body)
    if own and shaped and status in OWN:
        return OWN[status]
    if MISBUILT.search(message):
        return N8nRefused, "n8n.misbuilt"
    if message == NO_ITEMS:
        return N8nRan, "n8n.no_items"
    if message in FAILED or (shaped and status == HTTPStatus.INTERNAL_SERVER_ERROR):
        return N8nRan, "n8n.failed"
    return STATUS


def _without_json(body: Body) -> Meaning:
    """A 404: of Express, of a chat that is not public, or of whoever else is at this address."""
    if BOOTING.search(body.text):
        return N8nUnreachable, "n8n.starting"
    return NOT_REGISTERED if not body.raw.strip() else (N8nRefused, "n8n.wrong_address")


def _error(meaning: Meaning, detail: str) -> N8nWebhookError:
    kind, code = meaning
    return kind(code, service=SERVICE, detail=detail)
