"""What answers that are not the workflow's mean: the five shapes of n8n's own refusals, and the 2xx that are none."""

import json
from datetime import timedelta
from typing import Any

import pytest

from daemon import errors as e
from daemon.net.n8n.classify import body_of, no_answer, refusal, told_apart
from daemon.sim import n8n_errors as sims

JSON = {"Content-Type": "application/json; charset=utf-8"}
HTML = {"Content-Type": "text/html; charset=utf-8"}
NGINX = b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>"
RESPOND_NODE = "Respond to Webhook node"
ECHO = {"headers": {}, "params": {}, "query": {}, "body": {}, "webhookUrl": "u", "executionMode": "production"}


def own(code: int, message: str, **more: str) -> bytes:
    return json.dumps({"code": code, "message": message, **more}).encode()


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "code", "may_have_run"),
    [
        (401, {}, b"Authorization is required!", e.N8nUnauthorized, "n8n.unauthorized", False),
        (403, {}, b"Authorization data is wrong!", e.N8nUnauthorized, "n8n.unauthorized", False),
        (403, {}, b"IP is not allowed to access the webhook!", e.N8nUnauthorized, "n8n.unauthorized", False),
        (404, JSON, sims.unknown("POST", "rag-ai").body, e.N8nRefused, "n8n.not_registered", False),
        (404, JSON, sims.wrong_method("GET", ("POST",)).body, e.N8nRefused, "n8n.not_registered", False),
        (404, {}, b"", e.N8nRefused, "n8n.not_registered", False),
        (404, HTML, sims.cannot("POST", "/webhook/rag-ai").body, e.N8nUnreachable, "n8n.starting", False),
        (404, HTML, NGINX, e.N8nRefused, "n8n.wrong_address", False),
        (404, JSON, b'{"error":"no such customer"}', e.N8nRan, "n8n.status", True),
        (409, JSON, own(409, "The execution has finished already."), e.N8nRefused, "n8n.bad_request", False),
        (409, JSON, b'{"state":"taken"}', e.N8nRan, "n8n.status", True),
        (413, HTML, b"", e.N8nRefused, "n8n.too_big", False),
        (418, JSON, b'{"tea":true}', e.N8nRan, "n8n.status", True),
        (422, JSON, own(422, "Failed to parse request body", hint="at 3"), e.N8nRefused, "n8n.bad_request", False),
        (428, JSON, b'{"connect":"a credential"}', e.N8nRefused, "n8n.misbuilt", False),
        (429, JSON, b'{"slow":"down"}', e.N8nLimited, "n8n.limited", False),
        (500, JSON, b'{"message":"Error in workflow"}', e.N8nRan, "n8n.failed", True),
        (500, JSON, own(0, "There was a problem executing the workflow"), e.N8nRan, "n8n.failed", True),
        (500, JSON, own(0, "No item to return was found"), e.N8nRan, "n8n.no_items", True),
        (500, JSON, own(0, f"No {RESPOND_NODE} found in the workflow"), e.N8nRefused, "n8n.misbuilt", False),
        (500, JSON, own(0, f"Unused {RESPOND_NODE} found in the workflow"), e.N8nRefused, "n8n.misbuilt", False),
        (500, {}, b"No authentication data defined on node!", e.N8nRefused, "n8n.misbuilt", False),
        (500, JSON, own(0, "something else"), e.N8nRan, "n8n.failed", True),
        (500, HTML, b"<html>proxy</html>", e.N8nRan, "n8n.status", True),
        (503, JSON, own(503, "Database is not ready!"), e.N8nUnreachable, "n8n.unavailable", False),
        (524, {}, b"error code: 524", e.N8nTimeoutError, "remote.gateway", True),
    ],
)  # fmt: skip
def test_a_refusal_is_told_by_status_type_and_shape(
    status: int, headers: dict[str, str], body: bytes, kind: type[e.N8nWebhookError], code: str, may_have_run: bool
) -> None:
    error = refusal(status, headers, body, str)

    assert (type(error), error.code, error.may_have_run) == (kind, code, may_have_run)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, b'{"error":"not your order"}'),
        (404, b""),
        (404, own(404, "no such order")),
        (409, own(409, "taken")),
        (413, b"too many pictures"),
        (422, own(422, "no number")),
        (428, b"{}"),
        (429, b'{"slow":"down"}'),
        (503, own(503, "the shop is closed")),
        (524, b"{}"),
    ],
)
def test_what_a_respond_node_says_is_the_word_of_a_workflow_that_ran_whatever_shape_it_has(
    status: int, body: bytes
) -> None:
    error = refusal(status, JSON | {"Content-Security-Policy": sims.SANDBOX}, body, str)

    assert (type(error), error.code, error.may_have_run) == (e.N8nRan, "n8n.status", True)
    assert error.is_fault is (status >= 500)


def test_a_workflow_that_checks_who_calls_refuses_our_credential_by_401() -> None:
    error = refusal(401, JSON | {"Content-Security-Policy": sims.SANDBOX}, b'{"error":"signature wrong"}', str)

    assert isinstance(error, e.N8nUnauthorized)


@pytest.mark.parametrize("status", [429, 503])
def test_a_respond_node_that_names_a_time_asks_to_be_called_again(status: int) -> None:
    error = refusal(status, {"Content-Security-Policy": sims.SANDBOX, "Retry-After": "7"}, b"", str)

    assert isinstance(error, e.N8nLimited)


def test_a_refusal_says_what_n8n_said_and_its_hint() -> None:
    error = refusal(404, JSON, sims.unknown("POST", "rag-ai").body, str)

    assert '"POST rag-ai" is not registered' in error.detail
    assert "must be active" in error.detail


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_is_asked_for_is_kept(status: int) -> None:
    error = refusal(status, {"Retry-After": "7"}, b"", str)

    assert isinstance(error, e.N8nLimited)
    assert error.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("headers", "body", "kind", "code", "may_have_run"),
    [
        (HTML, sims.BOOT_PAGE.body, e.N8nUnreachable, "n8n.starting", False),
        (JSON, b"", e.N8nRan, "n8n.empty", True),
        (JSON, b" \n", e.N8nRan, "n8n.empty", True),
        (JSON, b'{"message":"Webhook call received"}', e.N8nRefused, "n8n.filtered", False),
        (JSON, json.dumps(ECHO).encode(), e.N8nRan, "n8n.parked", True),
        (JSON, json.dumps([ECHO]).encode(), e.N8nRan, "n8n.parked", True),
        (JSON, b'{"chatInput":"hello"}', e.N8nRan, "n8n.parked", True),
        (JSON, b'{"executionStarted":true,"executionId":"89"}', e.N8nRan, "n8n.goes_on", True),
        (JSON, b'{"error":"boom"}', e.N8nRan, "n8n.failed", True),
        (JSON, b'[{"error":{"message":"boom"}}]', e.N8nRan, "n8n.failed", True),
        (JSON, b'{"message":"Workflow executed successfully but has no data"}', e.N8nRan, "n8n.empty", True),
        (HTML, b"<!DOCTYPE html><html><head><title>n8n.io</title></head>", e.N8nRefused, "n8n.wrong_address", False),
        (HTML, b"<!-- x --><html><title>Log in</title></html>", e.N8nNonsense, "n8n.not_an_answer", True),
    ],
)
def test_a_success_without_an_answer_is_found_out(
    headers: dict[str, str], body: bytes, kind: type[e.N8nWebhookError], code: str, may_have_run: bool
) -> None:
    error = no_answer(body_of(headers, body), {"chatInput": "hello"}, str)

    assert error is not None
    assert (type(error), error.code, error.may_have_run) == (kind, code, may_have_run)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, b'{"output":"hi"}'),
        (JSON, b'{"output":"hi","error":null}'),
        (JSON, b"[]"),
        (JSON, b'{"message":"Workflow was started"}'),
        (HTML, b"<b>hi</b>"),
        ({}, b"\x89PNG"),
    ],
)
def test_what_may_be_an_answer_is_left_alone(headers: dict[str, str], body: bytes) -> None:
    assert no_answer(body_of(headers, body), {}, str) is None


@pytest.mark.parametrize(
    ("raised", "kind", "may_have_run"),
    [
        (e.RemoteUnavailable("remote.no_connection", service="n8n", detail="refused"), e.N8nUnreachable, False),
        (e.RemoteRefused("targets.private", service="n8n", entry="a:1"), e.N8nBarred, False),
        (e.RemoteRefused("remote.redirected", service="n8n", host="b"), e.N8nRan, True),
        (e.OutcomeUnknown("remote.timeout", service="n8n"), e.N8nTimeoutError, True),
        (e.OutcomeUnknown("remote.gateway", service="n8n", detail="HTTP 504"), e.N8nTimeoutError, True),
        (e.OutcomeUnknown("remote.gateway", service="n8n", detail="HTTP 502"), e.N8nCut, True),
        (e.OutcomeUnknown("remote.cut", service="n8n"), e.N8nCut, True),
        (e.OutcomeUnknown("remote.too_large", service="n8n", most_bytes=5), e.N8nNonsense, True),
        (e.RemoteNonsense("remote.too_large", service="n8n", most_bytes=5), e.N8nNonsense, True),
    ],
)
def test_a_call_that_broke_keeps_its_code_and_facts(
    raised: e.RemoteError, kind: type[e.N8nWebhookError], may_have_run: bool
) -> None:
    with pytest.raises(e.N8nWebhookError) as caught, told_apart():
        raise raised

    error = caught.value
    assert (type(error), error.code, error.may_have_run) == (kind, raised.code, may_have_run)
    assert error.facts == raised.facts


@pytest.mark.parametrize(
    ("kind", "told", "base"),
    [
        (e.N8nUnreachable, "n8n_connection", e.RemoteUnavailable),
        (e.N8nBarred, "n8n_connection", e.RemoteRefused),
        (e.N8nCut, "n8n_connection", e.OutcomeUnknown),
        (e.N8nTimeoutError, "n8n_timeout", e.OutcomeUnknown),
        (e.N8nUnauthorized, "n8n_response", e.RemoteUnauthorized),
        (e.N8nRefused, "n8n_response", e.RemoteRefused),
        (e.N8nRan, "n8n_response", e.OutcomeUnknown),
        (e.N8nNonsense, "n8n_response", e.RemoteNonsense),
    ],
)
def test_every_error_is_one_of_n8n_and_one_of_services(kind: Any, told: str, base: type[e.RemoteError]) -> None:
    error = kind("n8n.x", service="n8n", detail="why")

    assert isinstance(error, e.N8nWebhookError)
    assert isinstance(error, base)
    assert (error.kind, error.detail) == (told, "why")
