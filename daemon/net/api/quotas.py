"""Quotas: how much may be used in a day or a month, by whom, and how much of that is left."""

from datetime import datetime
from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.cost import ChargeKind
from daemon.domain.quota import EACH, Measure, Period, Quota, QuotaScope, Window
from daemon.engine.quotas import QuotaChange, QuotaDraft, QuotaState
from daemon.errors import Forbidden
from daemon.net.api.fields import Name
from daemon.net.api.services import QUOTAS
from daemon.net.server.call import Call, Page, Paging, Reply
from daemon.net.server.constraints import SAFE_INTEGER, Length, Note, Range
from daemon.net.server.routes import Routes

routes = Routes("Quotas")

PATH = "/api/v1/quotas"

Cap = Annotated[int, Range(0, SAFE_INTEGER), Note("Millionths of the measure; 0 allows nothing.", 5_000_000)]
Hard = Annotated[bool, Note("What does not fit is refused; otherwise it is only told of.")]


@frozen(kw_only=True)
class QuotaBody:
    name: Name
    cap_micro: Cap
    hard: Hard = True


@frozen(kw_only=True)
class NewQuotaBody(QuotaBody):
    """Of several quotas that a call touches, each must have room."""

    scope: QuotaScope = QuotaScope.GLOBAL
    scope_id: Annotated[
        str,
        Length(1, 200),
        Note("The account, workflow, wxid, rule or key it is for; `*`: each one of that kind by itself."),
    ] = EACH
    kind: Annotated[ChargeKind | None, Note("Which calls count; null: all.")] = None
    period: Period
    time_zone: Annotated[
        str | None, Length(1, 64), Note("In which days and months begin; null: that of the settings.", "Asia/Shanghai")
    ] = None
    measure: Annotated[Measure, Note("cost: money, in the currency of the settings. tokens: of all kinds.")]


@frozen(kw_only=True)
class WindowView:
    """One day or month, for one of those the quota is for."""

    scope_id: str
    started_at: datetime
    renews_at: datetime
    used_micro: int
    reserved_micro: Annotated[int, Note("Of calls whose cost is not known yet, at their estimate.")]
    debt_micro: Annotated[int, Note("What the window before used beyond its cap.")]
    left_micro: int
    refused: Annotated[int, Note("Calls.")]


@frozen(kw_only=True)
class QuotaView:
    id: str
    name: str
    scope: QuotaScope
    scope_id: str
    kind: ChargeKind | None
    period: Period
    time_zone: str
    measure: Measure
    cap_micro: int
    hard: bool
    windows: Annotated[list[WindowView], Note("Of this moment; of a quota for each one, the fullest twenty.")]
    created_at: datetime
    updated_at: datetime
    version: int


@routes.get(PATH, role=Role.VIEWER, summary="List quotas, and what is left of them")
async def page(call: Call, paging: Paging, *, scope: QuotaScope | None = None) -> Page[QuotaView]:
    rows, total = await call.service(QUOTAS).page(
        scope=scope, accounts=call.scope, before=paging.after, limit=paging.limit + 1
    )
    return Page.of(rows, total, paging, view=view, after=lambda state: state.quota.id)


@routes.post(PATH, role=Role.ADMIN, summary="Add a quota", status=201, effect=True)
async def create(call: Call, body: NewQuotaBody) -> Reply[QuotaView]:
    _reach(call, body.scope, body.scope_id)
    state = await call.service(QUOTAS).add(_draft(body), by=call.actor)
    return Reply(body=view(state), headers={"Location": f"{PATH}/{state.quota.id}"})


@routes.get(PATH + "/{quota_id}", role=Role.VIEWER, summary="Show a quota, and what is left of it")
async def show(call: Call, quota_id: str) -> QuotaView:
    state = await call.service(QUOTAS).get(quota_id, accounts=call.scope)
    if state.quota.scope_id != EACH or state.quota.scope is not QuotaScope.ACCOUNT:
        _reach(call, state.quota.scope, state.quota.scope_id)
    return view(state)


@routes.put(PATH + "/{quota_id}", role=Role.ADMIN, summary="Change a quota's name, cap or hardness")
async def change(call: Call, quota_id: str, body: QuotaBody) -> QuotaView:
    await _own(call, quota_id)
    wanted = QuotaChange(name=body.name, cap_micro=body.cap_micro, hard=body.hard)
    return view(await call.service(QUOTAS).change(quota_id, wanted, version=call.if_match, by=call.actor))


@routes.delete(PATH + "/{quota_id}", role=Role.ADMIN, summary="Remove a quota")
async def remove(call: Call, quota_id: str) -> None:
    await _own(call, quota_id)
    await call.service(QUOTAS).remove(quota_id, version=call.if_match, by=call.actor)


async def _own(call: Call, quota_id: str) -> None:
    quota = (await call.service(QUOTAS).get(quota_id)).quota
    _reach(call, quota.scope, quota.scope_id)


def _reach(call: Call, scope: QuotaScope, scope_id: str) -> None:
    """Who may touch only some accounts has to do with the quotas of those, and no others."""
    if scope is QuotaScope.ACCOUNT and scope_id != EACH:
        call.allow(scope_id)
    elif call.scope is not None:
        raise Forbidden("auth.account")


def view(state: QuotaState) -> QuotaView:
    quota = state.quota
    return QuotaView(
        id=quota.id,
        name=quota.name,
        scope=quota.scope,
        scope_id=quota.scope_id,
        kind=quota.kind,
        period=quota.period,
        time_zone=quota.time_zone,
        measure=quota.measure,
        cap_micro=quota.cap_micro,
        hard=quota.hard,
        windows=[_window(quota, window) for window in state.windows],
        created_at=quota.created_at,
        updated_at=quota.updated_at,
        version=quota.version,
    )


def _window(quota: Quota, window: Window) -> WindowView:
    return WindowView(
        scope_id=window.scope_id,
        started_at=window.start,
        renews_at=window.end,
        used_micro=window.used,
        reserved_micro=window.reserved,
        debt_micro=window.debt,
        left_micro=window.left(quota.cap_micro),
        refused=window.refused,
    )


def _draft(body: NewQuotaBody) -> QuotaDraft:
    return QuotaDraft(
        name=body.name,
        scope=body.scope,
        scope_id=body.scope_id,
        kind=body.kind,
        period=body.period,
        time_zone=body.time_zone,
        measure=body.measure,
        cap_micro=body.cap_micro,
        hard=body.hard,
    )
