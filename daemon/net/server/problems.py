"""Every error as an RFC 9457 problem document: the one place that knows both our errors and HTTP.

Below a path where clients of another API call us, errors are told in that one's manner.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from attrs import field, frozen

from daemon import errors
from daemon.codec import encode_text
from daemon.errors import QiaodError
from daemon.secret import Redactor

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[QiaodError], int] = {  # the nearest ancestor decides, so a new error needs no new line
    QiaodError: 500,
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
    errors.QuotaExceeded: 402,
    errors.NotSupported: 501,
    errors.Stale: 409,
    errors.RemoteError: 502,
    errors.RemoteLimited: 503,
    errors.OutcomeUnknown: 504,
}

CODES = {  # what aiohttp itself refuses
    400: "http.bad_request",
    404: "http.no_such_route",
    405: "http.method_not_allowed",
    406: "http.not_acceptable",
    408: "http.too_slow",
    413: "http.too_large",
    415: "http.media_type",
    416: "http.range",
    421: "http.misdirected",
    431: "http.headers_too_large",
    503: "http.overloaded",
}


QUOTA = ("id", "name", "scope", "measure", "left_micro", "cap_micro", "renews_at")  # what a 402 says of the quota
ENDS = frozenset({408, 413, 421, 431})  # what else comes on the connection is not worth reading


class Refused(QiaodError):
    """HTTP has a status for what is wrong, and no resource of ours was asked."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None, /, **facts: object) -> None:
        super().__init__(CODES[status], **facts)
        self.status = status
        self.headers = headers or {}


class BodyTooSlow(TimeoutError):
    """The rest of a body did not come in time."""


Statuses = Mapping[type[QiaodError], int]


def status_of(error: QiaodError, own: Statuses) -> int:
    if isinstance(error, Refused):
        return error.status
    table = {**STATUS, **own}
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def document(error: QiaodError, status: int, *, language: str, request_id: str) -> dict[str, Any]:
    text = error.text(language)
    told: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": text,
        "instance": request_id,
        "code": error.code,
        "request_id": request_id,
        "error": HTTPStatus(status).phrase,  # as the seeds' clients read it
        "message": text,
    }
    if isinstance(error, errors.Invalid):
        told["errors"] = [{"field": p.field, "message": p.message} for p in error.problems]
    if isinstance(error, errors.QuotaExceeded):
        told["quota"] = {name: error.facts.get(name) for name in QUOTA}
    return told | getattr(error, "members", {})  # what a route's own errors say beside it


def _no_more(_: QiaodError) -> dict[str, str]:
    """What is in the headers of every error is enough."""
    return {}


@frozen(kw_only=True)
class Manner:
    """How errors are told, and below which path."""

    name: str  # of its answer in the OpenAPI document
    prefix: str = "/"
    media_type: str = MEDIA_TYPE
    statuses: Statuses = field(factory=dict)  # where it has another status for an error
    document: Callable[..., dict[str, Any]] = document  # (error, status, *, language, request_id)
    headers: Callable[[QiaodError], dict[str, str]] = _no_more  # beside ours
    schema: Mapping[str, Any] = field(factory=dict)  # of its document; none: ours


OURS = Manner(name="Problem")
MANNERS = web.AppKey("manners", Sequence[Manner])  # the others


def manner_of(request: web.BaseRequest, app: web.Application) -> Manner:
    """That of the part of the API that is called, be there such a route or not."""
    return next((manner for manner in app.get(MANNERS, ()) if request.path.startswith(manner.prefix)), OURS)


@frozen
class Teller:
    """Tells a caller what went wrong, in their language, without what must not be seen."""

    redactor: Redactor

    def tell(
        self,
        error: QiaodError,
        *,
        language: str,
        request_id: str,
        statuses: Statuses | None = None,
        manner: Manner = OURS,
    ) -> web.Response:
        status = status_of(error, {**manner.statuses, **(statuses or {})})
        body = self.written(error, language=language, request_id=request_id, statuses=statuses, manner=manner)
        headers = _headers(error) | manner.headers(error)
        response = web.Response(body=body, status=status, content_type=manner.media_type, headers=headers)
        if status in ENDS:
            response.force_close()
        return response

    def written(
        self,
        error: QiaodError,
        *,
        language: str,
        request_id: str,
        statuses: Statuses | None = None,
        manner: Manner = OURS,
    ) -> bytes:
        """The document alone, for an answer that has begun."""
        status = status_of(error, {**manner.statuses, **(statuses or {})})
        told = manner.document(error, status, language=language, request_id=request_id)
        return self.redactor.clean(encode_text(told)).encode()


TELLER = web.AppKey("teller", Teller)


def _headers(error: QiaodError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    after = getattr(error, "retry_after", None)
    if after is not None:
        headers["Retry-After"] = str(max(1, round(after.total_seconds() + 0.499)))  # whole seconds, never too early
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Refused):
        headers |= error.headers
    return headers


def as_ours(error: Exception) -> QiaodError:
    """Any exception as one of our errors. What was not foreseen is logged here, once, and shows nothing of itself."""
    if isinstance(error, QiaodError):
        return error
    if isinstance(error, web.HTTPException):
        return _of_aiohttp(error)
    if isinstance(error, web.RequestPayloadError):
        return Refused(400)
    if isinstance(error, BodyTooSlow):
        return Refused(408)
    if isinstance(error, OverflowError | UnicodeError):
        return errors.Invalid("invalid.unstorable")  # a number or a text that no column can hold
    if isinstance(error, MemoryError | RecursionError):
        log.exception("http.exhausted")
        return Refused(503, {"Retry-After": "5"})
    log.exception("http.crashed")
    return QiaodError("internal")


def _of_aiohttp(error: web.HTTPException) -> QiaodError:
    allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return Refused(error.status if error.status in CODES else 400, allow)
