"""FastGPT as a subject of the suite."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import evolve

from daemon.codec import encode_text
from daemon.domain.workflow import Provider
from daemon.net.fastgpt.client import FastGpt
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret
from daemon.sim.fastgpt import COMPLETIONS, DEMO_APP, DEMO_KEY, FastGptSimulator, fastgpt_simulator
from daemon.sim.fastgpt_errors import NAMED
from daemon.sim.fastgpt_script import Mishap, Script
from daemon.sim.fastgpt_scripts import asks_choice
from tests.conformance.subject import Play, Subject, workflow

CANNOT: dict[str, str] = {}


@asynccontextmanager
async def fastgpt() -> AsyncIterator[Subject]:
    redactor = Redactor()
    redactor.add(Secret(DEMO_KEY))
    async with fastgpt_simulator() as sim, open_outbound(redactor) as outbound:
        ours = workflow(Provider.FASTGPT, sim.url, DEMO_KEY, app_id=DEMO_APP.id)
        subject = Subject(
            assistant=FastGpt(outbound),
            workflow=ours,
            stranger=evolve(ours, key=Secret("fastgpt-somebodyelses0000000")),
            missing=evolve(ours, app_id="6a10c0ffee00000000000bad"),
            plain=evolve(ours, stream=False),
            faults=sim.faults,
            ledger=sim.ledger,
            traffic=sim.traffic,
            asks=COMPLETIONS,
            play=lambda play: _play(sim, play),
            elsewhere=lambda url: evolve(ours, base_url=url),
            secret=DEMO_KEY,
            bad_request=encode_text(NAMED["bad-input"].body()),
            misshapen='{"choices": 5}',
            repeats=True,
            line='event: answer\ndata: {"choices":[{"delta":{"content":"' + "x" * 1000 + '"}}]}\n\n',
            line_type="text/event-stream",
        )
        subject.play(Play())
        yield subject


def _play(sim: FastGptSimulator, play: Play) -> None:
    if play.options:
        sim.play(asks_choice("退还是换？", *play.options))
        return
    mishap: Mishap = ""
    if play.breaks or play.fails:
        mishap = "error-mid-stream" if play.breaks else "error-before"
    if play.stuck:
        mishap = "node-failure"
    nodes = [{"moduleName": "Intent", "moduleType": "classifyQuestion", "cqResult": play.category}]
    sim.play(
        Script(
            answer=play.text,
            delay_s=play.delay_s,
            chunk_delay_s=play.chunk_delay_s,
            chunks=9,
            nodes=nodes if play.category else [],
            variables=play.fields,
            input_tokens=play.tokens[0],
            output_tokens=play.tokens[1],
            mishap="cut" if play.cut else mishap,
            error=play.stuck,
        )
    )
