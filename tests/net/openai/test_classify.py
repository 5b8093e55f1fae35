import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from daemon.codec import parse
from daemon.errors import (
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.openai.classify import classify, duration, in_stream, wait_of
from daemon.texts import LANGUAGES, TEXTS

NGINX = b"<html>\r\n<head><title>500 Internal Server Error</title></head>\r\n<body>nginx</body></html>"


def error(message: str = "", kind: str = "", code: object = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


SAID = [
    (400, error("Invalid value", "invalid_request_error"), RemoteRefused, "openai.bad_request"),
    (400, error("too long", code="context_length_exceeded"), RemoteRefused, "openai.too_long"),
    (400, error("filtered", code="content_filter"), RemoteRefused, "openai.filtered"),
    (400, error("may contain inappropriate content", code="data_inspection_failed"), RemoteRefused, "openai.filtered"),
    (400, error("Access denied", code="Arrearage"), RemoteRefused, "openai.no_credit"),
    (400, error("no such model", code="model_not_found"), RemoteRefused, "openai.no_model"),
    (401, error("Incorrect API key", code="invalid_api_key"), RemoteUnauthorized, "openai.unauthorized"),
    (401, error("Authentication Fails", "authentication_error"), RemoteUnauthorized, "openai.unauthorized"),
    (401, {"detail": "Unauthorized"}, RemoteUnauthorized, "openai.unauthorized"),
    (402, error("Insufficient Balance", "unknown_error"), RemoteRefused, "openai.no_credit"),
    (403, error("Country not supported", "request_forbidden"), RemoteRefused, "openai.forbidden"),
    (404, error("The model `x` does not exist", code="model_not_found"), RemoteRefused, "openai.no_model"),
    (404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
     RemoteRefused, "openai.no_model"),
    (404, {"error": 'model "x" not found, try pulling it first'}, RemoteRefused, "openai.no_model"),
    (404, {"detail": "Not Found"}, RemoteRefused, "openai.wrong_address"),
    (405, {"detail": "Method Not Allowed"}, RemoteRefused, "openai.wrong_address"),
    (408, error("timeout"), RemoteUnavailable, "openai.unavailable"),
    (409, error("conflict"), RemoteUnavailable, "openai.unavailable"),
    (413, error("too large"), RemoteRefused, "openai.too_long"),
    (422, {"detail": [{"loc": ["body", "user"], "msg": "extra fields"}]}, RemoteRefused, "openai.bad_request"),
    (429, error("Rate limit", "requests", "rate_limit_exceeded"), RemoteLimited, "openai.limited"),
    (429, error("", "", None), RemoteLimited, "openai.limited"),
    (429, error("quota", "insufficient_quota", "insufficient_quota"), RemoteRefused, "openai.no_credit"),
    (429, error("quota", "insufficient_quota"), RemoteRefused, "openai.no_credit"),
    (429, error("suspended", "exceeded_current_quota_error"), RemoteRefused, "openai.no_credit"),
    (429, error("欠费", code="1113"), RemoteRefused, "openai.no_credit"),
    (500, error("error", "server_error"), RemoteUnavailable, "openai.unavailable"),
    (503, error("overloaded", "server_error"), RemoteUnavailable, "openai.unavailable"),
    (529, error("overloaded"), RemoteUnavailable, "openai.unavailable"),
    (200, error("Provider returned error", code=502), RemoteUnavailable, "openai.unavailable"),
    (200, error("slow down", code=429), RemoteLimited, "openai.limited"),
    (200, error("something"), RemoteUnavailable, "openai.unavailable"),
    (200, {"hello": 1}, RemoteNonsense, "openai.not_an_answer"),
    (302, {}, RemoteRefused, "openai.wrong_address"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "code"), SAID, ids=lambda value: str(value)[:50])
def test_a_refusal_is_told_by_its_status_and_its_code(
    status: int, body: object, kind: type[RemoteError], code: str
) -> None:
    found = classify(status, {}, json.dumps(body).encode())

    assert type(found) is kind
    assert found.code == code
    assert all(found.text(language) for language in LANGUAGES)


@pytest.mark.parametrize(
    ("status", "code"), [(500, "openai.unavailable"), (404, "openai.wrong_address"), (200, "openai.not_an_answer")]
)
def test_a_page_of_a_proxy_is_told_by_its_status(status: int, code: str) -> None:
    assert classify(status, {}, NGINX).code == code


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"message": "overloaded", "type": "server_error"}, "openai.unavailable"),
        ({"message": "slow", "code": "rate_limit_exceeded"}, "openai.limited"),
        ({"message": "slow", "code": 429}, "openai.limited"),
        ({"message": "no", "code": "content_filter"}, "openai.filtered"),
        ("a text", "openai.unavailable"),
        ({}, "openai.unavailable"),
    ],
    ids=str,
)
def test_an_error_within_a_stream_is_told_by_its_code(told: object, code: str) -> None:
    assert in_stream(told, str).code == code


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry-after-ms": "250", "retry-after": "9"}, "", 0.25),
        ({"retry-after": "7", "x-ratelimit-reset-requests": "1s"}, "", 7),
        ({"retry-after": "Fri, 02 Jan 2026 00:00:30 GMT", "Date": "Fri, 02 Jan 2026 00:00:00 GMT"}, "", 30),
        ({}, "Rate limit reached. Please try again in 6m1.5s. Visit …", 361.5),
        ({}, "Please try again in 20ms.", 0.02),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, "", 360),
        ({"x-ratelimit-reset-requests": "20ms", "x-ratelimit-reset-tokens": "9s"}, "", 0.02),
        (
            {
                "x-ratelimit-reset-requests": "20ms",
                "x-ratelimit-reset-tokens": "9s",
                "x-ratelimit-remaining-tokens": "0",
            },
            "",
            9,
        ),
        ({"retry-after": "999999"}, "", 3600),
        ({"retry-after-ms": "-1", "retry-after": "soon"}, "later", None),
    ],
    ids=str,
)
def test_how_long_to_wait_is_read_from_wherever_it_is_said(
    headers: dict[str, str], message: str, seconds: float | None
) -> None:
    assert wait_of(CIMultiDict(headers), message) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("written", "seconds"), [("1s", 1), ("6m0s", 360), ("20ms", 0.02), ("1h", 3600), ("2h", 3600), ("1m2.5s", 62.5)]
)
def test_go_durations_are_read(written: str, seconds: float) -> None:
    assert duration(written) == timedelta(seconds=seconds)


@given(st.text())
def test_no_duration_is_read_from_any_words(written: str) -> None:
    found = duration(written)
    assert found is None or timedelta() <= found <= timedelta(hours=1)


@given(st.integers(200, 599), st.binary(max_size=200))
def test_every_answer_means_something(status: int, body: bytes) -> None:
    assert classify(status, {}, body).code in TEXTS


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.sampled_from(["error", "message", "code", "type", "detail"]), v),
    )
)
def test_every_document_means_something(document: object) -> None:
    assert classify(400, {}, json.dumps(document).encode()).code in TEXTS
    assert in_stream(parse(json.dumps(document)), str).code in TEXTS
