"""The registry of workflows, with those in use cached for a while."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import structlog
from attrs import asdict, define, evolve, field, frozen

from daemon.domain.access import Actor
from daemon.domain.alert import AlertType, NewAlert, Severity
from daemon.domain.webhook import Webhook
from daemon.domain.workflow import Handover, Memory, Provider, Workflow
from daemon.engine.workflow_rules import problems
from daemon.errors import Conflict, Invalid, NotFound, PreconditionFailed, Problem
from daemon.secret import Secret
from daemon.store import alerts, audit, webhooks, workflows
from daemon.store.database import Database
from daemon.store.tx import Tx
from daemon.vault import Vault

log = structlog.get_logger()

LONGEST_CHAIN = 5  # of fallbacks


@frozen(kw_only=True)
class WorkflowDraft:
    """What an operator says of a workflow."""

    name: str
    provider: Provider
    base_url: str
    key: Secret
    app_id: str | None
    endpoint: str
    stream: bool
    memory: Memory
    system_prompt: str | None
    variables: dict[str, object]
    timeout: timedelta
    fallback_id: str | None
    model: str | None = None
    webhook_id: str | None = None
    handover: Handover = field(factory=Handover)


def tell_degraded(tx: Tx, workflow_id: str | None, reason: str | None) -> None:
    """An account's own workflow did not answer, and why (a code); or (None) it does again."""
    if reason is None:
        alerts.resolve(tx, _degraded(workflow_id))
        return
    provider = None if workflow_id is None else workflows.provider_of(tx, workflow_id)
    new = NewAlert(
        fingerprint=_degraded(workflow_id),
        service="qiaod" if provider is None else provider.spelled,
        type=AlertType.LOW_SUCCESS_RATE,
        severity=Severity.HIGH,
        code="turn.degraded",
        facts={"workflow": workflow_id, "reason": reason},
    )
    alerts.raise_(tx, new)


def tell_unheard(tx: Tx, workflow: Workflow) -> None:
    """It asks the person back, and cannot be told the answer as it is set up."""
    new = NewAlert(
        fingerprint=_unheard(workflow.id),
        service=workflow.provider.spelled,
        type=AlertType.ANOMALY,
        severity=Severity.MEDIUM,
        code="workflow.pause_needs_memory",
        facts={"workflow": workflow.name},
    )
    alerts.raise_(tx, new)


def _degraded(workflow_id: str | None) -> str:
    return f"ai.degraded/{workflow_id}"


def _unheard(workflow_id: str) -> str:
    return f"ai.pause/{workflow_id}"


@define
class Workflows:
    db: Database
    vault: Vault
    keep: timedelta = timedelta(minutes=5)
    _cached: dict[str, tuple[float, Workflow]] = field(factory=dict, init=False)
    _named: dict[str, tuple[float, list[str]]] = field(factory=dict, init=False)  # ids, by a name that somebody has
    _changes: int = field(default=0, init=False)  # a read that one overtook is not kept

    async def get(self, workflow_id: str) -> Workflow:
        """From the cache, at most `keep` old. A change through this daemon is seen at once."""
        now = self.db.clock.monotonic()
        cached = self._cached.get(workflow_id)
        if cached is not None and now < cached[0]:
            return cached[1]
        changes = self._changes
        workflow = await self.db.read(workflows.get, self.vault, workflow_id)
        if workflow is None:
            self._cached.pop(workflow_id, None)
            raise NotFound("workflow.not_found", id=workflow_id)
        if changes == self._changes:
            self._cached[workflow_id] = (now + self.keep.total_seconds(), workflow)
        return workflow

    async def named(self, name: str) -> list[str]:
        """The ids of those with this name, two at most; as old as `get`'s."""
        now = self.db.clock.monotonic()
        cached = self._named.get(name)
        if cached is not None and now < cached[0]:
            return cached[1]
        changes = self._changes
        found = await self.db.read(workflows.named, name)
        if found and changes == self._changes:
            self._named[name] = (now + self.keep.total_seconds(), found)
        return found

    def clear(self) -> int:
        """Forget what is cached; how many workflows it were."""
        count = len(self._cached)
        self._cached.clear()
        self._named.clear()
        self._changes += 1
        return count

    async def chain(self, workflow_id: str) -> list[Workflow]:
        """The workflow and its fallbacks, in the order they are asked."""
        chain = [await self.get(workflow_id)]
        while chain[-1].fallback_id and len(chain) < LONGEST_CHAIN:
            chain.append(await self.get(chain[-1].fallback_id))
        return chain

    async def page(
        self,
        *,
        provider: Provider | None,
        account_ids: Collection[str] | None = None,
        before: str | None,
        limit: int,
    ) -> tuple[list[Workflow], int]:
        """`account_ids`: only those asked for one of these accounts; None: all."""
        return await self.db.read(
            _page, self.vault, provider=provider, account_ids=account_ids, before=before, limit=limit
        )

    async def drafted(self, draft: WorkflowDraft) -> Workflow:
        """As it would be, without a place in the registry; Invalid where something is missing or does not fit."""
        return await self.db.read(_drafted, self.vault, draft)

    async def add(self, draft: WorkflowDraft, *, by: Actor) -> Workflow:
        workflow = await self.db.write(_add, self.vault, draft, by=by)
        self.clear()
        log.info("workflow.added", workflow=workflow.id, provider=workflow.provider)
        return workflow

    async def change(self, workflow_id: str, draft: WorkflowDraft, *, version: int | None, by: Actor) -> Workflow:
        workflow = await self.db.write(_change, self.vault, workflow_id, draft, version=version, by=by)
        self.clear()
        log.info("workflow.changed", workflow=workflow_id)
        return workflow

    async def remove(self, workflow_id: str, *, version: int | None, by: Actor) -> None:
        await self.db.write(_remove, self.vault, workflow_id, version=version, by=by)
        self.clear()
        log.info("workflow.removed", workflow=workflow_id)


def _page(
    tx: Tx,
    vault: Vault,
    *,
    provider: Provider | None,
    account_ids: Collection[str] | None,
    before: str | None,
    limit: int,
) -> tuple[list[Workflow], int]:
    found = workflows.page(tx, vault, provider=provider, account_ids=account_ids, before=before, limit=limit)
    return found, workflows.count(tx, provider=provider, account_ids=account_ids)


def _known(tx: Tx, vault: Vault, workflow_id: str, version: int | None) -> Workflow:
    workflow = workflows.get(tx, vault, workflow_id)
    if workflow is None:
        raise NotFound("workflow.not_found", id=workflow_id)
    if version is not None and version != workflow.version:
        raise PreconditionFailed("stale_version", found=workflow.version)
    return workflow


def _check_fallback(tx: Tx, vault: Vault, fallback_id: str | None, *, own_id: str | None) -> None:
    """A fallback must exist, and no chain of them may come back to its beginning."""
    seen, following = {own_id}, fallback_id
    while following is not None:
        if following in seen:
            raise Invalid(problems=[Problem("fallback_id", "the fallbacks form a circle")])
        seen.add(following)
        workflow = workflows.get(tx, vault, following)
        if workflow is None:
            raise Invalid(problems=[Problem("fallback_id", "no such workflow")])
        following = workflow.fallback_id


def _drafted(tx: Tx, vault: Vault, draft: WorkflowDraft, workflow_id: str = "") -> Workflow:
    webhook = None if draft.webhook_id is None else webhooks.get(tx, vault, draft.webhook_id)
    fields = _fields(draft, webhook)
    workflow = Workflow(id=workflow_id, created_at=tx.now, updated_at=tx.now, version=1, **fields)
    if draft.webhook_id is not None and webhook is None:
        raise Invalid(problems=[Problem("webhook_id", "no such webhook")])
    if found := problems(workflow):
        raise Invalid(problems=found)
    return workflow


def _add(tx: Tx, vault: Vault, draft: WorkflowDraft, *, by: Actor) -> Workflow:
    _check_fallback(tx, vault, draft.fallback_id, own_id=None)
    workflow = _drafted(tx, vault, draft, tx.new_id())
    workflows.add(tx, vault, workflow)
    _audit(tx, by, "added", workflow)
    return workflow


def _change(
    tx: Tx, vault: Vault, workflow_id: str, draft: WorkflowDraft, *, version: int | None, by: Actor
) -> Workflow:
    known = _known(tx, vault, workflow_id, version)
    _check_fallback(tx, vault, draft.fallback_id, own_id=workflow_id)
    changed = _drafted(tx, vault, draft, workflow_id)
    workflow = evolve(changed, created_at=known.created_at, version=known.version + 1)
    workflows.save(tx, vault, workflow)
    _resolve(tx, workflow_id)
    _audit(tx, by, "changed", workflow)
    return workflow


def _remove(tx: Tx, vault: Vault, workflow_id: str, *, version: int | None, by: Actor) -> None:
    workflow = _known(tx, vault, workflow_id, version)
    if users := workflows.users(tx, workflow_id):
        raise Conflict("workflow.in_use", users=", ".join(users))
    workflows.remove(tx, workflow_id)
    _resolve(tx, workflow_id)
    _audit(tx, by, "removed", workflow)


def _resolve(tx: Tx, workflow_id: str) -> None:
    """It is another one now: what was wrong with it shows again, or is over."""
    alerts.resolve(tx, _degraded(workflow_id))
    alerts.resolve(tx, _unheard(workflow_id))


def _audit(tx: Tx, by: Actor, verb: str, workflow: Workflow) -> None:
    detail = {"name": workflow.name, "provider": workflow.provider, "version": workflow.version}
    audit.record(tx, by, f"workflow.{verb}", f"workflow:{workflow.id}", detail=detail)


def _fields(draft: WorkflowDraft, webhook: Webhook | None) -> dict[str, Any]:
    fields = asdict(draft, recurse=False)
    del fields["webhook_id"]
    return {**fields, "webhook": webhook}
