"""Whether a workflow is set up rightly, step by step."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import evolve

from daemon.clock import SystemClock
from daemon.domain.checkup import CheckOutcome, Finding
from daemon.domain.webhook import Method, Webhook
from daemon.domain.workflow import Provider, Workflow
from daemon.errors import NotSupported
from daemon.net.n8n.desk import STEPS, N8nDesk
from daemon.secret import Secret
from daemon.sim.n8n import N8nSetup, N8nSimulator, n8n_simulator
from daemon.sim.n8n_life import Stage
from daemon.sim.n8n_script import Flow, Script
from tests.net.fastgpt.asking import WORKFLOW as FASTGPT
from tests.net.loopback import Visit, free_port, loopback
from tests.net.n8n.calls import WEBHOOK, api_of, outbound, webhook

FLOW = Flow()
OK, WARNING, FAILED, SKIPPED = CheckOutcome.OK, CheckOutcome.WARNING, CheckOutcome.FAILED, CheckOutcome.SKIPPED
WORKFLOW = evolve(FASTGPT, provider=Provider.N8N, base_url="", key=Secret(""), app_id=None)


@pytest.fixture
async def sim() -> AsyncIterator[N8nSimulator]:
    async with n8n_simulator(N8nSetup(flows=(FLOW,))) as made:
        yield made


async def checked(one: Webhook | None, *, run: bool = False) -> tuple[Finding, ...]:
    async with outbound() as made:
        return await N8nDesk(made, SystemClock()).check(evolve(WORKFLOW, webhook=one), run=run, name="check-1")


def outcomes(findings: tuple[Finding, ...]) -> tuple[list[CheckOutcome], list[str]]:
    """Connect, key, app, published, run; and the codes of what is not well."""
    assert tuple(finding.step for finding in findings) == STEPS
    return [finding.found for finding in findings], [finding.code for finding in findings if finding.code]


def known(sim: N8nSimulator, path: str = "rag-ai", **changes: Any) -> Webhook:
    """With the API."""
    flow = next(flow for flow in sim.flows if flow.path == path)
    return webhook(sim, path, **{"api": api_of(sim, flow.workflow_id), **changes})


async def test_all_is_well(sim: N8nSimulator) -> None:
    assert outcomes(await checked(known(sim), run=True)) == ([OK] * 5, [])


async def test_without_the_api_only_a_run_tells_more(sim: N8nSimulator) -> None:
    assert outcomes(await checked(webhook(sim))) == ([OK, SKIPPED, SKIPPED, SKIPPED, SKIPPED], [])
    assert not sim.runs
    assert outcomes(await checked(webhook(sim), run=True)) == ([OK, SKIPPED, SKIPPED, SKIPPED, OK], [])


async def test_nobody_at_the_address() -> None:
    nowhere = evolve(WEBHOOK, url=f"http://127.0.0.1:{free_port()}/webhook/a")

    assert outcomes(await checked(nowhere, run=True)) == ([FAILED, *[SKIPPED] * 4], ["n8n.check_connect"])


async def test_an_address_that_the_settings_do_not_allow_says_so() -> None:
    barred = evolve(WEBHOOK, url="http://169.254.169.254/webhook/a")

    assert outcomes(await checked(barred)) == ([FAILED, *[SKIPPED] * 4], ["n8n.check_connect"])


async def test_n8n_that_is_starting(sim: N8nSimulator) -> None:
    sim.life.forced = Stage.BOOTING

    assert outcomes(await checked(known(sim))) == ([FAILED, *[SKIPPED] * 4], ["n8n.check_not_ready"])


async def test_a_proxy_that_keeps_the_readiness_page_to_itself_is_no_failure() -> None:
    async def proxy(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"no", "404 Not Found")

    async with loopback(proxy) as server:
        found = await checked(evolve(WEBHOOK, url=f"{server.url}/webhook/a"))
    assert outcomes(found) == ([WARNING, *[SKIPPED] * 4], ["n8n.check_no_readiness"])


async def test_a_wrong_key(sim: N8nSimulator) -> None:
    wrong = known(sim, api=api_of(sim, FLOW.workflow_id, key="wrong"))

    assert outcomes(await checked(wrong)) == ([OK, FAILED, SKIPPED, SKIPPED, SKIPPED], ["n8n.check_key"])


async def test_a_workflow_that_is_not_there(sim: N8nSimulator) -> None:
    missing = known(sim, api=api_of(sim, "no/such"))

    assert outcomes(await checked(missing)) == ([OK, OK, FAILED, SKIPPED, SKIPPED], ["n8n.check_workflow"])


async def test_a_workflow_that_is_not_published(sim: N8nSimulator) -> None:
    sim.save(evolve(FLOW, active=False))

    assert outcomes(await checked(known(sim))) == ([OK, OK, OK, FAILED, SKIPPED], ["n8n.check_active"])


@pytest.mark.parametrize("changes", [{"url": "/webhook/other"}, {"url": "/rag-ai"}, {"method": Method.PUT}])
async def test_an_address_or_method_that_no_trigger_has(sim: N8nSimulator, changes: dict[str, Any]) -> None:
    there = {name: f"{sim.url}{value}" if name == "url" else value for name, value in changes.items()}
    found = await checked(known(sim, **there))

    assert outcomes(found) == ([OK, OK, FAILED, SKIPPED, SKIPPED], ["n8n.check_path"])
    assert found[2].detail == "POST rag-ai"


@pytest.mark.parametrize("flow", [Flow(path="users/:id/say"), Flow(path="chat-1", trigger="chat")])
async def test_addresses_with_parts_that_stand_for_others_are_right(sim: N8nSimulator, flow: Flow) -> None:
    sim.save(flow)
    right = known(sim, flow.path, url=sim.webhook(flow.path).replace(":id", "42"))

    assert outcomes(await checked(right))[1] == []


async def test_a_test_address_is_told_without_asking_n8n(sim: N8nSimulator) -> None:
    found = await checked(webhook(sim, url=sim.test_url()))

    assert outcomes(found) == ([OK, SKIPPED, FAILED, SKIPPED, SKIPPED], ["n8n.check_test_url"])


async def test_a_webhook_that_answers_before_it_runs_is_a_warning(sim: N8nSimulator) -> None:
    sim.save(evolve(FLOW, mode="onReceived"))

    found = outcomes(await checked(known(sim), run=True))
    assert found == ([OK, OK, WARNING, OK, WARNING], ["n8n.check_accepted", "n8n.check_accepted"])


async def test_an_answer_without_a_text_is_a_warning(sim: N8nSimulator) -> None:
    sim.play(Script(items=[{"total": 3}]))

    assert outcomes(await checked(known(sim), run=True)) == ([OK, OK, OK, OK, WARNING], ["n8n.check_no_text"])


async def test_a_run_that_fails(sim: N8nSimulator) -> None:
    sim.play(Script(mishap="fails"))

    assert outcomes(await checked(known(sim), run=True)) == ([OK, OK, OK, OK, FAILED], ["n8n.check_run"])


async def test_a_workflow_without_a_webhook() -> None:
    assert outcomes(await checked(None)) == ([SKIPPED, SKIPPED, FAILED, SKIPPED, SKIPPED], ["n8n.check_no_webhook"])


async def test_n8n_keeps_no_chats_and_takes_no_ratings() -> None:
    workflow: Workflow = WORKFLOW
    async with outbound() as made:
        desk = N8nDesk(made, SystemClock())
        for asked in (
            desk.chats(workflow, offset=0, limit=1),
            desk.records(workflow, "c", offset=0, limit=1),
            desk.forget(workflow, "c"),
            desk.rate(workflow, "c", "r", good="yes", bad=None),
        ):
            with pytest.raises(NotSupported):
                await asked
