"""A turn: the waiting messages of a conversation become one question, a workflow answers, the reply is queued."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from random import Random

import structlog
from attrs import define

from daemon.codec import decode
from daemon.domain.account import Account
from daemon.domain.job import Job
from daemon.domain.workflow import Answer, Memory, Provider, Workflow
from daemon.engine.accounts import Accounts
from daemon.engine.jobs import Done, Failed, Result, Snooze
from daemon.engine.ports import Assistant
from daemon.engine.pressure import Pressure
from daemon.engine.questions import Asked, question
from daemon.engine.turn_steps import Args, Reply, ask, begin, fail, finish, trouble
from daemon.engine.workflows import Workflows
from daemon.errors import (
    NotFound,
    QiaodError,
    RemoteError,
    RemoteLimited,
    RemoteRefused,
    RemoteUnauthorized,
    Unavailable,
    Waitable,
)
from daemon.limits.breaker import Breaker, Breakers, State, Why
from daemon.limits.pool import Pool
from daemon.limits.retry import Retry, RetryBudget
from daemon.store.database import Database

log = structlog.get_logger()

BUDGET_PAUSE = timedelta(seconds=10)  # a service whose retries are spent
LIMITED_PAUSE = timedelta(seconds=10)  # where a service says "too often" and not how long


@define
class Turns:
    """The handler of the lane `turn`. Its jobs' key is the conversation: one question at a time, in order."""

    db: Database
    accounts: Accounts
    workflows: Workflows
    assistants: Mapping[Provider, Assistant]
    pool: Pool
    breakers: Breakers
    retry: Retry  # its age is how long a question is worth answering
    budgets: Mapping[Provider, RetryBudget]
    random: Random
    reply: Reply
    pressure: Pressure

    async def __call__(self, job: Job) -> Result:
        args = decode(job.args, Args)
        try:
            account = self.accounts.get(args.account_id)
        except NotFound:
            return Done()  # removed with its conversations
        self.pressure.admit_work()
        asked = await self.db.write(begin, account, job)
        if asked is None:
            return Done()
        if asked.too_late(self.db.clock.now(), self.retry.age):
            return self._give_up(account, asked, asked.turn.error or "turn.too_late", asked.turn.detail or "")
        return await self._ask_each(account, asked, attempt=job.attempts)

    async def _ask_each(self, account: Account, asked: Asked, *, attempt: int) -> Result:
        """Ask the workflow, then its fallbacks, until one answers; else wait for the first that may be asked later."""
        assert account.workflow_id is not None  # an account without one begins no turn
        try:
            chain = await self.workflows.chain(account.workflow_id)
        except NotFound as gone:
            return self._give_up(account, asked, gone.code, str(gone))
        waiting: Snooze | None = None
        last: QiaodError = NotFound("workflow.not_found", id=account.workflow_id)
        for workflow in chain:
            outcome = await self._ask(account, workflow, asked, attempt)
            if isinstance(outcome, Done | Failed):
                return outcome
            if isinstance(outcome, Snooze):
                waiting = waiting or outcome
            else:
                last = outcome
        return waiting or self._give_up(account, asked, last.code, str(last))

    async def _ask(self, account: Account, workflow: Workflow, asked: Asked, attempt: int) -> Result | QiaodError:
        """One workflow: its answer, a wait, another attempt; or the error with which it is out of the question."""
        try:
            answer = await self._run(account, workflow, asked)
        except RemoteLimited as limit:
            return self._later(asked, limit, limit.retry_after or LIMITED_PAUSE)
        except Waitable as busy:  # our own pool or breaker: nobody was asked
            return self._later(asked, busy, busy.retry_after)
        except RemoteRefused as refusal:
            return refusal
        except RemoteError as error:
            if barred := self._breaker(workflow).standing().open_for:  # an outage is no fault of this question's: were
                return self._later(asked, error, barred)  # probes counted, who is the probe too often would be lost
            now = self.db.clock.now()
            delay = self.retry.next(attempt, started=asked.turn.created_at, now=now, random=self.random)
            if delay is None:
                return error
            return Failed(error.code, retry_after=delay, work=partial(trouble, turn=asked.turn, error=error))
        log.info("turn.answered", turn=asked.turn.id, workflow=workflow.id, points_micro=answer.usage.points_micro)
        account = self.accounts.get(account.id)  # as it is by now
        return Done(partial(finish, account=account, asked=asked, answer=answer, reply=self.reply))

    async def _run(self, account: Account, workflow: Workflow, asked: Asked) -> Answer:
        """Within a seat of the pool, and only where the breaker lets it pass; what happened is told to the breaker."""
        breaker = self._breaker(workflow)
        async with self.pool.seat(account.id):
            if wait := breaker.before():
                raise _barred(workflow, breaker, wait)
            try:
                self._spend(workflow, asked, breaker)
                await self.db.write(ask, asked, workflow.id)
                answer = await self._called(workflow, asked)
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

    def _spend(self, workflow: Workflow, asked: Asked, breaker: Breaker) -> None:
        """A repetition takes one of the service's retries; a probe is the breaker's business.

        What our own stop or crash cut off, and nobody failed, is asked again for nothing: there may be many of them.
        """
        failed = asked.turn.attempts > 0 and asked.turn.error is not None
        repeated = failed and breaker.state is State.CLOSED
        if repeated and not self.budgets[workflow.provider].spend():
            raise Unavailable("turn.retries_spent", retry_after=BUDGET_PAUSE)

    async def _called(self, workflow: Workflow, asked: Asked) -> Answer:
        """The answer of an earlier call whose connection was lost, if there is one; else of a new call."""
        assistant = self.assistants[workflow.provider]
        asking = question(asked, workflow, request_id=asked.turn.request_id)
        if asked.turn.workflow_id == workflow.id and workflow.memory is Memory.SERVICE:
            answer = await assistant.recover(workflow, asking)
            if answer is not None:
                return answer
        return await assistant.run(workflow, asking)

    def _later(self, asked: Asked, error: QiaodError, delay: timedelta) -> Snooze:
        return Snooze(delay, partial(trouble, turn=asked.turn, error=error), error.code)

    def _give_up(self, account: Account, asked: Asked, code: str, detail: str) -> Done:
        log.warning("turn.failed", turn=asked.turn.id, conversation=asked.conversation.id, code=code)
        return Done(partial(fail, account=account, asked=asked, code=code, detail=detail, reply=self.reply))

    def _breaker(self, workflow: Workflow) -> Breaker:
        return self.breakers.of(workflow.provider, f"{workflow.id}/{workflow.version}")  # a new key is a new chance


def _barred(workflow: Workflow, breaker: Breaker, wait: timedelta) -> QiaodError:
    if breaker.why is Why.CREDENTIAL_REJECTED:
        return RemoteUnauthorized(f"{workflow.provider}.unauthorized", service=workflow.provider)
    return Unavailable("turn.breaker_open", retry_after=wait)
