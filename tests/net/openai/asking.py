"""A workflow on a plain model, and a question to ask it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve, frozen

from daemon.domain.workflow import Answer, Memory, Provider, Question, Role, Said, Workflow
from daemon.net.openai.client import OpenAi, Patience
from daemon.net.openai.desk import OpenAiDesk
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret
from daemon.sim.openai import DEMO_KEY, DEMO_MODEL, OpenAiSetup, OpenAiSimulator, openai_simulator
from daemon.sim.openai_script import Script

THEN = datetime(2026, 1, 2, tzinfo=UTC)
ASKED = "几天内可以退货？"
WORKFLOW = Workflow(
    id="w1",
    name="shop",
    provider=Provider.OPENAI,
    base_url="http://127.0.0.1:1",
    key=Secret(DEMO_KEY),
    app_id=None,
    endpoint="v1",
    stream=True,
    memory=Memory.DAEMON,
    system_prompt=None,
    variables={},
    timeout=timedelta(seconds=10),
    fallback_id=None,
    created_at=THEN,
    updated_at=THEN,
    version=1,
    model=DEMO_MODEL,
)
QUESTION = Question(
    turn_id="turn-1", conversation=None, user="visitor-77", messages=(Said(role=Role.USER, text=ASKED),)
)
HASTY = Patience(tail=timedelta(milliseconds=50))


@frozen
class Here:
    sim: OpenAiSimulator
    assistant: OpenAi
    desk: OpenAiDesk
    workflow: Workflow

    async def asked(self, question: Question = QUESTION, **changes: Any) -> Answer:
        return await self.assistant.run(evolve(self.workflow, **changes), question)

    async def heard(self, **changes: Any) -> tuple[Answer, list[str]]:
        """The answer, and its text as it came."""
        texts = list[str]()
        answer = await self.assistant.run(evolve(self.workflow, **changes), QUESTION, on_text=texts.append)
        return answer, texts


@asynccontextmanager
async def openai(
    setup: OpenAiSetup | None = None, *, script: Script | None = None, patience: Patience = HASTY
) -> AsyncIterator[Here]:
    async with openai_simulator(setup) as sim, open_outbound(Redactor()) as outbound:
        if script is not None:
            sim.play(script)
        workflow = evolve(WORKFLOW, base_url=sim.base_url)
        yield Here(sim, OpenAi(outbound, patience), OpenAiDesk(outbound, patience), workflow)
