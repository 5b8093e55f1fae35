"""Acts: what accounts do besides sending messages, how often each kind may be done, and what became of each."""

from datetime import datetime, timedelta
from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.act import SAFE, Act, ActKind, ActState, Budget
from daemon.engine.act_desk import Found, Standing
from daemon.net.api.services import ACCOUNTS, ACT_DESK
from daemon.net.server.call import Call, Page, Paging
from daemon.net.server.constraints import Note, Range
from daemon.net.server.routes import Routes

routes = Routes("Acts")

PATH = "/api/v1/integrations/gewe/acts"
BUDGETS = "/api/v1/integrations/gewe/accounts/{account_id}/budgets"

DAY = 86_400


@frozen(kw_only=True)
class Figures:
    per_hour: int
    per_day: int
    gap_low_seconds: float
    gap_high_seconds: float
    days_online: int


@frozen(kw_only=True)
class BudgetView:
    kind: ActKind
    per_hour: Annotated[int, Note("At most so many within any hour.")]
    per_day: Annotated[int, Note("At most so many within any 24 hours.")]
    gap_low_seconds: Annotated[float, Note("The pause after each is drawn between this and the next.")]
    gap_high_seconds: float
    days_online: Annotated[int, Note("Not before the account has been online so long.")]
    is_usual: Annotated[bool, Note("Nobody set another.")]
    is_safe: Annotated[bool, Note("No laxer than what is thought safe.")]
    safe: Figures
    used_hour: int
    used_day: int
    next_at: Annotated[datetime | None, Note("When one more is possible; null: now.")]


@frozen(kw_only=True)
class BudgetBody:
    per_hour: Annotated[int, Range(0, 10_000), Note("0: never.")]
    per_day: Annotated[int, Range(0, 100_000)]
    gap_low_seconds: Annotated[float, Range(0, DAY)]
    gap_high_seconds: Annotated[float, Range(0, DAY)]
    days_online: Annotated[int, Range(0, 365)] = 0
    beyond_safe: Annotated[bool, Note("Needed for figures laxer than the safe ones.")] = False


@frozen(kw_only=True)
class ActView:
    id: str
    account_id: str
    kind: ActKind
    target: Annotated[str, Note("Whom or what it was done to; a searched text is shown in part.")]
    state: Annotated[ActState, Note("unknown: it may have been done; nobody repeats it, a person settles it.")]
    error: str | None
    detail: str | None
    started_at: datetime
    ended_at: datetime | None
    by: str
    request_id: str | None


@frozen(kw_only=True)
class ActSettlement:
    outcome: Annotated[Found, Note("What a look at the phone showed. One that was not done counts no longer.")]


@routes.get(BUDGETS, role=Role.VIEWER, summary="How often each kind of act is safe, and what is used of it")
async def budgets(call: Call, account_id: str) -> Page[BudgetView]:
    call.allow(account_id)
    standings = await call.service(ACT_DESK).budgets(call.service(ACCOUNTS).get(account_id))
    return Page(data=[_budget(standing) for standing in standings], total=len(standings), next_after=None)


@routes.put(BUDGETS + "/{kind}", role=Role.ADMIN, summary="Set the budget of one kind of act")
async def set_budget(call: Call, account_id: str, kind: ActKind, body: BudgetBody) -> BudgetView:
    call.allow(account_id)
    wanted = Budget(
        per_hour=body.per_hour,
        per_day=body.per_day,
        gap_low=timedelta(seconds=body.gap_low_seconds),
        gap_high=timedelta(seconds=body.gap_high_seconds),
        days_online=body.days_online,
    )
    account = call.service(ACCOUNTS).get(account_id)
    desk = call.service(ACT_DESK)
    return _budget(await desk.set_budget(account, kind, wanted, beyond_safe=body.beyond_safe, by=call.actor))


@routes.delete(BUDGETS + "/{kind}", role=Role.ADMIN, summary="Go back to the usual budget")
async def reset_budget(call: Call, account_id: str, kind: ActKind) -> None:
    call.allow(account_id)
    await call.service(ACT_DESK).reset_budget(call.service(ACCOUNTS).get(account_id), kind, by=call.actor)


@routes.get(PATH, role=Role.OPERATOR, summary="List acts; state=unknown are those to settle")
async def page(
    call: Call,
    paging: Paging,
    *,
    account_id: str | None = None,
    kind: ActKind | None = None,
    state: ActState | None = None,
) -> Page[ActView]:
    if account_id is not None:
        call.allow(account_id)
    rows, total = await call.service(ACT_DESK).page(
        account_id=account_id,
        kind=kind,
        state=state,
        account_ids=call.scope,
        before=paging.after,
        limit=paging.limit + 1,
    )
    return Page.of(rows, total, paging, view=view, after=lambda act: act.id)


@routes.get(PATH + "/{act_id}", role=Role.OPERATOR, summary="Show an act")
async def show(call: Call, act_id: str) -> ActView:
    act = await call.service(ACT_DESK).get(act_id)
    call.allow(act.account_id)
    return view(act)


@routes.post(
    PATH + "/{act_id}/settle",
    role=Role.OPERATOR,
    summary="Say what became of an act that nobody knows of",
    effect=True,
)
async def settle(call: Call, act_id: str, body: ActSettlement) -> ActView:
    desk = call.service(ACT_DESK)
    call.allow((await desk.get(act_id)).account_id)
    return view(await desk.settle(act_id, body.outcome, by=call.actor))


def view(act: Act) -> ActView:
    return ActView(
        id=act.id,
        account_id=act.account_id,
        kind=act.kind,
        target=act.target,
        state=act.state,
        error=act.error,
        detail=act.detail,
        started_at=act.started_at,
        ended_at=act.ended_at,
        by=act.by,
        request_id=act.request_id,
    )


def _budget(standing: Standing) -> BudgetView:
    budget = standing.budget
    return BudgetView(
        kind=standing.kind,
        per_hour=budget.per_hour,
        per_day=budget.per_day,
        gap_low_seconds=budget.gap_low.total_seconds(),
        gap_high_seconds=budget.gap_high.total_seconds(),
        days_online=budget.days_online,
        is_usual=standing.is_usual,
        is_safe=standing.is_safe,
        safe=_figures(SAFE[standing.kind]),
        used_hour=standing.used_hour,
        used_day=standing.used_day,
        next_at=standing.next_at,
    )


def _figures(budget: Budget) -> Figures:
    return Figures(
        per_hour=budget.per_hour,
        per_day=budget.per_day,
        gap_low_seconds=budget.gap_low.total_seconds(),
        gap_high_seconds=budget.gap_high.total_seconds(),
        days_online=budget.days_online,
    )
