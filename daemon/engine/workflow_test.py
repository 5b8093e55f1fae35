"""Workflows tried out in trials: nothing of one reaches conversations, charges, quotas, rules or statistics.

A run goes straight to the provider, past breaker, retries and fallbacks: what is wrong shows itself. Only its seat is
one of the provider's pool, so that trials do not overrun the service.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog
from attrs import define, evolve, field

from daemon.domain.access import Actor
from daemon.domain.node_types import node_type
from daemon.domain.workflow import Answer, NodeBegun, Provider, Question, Workflow
from daemon.domain.workflow_test import LIVES, Trial, TrialRun
from daemon.engine import pauses, trial_units
from daemon.engine.follower import Follower
from daemon.engine.handover import Unmarked, judged
from daemon.engine.pauses import Resume, Step
from daemon.engine.ports import Assistant
from daemon.engine.pressure import Pressure
from daemon.engine.timers import Timers
from daemon.engine.trial_steps import answered, failed, question
from daemon.engine.workflows import Workflows
from daemon.errors import Conflict, NotFound, QiaodError, RateLimited, RemoteError, StoreUnavailable
from daemon.limits.pool import Pool
from daemon.store.database import Database

log = structlog.get_logger()

SEAT_PATIENCE = timedelta(seconds=30)  # somebody looks at a screen meanwhile
LOOK_AGAIN = timedelta(seconds=10)  # where the store refuses


@define
class WorkflowTests:
    db: Database
    workflows: Workflows
    assistants: Mapping[Provider, Assistant]  # unmetered, and without a log of calls
    pools: Mapping[Provider, Pool]
    timers: Timers
    pressure: Pressure
    most: int  # trials of one key
    patience: timedelta = SEAT_PATIENCE
    _runs: dict[str, asyncio.Task[Trial]] = field(factory=dict, init=False)  # by trial: one message at a time
    _stirred: asyncio.Event = field(factory=asyncio.Event, init=False)

    async def create(self, workflow_id: str, variables: dict[str, Any], *, by: Actor) -> Trial:
        """NotFound without the workflow; Conflict where the caller has as many trials as one may have."""
        workflow = await self._workflow(workflow_id)
        trial = await self.db.write(trial_units.create, workflow, variables, most=self.most, by=by)
        self._stirred.set()
        return trial

    async def get(self, trial_id: str, *, by: Actor) -> Trial:
        """NotFound where it is over, or somebody else's."""
        return await self.db.read(trial_units.known, trial_id, by=by)

    async def latest(self, *, by: Actor) -> list[Trial]:
        """The caller's own, for an admin of everything all; the one with the latest word first."""
        return await self.db.read(trial_units.latest, by=by)

    async def set_variables(self, trial_id: str, variables: dict[str, Any], *, by: Actor) -> Trial:
        """Laid over those it has; they count from the next message on."""
        return await self.db.write(trial_units.set_variables, trial_id, variables, by=by)

    async def clear(self, trial_id: str, *, by: Actor) -> Trial:
        """Forget what was said, what was asked back, and the variables. A run under way is stopped."""
        cleared = await self.db.write(trial_units.clear, trial_id, by=by)
        self._stop(trial_id)
        return cleared

    async def remove(self, trial_id: str, *, by: Actor) -> None:
        """A run under way is stopped."""
        await self.db.write(trial_units.remove, trial_id, by=by)
        self._stop(trial_id)

    async def ready(self, trial_id: str, *, by: Actor) -> Trial:
        """The trial, where a message may be said in it: Conflict while it has one under way."""
        trial = await self.get(trial_id, by=by)
        if trial_id in self._runs:
            raise Conflict("workflow_test.busy", id=trial_id)
        return trial

    async def say(
        self, trial_id: str, message: str, *, by: Actor, language: str, follower: Follower | None = None
    ) -> Trial:
        """The trial with the message and its answer, or with why there is none; `follower` hears it while it is made.

        A run that fails is an answer of its own, in `language`. Raises RateLimited where no seat comes free.
        """
        self.pressure.admit_work()
        await self.ready(trial_id, by=by)
        run = asyncio.ensure_future(self._said(trial_id, message, by=by, language=language, follower=follower))
        self._runs[trial_id] = run
        try:
            return await run
        except asyncio.CancelledError:
            if (here := asyncio.current_task()) is not None and here.cancelling():
                raise
        finally:
            if self._runs.get(trial_id) is run:
                del self._runs[trial_id]
        return await self.get(trial_id, by=by)  # it was cleared meanwhile, or removed

    def _stop(self, trial_id: str) -> None:
        """The next message waits for nothing: until its service has been told to stop, a run may take a while."""
        if (run := self._runs.pop(trial_id, None)) is not None:
            run.cancel()

    async def _said(self, trial_id: str, message: str, *, by: Actor, language: str, follower: Follower | None) -> Trial:
        trial = await self.get(trial_id, by=by)  # as the run before left it
        workflow = await self._workflow(trial.workflow_id)
        step = self._step(trial, message)
        if step is not None and not isinstance(step, Resume):
            return await self.db.write(trial_units.prompted, trial.id, message, step, by=by)
        async with self._seat(workflow, by):
            before, line = await self.db.write(trial_units.asked, trial.id, message, by=by)
            put = question(before, workflow, line, resume=step, request_id=by.request_id)
            answer, run = await self._run(workflow, put, message, language, follower)
            log.info("workflow_test.run", trial=trial.id, workflow=workflow.id, success=run.success, ms=run.duration_ms)
            return await self.db.settle(trial_units.answered, before, workflow, put, answer, run, language, by=by)

    def _step(self, trial: Trial, message: str) -> Step | None:
        """What the message is to what the workflow asks back; None where it asks nothing any more."""
        if trial.pause is None or trial.pause.expires_at <= self.db.clock.now():
            return None
        return pauses.reply(trial.pause, message)

    async def _run(
        self, workflow: Workflow, put: Question, message: str, language: str, follower: Follower | None
    ) -> tuple[Answer | None, TrialRun]:
        began = self.db.clock.monotonic()
        try:
            answer = judged(workflow, await self._asked(workflow, put, follower))
        except QiaodError as error:
            seconds = self.db.clock.monotonic() - began
            nodes = error.nodes if isinstance(error, RemoteError) else ()
            return None, failed(workflow, message, error.text(language), nodes, seconds=seconds)
        return answer, answered(workflow, message, answer, seconds=self.db.clock.monotonic() - began)

    async def _asked(self, workflow: Workflow, put: Question, follower: Follower | None) -> Answer:
        assistant = self.assistants[workflow.provider]
        if follower is None:
            return await assistant.run(workflow, put)
        ears = Unmarked(workflow.handover.mark, follower.on_text)
        answer = await assistant.run(workflow, put, on_text=ears.on_text, on_node=_in_our_words(workflow, follower))
        ears.end()
        return answer

    async def _workflow(self, workflow_id: str) -> Workflow:
        try:
            return await self.workflows.get(workflow_id)
        except NotFound:
            raise NotFound("workflow_test.no_workflow", id=workflow_id) from None

    @asynccontextmanager
    async def _seat(self, workflow: Workflow, by: Actor) -> AsyncIterator[None]:
        """A seat of the provider's pool, taking turns with whoever else asks; not waited for for long."""
        pool = self.pools[workflow.provider]
        seat = pool.seat(by.id)
        try:
            async with asyncio.timeout(self.patience.total_seconds()):
                await seat.__aenter__()
        except TimeoutError:
            raise RateLimited("pool.full", retry_after=pool.retry_after) from None
        try:
            yield
        finally:
            await seat.__aexit__(None, None, None)

    async def run(self) -> None:
        """Remove what is over when its time comes, until cancelled. First what came due while nobody ran."""
        while True:
            self._stirred.clear()
            wait = await self._tidied()
            timer = None if wait is None else self.timers.call_later(wait.total_seconds(), self._stirred.set)
            try:
                await self._stirred.wait()
            finally:
                if timer is not None:
                    self.timers.cancel(timer)

    async def _tidied(self) -> timedelta | None:
        """How long until there is more to remove; None where there is no trial."""
        try:
            removed, silent_since = await self.db.write(trial_units.expire)
        except StoreUnavailable as error:
            log.info("workflow_test.expiry_postponed", code=error.code)
            return LOOK_AGAIN
        if removed:
            log.info("workflow_test.expired", count=removed)
        return None if silent_since is None else max(silent_since + LIVES - self.db.clock.now(), timedelta())


def _in_our_words(workflow: Workflow, follower: Follower) -> Callable[[NodeBegun], None]:
    def on_node(node: NodeBegun) -> None:
        follower.on_node(evolve(node, kind=node_type(workflow.provider, node.kind) if node.kind else ""))

    return on_node
