"""The audit log: who did what, and whether the log is whole."""

from datetime import datetime
from typing import Annotated, Any

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.audit import AuditEntry
from daemon.net.api.services import AUDIT
from daemon.net.server.call import Call, Page, Paging, after_number
from daemon.net.server.constraints import Length, Note
from daemon.net.server.routes import Routes

routes = Routes("Audit")

READERS = (Role.AUDITOR, Role.ADMIN)
Word = Annotated[str, Length(1, 200)]


@frozen(kw_only=True)
class AuditView:
    seq: int
    at: datetime
    actor: Annotated[str, Note("key:<id>, uid:<n>, or system.", "key:k3m9x2p7qa")]
    role: str
    source: Annotated[str, Note("The address it came from, unix, or daemon.")]
    action: Annotated[str, Note("What was done.", "key.revoked")]
    target: Annotated[str, Note("To what.", "key:k3m9x2p7qa")]
    outcome: Annotated[str, Note("done, or refused.")]
    detail: dict[str, Any]
    request_id: str | None
    hash: Annotated[str, Note("Over this row and the hash before it.")]


@frozen(kw_only=True)
class BreakView:
    seq: Annotated[int, Note("The first row that is not as it was written.")]
    why: Annotated[str, Note("changed, or missing.")]


@frozen(kw_only=True)
class VerdictView:
    whole: bool
    rows: int
    first: Annotated[int, Note("Number of the oldest row that is kept.")]
    head: Annotated[str, Note("Hash of the last good row; the log of the daemon has it each hour.")]
    broken: BreakView | None


@routes.get("/api/v1/audit", role=READERS, summary="The audit log, newest first", whole=True)
async def listing(
    call: Call,
    paging: Paging,
    *,
    actor: Word | None = None,
    action: Word | None = None,
    target: Word | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page[AuditView]:
    entries, total = await call.service(AUDIT).page(
        actor=actor,
        action=action,
        target=target,
        since=since,
        until=until,
        before=after_number(paging, call.language),
        limit=paging.limit + 1,
    )
    return Page.of(entries, total, paging, view=_view, after=lambda entry: str(entry.seq))


@routes.post(
    "/api/v1/audit/verify", role=READERS, summary="Check that no row was changed, removed or swapped", whole=True
)
async def verify(call: Call) -> VerdictView:
    verdict = await call.service(AUDIT).verify(by=call.actor)
    broken = verdict.broken
    return VerdictView(
        whole=broken is None,
        rows=verdict.rows,
        first=verdict.first,
        head=verdict.head,
        broken=None if broken is None else BreakView(seq=broken.seq, why=broken.why),
    )


def _view(entry: AuditEntry) -> AuditView:
    return AuditView(
        seq=entry.seq,
        at=entry.at,
        actor=entry.actor,
        role=entry.role,
        source=entry.source,
        action=entry.action,
        target=entry.target,
        outcome=entry.outcome,
        detail=entry.detail,
        request_id=entry.request_id,
        hash=entry.hash,
    )
