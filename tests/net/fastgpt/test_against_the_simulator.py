"""The same behaviour in every version the simulator can be."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve, frozen

from daemon.domain.workflow import Answer, Memory, Role, Said, Workflow
from daemon.errors import (
    OutcomeUnknown,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.fastgpt.client import FastGpt
from daemon.secret import Secret
from daemon.sim.fastgpt import (
    COMPLETIONS,
    DEMO_APP,
    DEMO_KEY,
    FastGptSetup,
    FastGptSimulator,
    fastgpt_simulator,
)
from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from daemon.sim.ledger import Outcome
from tests.net.fastgpt.asking import QUESTION, WORKFLOW, fastgpt
from tests.net.fastgpt.wires import ASKED, INTENT, SEARCH, SELECT

PACED: dict[str, Any] = {
    "chunks": 9,
    "chunk_delay_s": 0.001,
}  # word by word, so that a stream cut in its middle is cut in a word
CHINESE = "您好，未穿过的鞋可以在三十天内退货。"
USUAL = Script(answer=CHINESE, nodes=[INTENT, SEARCH], points=0.754, input_tokens=1286, output_tokens=74)


@frozen
class Here:
    sim: FastGptSimulator
    assistant: FastGpt
    workflow: Workflow

    async def asked(self, turn: str = "turn-1", **changes: Any) -> Answer:
        return await self.assistant.run(evolve(self.workflow, **changes), evolve(QUESTION, turn_id=turn))


WAYS = [(endpoint, stream) for endpoint in ("v1", "v2") for stream in (True, False)]


@pytest.fixture(params=["legacy", "4.14.7", "current"])
async def sim(request: pytest.FixtureRequest) -> AsyncIterator[FastGptSimulator]:
    async with fastgpt_simulator(FastGptSetup(profile=request.param, script=USUAL)) as sim:
        yield sim


@pytest.fixture(params=WAYS, ids=["v1 stream", "v1 plain", "v2 stream", "v2 plain"])
async def here(request: pytest.FixtureRequest, sim: FastGptSimulator) -> AsyncIterator[Here]:
    endpoint, stream = request.param
    ours = evolve(
        WORKFLOW, base_url=sim.url, key=Secret(DEMO_KEY), app_id=DEMO_APP.id, endpoint=endpoint, stream=stream
    )
    async with fastgpt() as assistant:
        yield Here(sim, assistant, ours)


async def test_it_answers_with_its_nodes_and_its_true_cost(here: Here) -> None:
    answer = await here.asked()

    assert answer.text == CHINESE
    assert [node.kind for node in answer.nodes] == [
        "workflowStart",
        "classifyQuestion",
        "datasetSearchNode",
        "chatNode",
    ]
    assert answer.usage.known
    assert answer.usage.points_micro == 969_900
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.embedding_tokens) == (1698, 80, 9)


@pytest.mark.parametrize("split", [1, 7])
async def test_it_answers_in_pieces_of_any_size(here: Here, split: int) -> None:
    here.sim.play(evolve(USUAL, split_bytes=split, reasoning="想一想", empty_stop=True, chunks=9))

    assert (await here.asked()).text == CHINESE


async def test_it_is_told_the_history_where_it_does_not_remember(here: Here) -> None:
    prompt, earlier = Said(role=Role.SYSTEM, text="Be kind."), Said(role=Role.ASSISTANT, text="Hello.")
    told = (prompt, Said(role=Role.USER, text="Hi"), earlier, *QUESTION.messages)
    here.sim.play(Script(answer="{earlier}"))
    ours = evolve(here.workflow, memory=Memory.DAEMON)

    answer = await here.assistant.run(ours, evolve(QUESTION, conversation=None, messages=told))

    assert answer.text == "Be kind. / Hi / Hello."
    (entry,) = here.sim.ledger.of(COMPLETIONS)
    assert [message["role"] for message in entry.body["messages"]] == ["system", "user", "assistant", "user"]


async def test_in_a_chat_it_goes_by_what_it_remembers_itself(here: Here) -> None:
    here.sim.play(Script(answer="one"), times=1)
    here.sim.play(Script(answer="{earlier}"))
    await here.asked("turn-1")

    assert (await here.asked("turn-2")).text == f"{ASKED} / one"


async def test_a_pause_without_a_chat_of_ours_goes_on_where_it_says_which_it_is_in(here: Here) -> None:
    here.sim.play(evolve(USUAL, interactive=SELECT))
    ours, alone = evolve(here.workflow, memory=Memory.DAEMON), evolve(QUESTION, conversation=None)
    if not here.workflow.stream and not here.sim.profile.interactive_content:
        with pytest.raises(RemoteNonsense):
            await here.assistant.run(ours, alone)
        return
    paused = await here.assistant.run(ours, alone)
    assert paused.pause is not None
    assert bool(paused.chat) is (not here.workflow.stream and here.sim.profile.resolved_id)  # a stream never says
    if paused.chat:
        chosen = Said(role=Role.USER, text="Refund")
        reply = evolve(alone, conversation=paused.chat, messages=(chosen,), resumes=paused.record)
        assert (await here.assistant.run(ours, reply)).text == CHINESE


async def test_a_stream_is_heard_as_it_comes(here: Here) -> None:
    heard = list[str]()
    answer = await here.assistant.run(here.workflow, QUESTION, on_text=heard.append)

    assert "".join(heard) == (answer.text if here.workflow.stream else "")
    assert (len(heard) > 1) is here.workflow.stream


async def test_a_pause_is_shown_and_its_answer_goes_on(here: Here) -> None:
    here.sim.play(evolve(USUAL, interactive=SELECT))
    single_left_out = not here.workflow.stream and not here.sim.profile.interactive_content
    if single_left_out:  # 4.14.4 to 4.15.1 say nothing at all in a plain answer
        with pytest.raises(RemoteNonsense):
            await here.asked()
    else:
        assert (await here.asked()).text == "Refund or exchange?\n1. Refund\n2. Exchange"

    chosen = evolve(QUESTION, turn_id="turn-2", messages=(Said(role=Role.USER, text="Refund"),), resumes="turn-1")
    answered = await here.assistant.run(here.workflow, chosen)
    assert (answered.text, answered.pause) == (CHINESE, None)
    found = await here.assistant.recover(here.workflow, chosen)
    assert found is not None
    assert (found.text, found.recovered) == (CHINESE, True)


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("unauthorized", RemoteUnauthorized, "fastgpt.unauthorized"),
        ("unknown-key", RemoteUnauthorized, "fastgpt.unauthorized"),
        ("points", RemoteRefused, "fastgpt.no_points"),
        ("busy", RemoteLimited, "fastgpt.busy"),
        ("foreign-chat", RemoteRefused, "fastgpt.forbidden"),
        ("app-missing", RemoteRefused, "fastgpt.no_app"),
        ("no-app", RemoteRefused, "fastgpt.no_app"),
        ("rate", RemoteLimited, "fastgpt.limited"),
        ("bad-input", RemoteRefused, "fastgpt.bad_request"),
        ("upstream", RemoteUnavailable, "fastgpt.upstream"),
    ],
)
async def test_each_of_its_refusals_is_told_apart(here: Here, name: str, kind: type[RemoteError], code: str) -> None:
    here.sim.faults.add(Fault(kind=Kind.ERROR, name=name))

    with pytest.raises(RemoteError) as refused:
        await here.asked()

    assert (type(refused.value), refused.value.code) == (kind, code)


async def test_a_key_it_does_not_know_is_refused(here: Here) -> None:
    with pytest.raises(RemoteUnauthorized):
        await here.asked(key=Secret("fastgpt-somebodyelses"))


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (Fault(kind=Kind.GATEWAY), OutcomeUnknown),
        (Fault(kind=Kind.DROP), OutcomeUnknown),
        (Fault(kind=Kind.RESET), OutcomeUnknown),
        (Fault(kind=Kind.HANG), OutcomeUnknown),
        (Fault(kind=Kind.HALF), (OutcomeUnknown, RemoteUnavailable)),  # a plain answer, a stream
        (Fault(kind=Kind.NONSENSE), RemoteNonsense),
        (Fault(kind=Kind.STATUS, status=503, body="<html>"), RemoteUnavailable),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
async def test_each_fault_on_the_way_is_told_apart(
    here: Here, fault: Fault, kinds: type[RemoteError] | tuple[type[RemoteError], ...]
) -> None:
    here.sim.play(evolve(USUAL, **PACED))
    here.sim.faults.add(fault)

    with pytest.raises(kinds):
        await here.asked(timeout=timedelta(seconds=0.5))


@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        (Script(mishap="error-before", error="points"), RemoteRefused, "fastgpt.no_points"),
        (Script(mishap="error-mid-stream"), RemoteUnavailable, "fastgpt.upstream"),
        (Script(mishap="node-failure"), RemoteUnavailable, "fastgpt.upstream"),
        (Script(answer=""), RemoteNonsense, "fastgpt.empty"),
    ],
    ids=["error before", "error in mid-stream", "node failure", "empty"],
)
async def test_a_run_that_goes_wrong_is_an_error(
    here: Here, script: Script, kind: type[RemoteError], code: str
) -> None:
    here.sim.play(script)

    with pytest.raises(RemoteError) as failed:
        await here.asked()

    assert (type(failed.value), failed.value.code) == (kind, code)


@pytest.mark.parametrize("here", [("v1", True), ("v2", True)], indirect=True)  # only streams end before their end
@pytest.mark.parametrize("mishap", ["no-done", "cut"])
async def test_a_stream_that_breaks_off_is_no_answer(here: Here, mishap: Any) -> None:
    here.sim.play(evolve(USUAL, mishap=mishap, **PACED))

    with pytest.raises(RemoteUnavailable) as cut:
        await here.asked()

    assert cut.value.code == "fastgpt.cut"


async def test_an_answer_that_was_lost_is_found_and_not_paid_twice(here: Here) -> None:
    here.sim.faults.add(Fault(kind=Kind.GATEWAY, path=COMPLETIONS, times=1))
    with pytest.raises(OutcomeUnknown):
        await here.asked()

    answer = await here.assistant.recover(here.workflow, QUESTION)

    assert answer is not None
    assert (answer.text, answer.recovered, answer.usage.points_micro) == (CHINESE, True, 969_900)
    assert len(here.sim.ledger.of(COMPLETIONS)) == 1


async def test_a_question_never_asked_is_not_found(here: Here) -> None:
    await here.asked("turn-0")

    assert await here.assistant.recover(here.workflow, QUESTION) is None


async def test_asking_again_after_a_lost_answer_gives_it(here: Here) -> None:
    here.sim.faults.add(Fault(kind=Kind.GATEWAY, path=COMPLETIONS, times=1))
    with pytest.raises(OutcomeUnknown):
        await here.asked()

    answer = await here.asked()

    assert answer.text == CHINESE
    assert answer.recovered == here.sim.profile.validates  # older versions take a name twice, and run again


@pytest.mark.parametrize("here", [("v1", True)], indirect=True)  # only a stream of v1 ends with its connection
async def test_asking_again_after_a_run_that_was_cut_short_runs_again(here: Here) -> None:
    here.sim.play(evolve(USUAL, mishap="cut", **PACED), times=1)
    with pytest.raises(RemoteUnavailable):
        await here.asked()

    answer = await here.asked()

    assert (answer.text, answer.recovered) == (CHINESE, False)


async def test_a_run_that_is_cancelled_lets_go_of_its_connection_and_v2_is_told_to_stop(here: Here) -> None:
    here.sim.play(evolve(USUAL, delay_s=30, heartbeat_s=0.05))
    asking = asyncio.create_task(here.asked())
    await here.sim.ledger.wait_for(COMPLETIONS)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking

    stops = here.sim.ledger.of("/api/v2/chat/stop")
    assert [entry.body for entry in stops] == (
        [{"appId": DEMO_APP.id, "chatId": "c-1001"}] if here.workflow.endpoint == "v2" else []
    )
    if here.workflow.stream:
        (entry,) = await here.sim.ledger.wait_for(COMPLETIONS, ended=True)
        assert here.workflow.endpoint == "v2" or entry.outcome is Outcome.ABORTED


async def test_what_it_heard_is_the_question(here: Here) -> None:
    await here.asked()

    (entry,) = here.sim.ledger.of(COMPLETIONS)
    assert entry.body["messages"] == [{"role": "user", "content": ASKED}]
    assert entry.body["customUid"] == "visitor-77"
