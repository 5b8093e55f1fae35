"""A plain model of an OpenAI-compatible service as a subject of the suite."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import evolve

from daemon.codec import encode_text
from daemon.domain.workflow import Provider
from daemon.net.openai.client import OpenAi
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret
from daemon.sim.openai import COMPLETIONS, DEMO_KEY, DEMO_MODEL, OpenAiSimulator, openai_simulator
from daemon.sim.openai_errors import NAMED
from daemon.sim.openai_script import Mishap, Script
from tests.conformance.subject import Play, Subject, workflow

ASKS = "a completion has no word for a question with options: its text asks, and the history has question and reply"
CANNOT = {
    "test_it_asks_back_with_its_options": ASKS,
    "test_the_answer_to_what_it_asked_goes_on_in_its_chat": ASKS,
    "test_its_conversation_is_named": "a completion is in no conversation: all that was said before is sent with it",
    "test_a_step_that_failed_is_named": "its one step is the call itself: the error says all there is",
    "test_what_it_set_is_told": "a plain model sets no variables: its answer is all there is",
    "test_a_lost_answer_is_found_and_nothing_runs_twice": "it keeps nothing that could be looked up: it is asked again",
    "test_a_variable_asks_for_a_person": "a plain model sets no variables: a mark in its answer does it",
    "test_a_step_that_classifies_asks_for_a_person": "a plain model has one step: a mark in its answer does it",
}


@asynccontextmanager
async def openai() -> AsyncIterator[Subject]:
    redactor = Redactor()
    redactor.add(Secret(DEMO_KEY))
    async with openai_simulator() as sim, open_outbound(redactor) as outbound:
        ours = workflow(Provider.OPENAI, sim.base_url, DEMO_KEY, model=DEMO_MODEL)
        subject = Subject(
            assistant=OpenAi(outbound),
            workflow=ours,
            stranger=evolve(ours, key=Secret("sk-somebodyelses-0000000000000000")),
            missing=evolve(ours, model="no-such-model"),
            plain=evolve(ours, stream=False),
            faults=sim.faults,
            ledger=sim.ledger,
            traffic=sim.traffic,
            asks=COMPLETIONS,
            play=lambda play: _play(sim, play),
            elsewhere=lambda url: evolve(ours, base_url=url),
            secret=DEMO_KEY,
            bad_request=encode_text(NAMED["bad-request"].body()),
            misshapen='{"choices": 5}',
            repeats=True,
            line='data: {"choices":[{"index":0,"delta":{"content":"' + "x" * 1000 + '"}}]}\n\n',
            line_type="text/event-stream",
        )
        subject.play(Play())
        yield subject


def _play(sim: OpenAiSimulator, play: Play) -> None:
    mishap: Mishap = ""
    if play.breaks or play.fails:
        mishap = "error-mid-stream" if play.breaks else "error-before"
    sim.play(
        Script(
            answer=play.text,
            delay_s=play.delay_s,
            chunk_delay_s=play.chunk_delay_s,
            chunks=9,
            input_tokens=play.tokens[0],
            output_tokens=play.tokens[1],
            mishap="cut" if play.cut else mishap,
        )
    )
