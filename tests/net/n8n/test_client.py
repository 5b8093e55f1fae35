"""Webhooks called for real: every way of n8n's to answer and not to, and what a caller can tell of each."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve, frozen

from daemon import __version__
from daemon import errors as e
from daemon.domain.webhook import AuthKind, Method, Webhook, WebhookAuth
from daemon.domain.webhook_call import WebhookAnswer
from daemon.domain.workflow import NodeBegun
from daemon.engine.targets import Targets
from daemon.net import n8n
from daemon.net.n8n.client import N8nWebhookClient
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret
from daemon.sim.faults import Fault, Kind
from daemon.sim.n8n import N8nSetup, N8nSimulator, n8n_simulator
from daemon.sim.n8n_life import Stage
from daemon.sim.n8n_script import Auth, Flow, Respond, Script
from tests.clock import FakeClock
from tests.net.loopback import Visit, free_port, loopback
from tests.net.n8n.calls import REQUEST, WEBHOOK, client, told, webhook
from tests.net.n8n.test_wire_request import FIRST, SECOND

SAID = Script(answer="you said: {question}")
SHORT = timedelta(seconds=0.3)


@frozen
class Here:
    sim: N8nSimulator
    client: N8nWebhookClient

    async def called(self, flow: Flow, **changes: Any) -> WebhookAnswer:
        """The workflow is there from now on, and is called once."""
        self.sim.save(flow)
        return await self.client.call(webhook(self.sim, flow.path, **changes), REQUEST)

    async def failed(self, flow: Flow, **changes: Any) -> e.N8nWebhookError:
        with pytest.raises(e.N8nWebhookError) as caught:
            await self.called(flow, **changes)
        return caught.value


@pytest.fixture
async def here() -> AsyncIterator[Here]:
    async with n8n_simulator(N8nSetup()) as sim, client() as made:
        yield Here(sim, made)


def flow(**changes: Any) -> Flow:
    """A script's fields, and a flow's."""
    own = {name: changes.pop(name) for name in list(changes) if hasattr(Flow(), name)}
    return Flow(**{"script": evolve(SAID, **changes), **own})


def responding(status: int, **headers: str) -> Flow:
    return flow(mode="responseNode", respond=Respond(status=status, headers=headers))


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (flow(), "you said: hello"),
        (flow(key="text"), "you said: hello"),
        (flow(mode="responseNode"), "you said: hello"),
        (responding(201), "you said: hello"),
        (flow(shape="allEntries"), "you said: hello"),
        (flow(shape="allEntries", mishap="no-items"), ""),
        (flow(property_name="output"), "you said: hello"),
        (flow(shape="firstEntryBinary", binary="%PDF", content_type="application/pdf"), ""),
        (responding(204), ""),
        (flow(mode="streaming"), "you said: hello"),
        (flow(mode="streaming", groups=2), "you said: hello\n\nyou said: hello"),
        (flow(mode="streaming", calls_tool=True, split_bytes=7), "you said: hello"),
        (flow(mode="streaming", encoded=True), "you said: hello"),
        (flow(trigger="chat"), "you said: hello"),
        (flow(trigger="chat", mode="streaming"), "you said: hello"),
        (flow(mode="responseNode", mishap="fails-after"), "you said: hello"),
        (flow(path="users/:id/say"), "you said: hello"),
    ],
)
async def test_every_way_to_answer_is_understood(here: Here, one: Flow, text: str) -> None:
    answer = await here.called(one)

    assert (answer.text, answer.accepted) == (text, False)
    assert answer.seconds > 0


@pytest.mark.parametrize(
    ("one", "kind", "code", "may_have_run"),
    [
        (flow(mishap="fails"), e.N8nRan, "n8n.failed", True),
        (flow(mishap="fails", mode="responseNode"), e.N8nRan, "n8n.failed", True),
        (flow(mishap="continues"), e.N8nRan, "n8n.failed", True),
        (flow(mishap="no-items"), e.N8nRan, "n8n.no_items", True),
        (flow(mishap="unreached", mode="responseNode"), e.N8nRan, "n8n.empty", True),
        (flow(mishap="unreached", mode="streaming"), e.N8nRan, "n8n.empty", True),
        (flow(mishap="error-mid-stream", mode="streaming"), e.N8nRan, "n8n.failed", True),
        (flow(mishap="error-silent", mode="streaming"), e.N8nRan, "n8n.failed", True),
        (flow(mishap="cut"), e.N8nCut, "remote.broken_answer", True),
        (flow(mishap="cut", mode="streaming"), e.N8nCut, "remote.broken_answer", True),
        (flow(shape="noData"), e.N8nRan, "n8n.empty", True),
        (flow(wait_s=70), e.N8nRan, "n8n.parked", True),
        (flow(wait_s=70, trigger="chat"), e.N8nRan, "n8n.parked", True),
        (flow(trigger="chat", mode="responseNodes"), e.N8nRan, "n8n.goes_on", True),
        (flow(trigger="chat", public=False), e.N8nRefused, "n8n.not_registered", False),
        (flow(only_if="x"), e.N8nRefused, "n8n.filtered", False),
        (flow(active=False), e.N8nRefused, "n8n.not_registered", False),
        (flow(methods=("GET",)), e.N8nRefused, "n8n.not_registered", False),
        (flow(mode="responseNode", responds=False), e.N8nRefused, "n8n.misbuilt", False),
        (flow(responds=True), e.N8nRefused, "n8n.misbuilt", False),
        (flow(auth=Auth(kind="misset")), e.N8nRefused, "n8n.misbuilt", False),
        (flow(auth=Auth(kind="basic", name="a", secret="b")), e.N8nUnauthorized, "n8n.unauthorized", False),
        (responding(418), e.N8nRan, "n8n.status", True),
        (responding(429, **{"Retry-After": "7"}), e.N8nLimited, "n8n.limited", False),
        (responding(307, Location="/x"), e.N8nRan, "remote.redirected", True),
    ],
)  # fmt: skip
async def test_every_way_not_to_answer_is_told_apart(
    here: Here, one: Flow, kind: type[e.N8nWebhookError], code: str, may_have_run: bool
) -> None:
    assert told(await here.failed(one)) == (kind, code, may_have_run)


async def test_a_failure_in_a_stream_says_which_node_and_why(here: Here) -> None:
    error = await here.failed(flow(mode="streaming", mishap="error-mid-stream", error="Rate limit reached"))

    assert error.detail == "AI Agent: Rate limit reached"


async def test_a_run_that_answers_at_once_is_accepted(here: Here) -> None:
    answer = await here.called(flow(mode="onReceived"))

    assert (answer.accepted, answer.text) == (True, "")


@pytest.mark.parametrize(
    ("kind", "code", "error", "may_have_run"),
    [
        (Kind.ERROR, "starting", e.N8nUnreachable, False),
        (Kind.ERROR, "booting", e.N8nUnreachable, False),
        (Kind.ERROR, "no-database", e.N8nUnreachable, False),
        (Kind.ERROR, "timed-out", e.N8nRan, True),
        (Kind.ERROR, "proxy-timeout", e.N8nTimeoutError, True),
        (Kind.GATEWAY, "", e.N8nTimeoutError, True),
        (Kind.DROP, "", e.N8nCut, True),
        (Kind.RESET, "", e.N8nCut, True),
        (Kind.HANG, "", e.N8nTimeoutError, True),
    ],
)
async def test_what_may_have_run_is_told_from_what_has_not(
    here: Here, kind: Kind, code: str, error: type[e.N8nWebhookError], may_have_run: bool
) -> None:
    here.sim.faults.add(Fault(kind=kind, name=code, path="/webhook/*"))

    failed = await here.failed(flow(), timeout=SHORT)
    assert (type(failed), failed.may_have_run) == (error, may_have_run)


async def test_nobody_there_is_a_connection_error_and_nothing_ran() -> None:
    async with client() as made:
        with pytest.raises(n8n.N8nConnectionError) as caught:
            await made.call(evolve(WEBHOOK, url=f"http://127.0.0.1:{free_port()}/webhook/a"), REQUEST)

    assert told(caught.value) == (e.N8nUnreachable, "remote.no_connection", False)


async def test_a_start_is_lived_through_by_whoever_calls_again(here: Here) -> None:
    codes = []
    for stage in (Stage.PAGE, Stage.BOOTING, Stage.NO_DATABASE):
        here.sim.life.forced = stage
        codes.append((await here.failed(flow())).code)
    here.sim.life.forced = Stage.READY

    assert codes == ["n8n.starting", "n8n.starting", "n8n.unavailable"]
    assert (await here.called(flow())).text == "you said: hello"
    assert len(here.sim.runs) == 1


async def test_an_answer_that_takes_too_long_is_a_timeout_and_the_run_goes_on(here: Here) -> None:
    failed = await here.failed(flow(delay_s=0.5), timeout=timedelta(seconds=0.1))

    assert told(failed) == (e.N8nTimeoutError, "remote.timeout", True)
    await here.sim.wait_for_runs(1, status="success")


async def test_a_stream_may_think_as_long_as_it_says_that_it_is_there(here: Here) -> None:
    async with client(idle=timedelta(seconds=0.25)) as impatient:
        thinking = flow(mode="streaming", delay_s=0.5, keepalive_s=0.1)
        assert (await Here(here.sim, impatient).called(thinking)).text == "you said: hello"

        silent = await Here(here.sim, impatient).failed(flow(mode="streaming", delay_s=0.5))
    assert told(silent) == (e.N8nTimeoutError, "remote.timeout", True)


async def test_a_stream_is_heard_before_it_ends(here: Here) -> None:
    here.sim.save(flow(mode="streaming", chunks=3))
    pieces: list[str] = []
    nodes: list[NodeBegun] = []

    answer = await here.client.call(webhook(here.sim), REQUEST, on_text=pieces.append, on_node=nodes.append)

    assert len(pieces) == 3
    assert "".join(pieces) == answer.text
    assert [node.name for node in nodes] == ["AI Agent"]


@pytest.mark.parametrize(
    ("auth", "ours"),
    [
        (Auth(kind="basic", name="ann", secret="pass word"), AuthKind.BASIC),
        (Auth(kind="header", name="X-Shop-Key", secret="k-1"), AuthKind.HEADER),
        (Auth(kind="jwt", secret="a passphrase"), AuthKind.JWT),
    ],
)
async def test_each_credential_opens_its_webhook_and_a_wrong_one_does_not(
    here: Here, auth: Auth, ours: AuthKind
) -> None:
    right = WebhookAuth(kind=ours, name=auth.name, secret=Secret(auth.secret))

    assert (await here.called(flow(auth=auth), auth=right)).text == "you said: hello"
    wrong = await here.failed(flow(auth=auth), auth=evolve(right, secret=Secret("something else")))
    assert told(wrong) == (e.N8nUnauthorized, "n8n.unauthorized", False)


async def test_a_signature_is_right_while_the_receiver_has_the_old_key_or_the_new(here: Here) -> None:
    keys = (Secret(FIRST), Secret(SECOND))

    for known in (FIRST, SECOND):
        assert (await here.called(flow(signing_secrets=(known,)), signing_keys=keys)).text == "you said: hello"
    unsigned = await here.failed(flow(signing_secrets=(FIRST,)))
    assert isinstance(unsigned, e.N8nUnauthorized)


async def test_a_signature_has_the_time_of_its_attempt() -> None:
    clock = FakeClock()
    async with (
        n8n_simulator(N8nSetup(flows=(flow(signing_secrets=(FIRST,)),)), clock=clock) as sim,
        client(clock) as n8n,
    ):
        clock.advance(3600)  # since the call was first made
        assert (await n8n.call(webhook(sim, signing_keys=(Secret(FIRST),)), REQUEST)).text == "you said: hello"


async def test_a_get_is_understood_by_the_workflow(here: Here) -> None:
    answer = await here.called(flow(methods=("GET",)), method=Method.GET)

    assert answer.text == "you said: hello"


async def test_bots_are_ignored_by_n8n_and_we_are_none(here: Here) -> None:
    assert (await here.called(flow(ignores_bots=True))).text == "you said: hello"
    assert here.sim.runs[0].told.headers["user-agent"] == f"qiaod/{__version__}"


async def test_the_content_type_is_said_so_that_no_field_is_lost(here: Here) -> None:
    await here.called(flow())

    heard = here.sim.runs[0].told
    assert heard.headers["content-type"] == "application/json"
    assert (heard.body["requestId"], heard.headers["idempotency-key"]) == ("call-1", "call-1")


async def test_two_attempts_have_the_same_body_and_key(here: Here) -> None:
    await here.called(flow())
    await here.called(flow())

    first, second = (run.told for run in here.sim.runs)
    assert first.body == second.body
    assert first.call == second.call == "call-1"


async def test_an_address_that_the_settings_do_not_allow_is_not_called(here: Here) -> None:
    async with open_outbound(Redactor(), Targets()) as outbound:
        barred = await Here(here.sim, evolve(here.client, outbound=outbound)).failed(flow())

    assert (type(barred), barred.kind, barred.may_have_run) == (e.N8nBarred, "n8n_connection", False)
    assert not here.sim.runs


async def test_what_n8n_says_is_kept_without_our_secrets() -> None:
    async def echo(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b'{"message":"who is a-secret-value?"}', "400 Bad Request")

    auth = WebhookAuth(kind=AuthKind.HEADER, name="X-Key", secret=Secret("a-secret-value"))
    async with client() as made, loopback(echo) as server:
        with pytest.raises(e.N8nWebhookError) as caught:
            await made.call(evolve(WEBHOOK, url=f"{server.url}/webhook/a", auth=auth), REQUEST)

    assert caught.value.detail == "HTTP 400: who is ***?"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{\n  "output": "hi"\n}\n', "hi"),
        (b'{"output":"hi"}\n', "hi"),
        (b'{"type":"item","content":"x","text":"hi"}', "hi"),
    ],
)
async def test_a_document_of_several_lines_is_no_stream(body: bytes, text: str) -> None:
    async def answer(visit: Visit) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
        for byte in body:
            await visit.say(bytes([byte]))

    async with client() as made, loopback(answer) as server:
        got = await made.call(evolve(WEBHOOK, url=f"{server.url}/webhook/a"), REQUEST)

    assert got.text == text


async def test_an_answer_without_an_end_is_bounded() -> None:
    async def flood(visit: Visit) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            await visit.say(b"x" * 65536)

    async with client() as made, loopback(flood) as server:
        with pytest.raises(e.N8nNonsense) as caught:
            await made.call(evolve(WEBHOOK, url=f"{server.url}/webhook/a"), REQUEST)

    assert told(caught.value) == (e.N8nNonsense, "remote.too_large", True)


def in_a_thread(one: Webhook) -> WebhookAnswer:
    return N8nWebhookClient.call_sync(one, REQUEST)


async def test_a_script_calls_without_a_loop_of_its_own(here: Here) -> None:
    here.sim.save(flow())

    answer = await asyncio.to_thread(in_a_thread, webhook(here.sim))

    assert answer.text == "you said: hello"
    with pytest.raises(e.N8nWebhookError):
        await asyncio.to_thread(in_a_thread, webhook(here.sim, "nowhere"))
