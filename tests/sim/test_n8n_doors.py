"""Who may call a webhook of the simulated n8n, and what of a call its workflow gets to see."""

import base64
import gzip
import hashlib
import hmac
from typing import Any

import aiohttp
import pytest
from attrs import evolve

from daemon.codec import encode
from daemon.sim.n8n_script import Auth, Flow
from tests.clock import FakeClock
from tests.sim.n8ns import ASKED, Said, flow, n8n

ECHO = flow(wait_s=70)  # a parked run tells what it was given
SECRET = "whsec_" + base64.b64encode(b"a key of the tests").decode()


def with_auth(**auth: Any) -> Flow:
    return evolve(flow(), auth=Auth(**auth))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def jwt(claims: dict[str, Any], secret: str = "passphrase", alg: str = "HS256") -> str:
    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    signed = f"{part(encode({'alg': alg, 'typ': 'JWT'}))}.{part(encode(claims))}"
    return f"{signed}.{part(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def denied(said: Said) -> tuple[int, str]:
    """Every denial is plain text without a type, and asks for basic authentication."""
    assert said.type is None
    assert said.headers["WWW-Authenticate"] == 'Basic realm="Webhook"'
    return said.status, said.text


async def test_basic() -> None:
    async with n8n(with_auth(kind="basic", name="ann", secret="s3cret")) as (_, caller):
        missing = denied(await caller.ask())
        wrong = denied(await caller.ask(Authorization=basic("ann", "other")))
        right = await caller.ask(Authorization=basic("ann", "s3cret"))

    assert missing == (401, "Authorization is required!")
    assert wrong == (401, "Authentication data is wrong!")
    assert right.status == 200


@pytest.mark.parametrize(("trigger", "profile"), [("webhook", "2.8.4"), ("chat", "2.41.1")])
async def test_wrong_basic_is_403_in_a_chat_and_in_an_earlier_version(trigger: Any, profile: Any) -> None:
    guarded = evolve(with_auth(kind="basic", name="ann", secret="s3cret"), trigger=trigger)
    async with n8n(guarded, profile=profile) as (_, caller):
        wrong = denied(await caller.ask(Authorization=basic("ann", "other")))

    assert wrong == (403, "Authorization data is wrong!")


async def test_header() -> None:
    async with n8n(with_auth(kind="header", name="X-Token", secret="t0ken")) as (_, caller):
        missing, wrong = denied(await caller.ask()), denied(await caller.ask(X_Token="other"))
        right = await caller.ask(X_Token="t0ken")

    assert missing == wrong == (403, "Authorization data is wrong!")
    assert right.status == 200


@pytest.mark.parametrize(
    ("token", "status", "reason"),
    [
        ("", 401, "No token provided"),
        ("abc", 403, "jwt malformed"),
        ("a.b.c", 403, "jwt malformed"),
        ("e30.e30.", 403, "jwt signature is required"),
        (jwt({}, secret="other"), 403, "invalid signature"),
        (jwt({}, alg="none"), 403, "invalid algorithm"),
        (jwt({"exp": 1}), 403, "jwt expired"),
    ],
)
async def test_jwt_says_what_is_wrong_with_it(token: str, status: int, reason: str) -> None:
    async with n8n(with_auth(kind="jwt", secret="passphrase")) as (_, caller):
        said = denied(await caller.ask(Authorization=f"Bearer {token}"))

    assert said == (status, reason)


async def test_a_good_jwt_is_let_in() -> None:
    clock = FakeClock()
    async with n8n(with_auth(kind="jwt", secret="passphrase"), clock=clock) as (_, caller):
        said = await caller.ask(Authorization="Bearer " + jwt({"exp": int(clock.now().timestamp()) + 60}))

    assert said.status == 200


async def test_a_node_without_its_credential_fails() -> None:
    async with n8n(with_auth(kind="misset")) as (_, caller):
        said = denied(await caller.ask(Authorization=basic("a", "b")))

    assert said == (500, "No authentication data defined on node!")


async def test_bots_are_known_by_their_agent() -> None:
    async with n8n(evolve(flow(), ignores_bots=True)) as (_, caller):
        bot = await caller.ask(User_Agent="Python/3.11 aiohttp/3.14")
        ours = await caller.ask(User_Agent="qiaod/1.0")

    assert denied(bot) == (403, "Authorization data is wrong!")
    assert ours.status == 200


def signed(raw: bytes, at: int, *, secret: str = SECRET, number: str = "msg_1") -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{number}.{at}.".encode() + raw, hashlib.sha256)
    value = f"v1,{base64.b64encode(mac).decode()}"
    return {"webhook_id": number, "webhook_timestamp": str(at), "webhook_signature": value}


async def test_a_workflow_that_checks_signatures_takes_only_what_is_signed_now_and_whole() -> None:
    clock, raw = FakeClock(), encode(ASKED)
    now = int(clock.now().timestamp())
    async with n8n(evolve(flow(), signing_secrets=(SECRET,)), clock=clock) as (sim, caller):
        bare = await caller.ask(body=raw)
        old = await caller.ask(body=raw, **signed(raw, now - 301))
        other = await caller.ask(body=raw + b" ", **signed(raw, now))
        foreign = await caller.ask(body=raw, **signed(raw, now, secret="whsec_b3RoZXI="))
        right = await caller.ask(body=raw, **signed(raw, now))

    assert [said.status for said in (bare, old, other, foreign)] == [401] * 4
    assert old.json == {"error": "signature too old"}
    assert right.status == 200
    assert len(sim.runs) == 1


async def test_while_secrets_change_over_any_of_them_will_do() -> None:
    clock, raw = FakeClock(), encode(ASKED)
    headers = signed(raw, int(clock.now().timestamp()))
    headers["webhook_signature"] = "v1,b3RoZXI= " + headers["webhook_signature"]
    async with n8n(evolve(flow(), signing_secrets=("whsec_bmV3", SECRET)), clock=clock) as (_, caller):
        said = await caller.ask(body=raw, **headers)

    assert said.status == 200


@pytest.mark.parametrize(
    ("kind", "raw", "seen"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/json; charset=utf-8", b"[1, 2]", [1, 2]),
        ("application/json", b"null", {}),
        ("application/json", b"", {}),
        ("application/vnd.api+json", b'{"a": 1}', {}),
        ("application/octet-stream", b'{"a": 1}', {}),
        ("application/x-www-form-urlencoded", b"a=1&b=2&b=3", {"a": "1", "b": ["2", "3"]}),
        ("text/plain", "你好".encode(), "你好"),
    ],
)
async def test_what_a_workflow_sees_of_a_body_depends_on_its_type(kind: str, raw: bytes, seen: Any) -> None:
    async with n8n(ECHO) as (_, caller):
        said = await caller.ask(body=raw, Content_Type=kind)

    assert said.json["body"] == seen


async def test_json_without_a_type_is_lost() -> None:
    async with n8n(ECHO) as (sim, caller):
        skipped = ["Content-Type"]
        async with caller.session.post(sim.webhook(), data=b'{"a": 1}', skip_auto_headers=skipped) as answer:
            told = await answer.json()

    assert told["body"] == {}


async def test_broken_json_never_runs() -> None:
    async with n8n(ECHO) as (sim, caller):
        said = await caller.ask(body=b"{broken")

    assert (said.status, said.json["code"], said.json["message"]) == (422, 422, "Failed to parse request body")
    assert said.json["hint"]
    assert not sim.runs


async def test_a_zipped_body_is_read_and_headers_come_in_lower_case() -> None:
    async with n8n(ECHO) as (_, caller):
        zipped = await caller.ask(body=gzip.compress(encode(ASKED)), Content_Encoding="gzip", X_Request_Id="r-1")

    assert zipped.json["body"] == ASKED
    assert zipped.json["headers"]["x-request-id"] == "r-1"


async def test_a_get_has_its_fields_in_the_query() -> None:
    async with n8n(evolve(flow(), methods=("GET", "POST"))) as (sim, caller):
        said = await caller.call(f"{sim.webhook()}?chatInput=hello&sessionId=s1", b"", method="GET")

    assert said.json == {"output": "you said: hello", "sessionId": "s1"}


async def test_a_chat_tells_its_files() -> None:
    form = aiohttp.FormData({"action": "sendMessage", "sessionId": "s1", "chatInput": "look"})
    form.add_field("files", b"GIF89a", filename="a.gif", content_type="image/gif")
    async with n8n(evolve(ECHO, trigger="chat")) as (sim, caller):
        sent = await caller.session.post(sim.webhook(), data=form)
        told = await sent.json()

    assert told["chatInput"] == "look"
    assert [(one["fileName"], one["mimeType"], one["binaryKey"]) for one in told["files"]] == [
        ("a.gif", "image/gif", "data0")
    ]
