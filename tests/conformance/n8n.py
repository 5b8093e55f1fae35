"""n8n as a subject of the suite: one workflow that streams, one that answers in one piece, and its public API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from attrs import evolve

from daemon.clock import SystemClock
from daemon.domain.webhook import AuthKind, Method, N8nApi, RetryTerms, Webhook, WebhookAuth
from daemon.domain.workflow import Provider, Workflow
from daemon.engine.targets import Targets
from daemon.engine.webhook_assistant import WebhookAssistant
from daemon.net.n8n import N8nWebhookClient
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret
from daemon.sim.n8n import N8nSetup, N8nSimulator, n8n_simulator
from daemon.sim.n8n_script import Auth, Flow, Mishap, Script
from tests.conformance.subject import THEN, Play, Subject, workflow

TOKEN = "t0ken-0000000000000000"
SHAPES = "a workflow of n8n may answer with any JSON, so no shape of it is wrong"
ASKS = "a webhook has no word for a question with options: its text asks, and the session's next call answers"
CANNOT = {
    "test_it_asks_back_with_its_options": ASKS,
    "test_the_answer_to_what_it_asked_goes_on_in_its_chat": ASKS,
    "test_json_of_another_shape_is_nonsense": SHAPES,
}


@asynccontextmanager
async def n8n() -> AsyncIterator[Subject]:
    redactor = Redactor()
    redactor.add(Secret(TOKEN))
    auth = Auth(kind="header", name="X-Token", secret=TOKEN)
    clock = SystemClock()
    flows = (Flow(path="live", mode="streaming", auth=auth), Flow(path="whole", auth=auth))
    async with (
        n8n_simulator(N8nSetup(flows=flows)) as sim,
        open_outbound(redactor, Targets.of(["127.0.0.1:*"])) as outbound,
    ):
        ours = workflow_of(sim, "live")
        plain = workflow_of(sim, "whole")
        subject = Subject(
            assistant=WebhookAssistant(N8nWebhookClient(outbound, clock), clock),
            workflow=ours,
            stranger=_changed(
                ours, auth=WebhookAuth(kind=AuthKind.HEADER, name="X-Token", secret=Secret("other-000000"))
            ),
            missing=_changed(ours, url=f"{sim.url}/webhook/no-such-path"),
            plain=plain,
            faults=sim.faults,
            ledger=sim.ledger,
            traffic=sim.traffic,
            asks="/webhook/*",
            play=lambda play: _play(sim, play),
            elsewhere=lambda url: _changed(ours, url=f"{url}/webhook/live"),
            secret=TOKEN,
            bad_request='{"code":422,"message":"Failed to parse request body","hint":"Unexpected token"}',
            bad_status=422,
            misshapen="5",
            repeats=False,
            line='{"type":"item","content":"'
            + "x" * 1000
            + '","metadata":{"nodeId":"n1","itemIndex":0,"runIndex":0}}\n',
            line_type="application/json",
        )
        subject.play(Play())
        yield subject


def _changed(workflow: Workflow, **changes: Any) -> Workflow:
    assert workflow.webhook is not None
    return evolve(workflow, webhook=evolve(workflow.webhook, **changes))


def workflow_of(sim: N8nSimulator, path: str) -> Workflow:
    flow = next(flow for flow in sim.flows if flow.path == path)
    webhook = Webhook(
        id=f"01900000-0000-7000-8000-00000000{len(path):04x}",
        task_type=path,
        name=path,
        url=sim.webhook(path),
        method=Method.POST,
        auth=WebhookAuth(kind=AuthKind.HEADER, name="X-Token", secret=Secret(TOKEN)),
        signing_keys=(),
        timeout=timedelta(seconds=10),
        retry=RetryTerms(),
        cache=None,
        output="",
        at_once=20,
        api=N8nApi(url=sim.url, key=Secret(sim.api_key), workflow_id=flow.workflow_id),
        is_active=True,
        created_at=THEN,
        updated_at=THEN,
    )
    return workflow(Provider.N8N, sim.url, "", webhook=webhook, stream=path == "live")


def _play(sim: N8nSimulator, play: Play) -> None:
    mishap: Mishap = ""
    if play.breaks or play.fails or play.stuck:
        mishap = "error-mid-stream" if play.breaks else "fails"
    sim.play(
        Script(
            answer=play.text,
            fields=play.fields,
            delay_s=play.delay_s,
            chunk_delay_s=play.chunk_delay_s,
            chunks=9,
            nodes=[_classifier(play.category)] if play.category else [],
            input_tokens=play.tokens[0],
            output_tokens=play.tokens[1],
            mishap="cut" if play.cut else mishap,
            error=play.stuck or "boom from code [line 1]",
        )
    )


def _classifier(category: str) -> dict[str, Any]:
    """n8n's Text Classifier only chooses an output."""
    categories = [{"category": "其他"}, {"category": category}]
    return {
        "name": "Intent",
        "type": "@n8n/n8n-nodes-langchain.textClassifier",
        "parameters": {"categories": {"categories": categories}},
        "branch": 1,
    }
