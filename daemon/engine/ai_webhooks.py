"""Tasks done by n8n: found by their type, answered from the cache where that is allowed, else by a call that goes out.

Equal calls that come at the same time share one run, where answers may be cached at all. It is paid for by the key
that came first; an answer from the cache costs nobody anything.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from attrs import define, evolve, field, frozen

from daemon.domain.access import Actor
from daemon.domain.call_log import CallEntry, CallFilter, CallSums, Served, Via
from daemon.domain.webhook import CacheTerms, Webhook
from daemon.domain.webhook_call import WebhookAnswer, WebhookRequest
from daemon.engine import webhook_units as units
from daemon.engine.answer_cache import AnswerCache, Counts, Digest, Wanted, digest
from daemon.engine.call_book import CallBook
from daemon.engine.pressure import Pressure
from daemon.engine.targets import Targets
from daemon.engine.webhook_errands import Errand, Ran
from daemon.engine.webhook_registry import WebhookRegistry
from daemon.engine.webhook_runs import WebhookRuns
from daemon.engine.webhook_units import WebhookDraft
from daemon.errors import N8nWebhookError, QiaodError, QuotaExceeded
from daemon.limits.breaker import Standing
from daemon.store import webhook_calls
from daemon.store.database import Database
from daemon.store.tx import Tx
from daemon.vault import Vault

log = structlog.get_logger()

MOST_SUMMED = 200  # webhooks, the newest


@frozen(kw_only=True)
class Task:
    """What a caller wants done. `extra` goes to n8n beside the standard fields."""

    task_type: str
    text: str
    session_id: str
    extra: Mapping[str, Any] = field(factory=dict)
    metadata: Mapping[str, Any] = field(factory=dict)
    fresh: bool = False  # no answer from the cache; the new one takes its place


@frozen(kw_only=True)
class Done:
    """The answer, and how it came about. `call_id` is this call's own, also where another's run answered."""

    answer: WebhookAnswer
    webhook: Webhook
    call_id: str
    served: Served
    attempts: int  # 0: n8n was not asked for this one
    seconds: float


@frozen(kw_only=True)
class Tried:
    """A trial: what was sent, and what came of it. Neither `done` nor `error`: nothing was sent."""

    webhook: Webhook
    request: WebhookRequest
    done: Done | None
    error: N8nWebhookError | None
    seconds: float


@frozen(kw_only=True)
class WebhookFigures:
    """How one webhook does."""

    webhook: Webhook
    sums: CallSums
    cache: Counts
    breaker: Standing
    in_flight: int
    waiting: int


@define
class AiWebhooks:
    db: Database
    registry: WebhookRegistry
    runs: WebhookRuns
    cache: AnswerCache[Ran]
    book: CallBook
    pressure: Pressure
    changed: Callable[[], object]  # told after each change of a webhook: workflows run through them

    @classmethod
    def over(
        cls,
        runs: WebhookRuns,
        vault: Vault,
        targets: Targets,
        pressure: Pressure,
        *,
        cache_bytes: int,
        changed: Callable[[], object],
    ) -> "AiWebhooks":
        db = runs.db
        cache = AnswerCache[Ran](db.clock, cache_bytes)
        return cls(db, WebhookRegistry(db, vault, targets), runs, cache, CallBook(db), pressure, changed)

    async def aclose(self) -> None:
        """Runs that are shared end, and what was gathered for the log is written."""
        await self.cache.aclose()
        await self.book.flush()

    async def call(self, task: Task, *, by: Actor) -> Done:
        """The answer. NotFound where nothing does such tasks, N8nWebhookError where n8n gave none."""
        webhook = await self.registry.active_for(task.task_type)
        errand = self._errand(webhook, task, Via.API, by)
        if webhook.cache is None:
            return self._done(errand, await self._run(errand), Served.RUN)
        key = key_of_call(webhook, webhook.cache, errand.request)
        if not task.fresh:
            found = self.cache.find(key, webhook.id)
            if found is not None:
                return self._without_run(errand, found, Served.CACHE)
            return await self._shared(errand, key, webhook.cache)
        return self._done(errand, await self.cache.renew(self._wanted(errand, key, webhook.cache)), Served.RUN)

    async def test(self, webhook_id: str, task: Task, *, dry: bool, by: Actor) -> Tried:
        """A real call of any webhook, also one that is switched off: once, never from the cache nor into it.

        `dry`: nothing is called.
        """
        webhook = await self.registry.get(webhook_id)
        errand = self._errand(webhook, evolve(task, task_type=webhook.task_type), Via.TEST, by)
        done, error = None, None
        if not dry:
            try:
                done = self._done(errand, await self._run(errand), Served.RUN)
            except N8nWebhookError as failure:
                error = failure
        seconds = self.db.clock.monotonic() - errand.began
        return Tried(webhook=webhook, request=errand.request, done=done, error=error, seconds=seconds)

    async def add(self, draft: WebhookDraft, *, by: Actor, language: str = "en") -> Webhook:
        return await self.registry.add(draft, by=by, language=language)

    async def change(
        self, webhook_id: str, draft: WebhookDraft, *, version: int | None, by: Actor, language: str = "en"
    ) -> Webhook:
        """What was cached of it is forgotten."""
        before = await self.registry.get(webhook_id)
        webhook = await self.registry.change(webhook_id, draft, version=version, by=by, language=language)
        self.cache.clear(webhook_id)
        self.runs.forget(before)
        self.changed()
        return webhook

    async def remove(self, webhook_id: str, *, version: int | None, by: Actor) -> None:
        webhook = await self.registry.remove(webhook_id, version=version, by=by)
        self.cache.forget(webhook_id)
        self.runs.forget(webhook)
        self.changed()

    async def clear_cache(self, webhook_id: str, *, by: Actor) -> int:
        """How many answers were forgotten."""
        await self.db.write(units.clear_cache, self.registry.vault, webhook_id, by=by)
        count = self.cache.clear(webhook_id)
        log.info("ai_webhook.cache_cleared", webhook=webhook_id, answers=count, by=by.id)
        return count

    async def calls(self, wanted: CallFilter, *, before: str | None, limit: int) -> tuple[list[CallEntry], int]:
        await self.book.flush()
        return await self.db.read(_calls, wanted, before=before, limit=limit)

    async def figures(self, span: timedelta) -> list[WebhookFigures]:
        """Of each webhook, the newest first; the calls are those of the last `span`."""
        await self.book.flush()
        found, _ = await self.registry.page(task_type=None, is_active=None, before=None, limit=MOST_SUMMED)
        sums = await self.db.read(_sums, [webhook.id for webhook in found], since=self.db.clock.now() - span)
        return [self._figures(webhook, one) for webhook, one in zip(found, sums, strict=True)]

    def _figures(self, webhook: Webhook, sums: CallSums) -> WebhookFigures:
        seats = self.runs.seat_of(webhook)
        return WebhookFigures(
            webhook=webhook,
            sums=sums,
            cache=self.cache.counts(webhook.id),
            breaker=self.runs.breaker_of(webhook).standing(),
            in_flight=seats.in_flight,
            waiting=seats.waiting,
        )

    def _errand(self, webhook: Webhook, task: Task, via: Via, by: Actor) -> Errand:
        clock = self.db.clock
        request = WebhookRequest(
            call_id=self.runs.ids.new(),
            task_type=task.task_type,
            text=task.text,
            session_id=task.session_id,
            sent_at=clock.now(),
            request_id=by.request_id,
            metadata=dict(task.metadata),
            extra=dict(task.extra),
        )
        return Errand(webhook=webhook, request=request, via=via, by=by, began=clock.monotonic())

    async def _run(self, errand: Errand) -> Ran:
        self.pressure.admit_work()
        return await self.runs.run(errand)

    def _wanted(self, errand: Errand, key: Digest, terms: CacheTerms) -> Wanted[Ran]:
        run = partial(self._run, errand)
        return Wanted(key=key, owner=errand.webhook.id, by=errand.by.id, ttl=terms.ttl, fly=run, size=_room)

    async def _shared(self, errand: Errand, key: Digest, terms: CacheTerms) -> Done:
        wanted = self._wanted(errand, key, terms)
        while True:
            payer = self.cache.airborne(key)
            try:
                ran, others = await self.cache.share(wanted)
            except QiaodError as error:
                if payer is None:  # its run has written it down
                    raise
                if isinstance(error, QuotaExceeded) and payer != errand.by.id:  # somebody else's is used up
                    continue
                self.book.add(self.runs.entry(errand, error=error, served=Served.SHARED))
                raise
            return self._without_run(errand, ran, Served.SHARED) if others else self._done(errand, ran, Served.RUN)

    def _without_run(self, errand: Errand, ran: Ran, served: Served) -> Done:
        self.book.add(self.runs.entry(errand, ran=ran, served=served))
        return self._done(errand, ran, served)

    def _done(self, errand: Errand, ran: Ran, served: Served) -> Done:
        return Done(
            answer=ran.answer,
            webhook=errand.webhook,
            call_id=errand.request.call_id,
            served=served,
            attempts=errand.asked,
            seconds=self.db.clock.monotonic() - errand.began,
        )


def key_of_call(webhook: Webhook, terms: CacheTerms, request: WebhookRequest) -> Digest:
    """All that n8n is told but who asks and when. The session too, unless one answer serves them all. Pure."""
    session = None if terms.shared else request.session_id
    return digest(
        webhook.id, webhook.version, request.task_type, request.text, request.extra, request.metadata, session
    )


def _room(ran: Ran) -> int | None:
    """Bytes; None for what is no answer to keep."""
    return None if ran.answer.accepted else len(ran.told) + len(ran.asked) + ran.size


def _calls(tx: Tx, wanted: CallFilter, *, before: str | None, limit: int) -> tuple[list[CallEntry], int]:
    return webhook_calls.page(tx, wanted, before=before, limit=limit), webhook_calls.count(tx, wanted)


def _sums(tx: Tx, webhook_ids: list[str], *, since: datetime) -> list[CallSums]:
    return [webhook_calls.sums(tx, webhook_id, since=since) for webhook_id in webhook_ids]
