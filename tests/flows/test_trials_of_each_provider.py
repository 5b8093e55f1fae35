"""A test session over each provider: what it leaves behind, forgets, survives and stops is the same for all."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.workflow import Provider
from daemon.sim.fastgpt_script import Script as FastGptScript
from daemon.sim.faults import Fault, Kind
from daemon.sim.ledger import Ledger
from daemon.sim.n8n_script import Script as N8nScript
from daemon.sim.openai_script import Script as OpenAiScript
from daemon.store.tx import Tx
from tests.flows.house import running_daemon
from tests.flows.test_a_person_is_wanted import SAID, WAYS, told_apart
from tests.flows.test_what_survives_of_the_ai import as_killed_now
from tests.flows.test_workflow_test import PATH, asking, said, streamed
from tests.flows.three import Three, three

OURS = {
    "workflow_tests",
    "workflow_test_lines",
    "audit",
    "keys",
    "meta",
}  # its own rows, who did it, and that a key did
PLAIN = re.compile(r"qiaod_(?:http|store|uptime|limiter|loop|process)_|python_|process_")  # of any call at all
EACH = pytest.mark.parametrize("provider", Provider)


async def begun(t: Three, provider: Provider) -> dict[str, Any]:
    session: dict[str, Any] = await t.house.api.post(PATH, {"workflowId": t.of[provider]})
    return session


def ledger(t: Three, provider: Provider) -> tuple[Ledger, str]:
    """What the service received, and the path of a question there."""
    match provider:
        case Provider.FASTGPT:
            return t.house.fastgpt.ledger, "*/chat/completions"
        case Provider.N8N:
            return t.n8n.ledger, "/webhook/*"
        case Provider.OPENAI:
            return t.openai.ledger, "*/chat/completions"


def slow(t: Three, provider: Provider, seconds: float) -> None:
    """Its next answer takes so long."""
    match provider:
        case Provider.FASTGPT:
            t.house.fastgpt.play(FastGptScript(delay_s=seconds), times=1)
        case Provider.N8N:
            t.n8n.play(N8nScript(delay_s=seconds), times=1)
        case Provider.OPENAI:
            t.openai.play(OpenAiScript(delay_s=seconds), times=1)


def fails(t: Three) -> None:
    t.house.fastgpt.play(FastGptScript(mishap="error-before", error="points"), times=1)
    t.n8n.play(N8nScript(mishap="fails"), times=1)
    t.openai.play(OpenAiScript(mishap="error-before"), times=1)


async def standing(t: Three) -> tuple[dict[str, Any], dict[str, str]]:
    """All rows of all tables, and all metrics, but for those that any call of any route changes."""

    def rows(tx: Tx) -> dict[str, Any]:
        tables = [row["name"] for row in tx.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = [table for table in tables if table not in OURS and not table.startswith("sqlite_")]
        return {table: [tuple(row) for row in tx.all(f"SELECT * FROM {table}")] for table in kept}

    api = t.house.api
    await t.house.bridge.engine.calls.flush()
    async with api.http.get(f"{api.url}/metrics", headers={"Authorization": f"Bearer {api.key}"}) as response:
        lines = (await response.text()).splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#") and not PLAIN.match(line))
    return await t.house.bridge.engine.db.read(rows), told


@EACH
async def test_nothing_of_a_test_is_in_any_other_table_or_metric(tmp_path: Path, provider: Provider) -> None:
    async with three(tmp_path) as t:
        session = await begun(t, provider)
        before = await standing(t)
        await said(t.house, session, "几点开门")
        await streamed(t.house, session, "在吗")
        for _ in range(6):  # a breaker opens after five
            fails(t)
            failed = (await said(t.house, session, "坏了"))["messages"][-1]
            assert failed["meta"]["success"] is False
        await t.house.api.post(f"{PATH}/{session['testSessionId']}/clear")
        assert await standing(t) == before

        talk = {"workflow_id": t.of[provider], "message": "真的"}
        await t.house.api.post("/api/v1/integrations/fastgpt/chat", talk)
        rows, metrics = await standing(t)
        assert (rows != before[0], metrics != before[1]) == (True, True)  # else nothing was looked at


@EACH
async def test_a_cleared_session_is_somebody_elses_to_the_service(tmp_path: Path, provider: Provider) -> None:
    """Also where a workflow of n8n has a memory of its own, by session."""
    async with three(tmp_path) as t:
        session = await begun(t, provider)
        for message in ("一", "二"):
            await said(t.house, session, message)
        await t.house.api.post(f"{PATH}/{session['testSessionId']}/clear")
        await said(t.house, session, "三")
        book, path = ledger(t, provider)
        first, second, third = (entry.body for entry in book.of(path))
        assert "一" in str(second)
        assert "一" not in str(third)
        mark = {Provider.FASTGPT: "customUid", Provider.N8N: "sessionId", Provider.OPENAI: "user"}[provider]
        assert first[mark] == second[mark] != third[mark]


@pytest.mark.parametrize(("provider", "way"), WAYS)
async def test_a_wish_for_a_person_is_told_in_each_of_its_ways(
    tmp_path: Path, provider: Provider, way: dict[str, Any]
) -> None:
    async with three(tmp_path) as t:
        await told_apart(t, provider)
        session = await begun(t, provider)
        usual = (await said(t.house, session, "几点开门"))["messages"][-1]
        assert usual["meta"]["needHumanTransfer"] is False
        t.play(**way)
        answer = (await said(t.house, session, "转人工"))["messages"][-1]
        assert (answer["content"], answer["meta"]["needHumanTransfer"]) == (SAID, True)
        events = await streamed(t.house, session, "转人工")
        assert events[-1][1]["messages"][-1]["meta"]["needHumanTransfer"] is True


@EACH
async def test_a_second_message_is_409_and_who_leaves_a_stream_ends_the_run(tmp_path: Path, provider: Provider) -> None:
    async with three(tmp_path) as t:
        session, (book, path) = await begun(t, provider), ledger(t, provider)
        at = f"{PATH}/{session['testSessionId']}/messages"
        slow(t, provider, 30)
        async with asking(t.house, session, "一"):
            await book.wait_for(path)
            for more in ({}, {"stream": True}):
                status, problem = await t.house.api.call("POST", at, {"message": "二"} | more)
                assert (status, problem["code"]) == (409, "workflow_test.busy")
        async with asyncio.timeout(5):
            while (again := await t.house.api.call("POST", at, {"message": "三"}))[0] == 409:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        first, second, answer = again[1]["messages"]
        assert (first["content"], second["content"], answer["meta"]["success"]) == ("一", "三", True)
        assert t.house.bridge.engine.pools[provider].in_flight == 0


@EACH
async def test_a_daemon_killed_while_it_answers_has_the_question_and_goes_on(
    tmp_path: Path, provider: Provider
) -> None:
    async with three(tmp_path / "first") as t:
        session, (book, path) = await begun(t, provider), ledger(t, provider)
        await said(t.house, session, "一")
        slow(t, provider, 30)
        saying = asyncio.create_task(
            t.house.api.call("POST", f"{PATH}/{session['testSessionId']}/messages", {"message": "二"})
        )
        await book.wait_for(path, 2)
        left = as_killed_now(t.house.settings, tmp_path / "second")
        async with running_daemon(left) as bridge:
            api = evolve(t.house.api, url=bridge.url)
            found = await api.get(f"{PATH}/{session['testSessionId']}")
            assert [line["content"] for line in found["messages"]] == ["一", "收到：一", "二"]
            told = await api.post(f"{PATH}/{session['testSessionId']}/messages", {"message": "三"})
            assert told["messages"][-1]["meta"]["success"] is True
        await t.house.api.call("DELETE", f"{PATH}/{session['testSessionId']}")
        assert (await saying)[0] == 400


async def test_a_cleared_session_is_not_busy_while_its_run_is_being_stopped(tmp_path: Path) -> None:
    async with three(tmp_path, workflow={"endpoint": "v2", "memory": "service"}) as t:
        session, (book, path) = await begun(t, Provider.FASTGPT), ledger(t, Provider.FASTGPT)
        slow(t, Provider.FASTGPT, 30)
        at = f"{PATH}/{session['testSessionId']}"
        first = asyncio.create_task(t.house.api.post(f"{at}/messages", {"message": "一"}))
        await book.wait_for(path)
        t.house.fastgpt.faults.add(Fault(kind=Kind.HANG, path="*/chat/stop"))
        await t.house.api.post(f"{at}/clear")
        assert [line["content"] for line in (await said(t.house, session, "二"))["messages"]] == ["二", "收到：二"]
        assert not first.done()
        t.house.fastgpt.faults.clear()
        first.cancel()


async def test_who_leaves_a_plain_message_finds_its_answer_in_the_session(tmp_path: Path) -> None:
    async with three(tmp_path) as t:
        session, (book, path) = await begun(t, Provider.OPENAI), ledger(t, Provider.OPENAI)
        at = f"{PATH}/{session['testSessionId']}"
        slow(t, Provider.OPENAI, 0.7)  # by then it could have been seen that nobody waits
        leaving = asyncio.create_task(t.house.api.post(f"{at}/messages", {"message": "一"}))
        await book.wait_for(path)
        leaving.cancel()
        async with asyncio.timeout(5):
            while len((found := await t.house.api.get(at))["messages"]) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert [line["content"] for line in found["messages"]] == ["一", "收到：一"]
