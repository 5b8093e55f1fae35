"""What n8n's public API tells of a call: found by our id, its nodes, its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import evolve

from daemon import errors as e
from daemon.clock import SystemClock
from daemon.domain.webhook import AuthKind, N8nApi, Webhook, WebhookAuth
from daemon.domain.webhook_call import RunState, WebhookRequest, WebhookRun
from daemon.net.n8n import wire_executions
from daemon.net.n8n.client import N8nWebhookClient
from daemon.net.n8n.wire_request import wire
from daemon.secret import Secret
from daemon.sim.n8n import N8nSetup, N8nSimulator, n8n_simulator
from daemon.sim.n8n_script import Auth, Flow, Script
from tests.net.n8n.calls import REQUEST, THEN, WEBHOOK, api_of, client, webhook

SEARCHED = {"name": "Search", "type": "n8n-nodes-base.httpRequest", "output": {"hits": 3}, "seconds": 0.25}
USUAL = Script(answer="you said: {question}", nodes=[SEARCHED], input_tokens=120, output_tokens=30)
FLOW = Flow(script=USUAL)


@pytest.fixture
async def sim() -> AsyncIterator[N8nSimulator]:
    async with n8n_simulator(N8nSetup(flows=(FLOW,))) as made:
        yield made


async def called(made: N8nWebhookClient, sim: N8nSimulator, request: WebhookRequest, **changes: Any) -> str:
    """The code of what went wrong, or nothing."""
    try:
        await made.call(webhook(sim, **changes), request)
    except e.N8nWebhookError as error:
        return error.code
    return ""


async def looked_up(
    made: N8nWebhookClient, sim: N8nSimulator, request: WebhookRequest = REQUEST, **changes: Any
) -> WebhookRun | None:
    api = api_of(sim, FLOW.workflow_id)
    since = SystemClock().now() - timedelta(seconds=5)
    return await made.look_up(evolve(webhook(sim, api=api), **changes), request, since=since)


async def test_a_run_that_succeeded_has_its_answer_its_nodes_and_its_tokens(sim: N8nSimulator) -> None:
    async with client() as made:
        await called(made, sim, REQUEST)
        await called(made, sim, evolve(REQUEST, call_id="call-2", text="another"))
        found = await looked_up(made, sim)

    assert found is not None
    assert (found.state, found.answer and found.answer.text) == (RunState.SUCCEEDED, "you said: hello")
    assert [(node.name, node.kind) for node in found.nodes] == [
        ("Webhook", "n8n-nodes-base.webhook"),
        ("Search", "n8n-nodes-base.httpRequest"),
        ("AI Agent", "@n8n/n8n-nodes-langchain.agent"),
        ("OpenAI Chat Model", "@n8n/n8n-nodes-langchain.lmChatOpenAi"),
    ]
    search = found.nodes[1]
    assert (search.seconds, search.output, search.failed) == (0.25, {"hits": 3}, False)
    assert search.input == found.nodes[0].output
    assert (found.usage.input_tokens, found.usage.output_tokens, found.usage.known) == (120, 30, True)
    agent, model = found.nodes[2:]
    assert (agent.input, agent.input_tokens) == ({"hits": 3}, 0)
    assert (model.model, model.input_tokens, model.output_tokens) == ("gpt-4o-mini", 120, 30)
    assert model.input == {"messages": ["Human: hello"]}  # not what its agent made of the answer


async def test_headers_and_so_our_credential_are_not_kept_with_the_nodes(sim: N8nSimulator) -> None:
    sim.save(evolve(FLOW, auth=Auth(kind="jwt", secret="a passphrase")))
    auth = WebhookAuth(kind=AuthKind.JWT, secret=Secret("a passphrase"))
    async with client() as made:
        assert await called(made, sim, REQUEST, auth=auth) == ""
        found = await looked_up(made, sim)

    assert found is not None
    assert "Bearer" in str(sim.runs[0].item)
    assert "Bearer" not in str(found)
    assert found.nodes[0].output["body"]["chatInput"] == "hello"


@pytest.mark.parametrize(
    "auth",
    [
        WebhookAuth(kind=AuthKind.BASIC, name="ann", secret=Secret("a passphrase")),
        WebhookAuth(kind=AuthKind.HEADER, name="X-Key", secret=Secret('a "passphrase"')),
        WebhookAuth(kind=AuthKind.JWT, secret=Secret("a passphrase")),
    ],
    ids=lambda auth: auth.kind.value,
)
async def test_a_credential_that_a_node_passes_on_is_masked(sim: N8nSimulator, auth: WebhookAuth) -> None:
    sent = wire(evolve(WEBHOOK, auth=auth), REQUEST, now=SystemClock().now()).credential.reveal()
    setting = {"name": "Set", "type": "n8n-nodes-base.set", "output": {"who": f"by {sent}."}, "seconds": 0.0}
    sim.play(evolve(USUAL, nodes=[setting], answer=f"you are {sent}", input_tokens=0, output_tokens=0))
    async with client() as made:
        assert await called(made, sim, REQUEST) == ""
        found = await looked_up(made, sim, auth=auth)

    assert found is not None
    assert [node.output for node in found.nodes if node.name == "Set"] == [{"who": "by ***."}]
    assert (found.answer and found.answer.text) == "you are ***"
    assert sent not in str(found)


async def test_a_run_that_failed_says_at_which_node_and_why(sim: N8nSimulator) -> None:
    sim.play(evolve(USUAL, mishap="fails", error="Rate limit reached"))
    async with client() as made:
        assert await called(made, sim, REQUEST) == "n8n.failed"
        found = await looked_up(made, sim)

    assert found is not None
    assert (found.state, found.failed_node, found.error) == (RunState.FAILED, "Stop and Error", "Rate limit reached")
    assert (found.nodes[-1].failed, found.nodes[-1].error) == (True, "Rate limit reached")


async def test_a_run_that_still_goes_on_is_told_from_one_that_never_was(sim: N8nSimulator) -> None:
    sim.play(evolve(USUAL, delay_s=30))
    async with client() as made:
        assert await looked_up(made, sim) is None
        assert await called(made, sim, REQUEST, timeout=timedelta(seconds=0.1)) == "remote.timeout"
        found = await looked_up(made, sim)

    assert found is not None
    assert (found.id, found.state, found.answer) == (sim.runs[0].id, RunState.RUNNING, None)


async def test_of_several_that_run_ours_is_told_apart(sim: N8nSimulator) -> None:
    sim.play(evolve(USUAL, delay_s=30))
    async with client() as made:
        for call_id in ("other-1", REQUEST.call_id, "other-2"):
            await called(made, sim, evolve(REQUEST, call_id=call_id), timeout=timedelta(seconds=0.1))
        found = await looked_up(made, sim)
        nobodys = await looked_up(made, sim, evolve(REQUEST, call_id="never-sent"))

    assert (found and found.id, nobodys) == (sim.runs[1].id, None)


@asynccontextmanager
async def telling(*pages: list[dict[str, Any]]) -> AsyncIterator[Webhook]:
    """A webhook whose n8n lists these executions in turn."""
    left = iter(pages)

    async def listed(_: web.Request) -> web.Response:
        return web.json_response({"data": next(left), "nextCursor": None})

    app = web.Application()
    app.router.add_get("/api/v1/executions", listed)
    async with TestServer(app, host="127.0.0.1") as server:
        api = N8nApi(url=str(server.make_url("")), key=Secret("k"), workflow_id="w")
        yield evolve(WEBHOOK, api=api)


OURS = {"main": [[{"json": {"body": {"requestId": REQUEST.call_id}}}]]}
ENDED = {"id": "7", "status": "success", "data": {"resultData": {"runData": {"Webhook": [{"data": OURS}]}}}}
SILENT = {"id": "8", "status": "running", "data": {"resultData": {"runData": {}}}}


@pytest.mark.parametrize(
    ("pages", "run"),
    [
        (([], [], [], [ENDED]), ("7", RunState.SUCCEEDED)),  # it ended while those under way were listed
        (([], [], [SILENT]), ("8", RunState.RUNNING)),  # who does not say what it was given
        (([], [SILENT], [SILENT]), ("", RunState.RUNNING)),
    ],
)
async def test_a_run_is_never_told_as_one_that_never_was(
    pages: tuple[list[dict[str, Any]], ...], run: tuple[str, RunState]
) -> None:
    async with telling(*pages) as hook, client() as made:
        found = await made.look_up(hook, REQUEST, since=THEN)

    assert found is not None
    assert (found.id, found.state) == run


async def test_the_node_that_failed_is_the_last_where_the_error_does_not_name_it() -> None:
    result = {"runData": {"Webhook": [{"data": OURS}]}, "error": {"message": "boom"}, "lastNodeExecuted": "Breaks"}
    failed = {"id": "9", "status": "error", "data": {"resultData": result}}
    async with telling([failed]) as hook, client() as made:
        found = await made.look_up(hook, REQUEST, since=THEN)

    assert found is not None
    assert (found.failed_node, found.error) == ("Breaks", "boom")


async def test_a_run_that_waits_is_told(sim: N8nSimulator) -> None:
    sim.play(evolve(USUAL, wait_s=70))
    async with client() as made:
        assert await called(made, sim, REQUEST) == "n8n.parked"
        found = await looked_up(made, sim)

    assert found is not None
    assert found.state is RunState.WAITING


async def test_a_run_that_was_killed_with_n8n_is_stopped(sim: N8nSimulator) -> None:
    sim.play(evolve(USUAL, delay_s=30))
    async with client() as made:
        assert await called(made, sim, REQUEST, timeout=timedelta(seconds=0.1)) == "remote.timeout"
        await sim.kill()
        await sim.start()
        found = await looked_up(made, sim)

    assert found is not None
    assert found.state is RunState.STOPPED


async def test_a_run_is_found_behind_others(sim: N8nSimulator) -> None:
    async with client() as made:
        await called(made, sim, REQUEST)
        for number in range(25):
            await called(made, sim, evolve(REQUEST, call_id=f"other-{number}"))
        found = await looked_up(made, sim)

    assert found is not None
    assert found.id == sim.runs[0].id


async def test_a_chats_run_is_found_by_the_same_id(sim: N8nSimulator) -> None:
    sim.save(Flow(id=FLOW.workflow_id, path="chat-1", trigger="chat", script=USUAL))
    async with client() as made:
        await made.call(webhook(sim, "chat-1"), REQUEST)
        found = await looked_up(made, sim)

    assert found is not None
    assert found.state is RunState.SUCCEEDED


async def test_without_an_api_nothing_is_asked(sim: N8nSimulator) -> None:
    async with client() as made:
        await called(made, sim, REQUEST)
        assert await looked_up(made, sim, api=None) is None


async def test_a_wrong_key_is_told(sim: N8nSimulator) -> None:
    async with client() as made:
        with pytest.raises(e.N8nUnauthorized) as caught:
            await looked_up(made, sim, api=api_of(sim, FLOW.workflow_id, key="wrong"))

    assert caught.value.code == "n8n.api_key"


async def test_an_api_that_is_not_there_is_told(sim: N8nSimulator) -> None:
    api = evolve(api_of(sim, FLOW.workflow_id), url=f"{sim.url}/elsewhere")
    async with client() as made:
        with pytest.raises(e.N8nWebhookError) as caught:
            await looked_up(made, sim, api=api)

    assert caught.value.code == "n8n.wrong_address"


@pytest.mark.parametrize(
    "execution",
    [
        {},
        {"id": None, "status": 5, "data": [], "workflowData": 7},
        {"data": {"resultData": {"runData": {"a": None, "b": [None, 5, {"data": {"main": [None, [None, {}]]}}]}}}},
        {"data": {"resultData": {"runData": {"a": [{"source": [None], "error": "x", "executionIndex": "y"}]}}}},
        {"data": {"executionData": {"nodeExecutionStack": [None, 7, {"data": {"main": [3, [None, {"json": []}]]}}]}}},
        {"status": "success", "startedAt": "now", "stoppedAt": 3, "data": {"resultData": {"error": "boom"}}},
    ],
)
def test_an_execution_of_any_shape_is_read(execution: dict[str, Any]) -> None:
    assert wire_executions.is_of(execution, REQUEST) is False
    assert wire_executions.run(execution, path="", clean=str).answer is None
