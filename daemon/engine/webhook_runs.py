"""Calls of n8n's webhooks that really go out: seats, the breaker, the attempts, what each costs, the line in the log.

The seat of a webhook comes before that of all webhooks together, so that those who wait for a slow one keep nobody
else from n8n. A question to a workflow has a seat of the latter already (`Asking`): for the former it waits only
shortly, so that neither waits for the other for ever.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from random import Random

import structlog
from attrs import define, field, frozen

from daemon.codec import canonical
from daemon.domain.call_log import CallEntry, Served, Via
from daemon.domain.cost import Scopes, key_of
from daemon.domain.webhook import Webhook
from daemon.domain.webhook_call import WebhookAnswer
from daemon.domain.workflow import NodeBegun
from daemon.engine import webhook_units as units
from daemon.engine.call_shown import MOST_DETAIL, request_shown, shown
from daemon.engine.costs import USUAL, Terms
from daemon.engine.ports import WebhookCaller
from daemon.engine.timers import Timers
from daemon.engine.verdict import told
from daemon.engine.webhook_errands import CUT_OFF, GRACE, NOT_REGISTERED, Errand, Ran, outcome_of
from daemon.engine.webhook_seen import explain, seen
from daemon.errors import (
    N8nCut,
    N8nRefused,
    N8nTimeoutError,
    N8nWebhookError,
    QiaodError,
    RateLimited,
    RemoteLimited,
    RemoteRefused,
    StoreUnavailable,
    Unavailable,
    Waitable,
)
from daemon.ids import Ids
from daemon.limits.breaker import Breaker, Breakers, Why
from daemon.limits.pool import Pool
from daemon.limits.retry import Retry, RetryBudget
from daemon.secret import Redactor
from daemon.store.database import Database

log = structlog.get_logger()

QUEUE = 1000  # calls that may wait for one webhook
SEAT_WAIT = timedelta(seconds=2)  # of a question, which holds a seat of all meanwhile
SERVICE = "n8n"


@frozen
class _Again:
    """The attempt failed, and another may help."""

    delay: timedelta
    error: N8nWebhookError


@define
class WebhookRuns:
    db: Database
    caller: WebhookCaller
    pool: Pool  # of all webhooks together
    breakers: Breakers
    budget: RetryBudget
    timers: Timers
    random: Random
    redactor: Redactor
    ids: Ids
    terms: Terms = USUAL
    _seats: dict[str, Pool] = field(factory=dict, init=False)  # by webhook

    async def run(self, errand: Errand) -> Ran:
        """n8n's answer, after as many attempts as the webhook's terms allow; how it ended is in the log either way."""
        started, last = self.db.clock.now(), None
        try:
            async with self.seat_of(errand.webhook).seat(errand.by.id):
                while isinstance(outcome := await self._attempt(errand, started), _Again):
                    last = outcome.error
                    log.info("ai_webhook.again", webhook=errand.webhook.id, asked=errand.asked, error=last.code)
                    await self._pause(outcome.delay)
                return outcome
        except N8nWebhookError:
            raise  # its attempt has written it down
        except asyncio.CancelledError as error:
            await self._write_down(errand, error=error)
            raise
        except QiaodError as refusal:  # our own; after a failure that is what counts
            await self._write_down(errand, error=last or refusal)
            raise last or refusal from None

    async def once(
        self,
        errand: Errand,
        *,
        on_text: Callable[[str], None] | None = None,
        on_node: Callable[[NodeBegun], None] | None = None,
    ) -> WebhookAnswer:
        """One attempt for whoever holds a seat of all and pays for it. RemoteLimited while there is no seat here."""
        try:
            async with self._near_seat(errand):
                with self._judged(errand):
                    answer = await self._asked(errand, on_text=on_text, on_node=on_node)
        except Waitable as busy:  # who asks a workflow is told in the words of services
            await self._write_down(errand, error=busy)
            raise RemoteLimited(busy.code, service=SERVICE, retry_after=busy.retry_after) from busy
        except (QiaodError, asyncio.CancelledError) as error:
            await self._write_down(errand, error=error)
            raise
        await self._write_down(errand, ran=self._ran(errand, answer))
        return answer

    async def _write_down(self, errand: Errand, *, error: BaseException | None = None, ran: Ran | None = None) -> None:
        """Into the log, for what no unit of work of an attempt has in it."""
        known = error if isinstance(error, QiaodError) else None
        with suppress(StoreUnavailable):
            await self.db.settle(units.ended, errand.webhook, known, self.entry(errand, error=error, ran=ran))

    def entry(
        self,
        errand: Errand,
        *,
        error: BaseException | None = None,
        ran: Ran | None = None,
        served: Served = Served.RUN,
    ) -> CallEntry:
        """The line in the log: with the answer, or why there is none."""
        request, detail = errand.request, getattr(error, "detail", "")
        code = error.code if isinstance(error, QiaodError) else None if error is None else CUT_OFF
        return CallEntry(
            id=self.ids.new(),
            call_id=request.call_id,
            webhook_id=errand.webhook.id,
            task_type=request.task_type,
            session_id=request.session_id,
            via=errand.via,
            served=served,
            outcome=outcome_of(error, asked=errand.asked),
            request=ran.asked if ran else request_shown(request, self.redactor),
            response=ran.told if ran else None,
            status=ran.answer.status if ran else error.status if isinstance(error, N8nWebhookError) else None,
            attempts=errand.asked,
            duration_ms=round((self.db.clock.monotonic() - errand.began) * 1000),
            error=code,
            detail=self.redactor.clean(detail)[:MOST_DETAIL] or None,
            actor=errand.by.id,
            request_id=request.request_id,
            created_at=self.db.clock.now(),
        )

    def seat_of(self, webhook: Webhook) -> Pool:
        """Of one webhook: as many seats as it says now."""
        pool = self._seats.get(webhook.id)
        if pool is None:
            pool = self._seats[webhook.id] = Pool(webhook.at_once, QUEUE)
        elif pool.seats != webhook.at_once:
            pool.resize(webhook.at_once)
        return pool

    def breaker_of(self, webhook: Webhook) -> Breaker:
        return self.breakers.of(SERVICE, webhook.credential)

    def _barriers(self, webhook: Webhook) -> list[str]:
        """Its own breaker's name, and those of the workflows that run through it."""
        names = [credential for service, credential in self.breakers.standings() if service == SERVICE]
        return [name for name in names if name.endswith(webhook.credential)]

    def forget(self, webhook: Webhook) -> None:
        """It is gone, or another one now."""
        for credential in self._barriers(webhook):
            self.breakers.forget(SERVICE, credential)

    @asynccontextmanager
    async def _near_seat(self, errand: Errand) -> AsyncIterator[None]:
        """A seat of the webhook that is free soon."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(SEAT_WAIT.total_seconds()):
                    await stack.enter_async_context(self.seat_of(errand.webhook).seat(errand.by.id))
            except TimeoutError:
                raise RateLimited("pool.full", retry_after=SEAT_WAIT) from None
            yield

    async def _attempt(self, errand: Errand, started: datetime) -> Ran | _Again:
        """What it costs is held before it, and settled in the unit of work that writes down how it ended."""
        ref = ""
        async with self.pool.seat(errand.by.id):
            try:
                with self._judged(errand):
                    ref = await self._reserved(errand)
                    answer = await self._asked(errand)
            except N8nWebhookError as error:
                delay = self._delay(errand, started, error)
                entry = self.entry(errand, error=error) if delay is None else None
                with suppress(StoreUnavailable):
                    await self.db.settle(units.failed, ref, errand.webhook, error, entry)
                if delay is None:
                    raise
                return _Again(delay, error)
            self.budget.earn()
            ran = self._ran(errand, answer)
            with suppress(StoreUnavailable):  # no reason to lose an answer
                await self.db.settle(units.answered, ref, answer.usage, self.entry(errand, ran=ran))
            return ran

    async def _asked(
        self,
        errand: Errand,
        *,
        on_text: Callable[[str], None] | None = None,
        on_node: Callable[[NodeBegun], None] | None = None,
    ) -> WebhookAnswer:
        """What n8n says; of a webhook that is not registered, what it says once that had time to end."""
        call = partial(self.caller.call, errand.webhook, errand.request, on_text=on_text, on_node=on_node)
        errand.asked += 1
        try:
            return await call()
        except N8nRefused as error:
            if error.code != NOT_REGISTERED or errand.via is Via.TEST or errand.webhook.retry.attempts == 1:
                raise
        except N8nWebhookError as error:
            return await self._recovered(errand, error)
        await self._pause(GRACE)
        errand.asked += 1
        return await call()

    async def _recovered(self, errand: Errand, error: N8nWebhookError) -> WebhookAnswer:
        """The answer of a run that ended well while its way here was lost; else the error, with what n8n knows of it.

        A question whose answer was lost is looked up by whoever asks it again.
        """
        lost = isinstance(error, N8nTimeoutError | N8nCut)
        if error.may_have_run and error.is_fault and not (lost and errand.via is Via.WORKFLOW):
            run = await seen(self.caller, errand.webhook, errand.request)
            if lost and run is not None and run.answer is not None:
                return run.answer
            if run is not None:
                explain(error, run)
        raise error

    async def _reserved(self, errand: Errand) -> str:
        scopes = Scopes(key_id=key_of(errand.by.id), request_id=errand.request.request_id)
        name, task_type = errand.request.call_id, errand.webhook.task_type
        ref = await self.db.write(units.reserve, name, errand.asked + 1, task_type, scopes, self.terms)
        if isinstance(ref, QiaodError):
            raise ref
        return ref

    @contextmanager
    def _judged(self, errand: Errand) -> Iterator[None]:
        """Only where the breaker lets it pass; it is told how it went. A try passes in any case, and may close it."""
        breaker, trial = self.breaker_of(errand.webhook), errand.via is Via.TEST
        if not trial and (wait := breaker.before()):
            held = breaker.why is Why.CREDENTIAL_REJECTED
            raise Unavailable("ai_webhook.credential_rejected" if held else "ai_webhook.breaker_open", retry_after=wait)
        with told(breaker):
            yield
        if trial:
            for credential in self._barriers(errand.webhook):
                self.breakers.of(SERVICE, credential).reset()

    def _delay(self, errand: Errand, started: datetime, error: N8nWebhookError) -> timedelta | None:
        """How long until another attempt; None: there is none. No attempt begins past the time of all of them."""
        terms = errand.webhook.retry
        if isinstance(error, RemoteRefused) or (error.may_have_run and not terms.repeat):
            return None
        age = errand.webhook.timeout * terms.attempts
        retry = Retry(base=terms.base, cap=terms.cap, attempts=errand.attempts, age=age)
        asked_for = error.retry_after if isinstance(error, RemoteLimited) else None
        now = self.db.clock.now()
        delay = retry.next(errand.asked, started=started, now=now, random=self.random, retry_after=asked_for)
        return delay if delay is not None and self.budget.spend() else None

    async def _pause(self, delay: timedelta) -> None:
        over = asyncio.Event()
        timer = self.timers.call_later(delay.total_seconds(), over.set)
        try:
            await over.wait()
        finally:
            self.timers.cancel(timer)

    def _ran(self, errand: Errand, answer: WebhookAnswer) -> Ran:
        asked = request_shown(errand.request, self.redactor)
        size = len(canonical(answer.data)) + len(answer.text)
        told = shown(answer.data, self.redactor)
        return Ran(answer=answer, attempts=errand.asked, asked=asked, told=told, size=size)
