"""A real n8n, called through the whole daemon: what its answers, its errors and its records are made of."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import define, evolve

from daemon.clock import SystemClock
from daemon.codec import parse
from daemon.domain.webhook import N8nApi
from daemon.domain.webhook_call import RunState, WebhookRun
from daemon.engine.targets import Targets
from daemon.errors import N8nTimeoutError
from daemon.net.n8n.client import N8nWebhookClient
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret
from daemon.sim.openai import OpenAiSimulator
from daemon.sim.openai_script import Script as OpenAiScript
from tests.flows.house import Api, plainly, quick, running_daemon
from tests.flows.test_workflow_test import PATH as TRIALS
from tests.integration.real_n8n import CREDENTIALS, FOLDER, SECRET, RealN8n
from tests.net.n8n.calls import REQUEST, WEBHOOK

pytestmark = pytest.mark.integration

HOOKS = "/api/v1/webhooks"
TASK = {"chatInput": "保修多久？", "sessionId": "s1"}
SAID = "收到：保修多久？"
QUICK = {"attempts": 3, "base_seconds": 0.01, "cap_seconds": 0.02}
SIGNING_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of docs/n8n.md


@define
class Place:
    """A daemon that may call this n8n, and nowhere else."""

    n8n: RealN8n
    api: Api

    async def hook(self, name: str, **changes: Any) -> str:
        """The id of a webhook of ours for the workflow in the file of this name."""
        told = {"task_type": name, "url": self.n8n.webhook(name), "retry": QUICK, "timeout_seconds": 20} | changes
        return str((await self.api.post(HOOKS, told))["id"])

    async def ask(self, name: str, **more: Any) -> tuple[int, Any]:
        return await self.api.call("POST", "/api/ai/webhook/", TASK | {"task_type": name} | more)

    async def workflow(self, name: str, **more: Any) -> str:
        hook = await self.hook(name, api=self.n8n.api(name))
        told = {"name": name, "provider": "n8n", "webhook_id": hook, "check": False}
        return str((await self.api.post("/api/v1/workflows", told | more))["id"])

    async def tried(self, workflow_id: str, message: str = TASK["chatInput"]) -> dict[str, Any]:
        """What a trial of a workflow says, with its nodes."""
        session = await self.api.post(TRIALS, {"workflowId": workflow_id}, status=200)
        path = f"{TRIALS}/{session['testSessionId']}/messages"
        answer: dict[str, Any] = (await self.api.post(path, {"message": message}, status=200))["messages"][-1]
        return answer


@pytest.fixture
async def place(n8n: RealN8n, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(n8n, tmp_path) as there:
        yield there


@asynccontextmanager
async def opened(n8n: RealN8n, folder: Path) -> AsyncIterator[Place]:
    settings = quick(folder, targets={"allow": (n8n.host,)})
    async with plainly(), AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        bridge = await stack.enter_async_context(running_daemon(settings))
        assert bridge.first_key is not None
        yield Place(n8n, Api(http, bridge.url, bridge.first_key.reveal()))


@pytest.mark.parametrize(
    ("name", "output", "data"),
    [
        ("rag-ai", SAID, ...),
        ("respond", SAID, {"output": SAID}),
        ("text", SAID, SAID),
        ("array", "one", [{"output": "one"}, {"output": "two"}]),
        ("nothing", "", []),
        ("ack", "", {"message": "Workflow was started"}),
        ("file", "", {"content_type": "image/png", "bytes": 8}),
        ("streamed", SAID, {"output": SAID}),
        ("waits", SAID, ...),
        ("of-shop", "seven", {"output": "seven"}),
        ("chat", "s1: 保修多久？", {"text": "s1: 保修多久？"}),
    ],
)
async def test_each_shape_of_an_answer_is_the_standard_response(
    place: Place, name: str, output: str, data: object
) -> None:
    await place.hook(name)
    status, told = await place.ask(name)
    assert status == 200, told
    assert (told["success"], told["output"], told["session_id"], told["attempts"]) == (True, output, "s1", 1)
    assert data is ... or told["data"] == data


async def test_a_workflow_is_told_the_standard_request_and_the_id_of_the_call(place: Place) -> None:
    await place.hook("rag-ai")
    _, answer = await place.ask("rag-ai", shop=7, metadata={"user": "ann"})
    told = answer["data"]["told"]
    assert answer["data"]["call"] == answer["call_id"]
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "taskType": "rag-ai",
        "chatInput": "保修多久？",
        "sessionId": "s1",
        "requestId": answer["call_id"],
        "metadata": {"user": "ann"},
        "shop": 7,
    }


async def test_a_webhook_that_is_asked_by_get_has_the_request_in_its_query(place: Place) -> None:
    await place.hook("get", method="GET")
    assert (await place.ask("get"))[1]["output"] == SAID


@pytest.mark.parametrize(
    ("name", "reason", "may_have_run"),
    [
        ("unpublished", "n8n.not_registered", False),
        ("misbuilt", "n8n.misbuilt", False),
        ("filtered", "n8n.filtered", False),
        ("fails", "n8n.failed", True),
        ("stops", "n8n.failed", True),
        ("continues", "n8n.failed", True),
        ("no-items", "n8n.no_items", True),
        ("no-data", "n8n.empty", True),
        ("unreached", "n8n.empty", True),
        ("parks", "n8n.parked", True),
        ("status", "n8n.status", True),
        ("forbids", "n8n.status", True),
    ],
)
async def test_what_is_no_answer_is_502_and_says_why(place: Place, name: str, reason: str, may_have_run: bool) -> None:
    await place.hook(name)
    status, problem = await place.ask(name)
    assert (status, problem["code"], problem["reason"]) == (502, "n8n_response", reason)
    assert problem["may_have_run"] is may_have_run


async def test_an_answer_past_a_filter_is_one(place: Place) -> None:
    await place.hook("filtered")
    assert (await place.ask("filtered", chatInput="open sesame"))[1]["output"] == "收到：open sesame"


async def test_a_path_that_nobody_has_and_a_method_of_another_are_not_registered(place: Place) -> None:
    await place.hook("none", url=f"{place.n8n.url}/webhook/{place.n8n.named('none')}")
    await place.hook("rag-ai", method="PUT")
    for name in ("none", "rag-ai"):
        assert (await place.ask(name))[1]["reason"] == "n8n.not_registered"


async def test_the_address_of_the_editor_is_told_from_a_webhook(place: Place) -> None:
    await place.hook("editor", method="GET", url=f"{place.n8n.url}/workflow")
    assert (await place.ask("editor"))[1]["reason"] == "n8n.wrong_address"


async def test_a_limit_that_the_workflow_tells_is_waited_for(place: Place) -> None:
    await place.hook("limited", retry=QUICK | {"attempts": 1})
    status, problem = await place.ask("limited")
    assert (status, problem["reason"], problem["may_have_run"]) == (502, "n8n.limited", False)


@pytest.mark.parametrize(
    ("name", "kind", "auth"),
    [
        ("basic", "httpBasicAuth", {"kind": "basic", "name": "ann"}),
        ("header", "httpHeaderAuth", {"kind": "header", "name": "X-Shop-Key"}),
        ("jwt", "jwtAuth", {"kind": "jwt"}),
    ],
)
async def test_each_kind_of_authentication_opens_its_door_and_nothing_else_does(
    place: Place, name: str, kind: str, auth: dict[str, str]
) -> None:
    secret = CREDENTIALS[kind][SECRET[kind]]
    await place.hook(name, auth=auth | {"secret": secret})
    assert (await place.ask(name))[1]["output"] == SAID
    for other, wrong in (("wrong", auth | {"secret": "not the secret of this door"}), ("none", {"kind": "none"})):
        await place.hook(other, url=place.n8n.webhook(name), auth=wrong)
        status, problem = await place.ask(other)
        assert (status, problem["reason"], problem["may_have_run"]) == (502, "n8n.unauthorized", False)


async def test_a_signed_request_passes_the_check_of_the_docs_and_no_other_does(place: Place) -> None:
    nodes = parse((FOLDER / "signed.json").read_bytes())["nodes"]
    shown = re.search(r"^```js\n(.*?)^```", Path("docs/n8n.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert nodes[1]["parameters"]["jsCode"] == shown[1]
    await place.hook("signed", signing_keys=[SIGNING_KEY])
    assert (await place.ask("signed"))[1]["output"] == SAID
    await place.hook("wrong", url=place.n8n.webhook("signed"), signing_keys=["whsec_" + "QUJD" * 8])
    assert (await place.ask("wrong"))[1]["reason"] == "n8n.failed"


async def test_an_answer_that_does_not_come_in_time_is_500_and_is_not_repeated(place: Place) -> None:
    await place.hook("waits", timeout_seconds=1)
    status, problem = await place.ask("waits")
    assert (status, problem["code"], problem["may_have_run"]) == (500, "n8n_timeout", True)
    (row,) = (await place.api.get(f"{HOOKS}/calls"))["data"]
    assert (row["outcome"], row["attempts"]) == ("unknown", 1)


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("rag-ai", ["Webhook", "Look up", "Answer"]),
        ("respond", ["Webhook", "Answer", "Respond to Webhook"]),
        ("streamed", ["Webhook", "Answer", "Respond to Webhook"]),
        ("chat", ["Chat", "Answer"]),
    ],
)
async def test_the_nodes_of_a_run_are_known_from_its_record(place: Place, name: str, nodes: list[str]) -> None:
    answer = await place.tried(await place.workflow(name))
    details = answer["meta"]["nodeDetails"]
    assert [detail["nodeId"] for detail in details] == nodes
    assert all(detail["success"] for detail in details)
    assert details[0]["output"]
    assert details[1]["input"] == details[0]["output"]
    assert "headers" not in details[0]["output"]


async def test_a_failed_run_tells_which_node_failed(place: Place) -> None:
    answer = await place.tried(await place.workflow("fails"))
    assert answer["meta"]["success"] is False
    assert [(one["nodeId"], one["success"]) for one in answer["meta"]["nodeDetails"]] == [
        ("Webhook", True),
        ("Breaks", False),
    ]


async def test_a_failed_task_says_which_node_failed_and_why(place: Place) -> None:
    await place.hook("fails", api=place.n8n.api("fails"))
    detail = (await place.ask("fails"))[1]["detail"]
    assert detail.startswith("The n8n workflow failed: Breaks: boom")
    assert "(execution " in detail


async def test_a_run_that_nobody_waited_for_is_found_while_it_goes_on_and_once_it_has_ended(n8n: RealN8n) -> None:
    api = N8nApi(url=n8n.url, key=Secret(n8n.key), workflow_id=n8n.ids["waits"])
    hook = evolve(WEBHOOK, url=n8n.webhook("waits"), timeout=timedelta(seconds=1), api=api)
    now = SystemClock().now()
    ours, other = (evolve(REQUEST, call_id=name, sent_at=now) for name in (f"ours-{now}", f"other-{now}"))
    async with open_outbound(Redactor(), Targets.of([n8n.host])) as outbound:
        caller = N8nWebhookClient(outbound, SystemClock())

        async def state() -> WebhookRun | None:
            return await caller.look_up(hook, ours, since=now)

        assert await state() is None
        for request in (ours, other):
            with pytest.raises(N8nTimeoutError):
                await caller.call(hook, request)
        running = await state()
        assert running is not None
        assert (bool(running.id), running.state) == (True, RunState.RUNNING)
        async with asyncio.timeout(20):
            while True:
                ended = await state()
                if ended is None or ended.state is not RunState.RUNNING:
                    break
                await asyncio.sleep(0.1)
    assert ended is not None
    assert (ended.id, ended.state) == (running.id, RunState.SUCCEEDED)
    assert ended.answer is not None
    assert ended.answer.text == "收到：hello"
    assert [node.name for node in ended.nodes] == ["Webhook", "Wait", "Answer"]


async def test_a_workflow_that_is_set_up_rightly_passes_every_step_of_its_check(place: Place) -> None:
    for name, steps in (
        ("rag-ai", dict.fromkeys(("connect", "key", "app", "published", "run"), "ok")),
        ("of-shop", dict.fromkeys(("connect", "key", "app", "published", "run"), "ok")),
        ("chat", dict.fromkeys(("connect", "key", "app", "published", "run"), "ok")),
        ("unpublished", {"connect": "ok", "key": "ok", "app": "ok", "published": "failed", "run": "skipped"}),
    ):
        workflow_id = await place.workflow(name)
        told = await place.api.post(f"/api/v1/workflows/{workflow_id}/check", {"run": True})
        assert {one["step"]: one["found"] for one in told["steps"]} == steps, (name, told)


async def test_an_agent_streams_its_words_and_its_model_tells_its_tokens(place: Place, model: OpenAiSimulator) -> None:
    model.play(OpenAiScript(answer="一二三四五六七八九", chunks=3))
    workflow_id = await place.workflow("agent")
    status, told = await place.ask("agent")
    assert (status, told["output"]) == (200, "一二三四五六七八九")
    details = (await place.tried(workflow_id))["meta"]["nodeDetails"]
    assert [detail["nodeId"] for detail in details] == ["Webhook", "AI Agent", "Model"]
    assert details[1]["output"] == "一二三四五六七八九"
    assert f"Human: {TASK['chatInput']}" in details[2]["input"]
    assert '"tokenUsage"' in details[2]["output"]


async def test_a_model_that_fails_within_a_stream_is_told(place: Place, model: OpenAiSimulator) -> None:
    model.play(OpenAiScript(mishap="error-before"))
    await place.hook("agent")
    status, problem = await place.ask("agent")
    assert (status, problem["reason"], problem["may_have_run"]) == (502, "n8n.failed", True)
