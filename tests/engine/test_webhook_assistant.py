"""A workflow of n8n as an assistant: what a question becomes, what comes back, and whom it does not wait for."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field

from daemon.domain.call_log import CallFilter, CallOutcome, Via
from daemon.domain.webhook import N8nApi, Webhook
from daemon.domain.webhook_call import RunState, WebhookAnswer, WebhookRequest, WebhookRun
from daemon.domain.workflow import (
    Answer,
    Attachment,
    AttachmentKind,
    Memory,
    Node,
    Provider,
    Question,
    Role,
    Said,
    Usage,
    Workflow,
)
from daemon.engine import webhook_runs
from daemon.engine.webhook_assistant import QuestionCalls, WebhookAssistant
from daemon.errors import N8nRan, N8nRefused, N8nTimeoutError, RemoteLimited, RemoteUnavailable
from daemon.limits.breaker import State, Why
from daemon.secret import Secret
from tests.clock import FakeClock
from tests.engine.calling import ANN, TASK, Bench, Wire, bench

API = N8nApi(url="https://n8n.example.com", key=Secret("the key of the API"), workflow_id="w1")
NODE = Node(id="n", name="AI Agent", kind="agent", seconds=1.0, failed=False)


def workflow(webhook: Webhook, **changes: Any) -> Workflow:
    now = FakeClock().now()
    fields: dict[str, Any] = {
        "id": "wf1",
        "name": "By n8n",
        "provider": Provider.N8N,
        "base_url": "",
        "key": Secret(""),
        "app_id": None,
        "endpoint": "v1",
        "stream": False,
        "memory": Memory.DAEMON,
        "system_prompt": None,
        "variables": {},
        "timeout": timedelta(seconds=30),
        "fallback_id": None,
        "created_at": now,
        "updated_at": now,
        "version": 1,
        "webhook": webhook,
    }
    return Workflow(**(fields | changes))


def question(*earlier: Said, **changes: Any) -> Question:
    said = Said(role=Role.USER, text="and now?")
    fields: dict[str, Any] = {
        "turn_id": "turn-1",
        "conversation": None,
        "user": "wxid_ann",
        "messages": (*earlier, said),
        "variables": {"locale": "zh"},
        "request_id": "r-7",
    }
    return Question(**(fields | changes))


@define(eq=False)
class Recorded(Wire):
    """With n8n's public API behind it."""

    run: WebhookRun | None = None
    looked_up: list[datetime] = field(factory=list)

    async def look_up(self, _webhook: Webhook, _request: WebhookRequest, *, since: datetime) -> WebhookRun | None:
        self.looked_up.append(since)
        return self.run


def recorded(**fields: Any) -> Recorded:
    wire = Recorded(**fields)
    wire.gate.set()
    return wire


async def asked(b: Bench, put: Question, **changes: Any) -> Answer:
    webhook = await b.hook(**changes)
    return await WebhookAssistant(QuestionCalls(b.runs), b.clock).run(workflow(webhook), put)


async def test_a_question_becomes_a_call_with_its_history_and_what_came_with_it(tmp_path: Path) -> None:
    picture = Attachment(kind=AttachmentKind.IMAGE, url="https://example.com/a.png", name="a.png")
    put = question(Said(role=Role.SYSTEM, text="Be brief."), Said(role=Role.ASSISTANT, text="Hello."))
    last = evolve(put.messages[-1], attachments=(picture,))
    async with bench(tmp_path) as b:
        await asked(b, evolve(put, messages=(*put.messages[:-1], last)))
        (told,) = b.wire.asked
        assert (told.call_id, told.task_type, told.text) == ("turn-1", "ragAI", "and now?")
        assert (told.session_id, told.request_id, told.extra) == ("wxid_ann", "r-7", {"locale": "zh"})
        assert told.metadata == {
            "user": "wxid_ann",
            "workflowId": "wf1",
            "history": [{"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Hello."}],
            "attachments": [{"kind": "image", "url": "https://example.com/a.png", "name": "a.png"}],
        }


async def test_where_n8n_remembers_the_session_is_the_conversation(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await asked(b, question(conversation="chat-9"))
        assert b.wire.asked[0].session_id == "chat-9"
        assert "history" not in b.wire.asked[0].metadata


async def test_the_answer_has_its_text_its_fields_one_node_and_no_use_that_nobody_tells(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.wire.usual = WebhookAnswer(text="hi", data={"output": "hi"}, variables={"output": "hi"}, seconds=0.5)
        answer = await asked(b, question())
        assert (answer.text, answer.variables, answer.seconds) == ("hi", {"output": "hi"}, 0.5)
        assert answer.usage == Usage()
        (node,) = answer.nodes
        assert (node.name, node.failed, node.output) == ("RAG", False, {"output": "hi"})


async def test_with_the_api_the_nodes_and_tokens_are_those_of_the_execution(tmp_path: Path) -> None:
    usage = Usage(input_tokens=5, output_tokens=7, known=True)
    run = WebhookRun(id="1", state=RunState.SUCCEEDED, nodes=(NODE,), usage=usage)
    async with bench(tmp_path) as b:
        webhook = await b.hook(api=API)
        answer = await WebhookAssistant(recorded(run=run), b.clock).run(workflow(webhook), question())
        assert (answer.nodes, answer.usage) == ((NODE,), usage)


async def test_a_run_that_failed_tells_its_nodes(tmp_path: Path) -> None:
    run = WebhookRun(id="1", state=RunState.FAILED, nodes=(evolve(NODE, failed=True),))
    async with bench(tmp_path) as b:
        webhook = await b.hook(api=API)
        wire = recorded(run=run, usual=N8nRan("n8n.failed", service="n8n"))
        with pytest.raises(N8nRan) as failure:
            await WebhookAssistant(wire, b.clock).run(workflow(webhook), question())
        assert failure.value.nodes == run.nodes


async def test_it_is_asked_once_and_its_call_is_in_the_log(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.wire.usual = N8nTimeoutError("remote.timeout", service="n8n")
        with pytest.raises(N8nTimeoutError):
            await asked(b, question())
        assert len(b.wire.asked) == 1
        (row,), _ = await b.desk.calls(CallFilter(), before=None, limit=9)
        assert (row.via, row.outcome, row.call_id) == (Via.WORKFLOW, CallOutcome.UNKNOWN, "turn-1")


async def test_over_a_bare_client_nothing_is_logged(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        webhook = await b.hook()
        await WebhookAssistant(b.wire, b.clock).run(workflow(webhook), question())
        assert await b.desk.calls(CallFilter(), before=None, limit=9) == ([], 0)


async def test_a_webhook_without_a_free_seat_is_told_as_a_limit_so_that_seats_of_all_come_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_runs, "SEAT_WAIT", timedelta(milliseconds=10))
    async with bench(tmp_path) as b:
        webhook = await b.hook(at_once=1)
        assistant = WebhookAssistant(QuestionCalls(b.runs), b.clock)
        b.wire.gate.clear()
        first = asyncio.create_task(assistant.run(workflow(webhook), question()))
        await b.until(lambda: len(b.wire.asked) == 1)
        with pytest.raises(RemoteLimited):
            await assistant.run(workflow(webhook), question(turn_id="turn-2"))
        b.wire.gate.set()
        assert (await first).text == "hi"
        assert b.runs.seat_of(webhook).in_flight == 0


async def test_a_trial_that_succeeds_ends_the_rest_of_the_workflows_behind_it_too(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        webhook = await b.hook()
        held = b.runs.breakers.of("n8n", f"wf1/1/{webhook.credential}")
        others = b.runs.breakers.of("n8n", "wf2/1/webhook/other/1")
        for breaker in (held, others):
            breaker.hold(Why.CREDENTIAL_REJECTED)
        await b.desk.test(webhook.id, TASK, dry=False, by=ANN)
        assert (held.state, others.state) == (State.CLOSED, State.OPEN)


async def test_one_that_is_switched_off_is_not_called(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        with pytest.raises(N8nRefused):
            await asked(b, question(), is_active=False)
        assert b.wire.asked == []


@pytest.mark.parametrize("timeout", [10, 100])
async def test_a_call_takes_no_longer_than_workflow_and_webhook_allow(tmp_path: Path, timeout: int) -> None:
    @define(eq=False)
    class Timed(Wire):
        timeout: timedelta = timedelta()

        async def call(self, webhook: Webhook, request: WebhookRequest, **_: Any) -> WebhookAnswer:
            self.timeout = webhook.timeout
            return await Wire.call(self, webhook, request)

    async with bench(tmp_path) as b:
        webhook = await b.hook(timeout=timedelta(seconds=timeout))
        wire = Timed()
        wire.gate.set()
        await WebhookAssistant(wire, b.clock).run(workflow(webhook), question())
        assert wire.timeout == timedelta(seconds=min(timeout, 30))


async def test_a_lost_answer_is_looked_up_and_a_run_that_goes_on_is_waited_for(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        webhook = await b.hook(api=API)
        found = WebhookRun(id="1", state=RunState.SUCCEEDED, nodes=(NODE,), answer=WebhookAnswer(text="late"))
        wire = recorded(run=found)
        assistant = WebhookAssistant(wire, b.clock)
        answer = await assistant.recover(workflow(webhook), question())
        assert answer is not None
        assert (answer.text, answer.recovered, answer.nodes) == ("late", True, (NODE,))
        assert wire.looked_up == [b.clock.now() - timedelta(hours=1)]
        wire.run = WebhookRun(id="1", state=RunState.RUNNING)
        with pytest.raises(RemoteUnavailable):
            await assistant.recover(workflow(webhook), question())
        for gone in (None, WebhookRun(id="1", state=RunState.FAILED)):
            wire.run = gone
            assert await assistant.recover(workflow(webhook), question()) is None
        assert wire.asked == []
