"""Trials to the second: how long they live, what they keep, who takes turns with them; and what they show of a run."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from daemon.domain.access import Actor, Role
from daemon.domain.node_types import node_type
from daemon.domain.workflow import Answer, Node, NodeBegun, Provider, Question, Workflow
from daemon.domain.workflow import Role as Speaker
from daemon.domain.workflow_test import MOST_KEPT, MOST_LINES, TrialLine
from daemon.engine.pressure import Pressure
from daemon.engine.timers import Timers
from daemon.engine.trial_steps import LEAST, LONGEST, MORE, MOST_SHOWN, MOST_STEPS, steps
from daemon.engine.workflow_test import WorkflowTests
from daemon.engine.workflows import Workflows
from daemon.errors import NotFound, RateLimited
from daemon.limits.pool import Pool
from daemon.secret import Redactor
from daemon.store import workflow_tests
from daemon.store.database import Database, open_database
from daemon.tasks import running
from daemon.vault import Vault
from tests.clock import FakeClock
from tests.engine.samples import DRAFT

ANN = Actor(id="key:ann", role=Role.OPERATOR)
MINUTE = 60.0


@define
class Echo:
    """An assistant that says what it is told; where `held`, only once it may."""

    may: asyncio.Event = field(factory=asyncio.Event)

    async def run(
        self,
        workflow: Workflow,  # noqa: ARG002
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,  # noqa: ARG002
        on_node: Callable[[NodeBegun], None] | None = None,  # noqa: ARG002
    ) -> Answer:
        await self.may.wait()
        return Answer(text=question.messages[-1].text)

    async def recover(self, workflow: Workflow, question: Question) -> Answer | None:  # noqa: ARG002
        return None


@define
class Bench:
    db: Database
    clock: FakeClock
    timers: Timers
    tests: WorkflowTests
    echo: Echo
    workflow_id: str

    async def begun(self) -> str:
        return (await self.tests.create(self.workflow_id, {}, by=ANN)).id

    async def alive(self, trial_id: str) -> bool:
        try:
            await self.tests.get(trial_id, by=ANN)
        except NotFound:
            return False
        return True

    async def rows(self) -> int:
        return int(await self.db.read(lambda tx: tx.value("SELECT COUNT(*) FROM workflow_tests")))

    async def passes(self, seconds: float) -> None:
        """Time, and what the wheel sets off then."""
        self.clock.advance(seconds)
        self.timers.run_due()

    async def left(self, number: int) -> None:
        """Tick by tick: what is set for now is called at the next one, and this clock does not go by itself."""
        async with asyncio.timeout(30):
            while await self.rows() != number:
                await self.passes(0.01)

    async def armed(self) -> None:
        async with asyncio.timeout(30):
            while not len(self.timers):  # noqa: ASYNC110
                await asyncio.sleep(0)


@asynccontextmanager
async def bench(folder: Path, clock: FakeClock | None = None, *, seats: int = 2) -> AsyncIterator[Bench]:
    clock = clock or FakeClock()
    async with open_database(folder / "qiaod.db", clock) as db:
        workflows, timers, echo = Workflows(db, Vault(b"k" * 32, Redactor())), Timers(clock), Echo()
        echo.may.set()
        known, _ = await workflows.page(provider=None, before=None, limit=1)
        workflow = known[0] if known else await workflows.add(DRAFT, by=ANN)
        pools = {Provider.FASTGPT: Pool(seats, 10)}
        tests = WorkflowTests(db, workflows, {Provider.FASTGPT: echo}, pools, timers, Pressure(clock), most=1000)
        yield Bench(db, clock, timers, tests, echo, workflow.id)
        await timers.aclose()


async def test_a_trial_lives_for_half_an_hour_to_the_second(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        trial_id = await b.begun()
        b.clock.advance(29 * MINUTE + 59)
        assert await b.alive(trial_id)
        b.clock.advance(1)
        assert not await b.alive(trial_id)  # whether or not anybody has removed it
        assert await b.tests.latest(by=ANN) == []


@pytest.mark.parametrize("activity", ["say", "clear", "set_variables"])
async def test_each_activity_gives_it_another_half_hour_and_looking_does_not(tmp_path: Path, activity: str) -> None:
    async with bench(tmp_path) as b:
        active, looked_at = await b.begun(), await b.begun()
        b.clock.advance(20 * MINUTE)
        acts: dict[str, Callable[[], Any]] = {
            "say": lambda: b.tests.say(active, "在吗", by=ANN, language="zh"),
            "clear": lambda: b.tests.clear(active, by=ANN),
            "set_variables": lambda: b.tests.set_variables(active, {"a": 1}, by=ANN),
        }
        assert (await acts[activity]()).active_at == b.clock.now()
        await b.alive(looked_at)
        b.clock.advance(29 * MINUTE + 59)
        assert (await b.alive(active), await b.alive(looked_at)) == (True, False)
        b.clock.advance(1)
        assert not await b.alive(active)


async def test_the_wheel_removes_each_when_its_time_comes(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, running(b.tests.run(), "tests"):
        await b.begun()
        await b.passes(10 * MINUTE)
        await b.begun()
        await b.armed()
        await b.passes(19 * MINUTE + 59)
        assert await b.rows() == 2
        await b.passes(1.01)
        await b.left(1)
        await b.armed()
        await b.passes(10 * MINUTE)
        await b.left(0)


async def test_a_restart_keeps_them_and_removes_at_once_what_became_overdue_meanwhile(tmp_path: Path) -> None:
    clock = FakeClock()
    async with bench(tmp_path, clock) as b:
        old = await b.begun()
        clock.advance(10 * MINUTE)
        young = await b.begun()
    clock.advance(25 * MINUTE)
    async with bench(tmp_path, clock) as b:
        assert await b.rows() == 2
        async with running(b.tests.run(), "tests"):
            await b.left(1)
            assert (await b.alive(young), await b.alive(old)) == (True, False)
            await b.armed()
            await b.passes(5 * MINUTE)
            await b.left(0)


async def test_a_seat_that_does_not_come_free_is_not_waited_for_for_long(tmp_path: Path) -> None:
    async with bench(tmp_path, seats=1) as b:
        b.tests.patience = timedelta(milliseconds=20)
        first, second = await b.begun(), await b.begun()
        b.echo.may.clear()
        saying = asyncio.create_task(b.tests.say(first, "一", by=ANN, language="zh"))
        while not b.tests.pools[Provider.FASTGPT].in_flight:  # noqa: ASYNC110
            await asyncio.sleep(0)
        with pytest.raises(RateLimited):
            await b.tests.say(second, "二", by=ANN, language="zh")
        assert (await b.tests.get(second, by=ANN)).lines == ()  # it may be said again
        b.echo.may.set()
        assert [line.text for line in (await saying).lines] == ["一", "一"]
        assert b.tests.pools[Provider.FASTGPT].in_flight == 0


async def test_only_the_latest_lines_are_kept_and_the_last_in_any_case(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        trial_id = await b.begun()

        async def told(*texts: str) -> list[str]:
            def say(tx: Any) -> None:
                lines = [TrialLine(id=tx.new_id(), role=Speaker.USER, text=text, at=tx.now) for text in texts]
                workflow_tests.say(tx, trial_id, lines)

            await b.db.write(say)
            return [line.text for line in (await b.tests.get(trial_id, by=ANN)).lines]

        assert await told(*map(str, range(MOST_LINES + 5))) == [str(number) for number in range(5, MOST_LINES + 5)]
        assert await told("长" * (MOST_KEPT + 1)) == ["长" * (MOST_KEPT + 1)]
        assert await told("短") == ["短"]


async def test_a_list_shows_as_much_as_there_is_room_for(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        for _ in range(3):
            await b.tests.say(await b.begun(), "x" * 100, by=ANN, language="zh")

        async def listed(limit: int, room: int) -> int:
            after = b.clock.now() - timedelta(minutes=30)
            read = b.db.read(workflow_tests.latest, owner=ANN.id, after=after, limit=limit, room=room)
            return len(await read)

        assert [await listed(10, 10_000), await listed(2, 10_000), await listed(10, 1000), await listed(10, 1)] == [
            3,
            2,
            2,
            1,
        ]


def node(kind: str, given: Any = None, made: Any = None, **changes: Any) -> Node:
    fields: dict[str, Any] = {"id": kind, "name": kind, "kind": kind, "seconds": 0.2004, "failed": False}
    return Node(**fields | {"input": given, "output": made} | changes)


@pytest.mark.parametrize(
    ("provider", "kind", "meant"),
    [
        (Provider.FASTGPT, "workflowStart", "start"),
        (Provider.FASTGPT, "classifyQuestion", "intent"),
        (Provider.FASTGPT, "chatNode", "llm"),
        (Provider.FASTGPT, "datasetSearchNode", "knowledge"),
        (Provider.FASTGPT, "pluginModule", "tool"),
        (Provider.FASTGPT, "code", "code"),
        (Provider.FASTGPT, "httpRequest468", "http"),
        (Provider.FASTGPT, "ifElseNode", "condition"),
        (Provider.FASTGPT, "variableUpdate", "variable"),
        (Provider.FASTGPT, "answerNode", "answer"),
        (Provider.FASTGPT, "pluginOutput", "end"),
        (Provider.FASTGPT, "loopStart", "loop"),
        (Provider.FASTGPT, "somethingOfNextYear", "somethingOfNextYear"),
        (Provider.FASTGPT, "", "other"),
        (Provider.N8N, "webhook", "workflow"),
        (Provider.N8N, "n8n-nodes-base.webhook", "start"),
        (Provider.N8N, "@n8n/n8n-nodes-langchain.chatTrigger", "start"),
        (Provider.N8N, "@n8n/n8n-nodes-langchain.agent", "agent"),
        (Provider.N8N, "@n8n/n8n-nodes-langchain.lmChatOpenAi", "llm"),
        (Provider.N8N, "@n8n/n8n-nodes-langchain.chainLlm", "llm"),
        (Provider.N8N, "@n8n/n8n-nodes-langchain.textClassifier", "intent"),
        (Provider.N8N, "@n8n/n8n-nodes-langchain.vectorStoreQdrant", "knowledge"),
        (Provider.N8N, "@n8n/n8n-nodes-langchain.toolHttpRequest", "tool"),
        (Provider.N8N, "n8n-nodes-base.httpRequest", "http"),
        (Provider.N8N, "n8n-nodes-base.code", "code"),
        (Provider.N8N, "n8n-nodes-base.if", "condition"),
        (Provider.N8N, "n8n-nodes-base.splitInBatches", "loop"),
        (Provider.N8N, "n8n-nodes-base.respondToWebhook", "end"),
        (Provider.N8N, "n8n-nodes-base.gmail", "n8n-nodes-base.gmail"),
        (Provider.OPENAI, "llm", "llm"),
        (Provider.OPENAI, "", "llm"),
    ],
)
def test_nodes_are_called_the_same_for_every_provider(provider: Provider, kind: str, meant: str) -> None:
    assert node_type(provider, kind) == meant


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (node("workflowStart"), ("多少钱", "")),
        (node("classifyQuestion", {"query": "问", "classes": ["a"]}, {"class": "产品咨询"}), ("问", "产品咨询")),
        (node("chatNode", {"query": "问", "history": []}, {"text": "答", "finish": "stop"}), ("问", "答")),
        (node("answerNode", None, {"text": "答"}), ("", "答")),
        (
            node("code", {"inputs": {"a": 1}}, {"outputs": {"b": 2}, "log": "l"}),
            ('{"a":1}', '{"outputs":{"b":2},"log":"l"}'),
        ),
        (node("ifElseNode", None, {"branch": "IF"}), ("", "IF")),
        (node("x", ["a", 1], 2.5), ('["a",1]', "2.5")),
        (node("chatNode", "问", None, failed=True, error="超时"), ("问", "超时")),
    ],
)
def test_what_a_node_took_and_made_is_text(one: Node, shown: tuple[str, str]) -> None:
    (step,) = steps(Provider.FASTGPT, (one,), "多少钱")
    assert ((step.input, step.output), step.duration_ms, step.success) == (shown, 200, not one.failed)


def test_nodes_within_a_node_come_right_after_it() -> None:
    within = (node("b", children=(node("c"),)), node("d"))
    found = steps(Provider.FASTGPT, (node("a", children=within), node("e")), "")
    assert [step.id for step in found] == ["a", "b", "c", "d", "e"]


def test_what_is_shown_of_a_run_is_bounded_and_its_last_nodes_are_seen_too() -> None:
    wordy = [node(str(number), "x" * 10_000, "y" * 10_000) for number in range(MOST_STEPS + 50)]
    found = steps(Provider.FASTGPT, wordy, "")
    assert (len(found), found[0].input) == (MOST_STEPS, "x" * LONGEST + MORE)
    assert sum(len(step.input) + len(step.output) for step in found) < MOST_SHOWN + MOST_STEPS * 2 * (LEAST + 1)
    assert found[-1].output == "y" * LEAST + MORE
