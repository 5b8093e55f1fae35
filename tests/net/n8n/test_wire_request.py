"""What goes out: the standard request, who we are, and signatures that a stranger can check."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from attrs import evolve

from daemon.codec import encode
from daemon.domain.webhook import AuthKind, Method, WebhookAuth
from daemon.errors import N8nRefused
from daemon.net.n8n.wire_request import MOST_BODY, MOST_QUERY, Wire, standard, wire
from daemon.secret import Secret
from tests.net.n8n.calls import REQUEST, THEN, WEBHOOK

FIRST, SECOND = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_" + base64.b64encode(b"another key of ours 32b").decode(),
)


def sent(**changes: Any) -> Wire:
    return wire(evolve(WEBHOOK, **changes), REQUEST, now=THEN)


def test_the_standard_request_has_our_fields_and_then_the_extra_ones() -> None:
    assert sent().body == {
        "taskType": "ragAI",
        "chatInput": "hello",
        "sessionId": "s1",
        "requestId": "call-1",
        "timestamp": "2026-01-02T03:04:05.000Z",
        "metadata": {"user": "ann"},
        "shop": 7,
    }


def test_no_extra_field_replaces_one_of_ours() -> None:
    request = evolve(REQUEST, extra=dict.fromkeys(standard(REQUEST), "x") | {"more": 1})

    assert standard(request) == {**standard(evolve(REQUEST, extra={})), "shop": "x", "more": 1}


def test_the_call_is_named_in_the_headers() -> None:
    assert sent().headers == {"X-Request-ID": "r-1", "Idempotency-Key": "call-1"}


def test_a_get_has_the_fields_in_its_query() -> None:
    got = sent(method=Method.GET)

    assert got.body is None
    assert got.params is not None
    assert (got.params["chatInput"], got.params["shop"], got.params["metadata"]) == ("hello", "7", '{"user":"ann"}')


def test_basic_is_a_user_and_a_password() -> None:
    auth = WebhookAuth(kind=AuthKind.BASIC, name="ann", secret=Secret("pässword"))

    scheme, _, pair = sent(auth=auth).headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair).decode()) == ("Basic", "ann:pässword")


def test_a_header_has_its_own_name() -> None:
    auth = WebhookAuth(kind=AuthKind.HEADER, name="X-Shop-Key", secret=Secret("k-1"))

    assert sent(auth=auth).headers["X-Shop-Key"] == "k-1"


def test_a_token_is_signed_with_the_passphrase_and_lives_shortly() -> None:
    auth = WebhookAuth(kind=AuthKind.JWT, secret=Secret("short"))

    token = sent(auth=auth).headers["Authorization"].removeprefix("Bearer ")
    head, claims, signature = token.split(".")
    by_hand = hmac.digest(b"short", f"{head}.{claims}".encode(), hashlib.sha256)
    assert base64.urlsafe_b64encode(by_hand).rstrip(b"=").decode() == signature
    told = jwt.decode(token, options={"verify_signature": False})
    assert (told["iat"], told["exp"] - told["iat"]) == (int(THEN.timestamp()), 300)


@pytest.mark.parametrize("passphrase", ["", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----"])
def test_a_passphrase_that_signs_nothing_is_told(passphrase: str) -> None:
    with pytest.raises(N8nRefused) as caught:
        sent(auth=WebhookAuth(kind=AuthKind.JWT, secret=Secret(passphrase)))

    assert (caught.value.code, caught.value.may_have_run) == ("n8n.bad_passphrase", False)


def test_each_key_signs_the_bytes_that_go_out() -> None:
    got = sent(signing_keys=(Secret(FIRST), Secret(SECOND)))

    assert got.headers["webhook-id"] == "call-1"
    assert got.headers["webhook-timestamp"] == str(int(THEN.timestamp()))
    signed = b".".join([b"call-1", got.headers["webhook-timestamp"].encode(), encode(got.body)])
    keys = [base64.b64decode(key.removeprefix("whsec_")) for key in (FIRST, SECOND)]
    by_hand = [f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}" for key in keys]
    assert got.headers["webhook-signature"] == " ".join(by_hand)


@pytest.mark.parametrize("key", ["", "whsec_", "a", "whsec_ä"])
def test_a_signing_key_that_is_none_is_told_without_showing_it(key: str) -> None:
    with pytest.raises(N8nRefused) as caught:
        sent(signing_keys=(Secret(key),))

    assert caught.value.code == "n8n.bad_signing_key"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("method", "most"), [(Method.POST, MOST_BODY), (Method.GET, MOST_QUERY)])
def test_what_n8n_would_not_take_is_not_sent(method: Method, most: int) -> None:
    empty = len(json.dumps(standard(evolve(REQUEST, text=""))))
    fits, too_long = (evolve(REQUEST, text="x" * (most - room)) for room in (empty + 100, 0))

    wire(evolve(WEBHOOK, method=method), fits, now=THEN)
    with pytest.raises(N8nRefused) as caught:
        wire(evolve(WEBHOOK, method=method), too_long, now=THEN)
    assert (caught.value.code, caught.value.may_have_run) == ("n8n.too_big", False)
