"""Quotas as operators set them, and how full they are. What holds calls against them is `quota_windows`."""

from zoneinfo import ZoneInfo

from attrs import define, evolve, frozen

from daemon.domain.access import Actor
from daemon.domain.cost import ChargeKind
from daemon.domain.quota import EACH, Measure, Period, Quota, QuotaScope, Window, level_of
from daemon.engine.quota_windows import close, look
from daemon.errors import Conflict, Invalid, NotFound, PreconditionFailed, Problem
from daemon.store import audit, quota_windows, quotas
from daemon.store.database import Database
from daemon.store.quota_windows import place_of
from daemon.store.tx import Tx

MOST = 500  # each call looks through those of its scopes
SHOWN = 20  # windows of a quota that is for each one by itself: the fullest


@frozen(kw_only=True)
class QuotaDraft:
    """What an operator says of a quota. `time_zone` None: that of the settings."""

    name: str
    scope: QuotaScope
    scope_id: str
    kind: ChargeKind | None
    period: Period
    time_zone: str | None
    measure: Measure
    cap_micro: int
    hard: bool


@frozen(kw_only=True)
class QuotaChange:
    """What may be changed while it counts."""

    name: str
    cap_micro: int
    hard: bool


@frozen(kw_only=True)
class QuotaState:
    """A quota, and its windows of this moment: one, or the fullest of many."""

    quota: Quota
    windows: tuple[Window, ...]


@define
class Quotas:
    """`accounts` limits what is seen to the quotas of these; None: all."""

    db: Database
    time_zone: str

    async def page(
        self, *, scope: QuotaScope | None, accounts: frozenset[str] | None, before: str | None, limit: int
    ) -> tuple[list[QuotaState], int]:
        return await self.db.read(_page, scope=scope, accounts=accounts, before=before, limit=limit)

    async def get(self, quota_id: str, *, accounts: frozenset[str] | None = None) -> QuotaState:
        return await self.db.read(_shown, quota_id, accounts)

    async def add(self, draft: QuotaDraft, *, by: Actor) -> QuotaState:
        return await self.db.write(_add, draft, time_zone=draft.time_zone or self.time_zone, by=by)

    async def change(self, quota_id: str, change: QuotaChange, *, version: int | None, by: Actor) -> QuotaState:
        return await self.db.write(_change, quota_id, change, version=version, by=by)

    async def remove(self, quota_id: str, *, version: int | None, by: Actor) -> None:
        await self.db.write(_remove, quota_id, version=version, by=by)


def _page(
    tx: Tx, *, scope: QuotaScope | None, accounts: frozenset[str] | None, before: str | None, limit: int
) -> tuple[list[QuotaState], int]:
    found = quotas.page(tx, scope=scope, accounts=accounts, before=before, limit=limit)
    return [_state(tx, quota, accounts) for quota in found], quotas.count(tx, scope=scope, accounts=accounts)


def _shown(tx: Tx, quota_id: str, accounts: frozenset[str] | None) -> QuotaState:
    return _state(tx, _known(tx, quota_id, None), accounts)


def _state(tx: Tx, quota: Quota, accounts: frozenset[str] | None) -> QuotaState:
    if quota.scope is QuotaScope.GLOBAL or quota.scope_id != EACH:
        return QuotaState(quota=quota, windows=(look(tx, quota, quota.scope_id)[0],))
    owners = accounts if quota.scope is QuotaScope.ACCOUNT else None
    return QuotaState(quota=quota, windows=tuple(quota_windows.current(tx, quota.id, owners=owners, limit=SHOWN)))


def _add(tx: Tx, draft: QuotaDraft, *, time_zone: str, by: Actor) -> QuotaState:
    _check_zone(time_zone)
    if quotas.count(tx) >= MOST:
        raise Conflict("quota.too_many", most=MOST)
    quota = Quota(
        id=tx.new_id(),
        name=draft.name,
        scope=draft.scope,
        scope_id=EACH if draft.scope is QuotaScope.GLOBAL else draft.scope_id,
        kind=draft.kind,
        period=draft.period,
        time_zone=time_zone,
        measure=draft.measure,
        cap_micro=draft.cap_micro,
        hard=draft.hard,
        created_at=tx.now,
        updated_at=tx.now,
        version=1,
    )
    quotas.add(tx, quota)
    detail = {"scope": quota.scope, "scope_id": quota.scope_id, "measure": quota.measure, "period": quota.period}
    audit.record(tx, by, "quota.created", f"quota:{quota.id}", detail=detail | _limits(quota))
    return _state(tx, quota, None)


def _change(tx: Tx, quota_id: str, change: QuotaChange, *, version: int | None, by: Actor) -> QuotaState:
    known = _known(tx, quota_id, version)
    quota = evolve(
        known,
        name=change.name,
        cap_micro=change.cap_micro,
        hard=change.hard,
        updated_at=tx.now,
        version=known.version + 1,
    )
    quotas.save(tx, quota)
    if quota.cap_micro > known.cap_micro or known.hard > quota.hard:
        _calm(tx, quota)
    detail = {"before": _limits(known), "after": _limits(quota)}
    audit.record(tx, by, "quota.changed", f"quota:{quota_id}", detail=detail)
    return _state(tx, quota, None)


def _remove(tx: Tx, quota_id: str, *, version: int | None, by: Actor) -> None:
    known = _known(tx, quota_id, version)
    for window in quota_windows.told_of(tx, quota_id):
        close(tx, window)
    quotas.remove(tx, quota_id)
    audit.record(tx, by, "quota.removed", f"quota:{quota_id}", detail=_limits(known))


def _calm(tx: Tx, quota: Quota) -> None:
    """It allows more now: alerts of levels that are not reached any more are over."""
    for window in quota_windows.told_of(tx, quota.id):
        level = level_of(window, quota.cap_micro)
        if level < window.told:
            close(tx, window)
            quota_windows.tell(tx, place_of(window), level)


def _known(tx: Tx, quota_id: str, version: int | None) -> Quota:
    quota = quotas.get(tx, quota_id)
    if quota is None:
        raise NotFound("quota.not_found")
    if version is not None and version != quota.version:
        raise PreconditionFailed("stale_version", found=quota.version)
    return quota


def _limits(quota: Quota) -> dict[str, object]:
    return {"cap_micro": quota.cap_micro, "hard": quota.hard}


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; not a name; a folder of them
        raise Invalid(problems=[Problem("time_zone", "no such time zone, as Asia/Shanghai is one")]) from None
