"""FastGPT is down for ten minutes: few calls meanwhile, no question lost, and the backlog gone soon after.

The queue, the pool, the breaker and the retries are the daemon's own; time is the test's, and FastGPT a class that
takes a second for an answer.
"""

import asyncio
import inspect
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from attrs import define, evolve, field

from daemon.clock import to_ms
from daemon.domain.access import SYSTEM
from daemon.domain.account import Product, ReplyPolicy
from daemon.domain.job import Job
from daemon.domain.message import AppId, Wxid
from daemon.domain.workflow import Answer, Provider, Question, Usage, Workflow
from daemon.engine.accounts import AccountDraft, Accounts
from daemon.engine.asking import Asking
from daemon.engine.intake import keep
from daemon.engine.jobs import Done, Jobs
from daemon.engine.media import Media
from daemon.engine.pressure import Pressure
from daemon.engine.timers import Timers
from daemon.engine.turns import Turns
from daemon.engine.workflows import Workflows
from daemon.errors import RemoteUnavailable
from daemon.limits.breaker import Breaker, Breakers
from daemon.limits.pool import Pool
from daemon.limits.retry import RetryBudget
from daemon.secret import Redactor, Secret
from daemon.settings import Settings
from daemon.sim.faults import Fault, Kind
from daemon.store.database import Database, open_database
from daemon.store.media_files import MediaFiles
from daemon.store.tx import Tx
from daemon.tasks import running
from daemon.vault import Vault
from daemon.wiring import lanes_of, media_terms_of, policy_of, reply_of, retry_of
from tests.clock import FakeClock
from tests.engine.samples import DRAFT, message
from tests.flows.house import house

LONG = os.environ.get("TORTURE") == "long"
QUESTIONS = 1000 if LONG else 150
SEEDS = range(5) if LONG else range(1)
OUTAGE = 600.0  # seconds
THINKING = 1.0
STEP = 0.5  # seconds of virtual time
TICK_MS = 20  # a timer may be a tick late
MOST_CALLS = 30  # during the outage: the promise
LATE = 60.0  # seconds that the drain may take more than it must: one pause of the breaker


@define
class FastGptOf:
    """An `Assistant` in virtual time."""

    clock: FakeClock
    back_at: float
    called: list[float] = field(factory=list)
    most: int = 0
    _thinking: list[tuple[float, asyncio.Future[None]]] = field(factory=list)

    async def run(self, workflow: Workflow, question: Question, **_: object) -> Answer:  # noqa: ARG002  # as the port
        now = self.clock.monotonic()
        self.called.append(now)
        if now < self.back_at:
            raise RemoteUnavailable("remote.no_connection", service="fastgpt")
        over = asyncio.get_running_loop().create_future()
        self._thinking.append((now + THINKING, over))
        self.most = max(self.most, len(self._thinking))
        await over
        return Answer(text="好", usage=Usage())

    async def recover(self, workflow: Workflow, question: Question) -> Answer | None:  # noqa: ARG002
        return None

    @property
    def waiting(self) -> int:
        return len(self._thinking)

    def finish_due(self) -> None:
        now = self.clock.monotonic()
        due = [over for at, over in self._thinking if at <= now]
        self._thinking = [(at, over) for at, over in self._thinking if at > now]
        for over in due:
            over.set_result(None)


@define
class World:
    clock: FakeClock
    db: Database
    timers: Timers
    pool: Pool
    fastgpt: FastGptOf
    accounts: Accounts
    concurrency: int

    async def ask(self, number: int) -> None:
        """So many people, one question each."""
        (account,) = self.accounts.all()
        for index in range(number):
            wxid = Wxid(f"wxid_p{index:08}")
            new = message("在吗", sender=wxid, peer=wxid, sent_at=self.clock.now(), app_id=account.app_id)
            await self.db.write(keep, account, new, flooded=False, request_id=None)

    async def pass_time(self) -> None:
        """One step, and everything that follows from it."""
        self.clock.advance(STEP)
        self.fastgpt.finish_due()
        self.timers.run_due()
        async with asyncio.timeout(30):
            while not await self._quiet():  # noqa: ASYNC110  # what is asked is a table
                await asyncio.sleep(0)

    async def _quiet(self) -> bool:
        """Every job that runs waits for FastGPT or for a seat, and none is due that could run."""
        at_work, due = await self.db.read(_standing)
        return at_work == self.fastgpt.waiting + self.pool.waiting and (due == 0 or at_work == self.concurrency)

    async def answered(self) -> int:
        return await self.db.read(_answered)


def _standing(tx: Tx) -> tuple[int, int]:
    at_work = tx.value("SELECT count(*) FROM jobs WHERE state = 'running'")
    overdue = to_ms(tx.now) - TICK_MS
    due = tx.value("SELECT count(*) FROM jobs WHERE state = 'ready' AND blocked = 0 AND due_ms <= $1", overdue)
    return at_work, due


def _answered(tx: Tx) -> int:
    states = tx.all("SELECT state, count(*) AS n FROM turns GROUP BY state")
    assert {row["state"] for row in states} <= {"answered", "asking"}, [tuple(row) for row in states]
    return sum(row["n"] for row in states if row["state"] == "answered")


async def _sent(job: Job) -> Done:
    return Done()


@asynccontextmanager
async def world(folder: Path, seed: int, breakers: type[Breakers] = Breakers) -> AsyncIterator[World]:
    clock, random, settings = FakeClock(), Random(seed), Settings()
    vault = Vault(b"k" * 32, Redactor())
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(open_database(folder / f"{seed}.db", clock))
        timers = Timers(clock)
        stack.push_async_callback(timers.aclose)
        fastgpt = FastGptOf(clock, back_at=clock.monotonic() + OUTAGE)
        accounts, workflows = Accounts(db, vault, policy_of(settings)), Workflows(db, vault)
        await _furnish(accounts, workflows)
        pool, retry = (
            Pool(settings.fastgpt.in_flight, settings.fastgpt.queue),
            retry_of(settings, settings.fastgpt.answer_age),
        )
        asking = Asking(
            db,
            workflows,
            assistants={Provider.FASTGPT: fastgpt},
            pools={Provider.FASTGPT: pool},
            breakers=breakers(clock, random),
            retry=retry,
            budgets={provider: RetryBudget(clock) for provider in Provider},
            random=random,
        )
        media = Media(db, MediaFiles(settings.received), media_terms_of(settings))
        turns = Turns(db, accounts, asking, reply=reply_of(settings), pressure=Pressure(clock), media=media)
        others = dict.fromkeys(inspect.signature(lanes_of).parameters.keys() - {"settings", "turns"}, _sent)
        lanes = lanes_of(settings, turns=turns, **others)
        jobs = Jobs(db, clock, timers, random, lanes)
        db.on_jobs = jobs.wake
        _ = await stack.enter_async_context(running(jobs.run(), "jobs"))
        yield World(clock, db, timers, pool, fastgpt, accounts, lanes[0].concurrency)


async def _furnish(accounts: Accounts, workflows: Workflows) -> None:
    workflow = await workflows.add(
        DRAFT,
        by=SYSTEM,
    )
    await accounts.add(
        AccountDraft(
            app_id=AppId("wx_demoAppId000000000001"),
            wxid=Wxid("wxid_bot000000000001"),
            name="Shop",
            product=Product.HOSTED,
            base_url="http://127.0.0.1:9",
            token=Secret("0123456789abcdef"),
            workflow_id=workflow.id,
            policy=evolve(ReplyPolicy(), merge_window=timedelta(), merge_most=timedelta()),
        ),
        by=SYSTEM,
    )


async def survive(w: World, questions: int) -> tuple[int, float]:
    """Calls during the outage, and the seconds after it until everybody is answered."""
    await w.ask(questions)
    while w.clock.monotonic() < w.fastgpt.back_at:
        await w.pass_time()
    while await w.answered() < questions:
        await w.pass_time()
        assert w.clock.monotonic() < w.fastgpt.back_at + 1000
    calls = sum(at < w.fastgpt.back_at for at in w.fastgpt.called)
    return calls, w.clock.monotonic() - w.fastgpt.back_at


@pytest.mark.torture
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
async def test_ten_minutes_without_fastgpt_cost_few_calls_and_no_question(tmp_path: Path, seed: int) -> None:
    async with world(tmp_path, seed) as w:
        calls, drained = await survive(w, QUESTIONS)
        ideal = QUESTIONS * THINKING / w.pool.seats
        print(f"{QUESTIONS} questions: {calls} calls in the outage, drained in {drained:.0f} s (ideal {ideal:.0f} s)")  # noqa: T201
        assert 0 < calls <= MOST_CALLS
        assert drained <= ideal + LATE
        assert len(w.fastgpt.called) == QUESTIONS + calls
        assert w.fastgpt.most == w.pool.seats


class NeverOpen(Breaker):
    def failed(self) -> bool:
        return False


class Blind(Breakers):
    """Breakers that never open."""

    def of(self, service: str, credential: str) -> Breaker:  # noqa: ARG002
        return NeverOpen(self.clock, self.random)


async def test_without_a_breaker_the_calls_are_many(tmp_path: Path) -> None:
    async with world(tmp_path, 0, Blind) as w:
        await w.ask(40)
        for _ in range(int(60 / STEP)):
            await w.pass_time()
        assert len(w.fastgpt.called) > MOST_CALLS


async def test_two_seconds_without_fastgpt_in_real_time(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        ask = "*/chat/completions"
        h.fastgpt.faults.add(Fault(kind=Kind.STATUS, status=503, path=ask))
        people = [f"wxid_p{number:08}" for number in range(30)]
        for wxid in people:
            await h.writes("在吗", wxid=wxid)
        await asyncio.sleep(2)  # less than the breaker's first pause
        calls = len(h.fastgpt.ledger.of(ask))
        h.fastgpt.faults.clear()
        for wxid in people:
            assert await h.replies(to=wxid) == ["收到：在吗"]
        assert 5 <= calls <= MOST_CALLS
        assert len(h.fastgpt.ledger.of(ask)) - calls <= len(people) + 2
