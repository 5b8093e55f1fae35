"""What people do with acts: see and set their budgets, look at what was done, settle what nobody knows of."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from attrs import define, frozen

from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.domain.act import SAFE, Act, ActKind, ActState, Budget
from daemon.engine.act_units import budget_of, held_by, windows_of
from daemon.errors import Conflict, Invalid, NotFound, Problem
from daemon.store import acts, audit
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()


class Found(StrEnum):
    """What a person found out about an act that nobody knew of."""

    DONE = "done"
    NOT_DONE = "not_done"


@frozen(kw_only=True)
class Standing:
    """One kind's budget, and how much of it is used."""

    kind: ActKind
    budget: Budget
    is_usual: bool  # nobody set another
    is_safe: bool
    used_hour: int
    used_day: int
    next_at: datetime | None  # None: now


@define
class ActDesk:
    db: Database

    async def budgets(self, account: Account) -> list[Standing]:
        return await self.db.read(_standings, account)

    async def set_budget(
        self, account: Account, kind: ActKind, wanted: Budget, *, beyond_safe: bool, by: Actor
    ) -> Standing:
        """One laxer than what is safe is taken only where `beyond_safe` says that it is meant."""
        if wanted.gap_high < wanted.gap_low:
            raise Invalid(problems=[Problem("gap_high_seconds", "less than gap_low_seconds")])
        if not beyond_safe and not wanted.within(SAFE[kind]):
            raise Conflict("act.beyond_safe", kind=kind, **_figures(SAFE[kind]))
        standing = await self.db.write(_set, account, kind, wanted, by=by)
        log.info("act.budget_set", account=account.id, kind=kind, safe=standing.is_safe, by=by.id)
        return standing

    async def reset_budget(self, account: Account, kind: ActKind, *, by: Actor) -> None:
        await self.db.write(_reset, account, kind, by=by)
        log.info("act.budget_reset", account=account.id, kind=kind, by=by.id)

    async def get(self, act_id: str) -> Act:
        return await self.db.read(_known, act_id)

    async def page(
        self,
        *,
        account_id: str | None,
        kind: ActKind | None,
        state: ActState | None,
        account_ids: Collection[str] | None,
        before: str | None,
        limit: int,
    ) -> tuple[list[Act], int]:
        """Newest first, and how many there are."""
        return await self.db.read(
            acts.page,
            account_id=account_id,
            kind=kind,
            state=state,
            account_ids=account_ids,
            before=before,
            limit=limit,
        )

    async def settle(self, act_id: str, found: Found, *, by: Actor) -> Act:
        """Somebody looked at the phone. One that was not done counts no longer."""
        settled = await self.db.write(_settle, act_id, found, by=by)
        log.info("act.settled", act=act_id, found=found, by=by.id)
        return settled


def _standings(tx: Tx, account: Account) -> list[Standing]:
    return [_standing(tx, account, kind) for kind in ActKind]


def _standing(tx: Tx, account: Account, kind: ActKind) -> Standing:
    budget = budget_of(tx, account.id, kind)
    hour, day = windows_of(tx, account.id, kind, budget, per_day=None)
    held = held_by(tx, account, kind)
    return Standing(
        kind=kind,
        budget=budget,
        is_usual=acts.budget(tx, account.id, kind) is None,
        is_safe=budget.within(SAFE[kind]),
        used_hour=hour.used,
        used_day=day.used,
        next_at=None if held is None else held.until,
    )


def _set(tx: Tx, account: Account, kind: ActKind, wanted: Budget, *, by: Actor) -> Standing:
    acts.set_budget(tx, account.id, kind, wanted, by=by)
    standing = _standing(tx, account, kind)
    detail = {"kind": kind, "safe": standing.is_safe, **_figures(wanted)}
    audit.record(tx, by, "act_budget.set", f"account:{account.id}", detail=detail)
    return standing


def _reset(tx: Tx, account: Account, kind: ActKind, *, by: Actor) -> None:
    if acts.reset_budget(tx, account.id, kind):
        audit.record(tx, by, "act_budget.reset", f"account:{account.id}", detail={"kind": kind})


def _figures(budget: Budget) -> dict[str, float]:
    return {
        "per_hour": budget.per_hour,
        "per_day": budget.per_day,
        "gap_low": budget.gap_low / timedelta(seconds=1),
        "gap_high": budget.gap_high / timedelta(seconds=1),
        "days_online": budget.days_online,
    }


def _known(tx: Tx, act_id: str) -> Act:
    act = acts.get(tx, act_id)
    if act is None:
        raise NotFound("act.not_found", id=act_id)
    return act


def _settle(tx: Tx, act_id: str, found: Found, *, by: Actor) -> Act:
    state = ActState.DONE if found is Found.DONE else ActState.FAILED
    act = _known(tx, act_id)
    if not acts.settle(tx, act_id, state, error=f"act.settled_{found}", detail=by.id):
        raise Conflict("act.not_unknown", state=act.state)
    audit.record(tx, by, "act.settle", f"act:{act_id}", detail={"kind": act.kind, "found": found})
    return _known(tx, act_id)
