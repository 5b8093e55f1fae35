import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import (
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.fastgpt.classify import classify, in_stream
from daemon.texts import LANGUAGES, TEXTS

NGINX = b"<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>nginx</body></html>"
QPM = "Rate limit exceeded. Maximum 30 requests per 60 seconds for this team. Please try again in 41 seconds."
GLOBAL_KEY = "Key is error. You need to use the app key rather than the account key."


def entry(code: int, status_text: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"code": code, "statusText": status_text, "message": message, "data": None, **more}


SAID = [
    (entry(403, "unAuthorization", "common:code_error.error_message.403"), RemoteUnauthorized, "fastgpt.unauthorized"),
    (entry(514, "unAuthApiKey", "common:code_error.error_message.514"), RemoteUnauthorized, "fastgpt.unauthorized"),
    (entry(500, "", "common:code_error.error_message.514"), RemoteUnauthorized, "fastgpt.unauthorized"),
    (entry(514, ""), RemoteUnauthorized, "fastgpt.unauthorized"),
    (entry(500, "error", "appId is empty", errorType="UserError"), RemoteRefused, "fastgpt.no_app"),
    (entry(500, "", "app is empty"), RemoteRefused, "fastgpt.no_app"),
    (entry(500, "error", GLOBAL_KEY), RemoteRefused, "fastgpt.no_app"),
    (entry(502000, "appUnExist", "common:code_error.app_error.not_exist"), RemoteRefused, "fastgpt.no_app"),
    (entry(502001, "unAuthApp"), RemoteRefused, "fastgpt.no_app"),
    (entry(500004, "aiPointsNotEnough"), RemoteRefused, "fastgpt.no_points"),
    (entry(510, "insufficientQuota"), RemoteRefused, "fastgpt.no_points"),
    (entry(500, "", "common:code_error.team_error.ai_points_not_enough"), RemoteRefused, "fastgpt.no_points"),
    (entry(429, "error", QPM, errorType="UserError"), RemoteLimited, "fastgpt.limited"),
    (entry(429, "tooManyRequest"), RemoteLimited, "fastgpt.limited"),
    (entry(500, "error", QPM), RemoteLimited, "fastgpt.limited"),
    (entry(504001, "chatIsGenerating", "common:code_error.chat_error"), RemoteLimited, "fastgpt.busy"),
    (entry(504000, "unAuthChat"), RemoteRefused, "fastgpt.forbidden"),
    (entry(400, "error", "Data validation error", zodError=[]), RemoteRefused, "fastgpt.bad_request"),
    (entry(500, "error", "messages is empty"), RemoteRefused, "fastgpt.bad_request"),
    (entry(500, "error", "User question is empty"), RemoteRefused, "fastgpt.bad_request"),
    (entry(500, "error", "Chat dataId already exists: ans-1"), RemoteRefused, "fastgpt.duplicate"),
    (entry(500, "error", "401 Incorrect API key provided"), RemoteUnavailable, "fastgpt.upstream"),
    (entry(500, "", "fetch failed"), RemoteUnavailable, "fastgpt.upstream"),
    ({"message": "Connection error."}, RemoteUnavailable, "fastgpt.upstream"),
    ({"error": {"message": "no channel for this model"}}, RemoteUnavailable, "fastgpt.upstream"),
]


@pytest.mark.parametrize("status", [500, 403, 200])
@pytest.mark.parametrize(("body", "kind", "code"), SAID, ids=lambda value: str(value)[:60])
def test_a_refusal_is_told_by_its_body_whatever_the_status(
    status: int, body: dict[str, Any], kind: type[RemoteError], code: str
) -> None:
    error = classify(status, {}, json.dumps(body).encode())

    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize(("body", "kind", "code"), SAID, ids=lambda value: str(value)[:60])
def test_a_refusal_within_a_stream_means_the_same(body: dict[str, Any], kind: type[RemoteError], code: str) -> None:
    error = in_stream(json.dumps(body), str)

    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (504, NGINX, RemoteUnavailable, "fastgpt.unavailable"),
        (502, NGINX, RemoteUnavailable, "fastgpt.unavailable"),
        (500, b"Internal Server Error", RemoteUnavailable, "fastgpt.unavailable"),
        (503, b"", RemoteUnavailable, "fastgpt.unavailable"),
        (401, NGINX, RemoteRefused, "fastgpt.forbidden"),
        (404, b"<!DOCTYPE html>", RemoteRefused, "fastgpt.wrong_address"),
        (405, b"", RemoteRefused, "fastgpt.wrong_address"),
        (301, b"", RemoteRefused, "fastgpt.wrong_address"),
        (413, b"Body exceeded 10mb limit", RemoteRefused, "fastgpt.bad_request"),
        (400, b"Invalid JSON", RemoteRefused, "fastgpt.bad_request"),
        (429, NGINX, RemoteLimited, "fastgpt.limited"),
        (200, b"<html>log in</html>", RemoteNonsense, "fastgpt.not_an_answer"),
        (200, b"\x00\xff", RemoteNonsense, "fastgpt.not_an_answer"),
        (200, b'{"code":200,"statusText":"","message":"","data":{}}', RemoteNonsense, "fastgpt.not_an_answer"),
        (200, b"[]", RemoteNonsense, "fastgpt.not_an_answer"),
        (418, b"", RemoteNonsense, "fastgpt.not_an_answer"),
    ],
)
def test_where_the_body_is_not_theirs_the_status_decides(
    status: int, body: bytes, kind: type[RemoteError], code: str
) -> None:
    error = classify(status, {}, body)

    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize(
    ("message", "headers", "wait"),
    [
        (QPM, {}, timedelta(seconds=41)),
        ("Too many requests. Please try again in 0.5s", {}, timedelta(seconds=1)),
        ("Rate limit reached, please try again in 20s.", {"Retry-After": "7"}, timedelta(seconds=20)),
        ("Rate limit. Please try again in 999999 seconds", {}, timedelta(hours=1)),
    ],
)
def test_how_long_to_wait_is_read_from_its_words(message: str, headers: dict[str, str], wait: timedelta | None) -> None:
    error = classify(500, headers, json.dumps(entry(500, "error", message)).encode())

    assert isinstance(error, RemoteLimited)
    assert error.retry_after == wait


def test_where_its_words_do_not_say_the_header_may() -> None:
    body = json.dumps(entry(429, "tooManyRequest")).encode()
    told, untold = classify(500, {"Retry-After": "7"}, body), classify(500, {}, body)

    assert isinstance(told, RemoteLimited)
    assert isinstance(untold, RemoteLimited)
    assert (told.retry_after, untold.retry_after) == (timedelta(seconds=7), None)


def test_the_limit_of_a_model_within_a_run_is_no_limit_of_fastgpt() -> None:
    assert classify(500, {}, json.dumps(entry(500, "error", "429 rate limit of the model")).encode()).code == (
        "fastgpt.upstream"
    )


def test_a_busy_chat_is_asked_again_soon() -> None:
    error = classify(500, {}, json.dumps(entry(504001, "chatIsGenerating")).encode())

    assert isinstance(error, RemoteLimited)
    assert error.retry_after == timedelta(seconds=2)


def test_what_it_said_is_cleaned_before_it_is_kept() -> None:
    body = json.dumps(entry(500, "error", "no channel for fastgpt-secret")).encode()

    error = classify(500, {}, body, lambda words: words.replace("fastgpt-secret", "***"))

    assert error.detail == "error: no channel for ***"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["code", "statusText", "message", "error"]), inner),
)


@given(status=st.integers(200, 599), document=ANY_JSON)
def test_every_answer_without_an_answer_is_an_error_with_a_text(status: int, document: Any) -> None:
    error = classify(status, {}, json.dumps(document).encode())

    assert error.code in TEXTS
    assert all(error.text(language) != error.code for language in LANGUAGES)


@given(st.integers(200, 599), st.binary())
def test_so_are_bytes_of_any_kind(status: int, body: bytes) -> None:
    assert classify(status, {}, body).code in TEXTS
