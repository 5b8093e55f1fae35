"""Our errors as clients of OpenAI read them: its shape, its codes, and whether its SDKs should ask again. Pure."""

from typing import Any

from daemon import errors
from daemon.errors import Invalid, QiaodError
from daemon.net.server.problems import Manner, Refused

REQUEST, API, RATE, QUOTA = "invalid_request_error", "api_error", "rate_limit_error", "insufficient_quota"

KINDS: dict[type[QiaodError], tuple[str, str | None]] = {  # type, and code; None: our own. The nearest ancestor decides
    QiaodError: (API, None),
    Refused: (REQUEST, None),
    errors.Invalid: (REQUEST, None),
    errors.Unauthenticated: (REQUEST, "invalid_api_key"),
    errors.Forbidden: ("permission_error", None),
    errors.NotFound: (REQUEST, None),
    errors.Conflict: (REQUEST, None),
    errors.RateLimited: (RATE, "rate_limit_exceeded"),
    errors.RemoteLimited: (RATE, "rate_limit_exceeded"),
    errors.QuotaExceeded: (QUOTA, QUOTA),
}

CODES = {  # ours, where OpenAI has a word for it
    "invalid": None,
    "completion.image_base64": "invalid_base64_image",
    "completion.image_kind": "invalid_image_format",
    "completion.image_url": "invalid_image_url",
    "completion.no_model": "model_not_found",
    "completion.only_plain": "unsupported_parameter",
    "completion.part": "unsupported_value",
    "completion.tools": "unsupported_value",
    "completion.unsupported": "unsupported_parameter",
    "openai.filtered": "content_filter",
    "openai.too_long": "context_length_exceeded",
    "http.no_such_route": "unknown_url",
    "http.method_not_allowed": "method_not_supported",
}

PARAMS = {"completion.no_model": "model", "completion.shared_name": "model"}

VAIN = (  # asked again they say the same, or it happens twice: the SDKs would repeat each 409, 429 and 5xx
    errors.Conflict,
    errors.QuotaExceeded,
    errors.NotSupported,
    errors.RemoteRefused,
    errors.RemoteNonsense,
    errors.OutcomeUnknown,
)


def document(error: QiaodError, status: int, *, language: str, request_id: str) -> dict[str, Any]:  # noqa: ARG001  # in the headers
    told, code = next(KINDS[kind] for kind in type(error).__mro__ if kind in KINDS)
    return {
        "error": {
            "message": _message(error, language),
            "type": told,
            "param": _param(error),
            "code": code or CODES.get(error.code, error.code),
        }
    }


def headers(error: QiaodError) -> dict[str, str]:
    after = getattr(error, "retry_after", None)
    found = {} if after is None else {"Retry-After-Ms": str(max(1, round(after.total_seconds() * 1000)))}
    return found | ({"X-Should-Retry": "false"} if isinstance(error, VAIN) else {})


def _message(error: QiaodError, language: str) -> str:
    if isinstance(error, Invalid) and error.problems:
        first = error.problems[0]
        return f"{first.field}: {first.message}" if first.field else first.message
    return error.text(language)


def _param(error: QiaodError) -> str | None:
    if isinstance(error, Invalid) and error.problems:
        return error.problems[0].field or None
    named = error.facts.get("param", PARAMS.get(error.code))
    return None if named is None else str(named)


_MAYBE = {"anyOf": [{"type": "string"}, {"type": "null"}]}

OPENAI = Manner(
    name="OpenAiError",
    prefix="/v1/",
    media_type="application/json",
    statuses={errors.QuotaExceeded: 429, errors.RemoteLimited: 429},
    document=document,
    headers=headers,
    schema={
        "type": "object",
        "description": "As OpenAI tells it. `code` is OpenAI's where it has one for it, else one of docs/problems.md.",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": _MAYBE,
                    "code": _MAYBE,
                },
                "required": ["message", "type", "param", "code"],
                "additionalProperties": False,
            }
        },
        "required": ["error"],
        "additionalProperties": False,
    },
)
