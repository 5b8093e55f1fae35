"""A workflow is asked, then its fallbacks, until one answers: for turns, the API's questions, analyses and batches.

Every run passes through `Asking._run`: a seat of its provider's pool, the breaker, the service's retries. Right before
it the unit of work `begun` makes the attempt durable and reserves what it may cost; what it did cost is settled right
after it, and is in `Answered.answer.usage` for its caller.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random

import structlog
from attrs import define, evolve, field, frozen

from daemon.domain.cost import Scopes, Units
from daemon.domain.workflow import Answer, Provider, Question, Workflow
from daemon.engine.costs import USUAL, Refusal, Terms, release
from daemon.engine.estimates import Estimates
from daemon.engine.follower import Follower
from daemon.engine.handover import Unmarked, judged
from daemon.engine.metering import Begun, reserve, settle
from daemon.engine.ports import Assistant
from daemon.engine.verdict import told
from daemon.engine.workflows import Workflows
from daemon.errors import (
    Conflict,
    NotFound,
    OutcomeUnknown,
    QiaodError,
    QuotaExceeded,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
    StoreUnavailable,
    Unavailable,
    Waitable,
)
from daemon.limits.breaker import Breaker, Breakers, State, Why
from daemon.limits.pool import Pool
from daemon.limits.retry import Retry, RetryBudget
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

BUDGET_PAUSE = timedelta(seconds=10)  # a service whose retries are spent
LIMITED_PAUSE = timedelta(seconds=10)  # where a service says "too often" and not how long
NOBODY = Scopes()


@frozen(kw_only=True)
class Inquiry:
    """What is asked, and for whom. `question` is what one workflow is told; the workflows of a chain differ in it."""

    name: str  # for the log: what is answered
    workflow_id: str
    only: bool = False  # no fallbacks: nobody else can go on with what this one began
    seat: str  # of a pool: those of one key take turns with those of others
    attempt: int = 1  # how often it was tried, this time included
    last: bool = False  # somebody waits for the answer: there is no later attempt, so a fallback is asked at once
    failed_before: bool = False  # then another attempt takes one of the service's retries
    started: datetime  # the age that retries are allowed counts from here
    question: Callable[[Workflow], Question]
    begin: Callable[[Tx, Workflow, Question], None] | None = None  # in the unit of work that marks the attempt
    lost: str | None = None  # the workflow that was asked before: it may have the answer already
    scopes: Scopes = NOBODY  # whom it is charged to; the workflow comes from the chain
    follower: Follower | None = None


@frozen(kw_only=True)
class Answered:
    answer: Answer
    workflow: Workflow
    question: Question
    instead: QiaodError | None = None  # why the first workflow did not answer; None: it did

    @property
    def first(self) -> bool:
        return self.instead is None


@frozen
class Later:
    """Nobody could be asked now, by no fault of the question. No attempt is counted."""

    delay: timedelta
    error: QiaodError


@frozen
class Again:
    """It failed, and another attempt may help."""

    delay: timedelta
    error: QiaodError


@frozen
class Lost:
    """Every workflow is out of the question."""

    error: QiaodError
    unfinished: Answered | None = None  # what the last of them said all the same: cut short, or held back


Outcome = Answered | Later | Again | Lost


@define
class Asking:
    db: Database
    workflows: Workflows
    assistants: Mapping[Provider, Assistant]
    pools: Mapping[Provider, Pool]
    breakers: Breakers
    retry: Retry  # its age is how long a question is worth answering
    budgets: Mapping[Provider, RetryBudget]
    random: Random
    terms: Terms = USUAL
    _estimates: Estimates = field(factory=Estimates, init=False)

    async def ask(self, inquiry: Inquiry) -> Outcome:
        """The first answer of the chain; else a wait for the first that may be asked later."""
        try:
            chain = await self._chain(inquiry)
        except NotFound as gone:
            return Lost(gone)
        waiting: Later | None = None
        last: Later | Lost | None = None
        for workflow in chain:
            outcome = await self._one(inquiry, workflow, instead=None if last is None else last.error)
            if isinstance(outcome, Answered | Again):
                return outcome
            if inquiry.follower is not None and inquiry.follower.bound:
                return Lost(outcome.error) if isinstance(outcome, Later) else outcome
            if isinstance(outcome, Later):
                waiting = waiting or outcome
            last = outcome
        assert last is not None  # a chain has at least its first
        return waiting or last

    async def answer(self, inquiry: Inquiry) -> Answered:
        """For a caller who waits: the answer, or the error; nothing is tried later."""
        outcome = await self.ask(inquiry)
        if isinstance(outcome, Answered):
            return outcome
        raise outcome.error

    async def _chain(self, inquiry: Inquiry) -> list[Workflow]:
        chain = await self.workflows.chain(inquiry.workflow_id)
        return chain[:1] if inquiry.only else chain

    async def _one(
        self, inquiry: Inquiry, workflow: Workflow, *, instead: QiaodError | None
    ) -> Answered | Later | Again | Lost:
        question = inquiry.question(workflow)
        try:
            answer = await self._run(inquiry, workflow, question)
        except RemoteLimited as limit:
            return Later(limit.retry_after or LIMITED_PAUSE, limit)
        except Waitable as busy:  # our own pool or breaker: nobody was asked
            return Later(busy.retry_after, busy)
        except (QuotaExceeded, Conflict) as refusal:  # the last: nobody said what it costs
            return Lost(refusal)
        except RemoteRefused as refusal:
            if refusal.answer is None:
                return Lost(refusal)
            answer = judged(workflow, refusal.answer)
            return Lost(refusal, Answered(answer=answer, workflow=workflow, question=question, instead=instead))
        except RemoteError as error:
            return self._failed(inquiry, workflow, error)
        points = answer.usage.points_micro
        log.info("question.answered", inquiry=inquiry.name, workflow=workflow.id, points_micro=points)
        return Answered(answer=answer, workflow=workflow, question=question, instead=instead)

    def _failed(self, inquiry: Inquiry, workflow: Workflow, error: RemoteError) -> Later | Again | Lost:
        if not (repeatable(workflow) or isinstance(error, RemoteUnavailable)):  # it may have run
            return Lost(error)
        if barred := self._breaker(workflow).standing().open_for:  # an outage is no fault of this question's: were
            return Later(barred, error)  # probes counted, who is the probe too often would be lost
        delay = None if inquiry.last else self._delay(inquiry)
        return Lost(error) if delay is None else Again(delay, error)

    def _delay(self, inquiry: Inquiry) -> timedelta | None:
        now = self.db.clock.now()
        return self.retry.next(inquiry.attempt, started=inquiry.started, now=now, random=self.random)

    async def _run(self, inquiry: Inquiry, workflow: Workflow, question: Question) -> Answer:
        """Within a seat of its pool, and only where the breaker lets it pass; what happened is told to the breaker."""
        breaker = self._breaker(workflow)
        async with self.pools[workflow.provider].seat(inquiry.seat):
            if wait := breaker.before():
                raise _barred(workflow, breaker, wait)
            with told(breaker):
                self._spend(inquiry, workflow, breaker)
                begin = await self._begun(inquiry, workflow, question)
                answer = await self._paid(inquiry, workflow, question, begin)
            self.budgets[workflow.provider].earn()
            return answer

    async def _begun(self, inquiry: Inquiry, workflow: Workflow, question: Question) -> Begun:
        estimate = self._estimates.take(workflow.id)
        begin = await self.db.write(begun, inquiry, workflow, question, self.terms, estimate)
        if isinstance(begin, QiaodError):
            raise begin
        if begin.found is not None:
            self._estimates.keep(workflow.id, begin.found)
        return begin

    def _spend(self, inquiry: Inquiry, workflow: Workflow, breaker: Breaker) -> None:
        """A repetition takes one of the service's retries; a probe is the breaker's business.

        What our own stop or crash cut off, and nobody failed, is asked again for nothing: there may be many of them.
        """
        repeated = inquiry.failed_before and breaker.state is State.CLOSED
        if repeated and not self.budgets[workflow.provider].spend():
            raise Unavailable("turn.retries_spent", retry_after=BUDGET_PAUSE)

    async def _paid(self, inquiry: Inquiry, workflow: Workflow, question: Question, begin: Begun) -> Answer:
        """The answer, its cost settled. Where nobody knows what ran, what was reserved stays so."""
        try:
            answer = await self._earlier(inquiry, workflow, question)
            if answer is None and begin.unheard and not repeatable(workflow):
                raise RemoteRefused("turn.not_repeated", service=workflow.provider)
            answer = answer or await self._called(inquiry, workflow, question)
        except RemoteError as error:
            with suppress(StoreUnavailable):
                await self._unanswered(inquiry, workflow, begin, error)
            raise
        with suppress(StoreUnavailable):  # no reason to lose an answer: it is settled at its estimate later
            await self.db.settle(settle, inquiry.name, begin.ref, workflow, answer)
        return judged(workflow, answer)

    async def _unanswered(self, inquiry: Inquiry, workflow: Workflow, begin: Begun, error: RemoteError) -> None:
        """What ran to its end was paid for, of whatever use it was."""
        if error.answer is not None:
            await self.db.settle(settle, inquiry.name, begin.ref, workflow, error.answer)
        elif isinstance(error, RemoteRefused | RemoteLimited | RemoteUnavailable):  # surely nothing ran
            await self.db.settle(release, begin.ref)

    async def _earlier(self, inquiry: Inquiry, workflow: Workflow, question: Question) -> Answer | None:
        """The answer of an earlier call whose connection was lost, if there is one."""
        if inquiry.lost != workflow.id:
            return None
        try:
            return await self.assistants[workflow.provider].recover(workflow, question)
        except (OutcomeUnknown, RemoteNonsense) as error:  # of the look-up: nothing ran now
            raise RemoteUnavailable(error.code, service=error.service, detail=error.detail) from error

    async def _called(self, inquiry: Inquiry, workflow: Workflow, question: Question) -> Answer:
        assistant, follower = self.assistants[workflow.provider], inquiry.follower
        if follower is None:
            return await assistant.run(workflow, question)
        follower.restart()
        ears = Unmarked(workflow.handover.mark, follower.on_text)
        answer = await assistant.run(workflow, question, on_text=ears.on_text, on_node=follower.on_node)
        ears.end()
        return answer

    def _breaker(self, workflow: Workflow) -> Breaker:
        own, behind = f"{workflow.id}/{workflow.version}", workflow.webhook  # a new key is a new chance
        return self.breakers.of(workflow.provider, own if behind is None else f"{own}/{behind.credential}")


def begun(
    tx: Tx, inquiry: Inquiry, workflow: Workflow, question: Question, terms: Terms, estimate: Units | None = None
) -> Begun | Refusal:
    """The question is put now: durable before the first byte; or why it must not be."""
    scopes = evolve(inquiry.scopes, request_id=question.request_id)
    begin = reserve(tx, inquiry.name, workflow, scopes, terms, estimate)
    if isinstance(begin, Begun) and inquiry.begin is not None:
        inquiry.begin(tx, workflow, question)
    return begin


def repeatable(workflow: Workflow) -> bool:
    """Whether it may be asked again where it may have run: a model only costs, a workflow of n8n may act."""
    return workflow.webhook is None or workflow.webhook.retry.repeat


def _barred(workflow: Workflow, breaker: Breaker, wait: timedelta) -> QiaodError:
    if breaker.why is Why.CREDENTIAL_REJECTED:
        return RemoteUnauthorized(f"{workflow.provider}.unauthorized", service=workflow.provider)
    return Unavailable("turn.breaker_open", retry_after=wait)
