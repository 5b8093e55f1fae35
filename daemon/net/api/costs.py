"""What was spent: sums, the records behind them, and the same as a table for a spreadsheet."""

from datetime import datetime, timedelta
from typing import Annotated

from aiohttp import web
from attrs import frozen

from daemon.clock import to_ms
from daemon.domain.access import Role
from daemon.domain.cost import Charge, ChargeKind, ChargeState
from daemon.errors import Invalid, Problem
from daemon.net.api.costs_csv import BOM, COLUMNS, cells, lines
from daemon.net.api.services import CURRENCY, DATABASE
from daemon.net.server.call import Call, Page, Paging, split_after
from daemon.net.server.constraints import Length, Note
from daemon.net.server.routes import Routes
from daemon.store import ledger_desk
from daemon.store.ledger_desk import GroupBy, Sum, Wanted
from daemon.store.tx import Tx
from daemon.texts import render

routes = Routes("Costs")

PATH = "/api/v1/costs"
USUAL = timedelta(days=31)  # where nobody says since when
LONGEST = timedelta(days=400)  # that one request looks through
MOST_GROUPS = 1000
AT_ONCE = 500  # rows of an export that are in memory
CSV = "text/csv"

Word = Annotated[str, Length(1, 200)]


@frozen(kw_only=True)
class SumView:
    key: Annotated[str | None, Note("Of the group; null: of the charges that have none, and of the total.")]
    calls: Annotated[int, Note("All but those that were released.")]
    points_micro: int
    input_tokens: int
    output_tokens: int
    embedding_tokens: int
    cost_micro: Annotated[int, Note("Money in millionths, of what is settled.")]
    estimated: Annotated[int, Note("Calls settled at their estimate: nobody said what they used.")]
    unpriced: Annotated[int, Note("Calls that nobody said the price of: their cost is missing here.")]
    reserved: Annotated[int, Note("Calls whose cost is not known yet.")]
    reserved_micro: Annotated[int, Note("Their estimates, in money.")]


@frozen(kw_only=True)
class SummaryView:
    since: datetime
    until: datetime
    currency: str
    group_by: GroupBy
    total: SumView
    groups: Annotated[list[SumView], Note("The dearest first, or day by day; at most 1,000.")]


@frozen(kw_only=True)
class ChargeView:
    id: str
    ref: Annotated[str, Note("What it was for: one attempt at a turn, one message, one act.")]
    kind: ChargeKind
    provider: str
    model: str
    account_id: str | None
    workflow_id: str | None
    contact: str | None
    rule_id: str | None
    key_id: str | None
    request_id: str | None
    state: ChargeState
    usage_known: Annotated[bool, Note("False: the units are an estimate.")]
    priced: Annotated[bool, Note("False: nobody said what it costs, so cost_micro is 0.")]
    points_micro: int
    input_tokens: int
    output_tokens: int
    embedding_tokens: int
    acts: int
    estimate_micro: int
    cost_micro: int
    created_at: datetime
    settled_at: datetime | None


@routes.get(PATH + "/summary", role=(Role.VIEWER, Role.AUDITOR), summary="What was spent, by whom or on what")
async def summary(
    call: Call,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    group_by: GroupBy = GroupBy.WORKFLOW,
    account_id: Word | None = None,
) -> SummaryView:
    wanted = _wanted(call, since, until, account_id=account_id)
    total, groups = await call.service(DATABASE).read(_sums, wanted, group_by)
    return SummaryView(
        since=wanted.since,
        until=wanted.until,
        currency=call.service(CURRENCY),
        group_by=group_by,
        total=_sum(total),
        groups=[_sum(group) for group in groups],
    )


@routes.get(PATH + "/records", role=Role.OPERATOR, summary="Every chargeable call, newest first")
async def records(
    call: Call,
    paging: Paging,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    account_id: Word | None = None,
    workflow_id: Word | None = None,
    contact: Word | None = None,
    rule_id: Word | None = None,
    key_id: Word | None = None,
    request_id: Word | None = None,
    provider: Word | None = None,
    kind: ChargeKind | None = None,
    state: ChargeState | None = None,
    priced: bool | None = None,
) -> Page[ChargeView]:
    wanted = _wanted(
        call,
        since,
        until,
        account_id=account_id,
        workflow_id=workflow_id,
        contact=contact,
        rule_id=rule_id,
        key_id=key_id,
        request_id=request_id,
        provider=provider,
        kind=kind,
        state=state,
        priced=priced,
    )
    before = split_after(paging, call.language)
    rows, total = await call.service(DATABASE).read(_page, wanted, before, paging.limit + 1)
    return Page.of(rows, total, paging, view=view, after=_after)


@routes.get(PATH + "/export", role=Role.OPERATOR, summary="The records as CSV, newest first", produces=CSV)
async def export(
    call: Call,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    account_id: Word | None = None,
    provider: Word | None = None,
    kind: ChargeKind | None = None,
) -> web.StreamResponse:
    wanted = _wanted(call, since, until, account_id=account_id, provider=provider, kind=kind)
    name = f"costs-{wanted.since:%Y%m%d}-{wanted.until:%Y%m%d}.csv"
    response = web.StreamResponse(
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    )
    response.content_type, response.charset = CSV, "utf-8"
    await response.prepare(call.request)
    await response.write(BOM + lines([COLUMNS]))
    before: tuple[int, str] | None = None
    while rows := await call.service(DATABASE).read(ledger_desk.page, wanted, before=before, limit=AT_ONCE):
        await response.write(lines(cells(row, call.service(CURRENCY)) for row in rows))
        before = (to_ms(rows[-1].created_at), rows[-1].id)
    await response.write_eof()
    return response


def _wanted(
    call: Call,
    since: datetime | None,
    until: datetime | None,
    *,
    account_id: str | None,
    workflow_id: str | None = None,
    contact: str | None = None,
    rule_id: str | None = None,
    key_id: str | None = None,
    request_id: str | None = None,
    provider: str | None = None,
    kind: ChargeKind | None = None,
    state: ChargeState | None = None,
    priced: bool | None = None,
) -> Wanted:
    """The charges asked for, of the accounts that the caller may see, and not of all time."""
    if account_id is not None:
        call.allow(account_id)
    until = until or call.service(DATABASE).clock.now() + timedelta(milliseconds=1)  # what was just made is in
    since = since or until - USUAL
    if not timedelta() <= until - since <= LONGEST:
        problem = render("cost.too_long", call.language, {"days": LONGEST.days})
        raise Invalid(problems=[Problem("since", problem)])
    return Wanted(
        since=since,
        until=until,
        accounts=call.scope,
        account_id=account_id,
        workflow_id=workflow_id,
        contact=contact,
        rule_id=rule_id,
        key_id=key_id,
        request_id=request_id,
        provider=provider,
        kind=kind,
        state=state,
        priced=priced,
    )


def _sums(tx: Tx, wanted: Wanted, group_by: GroupBy) -> tuple[Sum, list[Sum]]:
    return ledger_desk.total(tx, wanted), ledger_desk.sums(tx, wanted, group_by, limit=MOST_GROUPS)


def _page(tx: Tx, wanted: Wanted, before: tuple[int, str] | None, limit: int) -> tuple[list[Charge], int]:
    return ledger_desk.page(tx, wanted, before=before, limit=limit), ledger_desk.count(tx, wanted)


def _after(charge: Charge) -> str:
    return f"{to_ms(charge.created_at)}|{charge.id}"


def _sum(found: Sum) -> SumView:
    return SumView(
        key=found.key,
        calls=found.calls,
        points_micro=found.points_micro,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        embedding_tokens=found.embedding_tokens,
        cost_micro=found.cost_micro,
        estimated=found.estimated,
        unpriced=found.unpriced,
        reserved=found.reserved,
        reserved_micro=found.reserved_micro,
    )


def view(charge: Charge) -> ChargeView:
    scopes, units = charge.scopes, charge.units
    return ChargeView(
        id=charge.id,
        ref=charge.ref,
        kind=charge.kind,
        provider=charge.provider,
        model=charge.model,
        account_id=scopes.account_id,
        workflow_id=scopes.workflow_id,
        contact=scopes.contact,
        rule_id=scopes.rule_id,
        key_id=scopes.key_id,
        request_id=scopes.request_id,
        state=charge.state,
        usage_known=charge.usage_known,
        priced=charge.price_id is not None,
        points_micro=units.points_micro,
        input_tokens=units.input_tokens,
        output_tokens=units.output_tokens,
        embedding_tokens=units.embedding_tokens,
        acts=units.acts,
        estimate_micro=charge.estimate_micro,
        cost_micro=charge.cost_micro,
        created_at=charge.created_at,
        settled_at=charge.settled_at,
    )
