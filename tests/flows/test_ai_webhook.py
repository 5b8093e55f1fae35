"""POST /api/ai/webhook/ as the seed has it: each field, status and code, against a simulated n8n on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import define, evolve

from daemon.bridge import Bridge
from daemon.sim.faults import Fault, Kind
from daemon.sim.n8n import DEMO_FLOW, N8nSetup, N8nSimulator, n8n_simulator
from daemon.sim.n8n_script import Auth, Flow, Respond, Script
from tests.flows.house import Api, plainly, quick, running_daemon
from tests.net.nameserver import name_server

ASK = "/api/ai/webhook/"
HOOKS = "/api/v1/webhooks"
TASK = {"task_type": "ragAI", "chatInput": "What does the warranty cover?", "sessionId": "s1"}
FAST = {"base_seconds": 0.01, "cap_seconds": 0.02}


@define
class Place:
    bridge: Bridge
    n8n: N8nSimulator
    api: Api

    async def hook(self, **changes: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self.api.post(
            HOOKS, {"task_type": "ragAI", "url": self.n8n.webhook(), "retry": FAST} | changes
        )
        return made

    async def ask(self, headers: dict[str, str] | None = None, **changes: Any) -> tuple[int, Any]:
        return await self.api.call("POST", ASK, TASK | changes, **(headers or {}))

    async def log(self, query: str = "") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.api.get(f"{HOOKS}/calls{query}"))["data"]
        return rows

    async def key(self, role: str) -> str:
        return str((await self.api.post("/api/v1/keys", {"name": role, "role": role}))["key"])

    async def as_(self, role: str) -> Api:
        return evolve(self.api, key=await self.key(role))


@asynccontextmanager
async def place(folder: Path, setup: N8nSetup | None = None, **sections: dict[str, Any]) -> AsyncIterator[Place]:
    async with plainly(), AsyncExitStack() as stack:
        n8n = await stack.enter_async_context(n8n_simulator(setup))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        bridge = await stack.enter_async_context(running_daemon(quick(folder, **sections)))
        assert bridge.first_key is not None
        yield Place(bridge, n8n, Api(http, bridge.url, bridge.first_key.reveal()))


async def test_a_task_is_answered_in_the_standard_response(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        p.n8n.play(Script(answer="One year.", fields={"sources": ["p. 3"]}))
        status, told = await p.ask()
        assert status == 200
        assert told.pop("duration_ms") >= 0
        assert len(told.pop("call_id")) == 36
        assert told.pop("data")["sources"] == ["p. 3"]
        assert told == {
            "success": True,
            "task_type": "ragAI",
            "session_id": "s1",
            "output": "One year.",
            "cached": False,
            "attempts": 1,
        }


async def test_n8n_is_told_the_standard_request_and_whatever_else_was_said(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        _, told = await p.ask(locale="zh", extra={"a": 1}, metadata={"user": "ann"}, no_cache=True)
        body = dict(p.n8n.runs[-1].told.body)
        assert body.pop("timestamp").endswith("Z")
        assert body == {
            "taskType": "ragAI",
            "chatInput": TASK["chatInput"],
            "sessionId": "s1",
            "requestId": told["call_id"],
            "metadata": {"user": "ann"},
            "locale": "zh",
            "extra": {"a": 1},
        }


@pytest.mark.parametrize("path", [ASK, ASK.rstrip("/")])
async def test_the_slash_at_the_end_is_optional(tmp_path: Path, path: str) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        assert (await p.api.call("POST", path, TASK))[0] == 200


@pytest.mark.parametrize("missing", ["task_type", "chatInput", "sessionId"])
async def test_a_missing_or_empty_field_is_400_and_named(tmp_path: Path, missing: str) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        without = {name: value for name, value in TASK.items() if name != missing}
        for body in (without, without | {missing: ""}, without | {missing: "   "}, without | {missing: None}):
            status, problem = await p.api.call("POST", ASK, body)
            assert status == 400
            assert {one["field"] for one in problem["errors"]} == {missing}
        assert p.n8n.runs == []


async def test_no_key_is_401_and_a_viewer_is_403(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        async with p.api.http.post(p.api.url + ASK, json=TASK) as response:
            assert response.status == 401
        assert (await evolve(p.api, key="qk_nonsense").call("POST", ASK, TASK))[0] == 401
        assert (await (await p.as_("viewer")).call("POST", ASK, TASK))[0] == 403
        for role in ("operator", "agent"):
            assert (await (await p.as_(role)).call("POST", ASK, TASK))[0] == 200


async def test_an_unknown_task_and_an_inactive_webhook_are_404(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        made = await p.hook()
        status, problem = await p.ask(task_type="other")
        assert (status, problem["code"]) == (404, "ai_webhook.none_active")
        body = {"task_type": "ragAI", "url": p.n8n.webhook(), "is_active": False}
        assert (await p.api.call("PUT", f"{HOOKS}/{made['id']}", body))[0] == 200
        status, problem = await p.ask()
        assert (status, problem["code"]) == (404, "ai_webhook.none_active")
        assert p.n8n.runs == []


async def test_a_failed_connection_is_500_n8n_connection(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/webhook/rag-ai"
        async with place(tmp_path) as p:
            await p.hook(url=url)
            status, problem = await p.ask()
            assert (status, problem["code"]) == (500, "n8n_connection")
            assert (problem["reason"], problem["may_have_run"]) == ("remote.no_connection", False)
            (row,) = await p.log()
            assert (row["outcome"], row["attempts"], row["status"]) == ("failed", 3, None)


async def test_a_timeout_is_500_n8n_timeout_and_is_not_repeated(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook(timeout_seconds=1)
        p.n8n.play(Script(delay_s=3.0))
        status, problem = await p.ask()
        assert (status, problem["code"], problem["may_have_run"]) == (500, "n8n_timeout", True)
        assert len(p.n8n.runs) == 1
        (row,) = await p.log()
        assert (row["outcome"], row["attempts"]) == ("unknown", 1)


async def test_an_error_of_n8n_is_502_n8n_response(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        p.n8n.play(Script(mishap="fails"))
        status, problem = await p.ask()
        assert (status, problem["code"], problem["reason"]) == (502, "n8n_response", "n8n.failed")
        assert len(p.n8n.runs) == 1


@pytest.mark.parametrize(
    ("flow", "script", "status"),
    [
        (DEMO_FLOW, Script(mishap="fails"), 500),
        (DEMO_FLOW, Script(wait_s=70), 200),
        (evolve(DEMO_FLOW, mode="responseNode"), Script(respond=Respond(status=418)), 418),
        (evolve(DEMO_FLOW, mode="streaming"), Script(mishap="error-mid-stream"), 200),
        (DEMO_FLOW, Script(mishap="cut"), None),
    ],
)
async def test_the_log_and_a_test_tell_the_status_that_n8n_answered_with_also_where_it_is_no_answer(
    tmp_path: Path, flow: Flow, script: Script, status: int | None
) -> None:
    async with place(tmp_path, N8nSetup(flows=(flow,))) as p:
        made = await p.hook()
        p.n8n.play(script)
        await p.ask()
        tried = await p.api.post(f"{HOOKS}/{made['id']}/test", {})
        assert tried["status"] == status
        assert [row["status"] for row in await p.log()] == [status] * 2


async def test_a_refused_credential_is_502_raises_an_alert_and_n8n_is_left_alone_until_a_test_succeeds(
    tmp_path: Path,
) -> None:
    locked = evolve(DEMO_FLOW, auth=Auth(kind="header", name="X-Key", secret="right-secret-0001"))
    async with place(tmp_path, N8nSetup(flows=(locked,))) as p:
        auth = {"kind": "header", "name": "X-Key", "secret": "wrong-secret-0001"}
        made = await p.hook(auth=auth)
        assert (await p.ask())[1]["reason"] == "n8n.unauthorized"
        status, problem = await p.ask()
        assert (status, problem["code"]) == (503, "ai_webhook.credential_rejected")
        alerts = (await p.api.get("/api/v1/notifications"))["data"]
        assert "ai_webhook.unauthorized" in {one["code"] for one in alerts}
        p.n8n.save(evolve(locked, auth=Auth(kind="header", name="X-Key", secret="wrong-secret-0001")))
        tried = await p.api.post(f"{HOOKS}/{made['id']}/test", {})
        assert tried["success"] is True
        assert (await p.ask())[0] == 200
        open_ones = (await p.api.get("/api/v1/integrations/monitoring/alerts?service_name=n8n"))["data"]
        assert open_ones == []


def api_of(p: Place) -> dict[str, Any]:
    return {"url": p.n8n.url, "key": p.n8n.api_key, "workflow_id": DEMO_FLOW.workflow_id}


async def test_with_its_api_n8n_tells_which_node_failed_and_why(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        made = await p.hook(api=api_of(p))
        p.n8n.play(Script(mishap="fails", error="no route to the shop"))
        status, problem = await p.ask()
        (run,) = p.n8n.runs
        why = f"Stop and Error: no route to the shop (execution {run.id})"
        assert (status, problem["detail"]) == (502, f"The n8n workflow failed: {why}")
        assert (await p.log())[0]["detail"] == why
        tried = await p.api.post(f"{HOOKS}/{made['id']}/test", {})
        assert "Stop and Error: no route to the shop" in tried["error"]["message"]


async def test_with_its_api_an_answer_that_was_lost_on_its_way_is_fetched_and_nothing_runs_twice(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as p:
        await p.hook(api=api_of(p), retry=FAST | {"repeat": True})
        p.n8n.faults.add(Fault(kind=Kind.DROP, path="/webhook/*", times=1))
        status, told = await p.ask()
        assert (status, told["output"], told["attempts"]) == (200, f"收到：{TASK['chatInput']}", 1)
        assert len(p.n8n.runs) == 1


async def test_with_its_api_the_log_tells_which_execution_a_timeout_left_behind(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook(api=api_of(p), timeout_seconds=1)
        p.n8n.play(Script(delay_s=30.0))
        status, problem = await p.ask()
        assert (status, problem["code"], problem["may_have_run"]) == (500, "n8n_timeout", True)
        assert f"(execution {p.n8n.runs[0].id})" in (await p.log())[0]["detail"]


async def test_the_same_idempotency_key_gives_the_first_answer_again(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        once = {"Idempotency-Key": "k-1"}
        first = await p.ask(once)
        assert await p.ask(once) == first
        assert len(p.n8n.runs) == 1
        assert (await p.ask(once, chatInput="another"))[1]["code"] == "idempotency.other_request"


async def test_what_may_have_run_is_not_run_again_by_the_same_idempotency_key(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        p.n8n.play(Script(mishap="fails"))
        once = {"Idempotency-Key": "k-2"}
        assert (await p.ask(once))[0] == 502
        assert (await p.ask(once))[1]["code"] == "idempotency.uncertain"
        assert len(p.n8n.runs) == 1


async def test_too_many_requests_of_the_workflow_are_waited_out_and_asked_again_by_the_same_id(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        flow = evolve(DEMO_FLOW, mode="responseNode")
        p.n8n.save(flow)
        p.n8n.play(Script(respond=Respond(status=429, headers={"Retry-After": "0"})), times=1)
        status, told = await p.ask()
        assert (status, told["attempts"]) == (200, 2)
        assert [run.told.body["requestId"] for run in p.n8n.runs] == [told["call_id"]] * 2


async def test_an_answer_is_cached_by_task_input_and_session(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook(cache={"ttl_seconds": 60})
        first = (await p.ask())[1]
        again = (await p.ask())[1]
        assert (first["cached"], again["cached"], again["attempts"]) == (False, True, 0)
        assert again["output"] == first["output"]
        assert again["call_id"] != first["call_id"]
        for other in ({"sessionId": "s2"}, {"chatInput": "else"}, {"locale": "zh"}, {"metadata": {"user": "bob"}}):
            assert (await p.ask(**other))[1]["cached"] is False
        assert len(p.n8n.runs) == 5


async def test_a_shared_cache_answers_every_session(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook(cache={"ttl_seconds": 60, "shared": True})
        await p.ask()
        assert (await p.ask(sessionId="s2"))[1]["cached"] is True


@pytest.mark.parametrize("way", [{"headers": {"Cache-Control": "no-cache"}}, {"no_cache": True}])
async def test_the_cache_is_passed_by_and_the_new_answer_is_kept(tmp_path: Path, way: dict[str, Any]) -> None:
    async with place(tmp_path) as p:
        await p.hook(cache={"ttl_seconds": 60})
        await p.ask()
        p.n8n.play(Script(answer="newer"))
        assert (await p.ask(**way))[1]["output"] == "newer"
        told = (await p.ask())[1]
        assert (told["output"], told["cached"]) == ("newer", True)


async def test_neither_a_failure_nor_what_only_began_is_cached(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook(cache={"ttl_seconds": 60})
        p.n8n.play(Script(mishap="fails"), times=1)
        assert (await p.ask())[0] == 502
        assert (await p.ask())[1]["cached"] is False
        p.n8n.save(evolve(DEMO_FLOW, mode="onReceived"))
        for _ in range(2):
            assert (await p.ask(chatInput="begin"))[1]["cached"] is False


async def test_equal_calls_at_once_are_one_run_and_each_has_its_line_in_the_log(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook(cache={"ttl_seconds": 60})
        p.n8n.play(Script(delay_s=0.3))
        told = await asyncio.gather(*(p.ask() for _ in range(15)))
        assert {status for status, _ in told} == {200}
        assert len({body["output"] for _, body in told}) == 1
        assert sum(body["cached"] is False for _, body in told) == 1
        assert len(p.n8n.runs) == 1
        rows = await p.log()
        assert sorted(row["served"] for row in rows) == ["run"] + ["shared"] * 14
        assert {row["call_id"] for row in rows} == {body["call_id"] for _, body in told}


async def test_a_change_and_a_clearing_forget_what_was_cached(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        made = await p.hook(cache={"ttl_seconds": 60})
        await p.ask()
        body = {"task_type": "ragAI", "url": p.n8n.webhook(), "cache": {"ttl_seconds": 60}}
        await p.api.call("PUT", f"{HOOKS}/{made['id']}", body)
        assert (await p.ask())[1]["cached"] is False
        assert (await p.ask())[1]["cached"] is True
        assert await p.api.call("DELETE", f"{HOOKS}/{made['id']}/cache") == (200, {"answers": 1})
        assert (await p.ask())[1]["cached"] is False


async def test_a_webhook_is_added_shown_changed_and_removed_and_its_secrets_never_come_out(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        secrets = ["hunter2-hunter2-hunter2", "whsec_" + "QUJD" * 8, "n8n_api_key_0123456789"]
        made = await p.hook(
            name="RAG",
            auth={"kind": "basic", "name": "ann", "secret": secrets[0]},
            signing_keys=[secrets[1]],
            api={"url": p.n8n.url, "key": secrets[2], "workflow_id": "w1"},
        )
        shown = await p.api.get(f"{HOOKS}/{made['id']}")
        assert shown == made
        assert not any(secret in str(shown) for secret in secrets)
        assert (shown["auth"]["secret"], shown["signing_keys"]) == ("…ter2", ["…QUJD"])
        body = {
            "task_type": "ragAI",
            "url": p.n8n.webhook(),
            "auth": {"kind": "basic", "name": "ann"},
            "api": {"url": p.n8n.url, "workflow_id": "w1"},
            "name": "RAG 2",
        }
        status, changed = await p.api.call("PUT", f"{HOOKS}/{made['id']}", body, **{"If-Match": '"1"'})
        assert (status, changed["version"], changed["auth"]["secret"]) == (200, 2, "…ter2")
        assert (await p.api.call("PUT", f"{HOOKS}/{made['id']}", body, **{"If-Match": '"1"'}))[0] == 412
        assert [one["id"] for one in (await p.api.get(HOOKS))["data"]] == [made["id"]]
        assert (await p.api.call("DELETE", f"{HOOKS}/{made['id']}"))[0] == 204
        assert (await p.api.call("GET", f"{HOOKS}/{made['id']}"))[0] == 404
        audited = {row["action"] for row in (await p.api.get("/api/v1/audit"))["data"]}
        assert {"ai_webhook.added", "ai_webhook.changed", "ai_webhook.removed"} <= audited


async def test_a_secret_does_not_go_along_to_another_address(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        made = await p.hook(auth={"kind": "jwt", "secret": "a passphrase of ours"})
        body = {"task_type": "ragAI", "url": "https://elsewhere.example/webhook/x", "auth": {"kind": "jwt"}}
        status, problem = await p.api.call("PUT", f"{HOOKS}/{made['id']}", body)
        assert (status, problem["errors"][0]["field"]) == (400, "auth.secret")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"auth": {"kind": "basic", "secret": "x"}}, "auth.name"),
        ({"auth": {"kind": "header", "name": "Content-Type", "secret": "x"}}, "auth.name"),
        ({"auth": {"kind": "none", "secret": "x"}}, "auth.kind"),
        ({"auth": {"kind": "jwt"}}, "auth.secret"),
        ({"signing_keys": ["whsec_QUJD"]}, "signing_keys[0]"),
        ({"api": {"url": "https://n8n.example", "workflow_id": "w"}}, "api.key"),
        ({"retry": {"base_seconds": 5, "cap_seconds": 1}}, "retry.cap_seconds"),
    ],
)
async def test_a_config_that_cannot_work_is_400_and_says_why(
    tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    async with place(tmp_path) as p:
        told = set()
        for language in ("en", "zh"):
            body = {"task_type": "t", "url": p.n8n.webhook()} | changes
            status, problem = await p.api.call("POST", HOOKS, body, **{"Accept-Language": language})
            assert (status, [one["field"] for one in problem["errors"]]) == (400, [field])
            told.add((language, problem["errors"][0]["message"].isascii()))
        assert ("zh", False) in told


async def test_an_address_that_nobody_may_call_is_refused_when_it_is_added(tmp_path: Path) -> None:
    async with place(tmp_path, targets={"allow": ()}) as p:
        for url in ("http://169.254.169.254/latest", "http://127.0.0.1:5678/webhook/x", "http://10.0.0.1/webhook/x"):
            status, problem = await p.api.call("POST", HOOKS, {"task_type": "t", "url": url})
            assert status == 400
            assert problem["code"].startswith("targets.")
            assert [one["field"] for one in problem["errors"]] == ["url"]


async def test_one_active_webhook_a_task_type_and_none_is_removed_that_a_workflow_runs_through(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        made = await p.hook()
        status, problem = await p.api.call("POST", HOOKS, {"task_type": "ragAI", "url": p.n8n.webhook()})
        assert (status, problem["code"]) == (409, "ai_webhook.task_taken")
        assert (await p.hook(is_active=False))["is_active"] is False
        await p.api.post(
            "/api/v1/workflows", {"name": "By n8n", "provider": "n8n", "webhook_id": made["id"], "check": False}
        )
        status, problem = await p.api.call("DELETE", f"{HOOKS}/{made['id']}")
        assert (status, problem["code"]) == (409, "ai_webhook.in_use")


async def test_a_test_calls_n8n_for_real_past_the_cache_and_shows_what_was_sent(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        made = await p.hook(
            cache={"ttl_seconds": 60}, auth={"kind": "header", "name": "X-Key", "secret": "hidden-secret-01"}
        )
        path = f"{HOOKS}/{made['id']}/test"
        dry = await p.api.post(path, {"chatInput": "hi", "dry": True, "more": 1})
        assert (dry["success"], dry["sent"]["body"]["more"], p.n8n.runs) == (None, 1, [])
        assert dry["sent"]["headers"]["X-Key"] == "***"
        assert "hidden-secret-01" not in str(dry)
        for _ in range(2):
            tried = await p.api.post(path, {"chatInput": "hi", "sessionId": "t"})
            assert (tried["success"], tried["status"], tried["error"]) == (True, 200, None)
            assert tried["output"] == "收到：hi"
        assert len(p.n8n.runs) == 2
        p.n8n.play(Script(mishap="fails"))
        tried = await p.api.post(path, {})
        assert (tried["success"], tried["error"]["code"]) == (False, "n8n_response")
        assert [row["via"] for row in await p.log()] == ["test"] * 3


async def test_the_log_of_calls_tells_each_and_is_filtered(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        made = await p.hook(cache={"ttl_seconds": 60})
        told = (await p.ask(password="hunter2", long="x" * 10_000))[1]
        await p.ask(password="hunter2", long="x" * 10_000)
        p.n8n.play(Script(mishap="fails"))
        await p.ask(sessionId="s2")
        rows = await p.log()
        assert [row["outcome"] for row in rows] == ["failed", "answered", "answered"]
        assert [row["cached"] for row in rows] == [False, True, False]
        assert rows[0]["error"] == "n8n.failed"
        assert rows[2]["call_id"] == told["call_id"]
        assert rows[2]["request"]["password"] == "***"
        assert len(rows[2]["request"]["long"]) < 3000
        assert rows[2]["response"]["output"]
        assert rows[2]["actor"].startswith("key:")
        counts = {
            "session_id=s2": 1,
            "session_id=none": 0,
            "outcome=failed": 1,
            "cached=true": 1,
            "task_type=ragAI": 3,
            f"webhook_id={made['id']}": 3,
            f"call_id={told['call_id']}": 1,
            "since=2000-01-01T00:00:00Z": 3,
            "until=2000-01-01T00:00:00Z": 0,
            "since=2100-01-01T00:00:00Z": 0,
            "task_type=ragAI&outcome=answered&cached=false&until=2100-01-01T00:00:00Z": 1,
        }
        for query, number in counts.items():
            page = await p.api.get(f"{HOOKS}/calls?{query}")
            assert (len(page["data"]), page["total"]) == (number, number), query
        first = await p.api.get(f"{HOOKS}/calls?limit=2")
        second = await p.api.get(f"{HOOKS}/calls?limit=2&cursor={first['next_cursor']}")
        assert [row["id"] for row in first["data"] + second["data"]] == [row["id"] for row in rows]


async def test_the_figures_tell_how_each_webhook_does(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook(cache={"ttl_seconds": 60})
        for _ in range(3):
            await p.ask()
        p.n8n.play(Script(mishap="fails"))
        await p.ask(chatInput="else")
        told = await p.api.get(f"{HOOKS}/stats?hours=1")
        (one,) = told["webhooks"]
        assert (told["calls"], one["answered"], one["failed"], one["cached"]) == (4, 3, 1, 2)
        assert (told["success_rate"], one["success_rate"]) == (0.75, 0.75)
        assert one["p50_ms"] == one["p95_ms"] >= 0
        assert (one["breaker"], one["in_flight"]) == ("closed", 0)
        assert (one["cache"]["hits"], one["cache"]["misses"], one["cache"]["entries"]) == (2, 2, 1)
        assert told["cache_bytes"] == one["cache"]["bytes"] > 0


async def test_a_call_costs_one_act_by_the_price_of_its_task_and_a_cached_one_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook(cache={"ttl_seconds": 60})
        await p.api.post("/api/v1/prices", {"provider": "n8n", "model": "ragAI", "act_micro": 20_000})
        for _ in range(3):
            await p.ask()
        p.n8n.play(Script(mishap="fails"))
        await p.ask(chatInput="it runs, and fails")
        records = (await p.api.get("/api/v1/costs/records"))["data"]
        assert [(one["state"], one["cost_micro"], one["model"]) for one in records] == [
            ("settled", 20_000, "ragAI"),
            ("settled", 20_000, "ragAI"),
        ]


async def test_a_quota_that_is_used_up_is_402_and_n8n_is_not_asked(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        quota = {"name": "calls", "scope": "global", "period": "day", "measure": "calls", "cap_micro": 1_000_000}
        await p.api.post("/api/v1/quotas", quota)
        assert (await p.ask())[0] == 200
        status, problem = await p.ask()
        assert (status, problem["quota"]["name"]) == (402, "calls")
        assert len(p.n8n.runs) == 1
        assert [(row["outcome"], row["attempts"]) for row in await p.log()] == [("refused", 0), ("answered", 1)]


async def test_the_text_of_an_error_is_in_the_language_of_the_caller(tmp_path: Path) -> None:
    async with place(tmp_path) as p:
        await p.hook()
        p.n8n.play(Script(mishap="fails"))
        for language, words in (("zh", "工作流运行失败"), ("en", "workflow failed")):
            assert words in (await p.ask({"Accept-Language": language}))[1]["detail"]


async def test_how_names_are_looked_up_is_among_the_figures(tmp_path: Path) -> None:
    async with name_server() as server, place(tmp_path, dns={"servers": (server.address,)}) as p:
        await p.hook(url="https://gone.example/webhook/rag-ai", retry=FAST | {"attempts": 1})
        assert (await p.ask())[0] == 500
        key = {"Authorization": f"Bearer {p.api.key}"}
        async with p.api.http.get(f"{p.api.url}/metrics", headers=key) as response:
            figures = await response.text()
        assert 'qiaod_dns_lookups_total{result="no_such_name"} 1.0' in figures
        assert 'qiaod_dns_lookups_total{result="found"} 0.0' in figures
        assert "qiaod_dns_stale_total 0.0" in figures
        assert "qiaod_dns_names 1.0" in figures
