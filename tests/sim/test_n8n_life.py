"""Each row of the life cycle that was observed on a real n8n, played again; time is the test's."""

import asyncio

import aiohttp
import pytest
from attrs import evolve

from daemon.sim.faults import Fault, Kind
from daemon.sim.n8n_life import Stage
from daemon.sim.n8n_script import Mode
from tests.clock import FakeClock
from tests.sim.n8ns import flow, n8n


async def test_a_start_goes_from_a_page_over_html_to_work() -> None:
    clock = FakeClock()
    async with n8n(flow(), clock=clock, page_s=0.4, booting_s=4.0) as (sim, caller):
        page = await caller.ask()
        clock.advance(0.5)
        booting, alive = await caller.ask(), await caller.call(f"{sim.url}/healthz", method="GET")
        unready = await caller.call(f"{sim.url}/healthz/readiness", method="GET")
        clock.advance(4.0)
        works, ready = await caller.ask(), await caller.call(f"{sim.url}/healthz/readiness", method="GET")

    assert (page.status, page.type, page.text) == (200, "text/html; charset=utf-8", "n8n is starting up. Please wait")
    assert booting.status == 404
    assert "<pre>Cannot POST /webhook/rag-ai</pre>" in booting.text
    assert (alive.status, alive.json) == (200, {"status": "ok"})
    assert (unready.status, unready.json) == (503, {"status": "error"})
    assert (works.status, ready.status, ready.json) == (200, 200, {"status": "ok"})
    assert len(sim.runs) == 1


async def test_without_its_database_every_call_is_503() -> None:
    async with n8n(flow()) as (sim, caller):
        sim.life.forced = Stage.NO_DATABASE
        said = await caller.ask()

    assert said.status == 503
    assert "atabase" in said.json["message"]


async def test_publishing_takes_effect_a_little_after_the_api_has_said_so() -> None:
    clock, idle = FakeClock(), evolve(flow(), active=False)
    async with n8n(idle, clock=clock, publish_s=0.2) as (_, caller):
        published = await caller.api(f"workflows/{idle.workflow_id}/activate", method="POST")
        early = await caller.ask()
        clock.advance(0.25)
        works = await caller.ask()
        await caller.api(f"workflows/{idle.workflow_id}/deactivate", method="POST")
        still = await caller.ask()
        clock.advance(0.25)
        gone = await caller.ask()

    assert (published.status, published.json["active"]) == (200, True)
    assert [said.status for said in (early, works, still, gone)] == [404, 200, 200, 404]


async def test_told_to_stop_it_ends_what_is_under_way_and_then_refuses() -> None:
    async with n8n(flow(delay_s=0.05)) as (sim, caller):
        call = asyncio.create_task(caller.ask())
        await sim.wait_for_runs(1, status="running")
        await sim.terminate()
        with pytest.raises(aiohttp.ClientConnectorError):
            await caller.ask()

        assert (await call).status == 200


async def test_killed_it_cuts_without_a_byte_and_never_runs_that_again() -> None:
    async with n8n(flow(delay_s=30)) as (sim, caller):
        call = asyncio.create_task(caller.ask())
        await sim.wait_for_runs(1, status="running")
        await sim.kill()
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await call
        with pytest.raises(aiohttp.ClientConnectorError):
            await caller.ask()
        await sim.start()
        crashed = await caller.api("executions/1?includeData=true")

    assert [run.status for run in sim.runs] == ["crashed"]
    assert crashed.json["data"]["resultData"]["error"]["name"] == "NodeCrashedError"


async def test_a_client_that_leaves_does_not_end_the_run() -> None:
    async with n8n(flow(delay_s=0.1)) as (sim, caller):
        call = asyncio.create_task(caller.ask())
        await sim.wait_for_runs(1, status="running")
        call.cancel()
        ended = await sim.wait_for_runs(1, status="success")

    assert len(ended) == 1


async def test_the_same_idempotency_key_twice_is_two_runs() -> None:
    async with n8n(flow(answer="{call} {number}")) as (sim, caller):
        answers = [(await caller.ask(Idempotency_Key="k-1")).json["output"] for _ in range(2)]

    assert answers == ["k-1 1", "k-1 2"]
    assert len(sim.runs) == 2


@pytest.mark.parametrize(
    ("name", "status", "found"),
    [
        ("starting", 200, "Please wait"),
        ("booting", 404, "Cannot POST"),
        ("not-registered", 404, "not registered"),
        ("failed", 500, "Error in workflow"),
        ("timed-out", 500, "There was a problem"),
        ("no-database", 503, "atabase"),
        ("proxy-timeout", 524, "524"),
        ("unauthorized", 403, "Authorization data is wrong!"),
    ],
)
async def test_each_refusal_is_a_fault_by_name(name: str, status: int, found: str) -> None:
    async with n8n(flow()) as (sim, caller):
        sim.faults.add(Fault(kind=Kind.ERROR, path="/webhook/*", name=name, times=1))
        refused, fine = await caller.ask(), await caller.ask()

    assert refused.status == status
    assert found in refused.text
    assert fine.status == 200
    assert len(sim.runs) == 1


@pytest.mark.parametrize("mode", ["lastNode", "streaming"])
async def test_a_dropped_answer_has_run_all_the_same(mode: Mode) -> None:
    async with n8n(evolve(flow(), mode=mode)) as (sim, caller):
        sim.faults.add(Fault(kind=Kind.DROP, path="/webhook/*", times=1))
        with pytest.raises(aiohttp.ClientError):
            await caller.ask()

        assert len(await sim.wait_for_runs(1, status="success")) == 1


async def test_the_ledger_knows_the_execution_of_each_call() -> None:
    async with n8n(flow()) as (sim, caller):
        await caller.ask(Idempotency_Key="k-1")
        entry = next(iter(sim.ledger.of("/webhook/rag-ai")))

    assert entry.ids == {"executionId": "1", "workflowId": "wfRagAi", "sessionId": "s1", "call": "k-1"}
    assert entry.status == 200


async def test_all_of_it_is_driven_over_http() -> None:
    async with n8n(flow()) as (sim, caller):
        await caller.call(f"{sim.url}/_sim/script", {"path": "rag-ai", "times": 1, "script": {"answer": "once"}})
        once, usual = await caller.ask(), await caller.ask()
        made = await caller.call(f"{sim.url}/_sim/workflows", {"path": "hook-1", "trigger": "chat"})
        chat = await caller.call(made.json["url"])
        await caller.call(f"{sim.url}/_sim/stage", {"stage": "page"})
        page = await caller.ask()
        await caller.call(f"{sim.url}/_sim/stage", {"stage": None})
        await caller.call(f"{sim.url}/_sim/listen?path=rag-ai", b"")
        tried = await caller.call(sim.test_url())
        nobody = await caller.call(f"{sim.url}/_sim/listen?path=none", b"")

    assert (once.json["output"], usual.json["output"]) == ("once", "you said: hello")
    assert made.json["url"].endswith("/webhook/hook-1/chat")
    assert chat.status == tried.status == 200
    assert page.text == "n8n is starting up. Please wait"
    assert nobody.status == 400
