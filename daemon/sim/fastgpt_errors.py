"""FastGPT's errors: their body, a status that depends on the version, another form in streams (contract 4)."""

from typing import Any

from aiohttp import web
from attrs import field, frozen

from daemon.codec import encode
from daemon.sim.fastgpt_profiles import Profile


@frozen(kw_only=True)
class Refusal:
    """`known` ones are sent in a stream with all their fields, others as a bare message."""

    code: int
    status_text: str
    message: str
    known: bool = True
    in_stream: bool = True  # as an event, when the call asked for a stream
    headers: dict[str, str] = field(factory=dict)
    extra: dict[str, Any] = field(factory=dict)

    def body(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "statusText": self.status_text,
            "message": self.message,
            "data": None,
            **self.extra,
        }


def plain(message: str, *, user: bool = False) -> Refusal:
    """A text without a code of its own."""
    extra = {"errorType": "UserError"} if user else {}
    return Refusal(code=500, status_text="error", message=message, known=False, extra=extra)


def rate(limit: int, seconds: int) -> Refusal:
    text = f"Rate limit exceeded. Maximum {limit} requests per 60 seconds for this team."
    return Refusal(
        code=429,
        status_text="error",
        message=f"{text} Please try again in {seconds} seconds.",
        in_stream=False,
        extra={"errorType": "UserError"},
    )


def bad_input(path: str, message: str) -> Refusal:
    return Refusal(
        code=400,
        status_text="error",
        message="Data validation error",
        in_stream=False,
        extra={"zodError": [{"code": "invalid_type", "path": [path], "message": message}]},
    )


_KEY = "common:code_error"
UNAUTHORIZED = Refusal(code=403, status_text="unAuthorization", message=f"{_KEY}.error_message.403")
UNKNOWN_KEY = Refusal(code=514, status_text="unAuthApiKey", message=f"{_KEY}.error_message.514")
POINTS = Refusal(code=500004, status_text="aiPointsNotEnough", message=f"{_KEY}.team_error.ai_points_not_enough")
BUSY = Refusal(code=504001, status_text="chatIsGenerating", message=f"{_KEY}.chat_error.chat_generating")
FOREIGN_CHAT = Refusal(code=504000, status_text="unAuthChat", message=f"{_KEY}.chat_error.un_auth")
APP_MISSING = Refusal(code=502000, status_text="appUnExist", message=f"{_KEY}.app_error.not_exist")
APP_MISSING_OLD = plain("app is empty")
NO_APP = plain("appId is empty", user=True)
NO_APP_OLD = plain("Key is error. You need to use the app key rather than the account key.")
NO_MESSAGES = plain("messages is empty")
NO_LIST = plain("messages is not array")
UPSTREAM = plain("fetch failed")

NAMED = {
    "unauthorized": UNAUTHORIZED,
    "unknown-key": UNKNOWN_KEY,
    "points": POINTS,
    "busy": BUSY,
    "foreign-chat": FOREIGN_CHAT,
    "app-missing": APP_MISSING,
    "no-app": NO_APP,
    "rate": rate(30, 41),
    "bad-input": bad_input("messages", "expected array"),
    "upstream": UPSTREAM,
}


def http_status(refusal: Refusal, profile: Profile) -> int:
    """The code where it is a 4xx and the version is honest; else 500, whatever the matter."""
    return refusal.code if profile.honest_status and 400 <= refusal.code < 500 else 500


def answer(refusal: Refusal, profile: Profile, *, stream: bool) -> web.Response:
    if stream and refusal.in_stream:
        return web.Response(body=event(refusal))  # HTTP 200 and no SSE type: the run had not begun
    status = http_status(refusal, profile)
    headers = {"Content-Type": "application/json; charset=utf-8", **refusal.headers}
    return web.Response(body=encode(refusal.body()), status=status, headers=headers)


def event(refusal: Refusal) -> bytes:
    """`event: error`, whether or not details were asked for."""
    shown = refusal.body() if refusal.known else {"message": refusal.message}
    return b"event: error\ndata: " + encode(shown) + b"\n\n"
