"""The public API of the simulated n8n."""

import asyncio

from attrs import evolve

from tests.sim.n8ns import ASKED, flow, n8n


async def test_a_wrong_key_is_unauthorized() -> None:
    async with n8n(flow()) as (_, caller):
        said = await caller.api("workflows", key="other")

    assert (said.status, said.json) == (401, {"message": "Unauthorized"})


async def test_a_workflow_tells_its_webhook_in_its_live_version() -> None:
    async with n8n(flow(), evolve(flow(), path="idle", active=False)) as (_, caller):
        listed = await caller.api("workflows")
        active = await caller.api("workflows?active=true")
        one = await caller.api("workflows/wfRagAi")
        missing = await caller.api("workflows/none")

    assert [(each["id"], each["active"]) for each in listed.json["data"]] == [("wfRagAi", True), ("wfIdle", False)]
    assert [each["id"] for each in active.json["data"]] == ["wfRagAi"]
    node = one.json["activeVersion"]["nodes"][0]
    assert node["type"] == "n8n-nodes-base.webhook"
    assert node["parameters"] == {
        "responseMode": "lastNode",
        "authentication": "none",
        "path": "rag-ai",
        "httpMethod": "POST",
    }
    assert listed.json["data"][1]["activeVersion"] is None
    assert (missing.status, missing.json) == (404, {"message": "Not Found"})


async def test_a_second_workflow_on_a_path_cannot_be_published() -> None:
    async with n8n(flow(), evolve(flow(), id="wfOther", active=False)) as (_, caller):
        said = await caller.api("workflows/wfOther/activate", method="POST")

    assert said.status == 409


async def test_executions_come_in_pages_newest_first() -> None:
    async with n8n(flow()) as (_, caller):
        for _number in range(3):
            await caller.ask()
        first = await caller.api("executions?limit=2")
        second = await caller.api(f"executions?limit=2&cursor={first.json['nextCursor']}")
        odd = await caller.api("executions?status=done")

    assert [one["id"] for one in first.json["data"] + second.json["data"]] == ["3", "2", "1"]
    assert second.json["nextCursor"] is None
    assert odd.status == 400
    assert odd.json["message"].startswith("request/query/status Invalid enum value")


async def test_running_ones_are_listed_only_by_name() -> None:
    async with n8n(flow(delay_s=30)) as (sim, caller):
        call = asyncio.create_task(caller.ask())
        await sim.wait_for_runs(1, status="running")
        unnamed = await caller.api("executions")
        named = await caller.api("executions?status=running&includeData=true")
        call.cancel()

    assert unnamed.json["data"] == []
    assert [one["status"] for one in named.json["data"]] == ["running"]
    assert named.json["data"][0]["data"]["resultData"] == {"runData": {}}  # progress is not saved


async def test_an_execution_tells_its_nodes_their_time_and_their_tokens() -> None:
    node = {"name": "Intent", "type": "n8n-nodes-base.switch", "output": {"category": "Returns"}, "seconds": 0.25}
    async with n8n(flow(nodes=[node], input_tokens=12, output_tokens=3)) as (_, caller):
        await caller.ask(Idempotency_Key="k-1")
        shown = await caller.api("executions/1?includeData=true")
        bare = await caller.api("executions/1")

    result = shown.json["data"]["resultData"]
    assert list(result["runData"]) == ["Webhook", "Intent", "AI Agent", "OpenAI Chat Model"]
    assert result["lastNodeExecuted"] == "AI Agent"
    webhook, intent = result["runData"]["Webhook"][0], result["runData"]["Intent"][0]
    assert webhook["data"]["main"][0][0]["json"]["headers"]["idempotency-key"] == "k-1"
    assert webhook["data"]["main"][0][0]["json"]["body"] == ASKED
    assert (intent["executionTime"], intent["executionStatus"]) == (250, "success")
    assert intent["source"] == [{"previousNode": "Webhook"}]
    agent, model = result["runData"]["AI Agent"][0], result["runData"]["OpenAI Chat Model"][0]
    assert model["data"]["ai_languageModel"][0][0]["json"]["tokenUsage"]["totalTokens"] == 15
    assert (model["source"], agent["source"]) == ([{"previousNode": "AI Agent"}], [{"previousNode": "Intent"}])
    assert model["inputOverride"]["ai_languageModel"][0][0]["json"]["messages"] == [f"Human: {ASKED['chatInput']}"]
    assert agent["metadata"]["tracing"] == {"llm.tokens.in": 12, "llm.tokens.out": 3}
    assert shown.json["workflowData"]["nodes"][3]["parameters"]["model"]["value"] == "gpt-4o-mini"
    assert "data" not in bare.json


async def test_a_run_under_way_tells_what_it_was_given_and_nothing_of_its_nodes() -> None:
    async with n8n(flow(delay_s=30)) as (sim, caller):
        asked = asyncio.create_task(caller.ask())
        await sim.wait_for_runs(1, status="running")
        shown = await caller.api("executions/1?includeData=true")
        asked.cancel()

    data = shown.json["data"]
    assert (shown.json["status"], data["resultData"]) == ("running", {"runData": {}})
    (begins,) = data["executionData"]["nodeExecutionStack"]
    assert begins["source"] is None
    assert begins["data"]["main"][0][0]["json"]["body"] == ASKED


async def test_a_failure_names_its_node() -> None:
    async with n8n(flow(mishap="fails", error="no stock")) as (_, caller):
        await caller.ask()
        shown = await caller.api("executions/1?includeData=true")

    error = shown.json["data"]["resultData"]["error"]
    assert (shown.json["status"], shown.json["finished"]) == ("error", False)
    assert (error["message"], error["node"]["name"]) == ("no stock", "Stop and Error")


async def test_a_chat_s_execution_is_found_by_its_session() -> None:
    async with n8n(evolve(flow(), path="hook-1", trigger="chat")) as (_, caller):
        await caller.ask("hook-1")
        listed = await caller.api("executions?workflowId=wfHook1")

    assert listed.json["data"][0]["customData"] == {"input_chat": "hello", "session_id": "s1"}


async def test_a_failed_one_is_retried_as_another_and_a_running_one_stopped() -> None:
    async with n8n(flow()) as (sim, caller):
        sim.play(evolve(flow().script, mishap="fails"), times=1)
        await caller.ask()
        retried = await caller.api("executions/1/retry", method="POST")
        await sim.wait_for_runs(1, status="success")
        sim.play(evolve(flow().script, delay_s=30), times=1)
        call = asyncio.create_task(caller.ask())
        await sim.wait_for_runs(1, status="running")
        stopped = await caller.api("executions/3/stop", method="POST")
        answer = await call
        again = await caller.api("executions/3/stop", method="POST")
        removed = await caller.api("executions/3", method="DELETE")

    assert (retried.json["id"], retried.json["retryOf"]) == ("2", "1")
    assert stopped.json["status"] == "canceled"
    assert answer.status == 500
    assert (again.status, removed.status, len(sim.runs)) == (409, 200, 2)
