"""What only n8n has: its ways to ask who calls, and signatures that its workflow checks by itself."""

import base64
from typing import Any

import pytest
from attrs import evolve

from daemon.clock import SystemClock
from daemon.domain.webhook import AuthKind, Method, WebhookAuth
from daemon.engine.targets import Targets
from daemon.engine.webhook_assistant import WebhookAssistant
from daemon.errors import RemoteUnauthorized
from daemon.net.n8n import N8nWebhookClient
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret
from daemon.sim.n8n import N8nSetup, n8n_simulator
from daemon.sim.n8n_script import Auth, Flow
from tests.conformance.n8n import workflow_of
from tests.conformance.subject import QUESTION

OLD, NEW = ("whsec_" + base64.b64encode(bytes([number]) * 24).decode() for number in (1, 2))
PASSPHRASE = "a passphrase of at least 32 bytes"


async def called(flow: Flow, **webhook: Any) -> str:
    """The answer of the workflow to a call by the webhook with these changes."""
    clock, setup = SystemClock(), N8nSetup(flows=(flow,))
    async with n8n_simulator(setup) as sim, open_outbound(Redactor(), Targets.of(["127.0.0.1:*"])) as outbound:
        ours = workflow_of(sim, flow.path)
        assert ours.webhook is not None
        ours = evolve(ours, webhook=evolve(ours.webhook, **webhook))
        answer = await WebhookAssistant(N8nWebhookClient(outbound, clock), clock).run(ours, QUESTION)
        return answer.text


@pytest.mark.parametrize(
    ("kind", "name", "secret"),
    [
        (AuthKind.NONE, "", ""),
        (AuthKind.BASIC, "qiaod", "p:ässword"),
        (AuthKind.HEADER, "X-Token", "t0ken-0000"),
        (AuthKind.JWT, "", PASSPHRASE),
    ],
)
async def test_each_way_to_ask_who_calls_is_answered(kind: AuthKind, name: str, secret: str) -> None:
    flow = Flow(auth=Auth(kind=kind.value, name=name, secret=secret))

    assert await called(flow, auth=WebhookAuth(kind=kind, name=name, secret=Secret(secret)))


@pytest.mark.parametrize("kind", [AuthKind.BASIC, AuthKind.HEADER, AuthKind.JWT])
async def test_a_wrong_secret_is_unauthorized_in_each_of_them(kind: AuthKind) -> None:
    flow = Flow(auth=Auth(kind=kind.value, name="X-Token", secret=PASSPHRASE))

    with pytest.raises(RemoteUnauthorized):
        await called(flow, auth=WebhookAuth(kind=kind, name="X-Token", secret=Secret(PASSPHRASE[::-1])))


@pytest.mark.parametrize("ours", [(OLD,), (OLD, NEW), (NEW, OLD)], ids=["one", "two", "two, the other way"])
async def test_a_call_is_signed_by_each_key_so_that_the_old_one_will_do(ours: tuple[str, ...]) -> None:
    assert await called(Flow(signing_secrets=(OLD,)), signing_keys=tuple(map(Secret, ours)))


@pytest.mark.parametrize("ours", [(), (NEW,)], ids=["none", "another"])
async def test_a_call_that_is_not_signed_rightly_is_unauthorized(ours: tuple[str, ...]) -> None:
    with pytest.raises(RemoteUnauthorized):
        await called(Flow(signing_secrets=(OLD,)), signing_keys=tuple(map(Secret, ours)))


@pytest.mark.parametrize("method", list(Method))
async def test_each_method_brings_the_question(method: Method) -> None:
    assert await called(Flow(methods=(method.value,)), method=method) == f"收到：{QUESTION.messages[0].text}"


async def test_a_chat_trigger_answers_too() -> None:
    assert await called(Flow(path="hook-1", trigger="chat")) == f"收到：{QUESTION.messages[0].text}"


async def test_a_node_that_ignores_bots_lets_us_in() -> None:
    assert await called(Flow(ignores_bots=True))
