"""Every way FastGPT can let us down, and what becomes of the question: a named end, never a lost one."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from daemon.domain.workflow import Provider
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, fastgpt_simulator
from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from daemon.sim.gewe import GeweSetup
from tests.flows.house import ANN, APP_ID, BOT, House, house
from tests.net.loopback import free_port

ASK = "*/chat/completions"
SENDS = "/api/v1/integrations/gewe/messages"
SENTENCE = "请稍候，我们的同事马上回复您。"
APOLOGISES = {"on_failure": "sentence", "failure_text": SENTENCE}
TWICE = {"attempts": 2, "retry_base": timedelta(milliseconds=10)}
TWO_SECONDS = timedelta(seconds=2)


@frozen(kw_only=True)
class Case:
    """A fault of the simulator, and the end of the turn that met it."""

    fault: Fault
    state: str
    error: str | None = None
    attempts: int
    asked: int  # completions that FastGPT saw
    workflow: dict[str, Any] | None = None
    said: str = "收到：在吗"


def once(kind: Kind, **more: Any) -> Fault:
    return Fault(kind=kind, path=ASK, times=1, **more)


def always(kind: Kind, **more: Any) -> Fault:
    return Fault(kind=kind, path=ASK, **more)


def gone(error: str, fault: Fault, *, attempts: int = 2, **more: Any) -> Case:
    """It fails each time: the person gets the sentence."""
    return Case(fault=fault, state="failed", error=error, attempts=attempts, asked=attempts, said=SENTENCE, **more)


def passing(fault: Fault, *, attempts: int = 2, asked: int = 2, **more: Any) -> Case:
    """It fails once, and the person does not notice."""
    return Case(fault=fault, state="answered", attempts=attempts, asked=asked, **more)


IMPATIENT = {"timeout_seconds": 1.0}
REMEMBERS = {"memory": "service"}
CASES = {
    "slow, but in time": passing(once(Kind.LATENCY, seconds=0.2), attempts=1, asked=1),
    "too slow once": passing(once(Kind.LATENCY, seconds=5.0), workflow=IMPATIENT),
    "hangs once": passing(once(Kind.HANG), workflow=IMPATIENT),
    "hangs": gone("remote.timeout", always(Kind.HANG), workflow=IMPATIENT),
    "a 504 page once": passing(once(Kind.GATEWAY, effect=False)),
    "a 504 page": gone("remote.gateway", always(Kind.GATEWAY, effect=False)),
    "a 503 once": passing(once(Kind.STATUS, status=503)),
    "a 503": gone("fastgpt.unavailable", always(Kind.STATUS, status=503)),
    "its model fails once": passing(once(Kind.ERROR, name="upstream")),
    "its model fails": gone("fastgpt.upstream", always(Kind.ERROR, name="upstream")),
    "cut off in mid-answer": passing(once(Kind.HALF)),
    "reset once": passing(once(Kind.RESET)),
    "reset": gone("remote.cut", always(Kind.RESET)),
    "the answer is lost": passing(once(Kind.DROP)),
    "the answer is lost, FastGPT remembers": passing(once(Kind.DROP), asked=1, workflow=REMEMBERS),
    "nonsense once": passing(once(Kind.NONSENSE)),
    "nonsense": gone("fastgpt.not_an_answer", always(Kind.NONSENSE)),
    "429 with Retry-After": passing(once(Kind.STATUS, status=429, headers={"Retry-After": "1"})),
    "limited in words": passing(
        once(Kind.ERROR, name="rate", message="Rate limit exceeded. Please try again in 1 seconds.")
    ),
    "another run of the chat": passing(once(Kind.ERROR, name="busy")),
    "wrong key": gone("fastgpt.unauthorized", always(Kind.ERROR, name="unknown-key"), attempts=1),
    "out of points": gone("fastgpt.no_points", always(Kind.ERROR, name="points"), attempts=1),
    "no such app": gone("fastgpt.no_app", always(Kind.ERROR, name="app-missing"), attempts=1),
    "it dislikes the question": gone("fastgpt.bad_request", always(Kind.ERROR, name="bad-input"), attempts=1),
}


async def ended(h: House, *, number: int = 1) -> list[dict[str, Any]]:
    """The turns of the one conversation, newest first, once so many have ended."""
    conversation = (await h.api.get("/api/v1/integrations/conversations"))["data"][0]["id"]
    path = f"/api/v1/integrations/conversations/{conversation}/turns"
    return await h.settled(path, "state", {"answered", "failed", "skipped"}, number=number)


@pytest.mark.parametrize("name", CASES)
async def test_a_question_that_meets_a_fault_ends_as_the_table_says(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    async with house(tmp_path, policy=APOLOGISES, workflow=case.workflow, jobs=TWICE) as h:
        h.fastgpt.faults.add(case.fault)
        await h.writes("在吗")
        assert await h.replies() == [case.said]
        turn = (await ended(h))[0]
        assert (turn["state"], turn["error"], turn["attempts"]) == (case.state, case.error, case.attempts)
        assert len(h.fastgpt.ledger.of(ASK)) == case.asked


async def test_no_fault_and_the_same_table_row_would_say_so(tmp_path: Path) -> None:
    async with house(tmp_path, policy=APOLOGISES, jobs=TWICE) as h:
        await h.writes("在吗")
        assert await h.replies() == ["收到：在吗"]
        turn = (await ended(h))[0]
        assert (turn["state"], turn["error"], turn["attempts"]) == ("answered", None, 1)


async def test_where_nobody_listens_the_question_fails_and_the_account_may_stay_silent(tmp_path: Path) -> None:
    nobody = {"base_url": f"http://127.0.0.1:{free_port()}/api", "check": False}
    async with house(tmp_path, workflow=nobody, jobs=TWICE) as h:
        await h.writes("在吗")
        turn = (await ended(h))[0]
        assert (turn["state"], turn["error"], turn["attempts"]) == ("failed", "remote.no_connection", 2)
        assert (await h.api.get(SENDS))["data"] == []
        assert h.gewe.received(ANN) == []


async def test_the_fallback_answers_for_a_workflow_that_is_out_of_the_question(tmp_path: Path) -> None:
    async with fastgpt_simulator() as second, house(tmp_path, policy=APOLOGISES) as h:
        second.play(Script(answer="备用：{question}"))
        body = {"base_url": second.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        fallback = (await h.api.post("/api/v1/workflows", {"name": "Second", **body}))["id"]
        first = body | {"name": "Sales", "base_url": h.fastgpt.base_url, "fallback_id": fallback}
        assert (await h.api.call("PUT", f"/api/v1/workflows/{h.workflow_id}", first))[0] == 200
        h.fastgpt.faults.add(always(Kind.ERROR, name="points"))
        await h.writes("在吗")
        assert await h.replies() == ["备用：在吗"]
        assert (await ended(h))[0]["workflow_id"] == fallback


async def test_a_rejected_key_is_not_tried_again_until_it_is_replaced(tmp_path: Path) -> None:
    async with house(tmp_path, policy=APOLOGISES) as h:
        wrong = h.fastgpt.faults.add(always(Kind.ERROR, name="unknown-key"))
        for number in (1, 2, 3):
            await h.writes(f"第{number}个")
            assert (await ended(h, number=number))[0]["error"] == "fastgpt.unauthorized"
        assert len(h.fastgpt.ledger.of(ASK)) == 1
        h.fastgpt.faults.remove(wrong)
        renewed = {"name": "Sales", "base_url": h.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        assert (await h.api.call("PUT", f"/api/v1/workflows/{h.workflow_id}", renewed))[0] == 200
        await h.writes("第4个")
        assert (await ended(h, number=4))[0]["state"] == "answered"


async def test_while_the_breaker_is_open_questions_wait_without_attempts(tmp_path: Path) -> None:
    patient = {"attempts": 3, "retry_base": timedelta(milliseconds=10)}
    async with house(tmp_path, policy=APOLOGISES, jobs=patient) as h:
        down = h.fastgpt.faults.add(always(Kind.STATUS, status=503))
        for number, failures in ((1, 3), (2, 5)):  # the fifth in a row opens it
            await h.writes("在吗", wxid=f"wxid_friend{number:08}")
            await h.fastgpt.ledger.wait_for(ASK, failures, ended=True)
        await h.writes("第三位", wxid="wxid_friend00000003")
        path = "/api/v1/integrations/conversations"
        waiting = next(row["id"] for row in (await h.api.get(path))["data"] if row["peer"] == "wxid_friend00000003")
        turns = await h.settled(f"{path}/{waiting}/turns", "error", {"turn.breaker_open"})
        assert (turns[0]["state"], turns[0]["attempts"]) == ("asking", 0)
        assert len(h.fastgpt.ledger.of(ASK)) == 5
        h.fastgpt.faults.remove(down)
        assert await h.replies(to="wxid_friend00000003") == ["收到：第三位"]
        asked = h.fastgpt.ledger.of(ASK)
        assert asked[5].monotonic - asked[4].monotonic > 2.4  # half of the first 5 s is the least it is left alone


async def test_no_more_questions_are_in_flight_than_set_and_two_accounts_take_turns(tmp_path: Path) -> None:
    busy, quiet = APP_ID, "wx_demoAppId000000000002"
    setup = GeweSetup(accounts={busy: BOT, quiet: "wxid_bot000000000002"})
    async with house(tmp_path, gewe=setup) as h:
        h.bridge.engine.pools[Provider.FASTGPT].resize(2)
        second = {"app_id": quiet, "name": "Second", "token": h.gewe.token, "base_url": h.gewe.base_url}
        await h.api.post("/api/v1/integrations/gewe/accounts", second | {"workflow_id": h.workflow_id})
        h.fastgpt.play(Script(delay_s=0.05))
        for number in range(20):
            await h.gewe.wechat.person_writes(busy, f"wxid_busy{number:08}", "忙")
        for number in range(4):
            await h.gewe.wechat.person_writes(quiet, f"wxid_quiet{number:08}", "静")
        asked = await h.fastgpt.ledger.wait_for(ASK, 24, ended=True)
        questions = [entry.body["messages"][-1]["content"] for entry in asked]
        assert h.fastgpt.traffic.most_in_flight == 2
        assert questions.count("静") == 4
        assert max(index for index, text in enumerate(questions) if text == "静") < 16
