"""The registry of n8n's webhooks, with those in use cached for a while."""

from datetime import timedelta

import structlog
from attrs import define, field

from daemon.domain.access import Actor
from daemon.domain.webhook import Webhook
from daemon.engine import webhook_units as units
from daemon.engine.targets import Targets
from daemon.engine.webhook_rules import problems
from daemon.engine.webhook_units import WebhookDraft
from daemon.errors import Invalid, NotFound, Problem
from daemon.store import webhooks
from daemon.store.database import Database
from daemon.store.tx import Tx
from daemon.vault import Vault

log = structlog.get_logger()


@define
class WebhookRegistry:
    db: Database
    vault: Vault
    targets: Targets
    keep: timedelta = timedelta(minutes=5)
    _cached: dict[str, tuple[float, Webhook]] = field(factory=dict, init=False)  # the active ones, by task
    _changes: int = field(default=0, init=False)

    async def get(self, webhook_id: str) -> Webhook:
        return await self.db.read(units.known, self.vault, webhook_id)

    async def active_for(self, task_type: str) -> Webhook:
        """The one that does such a task, at most `keep` old; a change through this daemon is seen at once."""
        now = self.db.clock.monotonic()
        cached = self._cached.get(task_type)
        if cached is not None and now < cached[0]:
            return cached[1]
        changes = self._changes
        webhook = await self.db.read(webhooks.active_for, self.vault, task_type)
        if webhook is None:
            self._cached.pop(task_type, None)
            raise NotFound("ai_webhook.none_active", task_type=task_type)
        if changes == self._changes:  # else it may be another by now
            self._cached[task_type] = (now + self.keep.total_seconds(), webhook)
        return webhook

    async def page(
        self, *, task_type: str | None, is_active: bool | None, before: str | None, limit: int
    ) -> tuple[list[Webhook], int]:
        return await self.db.read(
            _page, self.vault, task_type=task_type, is_active=is_active, before=before, limit=limit
        )

    async def add(self, draft: WebhookDraft, *, by: Actor, language: str = "en") -> Webhook:
        """`language`: what is wrong with the draft is told in it."""
        self._check(draft, language)
        webhook = await self.db.write(units.add, self.vault, draft, by=by)
        self._forget()
        log.info("ai_webhook.added", webhook=webhook.id, task_type=webhook.task_type)
        return webhook

    async def change(
        self, webhook_id: str, draft: WebhookDraft, *, version: int | None, by: Actor, language: str = "en"
    ) -> Webhook:
        self._check(draft, language)
        webhook = await self.db.write(units.change, self.vault, webhook_id, draft, version=version, by=by)
        self._forget()
        log.info("ai_webhook.changed", webhook=webhook_id, active=webhook.is_active)
        return webhook

    async def remove(self, webhook_id: str, *, version: int | None, by: Actor) -> Webhook:
        webhook = await self.db.write(units.remove, self.vault, webhook_id, version=version, by=by)
        self._forget()
        log.info("ai_webhook.removed", webhook=webhook_id)
        return webhook

    def _forget(self) -> None:
        self._changes += 1
        self._cached.clear()

    def _check(self, draft: WebhookDraft, language: str) -> None:
        """Both addresses are looked at again when they are called: a name may lead elsewhere by then."""
        if found := problems(draft, language):
            raise Invalid(problems=found)
        self._check_url("url", draft.url, language)
        if draft.api is not None:
            self._check_url("api.url", draft.api.url, language)

    def _check_url(self, name: str, url: str, language: str) -> None:
        try:
            self.targets.check_url(url)
        except Invalid as error:
            raise Invalid(error.code, [Problem(name, error.text(language))], **error.facts) from None


def _page(
    tx: Tx, vault: Vault, *, task_type: str | None, is_active: bool | None, before: str | None, limit: int
) -> tuple[list[Webhook], int]:
    found = webhooks.page(tx, vault, task_type=task_type, is_active=is_active, before=before, limit=limit)
    return found, webhooks.count(tx, task_type=task_type, is_active=is_active)
