"""A question to n8n is answered in words, or it is not answered."""

from typing import Any

import pytest
from attrs import evolve

from daemon.clock import SystemClock
from daemon.domain.workflow import Handover, Provider, Workflow
from daemon.engine.webhook_assistant import WebhookAssistant
from daemon.errors import N8nRan
from daemon.sim.n8n import N8nSetup, N8nSimulator, n8n_simulator
from daemon.sim.n8n_script import Flow, Script
from tests.net.fastgpt.asking import QUESTION
from tests.net.fastgpt.asking import WORKFLOW as FASTGPT
from tests.net.n8n.calls import api_of, client, webhook

FLOW = Flow()


def of(sim: N8nSimulator, **changes: Any) -> Workflow:
    called = webhook(sim, api=api_of(sim, FLOW.workflow_id))
    return evolve(FASTGPT, provider=Provider.N8N, webhook=called, **changes)


@pytest.mark.parametrize("flow", [evolve(FLOW, mode="onReceived"), evolve(FLOW, script=Script(items=[{"total": 3}]))])
async def test_an_answer_without_a_text_is_none_and_shows_its_nodes(flow: Flow) -> None:
    async with n8n_simulator(N8nSetup(flows=(flow,))) as sim, client() as caller:
        with pytest.raises(N8nRan) as caught:
            await WebhookAssistant(caller, SystemClock()).run(of(sim), QUESTION)

    assert caught.value.code == "n8n.no_text"
    assert caught.value.nodes


async def test_an_answer_that_only_asks_for_a_person_is_one() -> None:
    flow = evolve(FLOW, script=Script(items=[{"needHumanTransfer": True}]))
    async with n8n_simulator(N8nSetup(flows=(flow,))) as sim, client() as caller:
        asked = of(sim, handover=Handover(variable="needHumanTransfer"))
        answer = await WebhookAssistant(caller, SystemClock()).run(asked, QUESTION)

    assert (answer.text, answer.variables) == ("", {"needHumanTransfer": True})


async def test_what_a_respond_node_answers_before_its_run_has_ended_has_its_nodes() -> None:
    flow = evolve(FLOW, mode="responseNode", script=Script(after_s=0.1))
    async with n8n_simulator(N8nSetup(flows=(flow,))) as sim, client() as caller:
        answer = await WebhookAssistant(caller, SystemClock()).run(of(sim), QUESTION)

    assert [node.name for node in answer.nodes] == ["Webhook", "Code", "Respond to Webhook"]


async def test_a_run_that_goes_on_for_long_after_its_answer_is_not_waited_for() -> None:
    flow = evolve(FLOW, mode="responseNode", script=Script(after_s=30))
    async with n8n_simulator(N8nSetup(flows=(flow,))) as sim, client() as caller:
        answer = await WebhookAssistant(caller, SystemClock()).run(of(sim), QUESTION)

    assert [node.kind for node in answer.nodes] == ["workflow"]
