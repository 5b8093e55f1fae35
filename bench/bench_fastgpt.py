"""What the daemon's pool and client add to an answer of 50 ms, 10 in flight, against the same simulator asked straight.

Straight means: the same request over kept connections, its answer read to the end and not looked at. The chats begin
spread over one answer's time, as callers do who do not know of each other: all at once, each would wait for the others.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection

import aiohttp
import uvloop
from attrs import evolve

from bench.report import PAIRS, Figure, main, measured, pin
from daemon.codec import encode
from daemon.domain.workflow import Memory, Provider, Question, Role, Said, Workflow
from daemon.limits.pool import Pool
from daemon.net.fastgpt import wire_request
from daemon.net.fastgpt.client import FastGpt
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, FastGptSetup, fastgpt_simulator
from daemon.sim.fastgpt_script import Script

IN_FLIGHT = 10
ANSWER_S = 0.05
EACH = 20  # answers, one after the other, in each of the chats: 200 a run, so that p99 is not the slowest
ANSWER = Script(answer="您好，未穿过的鞋可以在三十天内退货。", delay_s=ANSWER_S)
THEN = datetime(2026, 1, 1, tzinfo=UTC)
WORKFLOW = Workflow(
    id="bench",
    name="bench",
    provider=Provider.FASTGPT,
    base_url="",
    key=Secret(DEMO_KEY),
    app_id=DEMO_APP.id,
    endpoint="v1",
    stream=True,
    memory=Memory.SERVICE,
    system_prompt=None,
    variables={},
    timeout=timedelta(seconds=30),
    fallback_id=None,
    created_at=THEN,
    updated_at=THEN,
    version=1,
)

Ask = Callable[[Question], Awaitable[None]]


def run() -> Iterator[Figure]:
    pin(0)
    for way, stream in (("stream", True), ("plain", False)):
        with _simulator() as url:
            workflow = evolve(WORKFLOW, base_url=url, stream=stream)
            pairs = [(uvloop.run(_ours(workflow, n)), uvloop.run(_straight(workflow, n))) for n in range(PAIRS + 1)]
        for name, share, goal in (("p50", 0.5, "<=2"), ("p99", 0.99, "<=10")):
            added = [_at(share, ours) - _at(share, straight) for ours, straight in pairs[1:]]  # the first warms up
            yield measured("fastgpt", f"added.{way}.{name}", unit="ms", samples=added, goal=goal)


async def _ours(workflow: Workflow, number: int) -> list[float]:
    pool = Pool(seats=IN_FLIGHT, queue=IN_FLIGHT)
    async with open_outbound(Redactor()) as outbound:
        assistant = FastGpt(outbound)

        async def ask(question: Question) -> None:
            async with pool.seat(question.user):
                answer = await assistant.run(workflow, question)
            assert answer.text == ANSWER.answer

        return await _load(ask, f"ours-{number}")


async def _straight(workflow: Workflow, number: int) -> list[float]:
    url = wire_request.completions(workflow)
    headers = {**wire_request.headers(workflow), "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def ask(question: Question) -> None:
            body = encode(wire_request.run(workflow, question, question.turn_id))
            async with session.post(url, data=body) as response:
                assert await response.read()

        return await _load(ask, f"straight-{number}")


async def _load(ask: Ask, name: str) -> list[float]:
    """How long each answer took, in ms: `IN_FLIGHT` chats side by side."""
    took: list[float] = []

    async def chat(conversation: str, begins: float) -> None:
        await asyncio.sleep(begins)
        for turn in range(EACH):
            question = Question(
                turn_id=f"{conversation}-{turn}",
                conversation=conversation,
                user=conversation,
                messages=(Said(role=Role.USER, text="多久可以退货？"),),
            )
            started = time.perf_counter()
            await ask(question)
            took.append((time.perf_counter() - started) * 1000)

    async with asyncio.TaskGroup() as group:
        for lane in range(IN_FLIGHT):
            group.create_task(chat(f"{name}-{lane}", lane * ANSWER_S / IN_FLIGHT))
    return took


@contextmanager
def _simulator() -> Iterator[str]:
    """In a process of its own, on the other core."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_simulate, args=(there,))
    process.start()
    there.close()
    try:
        yield here.recv()
    finally:
        here.close()
        process.join(5)
        process.terminate()


def _simulate(pipe: Connection) -> None:
    pin(1)
    uvloop.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    """Until the other end of the pipe is closed."""
    async with fastgpt_simulator(FastGptSetup(script=ANSWER)) as sim:
        pipe.send(sim.base_url)
        over = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe.fileno(), over.set)
        await over.wait()


def _at(share: float, took: list[float]) -> float:
    return sorted(took)[int(share * (len(took) - 1))]


if __name__ == "__main__":
    main(run)
