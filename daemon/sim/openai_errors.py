"""The errors of an OpenAI-compatible service: an honest status, and what is wrong under `error` (contract 9)."""

from typing import Any

from aiohttp import web
from attrs import evolve, field, frozen

from daemon.codec import encode
from daemon.sim.gate import reply

INVALID = "invalid_request_error"
BUSY = "rate_limit_exceeded"
NO_CREDIT = "insufficient_quota"


@frozen(kw_only=True)
class Refusal:
    status: int
    message: str
    type: str = INVALID
    param: str | None = None
    code: str | None = None
    headers: dict[str, str] = field(factory=dict)

    def body(self) -> dict[str, Any]:
        told = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": told}

    def response(self) -> web.Response:
        return reply(self.body(), status=self.status, headers=self.headers)

    def event(self) -> bytes:
        """In the middle of a stream."""
        return b"data: " + encode(self.body()) + b"\n\n"


NO_KEY = Refusal(
    status=401,
    message="You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
    "auth (i.e. Authorization: Bearer YOUR_KEY).",
)
WRONG_KEY = Refusal(
    status=401, message="Incorrect API key provided: sk-wr***ng00. Check it and try again.", code="invalid_api_key"
)
NO_OPTION = Refusal(status=400, message="Unrecognized request argument supplied: stream_options")
NO_MESSAGES = Refusal(
    status=400,
    message="Invalid type for 'messages': expected a list of messages.",
    param="messages",
    code="invalid_type",
)
NOT_JSON = Refusal(status=400, message="We could not parse the JSON body of your request.")
SERVER = Refusal(
    status=500, message="The server had an error while processing your request. Sorry about that!", type="server_error"
)

NAMED = {
    "bad-request": NO_MESSAGES,
    "no-key": NO_KEY,
    "wrong-key": WRONG_KEY,
    "no-balance": Refusal(status=402, message="Insufficient Balance", type="unknown_error", code=INVALID),
    "region": Refusal(
        status=403,
        message="Country, region, or territory not supported",
        type="request_forbidden",
        code="unsupported_country_region_territory",
    ),
    "no-model": Refusal(status=404, message="The model `gpt-0` does not exist.", code="model_not_found"),
    "timeout": Refusal(status=408, message="Request timed out.", type="timeout"),
    "conflict": Refusal(status=409, message="The request conflicts with another one.", type="conflict"),
    "too-large": Refusal(status=413, message="Request too large."),
    "unprocessable": Refusal(status=422, message="body.messages: field required", param="messages"),
    "too-long": Refusal(
        status=400,
        message="This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        param="messages",
        code="context_length_exceeded",
    ),
    "filtered": Refusal(
        status=400, message="The prompt was filtered by the content management policy.", code="content_filter"
    ),
    "limited": Refusal(
        status=429, message="Rate limit reached for requests per min (RPM).", type="requests", code=BUSY
    ),
    "no-credit": Refusal(
        status=429,
        message="You exceeded your current quota, please check your plan and billing details.",
        type=NO_CREDIT,
        code=NO_CREDIT,
    ),
    "server": SERVER,
    "overloaded": Refusal(
        status=503, message="That model is currently overloaded with other requests.", type="server_error"
    ),
}


def no_model(model: str) -> Refusal:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return Refusal(status=404, message=message, code="model_not_found")


def unknown(parameter: str, kind: str) -> Refusal:
    return Refusal(status=400, message=f"Invalid type for '{parameter}': expected {kind}.", param=parameter)


def limited(per_minute: int, seconds: float) -> Refusal:
    """Says how long in each of the ways that are in use."""
    text = f"Rate limit reached on requests per min (RPM): Limit {per_minute}, Used {per_minute}, Requested 1. "
    waits = {"retry-after": str(max(1, round(seconds))), "retry-after-ms": str(round(seconds * 1000))}
    return evolve(NAMED["limited"], message=f"{text}Please try again in {seconds:g}s.", headers=waits)
