"""What GeWe's answers mean. It has no table of errors: `ret` says yes or no, and the reason is a Chinese sentence.

What cannot be told apart from "it was sent, and then something failed" is OutcomeUnknown. That includes a 503, also one
with Retry-After: GeWe is not known to send any, so it is a proxy's, which does not know what happened behind it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, NoReturn

from attrs import define

from daemon.errors import (
    AccountOffline,
    Invalid,
    OutcomeUnknown,
    RemoteLimited,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.gewe.bodies import document, exact
from daemon.net.gewe.envelope import identifier, number, text
from daemon.net.gewe.sayings import NOTHING_SPECIAL, SERVICE, Sayings

MOST_WORDS = 4096  # bytes of a body that is no envelope which are looked at
SILENT = "ret"  # begins the detail of a refusal without a reason
DONE = 200  # of `ret`; `msg` differs between calls and says nothing
REFUSING = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

# Sentences seen in the wild, the surer first. A wrong token is told with the token in it.
_TOKEN = re.compile(r"X-GEWE-TOKEN|token.{0,80}(?:不可用|不可为空|过期|无效|错误)", re.IGNORECASE | re.DOTALL)
_OFFLINE = re.compile(r"离线|未登录|登录已?过期")
_NO_DEVICE = re.compile(r"设备不存在")
_PUNISHED = re.compile(r"风控|封(?!面)")  # 封面 is a cover picture
_TOO_FAST = re.compile(r"频繁|稍后再试|最大支持\d{1,3}条并发")
_RESTRICTED = re.compile(r"限制")


@define
class Answer:
    """One HTTP answer. `detail` makes words fit to be kept; `repeatable` says that doing it twice does no harm.

    `sayings` are those sentences that mean something of their own in answer to this call.
    """

    status: int
    body: bytes
    retry_after: timedelta | None
    repeatable: bool
    detail: Callable[[str], str]
    sayings: Sayings = NOTHING_SPECIAL

    def data(self) -> Any:
        """`data` of a call that was done; raises what our errors say of any other."""
        envelope = _envelope(self.body)
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RemoteLimited("gewe.limited", SERVICE, self.retry_after, self._words())
        if self.status in REFUSING:
            raise RemoteUnauthorized("gewe.unauthorized", service=SERVICE, detail=f"HTTP {self.status}")
        if envelope is None:
            self._speechless()
        if number(envelope["ret"]) != DONE:
            self._refused(envelope)
        if self.status >= HTTPStatus.BAD_REQUEST:
            raise self._unclear()
        return envelope.get("data")

    def _speechless(self) -> NoReturn:
        """No word of GeWe's own: only the status says something."""
        unsent = HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if unsent and self.status != HTTPStatus.REQUEST_TIMEOUT:
            raise RemoteRefused("gewe.refused", service=SERVICE, detail=f"HTTP {self.status}")
        raise self._unclear()

    def _words(self) -> str:
        return self.detail(self.body[:MOST_WORDS].decode("utf-8", "replace"))

    def _unclear(self) -> OutcomeUnknown | RemoteUnavailable:
        detail = f"HTTP {self.status}: {self._words()}"
        if self.repeatable:
            return RemoteUnavailable("gewe.broken_answer", service=SERVICE, detail=detail)
        return OutcomeUnknown("gewe.broken_answer", service=SERVICE, detail=detail)

    def _refused(self, envelope: Mapping[str, Any]) -> NoReturn:
        sentences = list(_sentences(envelope))
        said, detail = " ".join(sentences), self.detail(sentences[0] if sentences else f"{SILENT} {envelope['ret']}")
        if number(envelope["ret"]) in REFUSING or _TOKEN.search(said):
            raise RemoteUnauthorized("gewe.unauthorized", service=SERVICE, detail=detail)
        if _OFFLINE.search(said):
            raise AccountOffline("gewe.offline", service=SERVICE, detail=detail)
        if _NO_DEVICE.search(said):
            raise RemoteRefused("gewe.unknown_device", service=SERVICE, detail=detail)
        if _TOO_FAST.search(said) and not _PUNISHED.search(said):
            raise RemoteLimited("gewe.limited", SERVICE, self.retry_after, detail)
        for words, error in self.sayings:
            if words.search(said):
                raise error(detail)
        punished = _PUNISHED.search(said) or _RESTRICTED.search(said)
        raise RemoteRefused("gewe.restricted" if punished else "gewe.refused", service=SERVICE, detail=detail)


def _envelope(body: bytes) -> Mapping[str, Any] | None:
    try:
        answer = document(body)
        data = answer.get("data") if isinstance(answer, dict) else None
        if isinstance(data, dict) and any(type(value) is float for value in data.values()):
            answer = exact(body)  # an id of more than 64 bits
    except Invalid:
        return None
    return answer if isinstance(answer, dict) and number(answer.get("ret")) is not None else None


def _sentences(envelope: Mapping[str, Any]) -> Iterator[str]:
    """What it says of the reason, the most exact first: the cause, what is behind it, the operation that failed."""
    data = envelope.get("data")
    if isinstance(data, dict):
        yield from _told(data.get("msg"))
        yield from _told(_inner(data.get("detail")).get("msg_err"))
    yield from _told(envelope.get("msg"))


def _inner(detail: Any) -> Mapping[str, Any]:
    """`detail` is JSON inside a string."""
    try:
        inner = document(detail.encode("utf-8", "replace")) if isinstance(detail, str) else detail
    except Invalid:
        return {}
    return inner if isinstance(inner, dict) else {}


def _told(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.strip():
        yield value


def sent_id(data: Any, name: str) -> str | None:
    return identifier(data.get(name)) if isinstance(data, dict) else None


def sent_number(data: Any) -> str | None:
    """msgId. A text's may be 0, and revoking it wants that 0."""
    told = text(data.get("msgId")).strip() if isinstance(data, dict) else ""
    return "0" if told == "0" else sent_id(data, "msgId")


def unexplained(error: RemoteRefused) -> bool:
    """Whether GeWe refused without a word: `{"ret": 500, "msg": null}`."""
    return error.code == "gewe.refused" and error.detail.startswith(f"{SILENT} ")


def sent_time(data: Any) -> int | None:
    return number(data.get("createTime")) if isinstance(data, dict) else None
