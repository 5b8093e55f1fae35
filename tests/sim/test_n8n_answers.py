"""Each row of "success and failure" that was observed on a real n8n, played again."""

import asyncio
from typing import Any

import pytest
from attrs import evolve

from daemon.codec import encode
from daemon.sim.n8n_script import Flow, Respond, Script
from tests.sim.n8ns import ASKED, flow, n8n

SAID = {"output": "you said: hello", "sessionId": "s1"}
TWO: list[Any] = [{"output": "one {question}"}, {"output": "two"}]
FAILED = (500, {"message": "Error in workflow"})
PROBLEM = {"code": 0, "message": "There was a problem executing the workflow"}


def respond(**node: Any) -> Flow:
    return evolve(flow(respond=Respond(**node)), mode="responseNode")


@pytest.mark.parametrize(
    ("row", "status", "body"),
    [
        (flow(), 200, SAID),
        (respond(), 200, SAID),
        (evolve(flow(items=TWO), shape="allEntries"), 200, [{"output": "one hello"}, {"output": "two"}]),
        (evolve(flow(items=TWO), shape="allEntries", mode="responseNode"), 200, [{"output": "one hello"}, TWO[1]]),
        (flow(items=TWO), 200, {"output": "one hello"}),
        (evolve(flow(), mode="onReceived"), 200, {"message": "Workflow was started"}),
        (flow(mishap="no-items"), 500, {"code": 0, "message": "No item to return was found"}),
        (evolve(flow(mishap="no-items"), shape="allEntries"), 200, []),
        (
            evolve(flow(), mode="responseNode", responds=False),
            500,
            {"code": 0, "message": "No Respond to Webhook node found in the workflow"},
        ),
        (
            evolve(flow(), responds=True),
            500,
            {"code": 0, "message": "Unused Respond to Webhook node found in the workflow"},
        ),
        (flow(mishap="fails"), *FAILED),
        (evolve(flow(mishap="fails"), mode="responseNode"), *FAILED),
        (evolve(flow(mishap="fails-after"), mode="responseNode"), 200, SAID),
        (evolve(flow(mishap="fails"), mode="onReceived"), 200, {"message": "Workflow was started"}),
        (flow(mishap="continues"), 200, {"error": "boom from code [line 1]"}),
        (evolve(flow(delay_s=5), timeout_s=0.02), 500, PROBLEM),
        (flow(wait_s=0.02), 200, SAID),
        (evolve(flow(wait_s=0.02), mode="responseNode"), 200, SAID),
        (flow(key="text"), 200, {"text": "you said: hello", "sessionId": "s1"}),
        (flow(fields={"needHumanTransfer": True}), 200, {**SAID, "needHumanTransfer": True}),
    ],
)  # fmt: skip
async def test_a_run_answers_as_it_was_seen_to(row: Flow, status: int, body: Any) -> None:
    async with n8n(row) as (_, caller):
        said = await caller.ask()

    assert (said.status, said.json) == (status, body)
    assert said.type == "application/json; charset=utf-8"


@pytest.mark.parametrize("row", [evolve(flow(), shape="noData"), evolve(flow(mishap="unreached"), mode="responseNode")])
async def test_no_data_and_an_unreached_respond_node_are_empty_and_say_json(row: Flow) -> None:
    async with n8n(row) as (_, caller):
        said = await caller.ask()

    assert (said.status, said.raw) == (200, b"")
    assert said.type is not None
    assert said.type.startswith("application/json")


async def test_a_property_that_is_a_text_is_sent_as_html() -> None:
    async with n8n(evolve(flow(), property_name="output")) as (_, caller):
        said = await caller.ask()

    assert (said.status, said.type, said.text) == (200, "text/html; charset=utf-8", "you said: hello")


async def test_a_binary_has_no_type_unless_one_is_set() -> None:
    bare = evolve(flow(binary="GIF89a"), shape="firstEntryBinary")
    typed = evolve(bare, path="typed", script=Script(binary="GIF89a", content_type="image/gif"))
    async with n8n(bare, typed) as (_, caller):
        answers = [await caller.ask(), await caller.ask("typed")]

    assert [(said.type, said.raw) for said in answers] == [(None, b"GIF89a"), ("image/gif", b"GIF89a")]


@pytest.mark.parametrize(
    ("row", "sandboxed"),
    [
        (flow(), True),
        (respond(status=403), True),
        (evolve(flow(binary="GIF89a"), shape="firstEntryBinary"), True),
        (evolve(flow(), active=False), False),
        (flow(mishap="fails"), False),
        (flow(mishap="no-items"), False),
    ],
)
async def test_what_a_workflow_answers_is_sandboxed_and_n8ns_own_word_is_not(row: Flow, sandboxed: bool) -> None:
    async with n8n(row) as (_, caller):
        said = await caller.ask()

    assert said.headers.get("Content-Security-Policy", "").startswith("sandbox") is sandboxed


async def test_immediately_with_a_code_and_data_of_its_own() -> None:
    own = Respond(status=202, body='{"queued":true,"execution":"{execution}"}')
    async with n8n(evolve(flow(), mode="onReceived", accepted=own)) as (_, caller):
        said = await caller.ask()

    assert (said.status, said.type) == (202, "text/html; charset=utf-8")
    assert said.json == {"queued": True, "execution": "1"}


async def test_the_failure_of_an_earlier_version_was_empty() -> None:
    async with n8n(evolve(flow(mishap="fails"), mode="responseNode"), profile="2.8.4") as (_, caller):
        said = await caller.ask()

    assert (said.status, said.raw) == (200, b"")


async def test_what_fails_unseen_is_seen_in_its_execution() -> None:
    after = evolve(flow(mishap="fails-after"), mode="responseNode")
    async with n8n(after, evolve(flow(mishap="fails"), path="ack", mode="onReceived")) as (sim, caller):
        await caller.ask()
        await caller.ask("ack")
        failed = await sim.wait_for_runs(2, status="error")

    assert {run.error for run in failed} == {"boom from code [line 1]"}


async def test_a_long_wait_answers_at_once_with_the_item_that_came() -> None:
    async with n8n(flow(wait_s=70)) as (sim, caller):
        said = await caller.ask()
        waiting = await sim.wait_for_runs(1, status="waiting")

    assert said.status == 200
    assert list(said.json) == ["headers", "params", "query", "body", "webhookUrl", "executionMode"]
    assert said.json["body"] == ASKED
    assert said.json["executionMode"] == "production"
    assert len(waiting) == 1


async def test_a_resume_url_wants_its_signature_and_takes_one_call() -> None:
    async with n8n(flow(wait_s=70)) as (sim, caller):
        await caller.ask()
        run = sim.runs[0]
        unsigned = await caller.call(f"{sim.url}/webhook-waiting/{run.id}")
        wrong = await caller.call(sim.resume_url(run), method="GET")
        resumed = await caller.call(sim.resume_url(run))
        await sim.wait_for_runs(1, status="success")
        again = await caller.call(sim.resume_url(run))
        unknown = await caller.call(f"{sim.url}/webhook-waiting/999?signature=x")

    assert [said.status for said in (unsigned, wrong, resumed, again, unknown)] == [401, 404, 200, 409, 404]
    assert unsigned.json == {"error": "Invalid token"}
    assert again.json == {"code": 409, "message": f'The execution "{run.id} has finished already.'}


@pytest.mark.parametrize(
    ("node", "status", "headers"),
    [
        (Respond(status=418, headers={"X-Peer": "n8n"}), 418, {"X-Peer": "n8n"}),
        (Respond(status=204), 204, {}),
        (Respond(status=307, headers={"Location": "https://example.org/"}), 307, {"Location": "https://example.org/"}),
        (Respond(status=429, headers={"Retry-After": "7"}, body="later"), 429, {"Retry-After": "7"}),
    ],
)  # fmt: skip
async def test_a_respond_node_sends_any_status_and_headers(node: Respond, status: int, headers: dict[str, str]) -> None:
    async with n8n(evolve(flow(respond=node), mode="responseNode")) as (_, caller):
        said = await caller.ask()

    assert said.status == status
    assert headers.items() <= said.headers.items()


async def test_an_unknown_path_and_an_inactive_workflow_are_told_alike() -> None:
    async with n8n(evolve(flow(), active=False)) as (sim, caller):
        unknown = await caller.call(f"{sim.url}/webhook/no-such-path")
        inactive = await caller.ask()

    assert unknown.status == inactive.status == 404
    assert unknown.json["message"] == 'The requested webhook "POST no-such-path" is not registered.'
    assert inactive.json["message"] == 'The requested webhook "POST rag-ai" is not registered.'
    assert inactive.json["code"] == 404
    assert inactive.json["hint"].startswith("The workflow must be active")
    assert not sim.runs


@pytest.mark.parametrize("path", ["Rag-AI", "/rag-ai", "rag-ai/more"])
async def test_a_path_has_case_and_only_one_slash_at_its_end_is_dropped(path: str) -> None:
    async with n8n(flow()) as (sim, caller):
        other = await caller.call(f"{sim.url}/webhook/{path}")
        trailing = await caller.call(f"{sim.url}/webhook/rag-ai/")

    assert (other.status, trailing.status) == (404, 200)


async def test_the_wrong_method_is_told_the_right_one() -> None:
    async with n8n(flow()) as (sim, caller):
        get = await caller.call(sim.webhook(), method="GET")
        head = await caller.call(sim.webhook(), method="HEAD")
        odd = await caller.call(sim.webhook(), method="PROPFIND")

    assert get.json == {
        "code": 404,
        "message": "This webhook is not registered for GET requests. Did you mean to make a POST request?",
    }
    assert "Allow" not in get.headers
    assert head.status == 404
    assert (odd.status, odd.json) == (500, {"code": 0, "message": "The method PROPFIND is not supported."})


async def test_what_is_no_webhook_is_a_page() -> None:
    async with n8n(flow()) as (sim, caller):
        bare = await caller.call(f"{sim.url}/webhook")
        posted = await caller.call(f"{sim.url}/elsewhere")
        shown = await caller.call(f"{sim.url}/elsewhere", method="GET")

    assert (bare.status, posted.status, shown.status) == (404, 404, 200)
    assert "<pre>Cannot POST /webhook</pre>" in bare.text
    assert shown.type is not None
    assert shown.type.startswith("text/html")


async def test_a_test_url_takes_one_call_while_somebody_listens() -> None:
    async with n8n(flow()) as (sim, caller):
        before = await caller.call(sim.test_url())
        sim.listen()
        heard, after = await caller.call(sim.test_url()), await caller.call(sim.test_url())

    assert before.json["message"] == 'The requested webhook "rag-ai" is not registered.'
    assert before.json["hint"].startswith("Click the 'Execute workflow' button")
    assert (before.status, heard.status, after.status) == (404, 200, 404)


async def test_a_preflight_names_the_origin_back() -> None:
    async with n8n(flow()) as (sim, caller):
        plain = await caller.call(sim.webhook(), method="OPTIONS")
        asked = await caller.call(sim.webhook(), method="OPTIONS", Origin="https://shop.example")

    assert (plain.status, asked.status) == (204, 204)
    assert "Access-Control-Allow-Origin" not in plain.headers
    assert asked.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert asked.headers["Access-Control-Max-Age"] == "300"


async def test_what_is_filtered_out_starts_no_execution() -> None:
    async with n8n(evolve(flow(), only_if="warranty")) as (sim, caller):
        said = await caller.ask()

    assert said.json == {"message": "Webhook call received"}
    assert not sim.runs


async def test_path_parameters_want_the_webhook_id_before_them() -> None:
    users = evolve(flow(wait_s=70), path="users/:id/say")
    async with n8n(users) as (sim, caller):
        without = await caller.call(f"{sim.url}/webhook/users/42/say")
        within = await caller.call(f"{sim.url}/webhook/{users.webhook_id}/users/42/say")

    assert without.status == 404
    assert within.json["params"] == {"id": "42"}


async def test_too_large_a_body_is_a_failed_run_and_not_413() -> None:
    async with n8n(flow(), payload_max=1000) as (sim, caller):
        said = await caller.ask(body=encode({"chatInput": "x" * 1000}))

    assert (said.status, said.json) == (500, PROBLEM)
    assert not sim.runs


async def test_a_cut_ends_in_the_middle_of_the_answer() -> None:
    async with n8n(flow(mishap="cut")) as (sim, caller):
        with pytest.raises(Exception, match="payload"):
            await caller.ask()
        assert (await sim.wait_for_runs(1, status="success"))[0].id == "1"


async def test_over_the_limit_calls_are_held_in_order_and_never_refused() -> None:
    slow = evolve(flow(delay_s=0.05), mode="lastNode")
    ack = evolve(flow(), path="ack", mode="onReceived")
    async with n8n(slow, ack, at_once=1) as (sim, caller):
        calls = [asyncio.create_task(caller.ask()) for _ in range(2)]
        await sim.wait_for_runs(2)
        held = asyncio.create_task(caller.ask("ack"))
        await sim.wait_for_runs(3)
        states = [run.status for run in sim.runs]
        answers = [await call for call in (*calls, held)]
        await sim.wait_for_runs(3, status="success")
        ended = sorted(sim.runs, key=lambda run: run.stopped or run.started)

    assert states == ["running", "new", "new"]
    assert [said.status for said in answers] == [200, 200, 200]
    assert [run.id for run in ended] == ["1", "2", "3"]
