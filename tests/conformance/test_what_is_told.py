"""The suite's other half: what of a question reaches each provider, what its answer costs, and which step failed."""

from pathlib import Path

import pytest
from attrs import evolve

from daemon.domain.cost import ANY_MODEL, Price
from daemon.domain.workflow import Memory, Role
from daemon.engine import metering
from daemon.errors import RemoteError, RemoteLimited
from daemon.store import prices
from daemon.store.database import open_database
from tests.clock import FakeClock
from tests.conformance.subject import ASKED, QUESTION, THEN, Play, Subject, told


async def test_its_variables_are_told(it: Subject) -> None:
    lines = told((Role.SYSTEM, "叫客人{{customerName}}"), (Role.USER, ASKED))

    for number, ours in enumerate((it.workflow, it.plain)):
        turn = f"{QUESTION.turn_id[:-1]}{number}"
        await it.ask(ours, turn_id=turn, messages=lines, variables={"customerName": "陈静"})

    assert all("陈静" in asked for asked in it.asked)
    assert len(it.asked) == 2


async def test_its_conversation_is_named(it: Subject) -> None:
    ours = evolve(it.workflow, memory=Memory.SERVICE)

    await it.ask(ours, conversation="c-1001")
    await it.ask(ours, conversation="c-1002", turn_id=f"{QUESTION.turn_id[:-1]}f")

    assert ["c-1001" in asked for asked in it.asked] == [True, False]
    assert ["c-1002" in asked for asked in it.asked] == [False, True]


async def test_the_answer_to_what_it_asked_goes_on_in_its_chat(it: Subject) -> None:
    ours = evolve(it.workflow, memory=Memory.SERVICE)
    it.play(Play(options=("退货", "换货")))
    asked = await it.ask(ours, conversation="c-1001")
    it.play(Play(text="好的：{question}"))

    answer = await it.ask(
        ours, text="换货", conversation="c-1001", turn_id=f"{QUESTION.turn_id[:-1]}f", resumes=asked.record
    )

    assert (answer.text, answer.pause) == ("好的：换货", None)
    assert all("c-1001" in body for body in it.asked)


async def test_what_it_cost_follows_from_what_it_told(it: Subject, tmp_path: Path) -> None:
    """1,286 tokens in and 74 out, at 1,000 and 4,000 millionths for a thousand."""
    price = Price(
        id="p1",
        provider=it.workflow.provider,
        model=ANY_MODEL,
        point_micro=0,
        input_micro=1_000,
        output_micro=4_000,
        embedding_micro=0,
        act_micro=0,
        valid_from=THEN,
        created_at=THEN,
        updated_at=THEN,
        version=1,
    )
    async with open_database(tmp_path / "qiaod.db", FakeClock()) as db:
        whole, streamed = await it.ask(it.plain), await it.ask(turn_id=f"{QUESTION.turn_id[:-1]}f")
        await db.write(prices.add, price)
        worth = [await db.read(metering.worth, it.workflow, answer) for answer in (whole, streamed)]

    assert worth == [1_286 + 4 * 74] * 2


async def test_a_step_that_failed_is_named(it: Subject) -> None:
    it.play(Play(stuck="模型超时"))
    for number, ours in enumerate((it.workflow, it.plain)):
        with pytest.raises(RemoteError) as failed:
            await it.ask(ours, turn_id=f"{QUESTION.turn_id[:-1]}{number}")

        *_, step = failed.value.nodes
        assert (step.failed, step.error) == (True, "模型超时")


async def test_a_limit_that_names_no_time_is_a_limit_too(it: Subject) -> None:
    it.answers("later", status=429, kind="text/plain")

    with pytest.raises(RemoteLimited) as limited:
        await it.ask()

    assert limited.value.retry_after is None  # it is not for us to invent one here
