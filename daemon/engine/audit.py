"""The audit log as people and the daemon itself use it: read, verified, its head told to the log each hour."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from attrs import define, frozen

from daemon.clock import from_ms, rfc3339
from daemon.domain.access import SYSTEM, Actor
from daemon.domain.audit import AuditEntry
from daemon.errors import StoreUnavailable
from daemon.store import audit, meta
from daemon.store.audit import Break, Walked
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

TELL_EVERY = timedelta(hours=1)
RESTORED = "restored_ms"  # in `meta`: when a backup took the place of the store
TOLD_RESTORED, TOLD_SCHEMA = "audit.restored_ms", "audit.schema"  # in `meta`: what the log has of it
PART = 5000  # rows looked through in one read: some 60 ms


@frozen(kw_only=True)
class Verdict:
    rows: int  # that were found good
    first: int  # number of the oldest row that is kept
    head: str  # hash of the last good row: kept elsewhere, it tells a log that was put back whole from an older copy
    broken: Break | None


@define
class Audit:
    db: Database

    async def page(
        self,
        *,
        actor: str | None,
        action: str | None,
        target: str | None,
        since: datetime | None,
        until: datetime | None,
        before: int | None,
        limit: int,
    ) -> tuple[list[AuditEntry], int]:
        return await self.db.read(
            audit.page,
            actor=actor,
            action=action,
            target=target,
            since=since,
            until=until,
            before=before,
            limit=limit,
        )

    async def verify(self, *, by: Actor) -> Verdict:
        """Of the whole log; that it was verified is an event itself, and a break is told to the log as well."""
        verdict = await self._walk()
        if verdict.broken is not None:
            log.critical("audit.broken", seq=verdict.broken.seq, why=verdict.broken.why)
        await self.db.write(_verified, by, verdict)
        return verdict

    async def _walk(self) -> Verdict:
        """In parts, for a read is limited in time; anew where retention took away its beginning meanwhile."""
        first = await self.db.read(audit.start)
        walked = Walked(last=first)
        while not walked.ended and walked.broken is None:
            walked = await self.db.read(audit.walk, walked.last, PART)
        if walked.broken is not None and await self.db.read(audit.start) != first:
            return await self._walk()
        last = walked.last
        return Verdict(rows=last.seq - first.seq, first=first.seq + 1, head=last.hash.hex(), broken=walked.broken)

    async def note(self, action: str, target: str, **detail: object) -> None:
        """What the daemon did by itself, or what befell it. Not worth failing for: the log has it too."""
        try:
            await self.db.settle(audit.record, SYSTEM, action, target, detail=detail)
        except StoreUnavailable as error:
            log.warning("audit.not_written", action=action, target=target, code=error.code)

    async def begin(self, **facts: object) -> None:
        """This process, and what befell the file since the last one: it was restored, or has another schema."""
        await self.db.write(_begun, dict(facts))

    async def reloaded(self, taken: Sequence[str], values: Mapping[str, object]) -> None:
        """Settings are read again: which change, and what those of the log become. Where this fails, none does."""
        await self.db.write(
            audit.record, SYSTEM, "settings.reloaded", "settings", detail={"taken": list(taken), **values}
        )

    async def end(self) -> None:
        await self.note("process.stopped", f"epoch:{self.db.epoch}")

    async def run(self) -> None:
        """Tell the log the head of the chain, now and each hour, until cancelled: whoever cuts or swaps the file later
        cannot change what the journal has."""
        while True:
            try:
                seq, head = await self.db.read(audit.head)
            except StoreUnavailable as error:
                log.warning("audit.head_unread", code=error.code)
            else:
                log.info("audit.head", seq=seq, hash=head)
            await asyncio.sleep(TELL_EVERY.total_seconds())


def _begun(tx: Tx, facts: dict[str, object]) -> None:
    restored = meta.get(tx, RESTORED)
    if restored is not None and restored != meta.get(tx, TOLD_RESTORED):
        meta.put(tx, TOLD_RESTORED, restored)
        audit.record(tx, SYSTEM, "store.restored", "store", detail={"at": rfc3339(from_ms(int(restored)))})
    before, after = meta.get(tx, TOLD_SCHEMA), str(tx.value("PRAGMA user_version"))
    if before != after:
        meta.put(tx, TOLD_SCHEMA, after)
        audit.record(tx, SYSTEM, "store.migrated", "store", detail={"before": before, "after": after})
    audit.record(tx, SYSTEM, "process.started", f"epoch:{tx.epoch}", detail=facts)


def _verified(tx: Tx, by: Actor, verdict: Verdict) -> None:
    broken = verdict.broken
    found = {"rows": verdict.rows} if broken is None else {"broken_at": broken.seq, "why": broken.why}
    audit.record(tx, by, "audit.verified", "audit", detail=found)
