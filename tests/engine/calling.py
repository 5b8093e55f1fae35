"""n8n's webhooks as the tests of calling them need them: a caller that answers what it is told to, and a clock."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, evolve, field

from daemon.domain.access import Actor, Role
from daemon.domain.webhook import CacheTerms, Method, RetryTerms, Webhook, WebhookAuth
from daemon.domain.webhook_call import WebhookAnswer, WebhookRequest, WebhookRun
from daemon.domain.workflow import NodeBegun
from daemon.engine.ai_webhooks import AiWebhooks, Task
from daemon.engine.pressure import Pressure
from daemon.engine.targets import Targets
from daemon.engine.timers import Timers
from daemon.engine.webhook_runs import WebhookRuns
from daemon.engine.webhook_units import WebhookDraft
from daemon.errors import N8nWebhookError
from daemon.ids import Ids
from daemon.limits.breaker import Breakers
from daemon.limits.pool import Pool
from daemon.limits.retry import RetryBudget
from daemon.secret import Redactor
from daemon.store.database import Database, open_database
from daemon.vault import Vault
from tests.clock import FakeClock

ANN = Actor(id="key:ann", role=Role.OPERATOR, request_id="r-1")
TASK = Task(task_type="ragAI", text="hello", session_id="s1")
USUAL = WebhookDraft(
    task_type="ragAI",
    name="RAG",
    url="https://n8n.example.com/webhook/rag-ai",
    method=Method.POST,
    auth=WebhookAuth(),
    signing_keys=(),
    timeout=timedelta(seconds=60),
    retry=RetryTerms(),
    cache=None,
    output="",
    at_once=10,
    api=None,
    is_active=True,
)
CACHED = CacheTerms(ttl=timedelta(seconds=60))

Outcome = WebhookAnswer | N8nWebhookError


@define(eq=False)
class Wire:
    """Stands where the network is: answers in turn, then keeps to `usual`; `gate` holds every call until it is set."""

    outcomes: deque[Outcome] = field(factory=deque)
    usual: Outcome = field(factory=lambda: WebhookAnswer(text="hi", data={"output": "hi"}))
    gate: asyncio.Event = field(factory=asyncio.Event)
    asked: list[WebhookRequest] = field(factory=list)
    under_way: int = 0
    most: int = 0

    async def call(
        self,
        webhook: Webhook,  # noqa: ARG002
        request: WebhookRequest,
        *,
        on_text: Callable[[str], None] | None = None,  # noqa: ARG002
        on_node: Callable[[NodeBegun], None] | None = None,  # noqa: ARG002
    ) -> WebhookAnswer:
        self.asked.append(request)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        outcome = self.outcomes.popleft() if self.outcomes else self.usual
        if isinstance(outcome, N8nWebhookError):
            raise outcome
        return outcome

    async def look_up(self, _webhook: Webhook, _request: WebhookRequest, *, since: datetime) -> WebhookRun | None:  # noqa: ARG002
        return None


@define(kw_only=True)
class Bench:
    db: Database
    clock: FakeClock
    wire: Wire
    timers: Timers
    runs: WebhookRuns
    desk: AiWebhooks

    async def hook(self, **changes: Any) -> Webhook:
        return await self.desk.add(evolve(USUAL, **changes), by=ANN)

    async def until(self, holds: Callable[[], bool]) -> None:
        """The loop turns until it holds; the clock stands still."""
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110  # what it waits for has no event: the code under test is not to have one
                await asyncio.sleep(0)

    async def waits(self) -> None:
        """Until somebody waits for the next attempt."""
        await self.until(lambda: len(self.timers) > 0)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.timers.run_due()


@asynccontextmanager
async def bench(folder: Path, *, seats: int = 10, cache_bytes: int = 2**20) -> AsyncIterator[Bench]:
    clock, wire = FakeClock(), Wire()
    wire.gate.set()
    async with asyncio.timeout(20), open_database(folder / "qiaod.db", clock) as db:  # nobody moves the clock of a wait
        timers, random, redactor = Timers(clock), Random(7), Redactor()
        runs = WebhookRuns(
            db,
            wire,
            Pool(seats, 100),
            Breakers(clock, random),
            RetryBudget(clock),
            timers,
            random,
            redactor,
            Ids(clock),
        )
        vault = Vault(b"k" * 32, redactor)
        desk = AiWebhooks.over(runs, vault, Targets(), Pressure(clock), cache_bytes=cache_bytes, changed=lambda: None)
        try:
            yield Bench(db=db, clock=clock, wire=wire, timers=timers, runs=runs, desk=desk)
        finally:
            await desk.aclose()
            await timers.aclose()
