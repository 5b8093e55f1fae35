"""What a refusal of FastGPT means, told from its body: its HTTP status is 500 for nearly everything.

Only where the body is not FastGPT's own (a proxy's page, a wrong address) does the status decide.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from math import ceil
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
from daemon.net.foreign import document, said, text, whole
from daemon.net.outbound import retry_after

SERVICE = "fastgpt"
DUPLICATE = "fastgpt.duplicate"
BUSY_FOR = timedelta(seconds=2)  # runs of one chat exclude each other, and last some seconds
LONGEST_WAIT = timedelta(hours=1)

Clean = Callable[[str], str]

UNAUTHORIZED = RemoteUnauthorized, "fastgpt.unauthorized"
NO_POINTS = RemoteRefused, "fastgpt.no_points"
NO_APP = RemoteRefused, "fastgpt.no_app"
BAD_REQUEST = RemoteRefused, "fastgpt.bad_request"
FORBIDDEN = RemoteRefused, "fastgpt.forbidden"
WRONG_ADDRESS = RemoteRefused, "fastgpt.wrong_address"
UNAVAILABLE = RemoteUnavailable, "fastgpt.unavailable"
UPSTREAM = RemoteUnavailable, "fastgpt.upstream"
NONSENSE = RemoteNonsense, "fastgpt.not_an_answer"

Meaning = tuple[type[RemoteError], str]

STATUS_TEXTS: dict[str, Meaning] = {
    "unAuthorization": UNAUTHORIZED,
    "unAuthApiKey": UNAUTHORIZED,
    "openapiUnExist": UNAUTHORIZED,
    "openapiUnAuth": UNAUTHORIZED,
    "aiPointsNotEnough": NO_POINTS,
    "insufficientQuota": NO_POINTS,
    "appUnExist": NO_APP,
    "unAuthApp": NO_APP,
    "invalidAppType": NO_APP,
    "invalidParams": BAD_REQUEST,
    "missingParams": BAD_REQUEST,
    "unAuthChat": FORBIDDEN,
    "unAuthModel": FORBIDDEN,
    "unAuthFile": FORBIDDEN,
    "unAuthTeam": FORBIDDEN,
    "unAuthUser": FORBIDDEN,
    "unPermission": FORBIDDEN,
    "inheritPermissionError": FORBIDDEN,
}
CODES: dict[int, Meaning] = {  # where the text was lost on the way; 500xxx and above are the same in all versions
    400: BAD_REQUEST,
    403: UNAUTHORIZED,
    514: UNAUTHORIZED,
    510: NO_POINTS,
    500004: NO_POINTS,
    502000: NO_APP,
    502001: NO_APP,
    502003: NO_APP,
    504000: FORBIDDEN,
}
BUSY = "chatIsGenerating", 504001
LIMITED = "tooManyRequest", 429
PHRASES: tuple[tuple[str, Meaning], ...] = (  # in lower case; versions before 4.15 say them with code 500
    ("chat dataid already exists", (RemoteRefused, DUPLICATE)),
    ("app is empty", NO_APP),
    ("appid is empty", NO_APP),
    ("you need to use the app key", NO_APP),
    ("messages is empty", BAD_REQUEST),
    ("messages is not array", BAD_REQUEST),
    ("user question is empty", BAD_REQUEST),
    ("invalid file url", BAD_REQUEST),
    ("data validation error", BAD_REQUEST),
    ("code_error.error_message.403", UNAUTHORIZED),
    ("code_error.error_message.514", UNAUTHORIZED),
    ("apikey invalid", UNAUTHORIZED),
    ("ai_points_not_enough", NO_POINTS),
    ("aipointsnotenough", NO_POINTS),
)
# "Rate limit exceeded. … Please try again in 41 seconds.": the wait is nowhere else
WAIT = re.compile(r"(?:rate.?limit|too many requests).*?try again in (\d{1,6}(?:\.\d+)?) ?s", re.IGNORECASE | re.DOTALL)

STATUSES: dict[int, Meaning] = {
    HTTPStatus.BAD_REQUEST: BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED: FORBIDDEN,  # a proxy's own lock: our key was not looked at
    HTTPStatus.FORBIDDEN: FORBIDDEN,
    HTTPStatus.NOT_FOUND: WRONG_ADDRESS,
    HTTPStatus.METHOD_NOT_ALLOWED: WRONG_ADDRESS,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT: UNAVAILABLE,
}


@frozen
class Words:
    """What FastGPT said of an error."""

    code: int = 0
    status_text: str = ""
    message: str = ""

    @property
    def all(self) -> str:
        return ": ".join(part for part in (self.status_text, self.message) if part)


def classify(status: int, headers: Mapping[str, str], body: bytes, clean: Clean = str) -> RemoteError:
    """The error that an answer with no answer in it stands for. `clean` makes its words fit to be kept."""
    words = _words(body)
    if words is None:
        return _by_status(status, headers, clean(body.decode("utf-8", "replace")))
    return _meant(words, headers, clean) or _by_code(status, headers, words, clean)


def in_stream(data: str, clean: Clean) -> RemoteError:
    """The error that an `error` event stands for: a known entry, or only a message."""
    words = _words(data.encode()) or Words(message=data)
    return _meant(words, {}, clean) or _error(UPSTREAM, clean(words.all))


def failed_node(why: str, clean: Clean) -> RemoteError:
    """The error of a run that said nothing because a node failed: its words are those of any model or service."""
    return _error(NO_POINTS if _phrase(why) is NO_POINTS else UPSTREAM, clean(why))


def _words(body: bytes) -> Words | None:
    """None where the body is not FastGPT's own."""
    try:
        found: Mapping[str, Any] = document(parse(body))
    except Invalid:
        return None
    if not found.keys() & {"code", "statusText", "message", "error"}:
        return None
    return Words(
        code=whole(found.get("code")),
        status_text=text(found.get("statusText")),
        message=said(found.get("message")) or said(found.get("error")),
    )


def _meant(words: Words, headers: Mapping[str, str], clean: Clean) -> RemoteError | None:
    """What it surely means; None for texts that could be anybody's."""
    detail = clean(words.all)
    if words.status_text == BUSY[0] or words.code == BUSY[1]:
        return RemoteLimited("fastgpt.busy", service=SERVICE, retry_after=BUSY_FOR, detail=detail)
    if words.status_text in STATUS_TEXTS:
        return _error(STATUS_TEXTS[words.status_text], detail)
    if meaning := _phrase(words.message):
        return _error(meaning, detail)
    wait = _wait(words.message)
    if wait or words.status_text == LIMITED[0] or words.code == LIMITED[1]:
        return _limited(wait or retry_after(headers), detail)
    return _error(CODES[words.code], detail) if words.code in CODES else None


def _phrase(message: str) -> Meaning | None:
    plain = message.lower()
    return next((meaning for phrase, meaning in PHRASES if phrase in plain), None)


def _by_code(status: int, headers: Mapping[str, str], words: Words, clean: Clean) -> RemoteError:
    """Its own status is in the body: 4xx for what is wrong with the request, 500 for any failure inside."""
    if status < HTTPStatus.MULTIPLE_CHOICES and not words.message:  # another service's success, most likely
        return _error(NONSENSE, f"HTTP {status}")
    if HTTPStatus.BAD_REQUEST <= words.code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _by_status(words.code, headers, clean(words.all))
    return _error(UPSTREAM, clean(words.all))


def _by_status(status: int, headers: Mapping[str, str], detail: str) -> RemoteError:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _limited(retry_after(headers), detail)
    if status in STATUSES:
        return _error(STATUSES[status], f"HTTP {status}: {detail}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _error(UNAVAILABLE, f"HTTP {status}")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return _error(WRONG_ADDRESS, f"HTTP {status}")
    return _error(NONSENSE, f"HTTP {status}: {detail}")


def _error(meaning: Meaning, detail: str) -> RemoteError:
    kind, code = meaning
    return kind(code, service=SERVICE, detail=detail)


def _limited(wait: timedelta | None, detail: str) -> RemoteLimited:
    return RemoteLimited("fastgpt.limited", service=SERVICE, retry_after=wait, detail=detail)


def _wait(message: str) -> timedelta | None:
    found = WAIT.search(message)
    return min(timedelta(seconds=max(ceil(float(found[1])), 1)), LONGEST_WAIT) if found else None
