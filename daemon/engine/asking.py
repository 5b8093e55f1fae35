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

from daemon.domain.cost import Scopes
from daemon.domain.workflow import Answer, NodeBegun, Provider, Question, Workflow
from daemon.engine.costs import USUAL, Refusal, Terms, release
from daemon.engine.metering import reserve, settle
from daemon.engine.ports import Assistant
from daemon.engine.workflows import Workflows
from daemon.errors import (
    Conflict,
    NotFound,
    QiaodError,
    QuotaExceeded,
    RemoteError,
    RemoteLimited,
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


def _nobody(_: NodeBegun) -> None:
    """Most followers hear the text alone."""


@define(kw_only=True)
class Follower:
    """Hears an answer as it is made."""

    heard: Callable[[str], None]  # the next piece of its text
    restarted: Callable[[], None]  # what was heard so far counts no more: the next piece is another run's first
    stepped: Callable[[NodeBegun], None] = _nobody  # a step of the workflow begins
    _begun: bool = field(default=False, init=False)

    def on_text(self, text: str) -> None:
        self._begun = True
        self.heard(text)

    def on_node(self, node: NodeBegun) -> None:
        self._begun = True
        self.stepped(node)

    def restart(self) -> None:
        """A run begins; of the first there is nothing to take back."""
        if self._begun:
            self._begun = False
            self.restarted()


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

    async def ask(self, inquiry: Inquiry) -> Outcome:
        """The first answer of the chain; else a wait for the first that may be asked later."""
        try:
            chain = await self._chain(inquiry)
        except NotFound as gone:
            return Lost(gone)
        waiting: Later | None = None
        last: QiaodError | None = None
        for workflow in chain:
            outcome = await self._one(inquiry, workflow, instead=last)
            if isinstance(outcome, Answered | Again):
                return outcome
            if isinstance(outcome, Later):
                waiting = waiting or outcome
            last = outcome.error
        assert last is not None  # a chain has at least its first
        return waiting or Lost(last)

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
        except (RemoteRefused, QuotaExceeded, Conflict) as refusal:  # the last: nobody said what it costs
            return Lost(refusal)
        except RemoteError as error:
            return self._failed(inquiry, workflow, error)
        points = answer.usage.points_micro
        log.info("question.answered", question=inquiry.name, workflow=workflow.id, points_micro=points)
        return Answered(answer=answer, workflow=workflow, question=question, instead=instead)

    def _failed(self, inquiry: Inquiry, workflow: Workflow, error: RemoteError) -> Later | Again | Lost:
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
            try:
                self._spend(inquiry, workflow, breaker)
                ref = await self.db.write(begun, inquiry, workflow, question, self.terms)
                if isinstance(ref, QiaodError):
                    raise ref
                answer = await self._paid(inquiry, workflow, question, ref)
            except RemoteUnauthorized:
                breaker.hold(Why.CREDENTIAL_REJECTED)
                raise
            except (RemoteRefused, RemoteLimited):
                breaker.succeeded()  # it is there, and speaks
                raise
            except RemoteError:
                breaker.failed()
                raise
            except BaseException:
                breaker.abandoned()
                raise
            breaker.succeeded()
            self.budgets[workflow.provider].earn()
            return answer

    def _spend(self, inquiry: Inquiry, workflow: Workflow, breaker: Breaker) -> None:
        """A repetition takes one of the service's retries; a probe is the breaker's business.

        What our own stop or crash cut off, and nobody failed, is asked again for nothing: there may be many of them.
        """
        repeated = inquiry.failed_before and breaker.state is State.CLOSED
        if repeated and not self.budgets[workflow.provider].spend():
            raise Unavailable("turn.retries_spent", retry_after=BUDGET_PAUSE)

    async def _paid(self, inquiry: Inquiry, workflow: Workflow, question: Question, ref: str) -> Answer:
        """The answer, its cost settled. Where nobody knows what ran, what was reserved stays so."""
        try:
            answer = await self._called(inquiry, workflow, question)
        except (RemoteRefused, RemoteLimited, RemoteUnavailable):
            with suppress(StoreUnavailable):
                await self.db.settle(release, ref)
            raise
        with suppress(StoreUnavailable):  # no reason to lose an answer: it is settled at its estimate later
            await self.db.settle(settle, inquiry.name, ref, workflow, answer)
        return answer

    async def _called(self, inquiry: Inquiry, workflow: Workflow, question: Question) -> Answer:
        """The answer of an earlier call whose connection was lost, if there is one; else of a new call."""
        assistant = self.assistants[workflow.provider]
        if inquiry.lost == workflow.id and question.conversation is not None:  # without a chat it cannot be looked up
            answer = await assistant.recover(workflow, question)
            if answer is not None:
                return answer
        if inquiry.follower is None:
            return await assistant.run(workflow, question)
        follower = inquiry.follower
        follower.restart()
        return await assistant.run(workflow, question, on_text=follower.on_text, on_node=follower.on_node)

    def _breaker(self, workflow: Workflow) -> Breaker:
        return self.breakers.of(workflow.provider, f"{workflow.id}/{workflow.version}")  # a new key is a new chance


def begun(tx: Tx, inquiry: Inquiry, workflow: Workflow, question: Question, terms: Terms) -> str | Refusal:
    """The question is put now: durable before the first byte, under the name of its charge; or why it must not be."""
    scopes = evolve(inquiry.scopes, request_id=question.request_id)
    ref = reserve(tx, inquiry.name, workflow, scopes, terms)
    if inquiry.begin is not None and isinstance(ref, str):
        inquiry.begin(tx, workflow, question)
    return ref


def _barred(workflow: Workflow, breaker: Breaker, wait: timedelta) -> QiaodError:
    if breaker.why is Why.CREDENTIAL_REJECTED:
        return RemoteUnauthorized(f"{workflow.provider}.unauthorized", service=workflow.provider)
    return Unavailable("turn.breaker_open", retry_after=wait)
