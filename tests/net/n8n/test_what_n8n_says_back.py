"""An n8n that says our credential back, nests its answer without end, or names a year that no clock has."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from daemon.codec import encode
from daemon.domain.webhook import AuthKind, WebhookAuth
from daemon.domain.webhook_call import WebhookAnswer
from daemon.errors import N8nLimited, N8nNonsense, N8nRan
from daemon.secret import Secret
from tests.net.loopback import Visit, loopback
from tests.net.n8n.calls import REQUEST, WEBHOOK, client

PASSPHRASE = "a-passphrase-of-thirty-two-bytes"
WAYS = [
    WebhookAuth(kind=AuthKind.BASIC, name="ann", secret=Secret(PASSPHRASE)),
    WebhookAuth(kind=AuthKind.HEADER, name="X-Key", secret=Secret(f'{PASSPHRASE} "with" blanks')),
    WebhookAuth(kind=AuthKind.JWT, secret=Secret(PASSPHRASE)),
]
JSON = "Content-Type: application/json\r\n"
OPEN = WebhookAuth()

Says = Callable[[str], bytes]


def item(credential: str) -> dict[str, Any]:
    """What a Webhook node gives, with a field more, as the node after it passes it on."""
    return {"headers": {"authorization": credential}, "webhookUrl": "…", "output": f"hi {credential}"}


def streamed(credential: str) -> bytes:
    metadata = {"nodeId": "n", "nodeName": "Agent"}
    return b"\n".join(
        encode({"type": "item", "content": f"{one} ", "metadata": metadata}) for one in ("hi", credential)
    )


def failing(credential: str) -> bytes:
    return encode({"type": "error", "content": f"who is {credential}?", "metadata": {}}) + b"\n"


async def answered(says: Says, auth: WebhookAuth = OPEN, status: str = "200 OK", more: str = "") -> WebhookAnswer:
    async def answer(visit: Visit) -> None:
        head = (await visit.request()).decode().partition("\r\n\r\n")[0].split("\r\n")
        told = [line.partition(": ")[2] for line in head if line.startswith(("Authorization: ", "X-Key: "))]
        seen.extend(one.removeprefix("Basic ").removeprefix("Bearer ") for one in told)
        await visit.answer(says(seen[0] if seen else ""), status, JSON + more)

    seen: list[str] = []
    async with client() as made, loopback(answer) as server:
        return await made.call(evolve(WEBHOOK, url=f"{server.url}/webhook/a", auth=auth), REQUEST)


@pytest.mark.parametrize("auth", WAYS, ids=lambda auth: auth.kind.value)
@pytest.mark.parametrize(
    "says", [lambda one: encode(item(one)), lambda one: encode([item(one)] * 2), streamed], ids=["one", "all", "stream"]
)
async def test_a_credential_that_comes_back_in_an_answer_is_masked(says: Says, auth: WebhookAuth) -> None:
    answer = await answered(says, auth)

    assert "***" in answer.text
    told = f"{answer!r}"
    assert PASSPHRASE not in told
    assert "YW5uOm" not in told  # ann: in base64
    assert "eyJ" not in told


@pytest.mark.parametrize("auth", WAYS, ids=lambda auth: auth.kind.value)
@pytest.mark.parametrize(
    ("says", "status"),
    [(failing, "200 OK"), (lambda one: encode({"message": f"who is {one}?"}), "500 Oh no")],
    ids=["stream", "status"],
)
async def test_a_credential_that_comes_back_in_an_error_is_masked(says: Says, status: str, auth: WebhookAuth) -> None:
    with pytest.raises(N8nRan) as caught:
        await answered(says, auth, status)

    assert caught.value.detail.endswith("who is ***?")


@pytest.mark.parametrize("depth", [100, 230, 300, 900, 5000])
async def test_an_answer_that_nests_too_deep_is_no_answer_and_no_fault_of_ours(depth: int) -> None:
    body = b'{"output":"hi","all":' + b"[" * depth + b"]" * depth + b"}"

    if depth == 100:
        answer = await answered(lambda _: body)
        assert (answer.text, b"[[[" in encode([answer.data])) == ("hi", True)
        return
    with pytest.raises(N8nNonsense) as caught:
        await answered(lambda _: body)
    assert (caught.value.code, caught.value.may_have_run) == ("n8n.not_an_answer", True)


async def test_an_error_that_nests_too_deep_is_an_error_all_the_same() -> None:
    with pytest.raises(N8nRan) as caught:
        await answered(lambda _: b'{"message":' + b"[" * 300 + b"]" * 300 + b"}", status="500 Oh no")

    assert caught.value.code == "n8n.status"


@pytest.mark.parametrize(
    "date", ["Mon, 01 Jan 99999999999 00:00:00 GMT", "Mon, 01 Jan 2020 00:00:00 +99999999999999999999"]
)
async def test_a_date_that_no_clock_has_makes_no_difference(date: str) -> None:
    with pytest.raises(N8nLimited) as caught:
        await answered(lambda _: b"{}", status="429 Slow down", more=f"Retry-After: 5\r\nDate: {date}\r\n")

    assert caught.value.retry_after == timedelta(seconds=5)
