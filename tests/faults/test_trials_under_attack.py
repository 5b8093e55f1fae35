"""What befalls a workflow's trial between two of its steps, and what its callers may try."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from daemon.codec import encode, parse
from daemon.domain.workflow import Provider
from daemon.errors import NotFound
from daemon.sim.fastgpt_script import Script
from tests.engine.test_workflow_test import ANN, MINUTE, bench
from tests.flows.house import House, house
from tests.flows.test_workflow_test import NOBODYS, PATH, asking, begun, bodies, said

HOUR = 60 * MINUTE


async def test_a_trial_that_ends_during_its_run_stays_ended_and_its_seat_comes_free(tmp_path: Path) -> None:
    async with bench(tmp_path, seats=1) as b:
        b.echo.may.clear()
        trial_id = await b.begun()
        run = asyncio.ensure_future(b.tests.say(trial_id, "一", by=ANN, language="zh"))
        pool = b.tests.pools[Provider.FASTGPT]
        async with asyncio.timeout(5):
            while not pool.in_flight:  # noqa: ASYNC110
                await asyncio.sleep(0)
            while not (await b.tests.get(trial_id, by=ANN)).lines:  # noqa: ASYNC110
                await asyncio.sleep(0)
        b.clock.advance(HOUR)
        b.echo.may.set()
        with pytest.raises(NotFound) as caught:
            await run
        assert caught.value.code == "workflow_test.not_found"
        assert pool.in_flight == 0
        other = await b.begun()
        assert (await b.tests.say(other, "二", by=ANN, language="zh")).lines[-1].text == "二"


@pytest.mark.parametrize("jump", [-HOUR, 5 * MINUTE])
async def test_a_clock_that_jumps_during_a_run_keeps_the_order_of_what_was_said(tmp_path: Path, jump: float) -> None:
    async with bench(tmp_path) as b:
        trial_id = await b.begun()
        await b.tests.say(trial_id, "一", by=ANN, language="zh")
        b.clock.jump_wall(jump)
        told = await b.tests.say(trial_id, "二", by=ANN, language="zh")
        assert [line.text for line in told.lines] == ["一", "一", "二", "二"]


async def test_a_run_that_is_cut_off_leaves_its_message_and_a_session_that_goes_on(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(delay_s=30), times=1)
        async with asking(h, session, "一"):
            await h.fastgpt.ledger.wait_for("*/chat/completions")
            assert await lines(h, session) == ["一"]
        await over(h)
        assert (await said(h, session, "二"))["messages"][-1]["content"] == "收到：二"
        assert await lines(h, session) == ["一", "二", "收到：二"]


async def lines(h: House, session: dict[str, Any]) -> list[str]:
    shown = await h.api.get(f"{PATH}/{session['testSessionId']}")
    return [line["content"] for line in shown["messages"]]


async def over(h: House) -> None:
    """Once no seat is taken."""
    async with asyncio.timeout(5):
        while h.bridge.engine.pools[Provider.FASTGPT].in_flight:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_workflow_that_is_removed_during_a_session_is_the_seeds_400(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        second = {"name": "二号", "base_url": h.fastgpt.base_url, "key": "fastgpt-other", "check": False}
        workflow_id = (await h.api.post("/api/v1/workflows", second))["id"]
        session = await begun(h, workflowId=workflow_id)
        assert (await h.api.call("DELETE", f"/api/v1/workflows/{workflow_id}"))[0] == 204
        shown = await h.api.get(f"{PATH}/{session['testSessionId']}")
        assert shown["workflowName"] == "二号"
        status, problem = await h.api.call("POST", f"{PATH}/{session['testSessionId']}/messages", {"message": "在吗"})
        assert (status, problem["error"], problem["message"]) == (400, "Bad Request", f"工作流不存在: {workflow_id}")
        assert await lines(h, session) == []


async def test_a_stream_that_breaks_off_ends_with_the_session_and_says_why(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        h.fastgpt.play(Script(answer="说到一半", chunks=4, mishap="error-mid-stream", error="points"), times=1)
        async with asking(h, session, "一") as events:
            name, whole = [event async for event in events][-1]
        assert (name, whole["messages"][-1]["meta"]["success"]) == ("end", False)
        assert whole["messages"][-1]["meta"]["errorMessage"]
        await over(h)
        await said(h, session, "二")
        assert [line["role"] for line in bodies(h)[-1]["messages"]] == ["user", "user"]  # no half answer among them


async def test_any_text_comes_back_as_it_was_said(tmp_path: Path) -> None:
    texts = ["😀👨‍👩‍👧", "\u202eabc", "a\x00b", "'); DROP TABLE workflow_tests; --", " 前后 \n", "长" * 20_000]
    async with house(tmp_path) as h:
        session = await begun(h, variables={"a\x00": {"😀": [None, 1.5, "\u2028"]}})
        for text in texts:
            await said(h, session, text)
        assert (await lines(h, session))[::2] == texts


async def test_a_session_that_cannot_be_is_none_however_its_id_is_written(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        headers = {"Authorization": f"Bearer {h.api.key}"}
        for path in (
            "x" * 5_000,
            "..",
            "%2e%2e",
            f"x%2F..%2F{session['testSessionId']}",
            "a%00b",
            "test_",
            "😀",
            "%ff",
        ):
            url = URL(f"{h.api.url}{PATH}/{path}", encoded=True)
            async with h.api.http.get(url, headers=headers) as answer:
                problem = parse(await answer.read())
                assert (answer.status, problem["error"]) == (400, "Bad Request"), path
        assert (await h.api.call("GET", f"{PATH}/{session['testSessionId'].upper()}"))[0] == 400


async def test_a_body_that_is_none_is_400_and_begins_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        headers = {"Authorization": f"Bearer {h.api.key}", "Content-Type": "application/json"}
        whole = encode({"workflowId": NOBODYS})
        for raw in (b"", b"null", b"[]", b"{", whole[:-1], b'{"workflowId": "\\ud83d"}', b"[" * 5_000):
            async with h.api.http.post(h.api.url + PATH, data=raw, headers=headers) as answer:
                assert answer.status == 400, raw[:40]
        assert await h.api.get(PATH) == []


async def test_the_same_idempotency_key_runs_the_workflow_once(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        session = await begun(h)
        path, key = f"{PATH}/{session['testSessionId']}/messages", {"Idempotency-Key": "k-1"}
        first, second = [await h.api.call("POST", path, {"message": "一"}, **key) for _ in range(2)]
        assert first == second
        assert len(bodies(h)) == 1
        made = [
            await h.api.call("POST", PATH, {"workflowId": h.workflow_id}, **{"Idempotency-Key": "k-2"}) for _ in "ab"
        ]
        assert made[0] == made[1]
        assert len(await h.api.get(PATH)) == 2
