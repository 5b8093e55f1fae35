"""One act as units of work: whether it may begin, that it begins, how it ended. See `daemon.engine.acts`."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from attrs import frozen

from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.domain.act import USUAL, ActKind, ActState, Budget
from daemon.domain.cost import ONE_ACT, ChargeKind, NewCharge, Scopes, attempt_ref, key_of
from daemon.domain.message import AccountId
from daemon.engine import costs
from daemon.engine.costs import USUAL as USUAL_TERMS
from daemon.engine.costs import Refusal, Terms
from daemon.errors import (
    AccountOffline,
    OutcomeUnknown,
    QiaodError,
    RateLimited,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.limits.act_budget import DAY, HOUR, Wait, Why, Window, between, wait
from daemon.store import acts, audit
from daemon.store.tx import Tx

T = TypeVar("T")
Began = Callable[[Tx], None]  # in the transaction that begins an act: what it raises keeps the act from beginning
Ended = Callable[[Tx, ActState, T | None], None]  # in the one that writes how it ended, with the call's answer


@frozen(kw_only=True)
class Verdict:
    """What an error of the call says of the act."""

    state: ActState
    counts: bool


def verdict(kind: ActKind, error: QiaodError) -> Verdict:
    """Released only where WeChat surely saw nothing of it. A refusal was seen: it counts."""
    match error:
        case RemoteUnauthorized() | AccountOffline():
            return Verdict(state=ActState.FAILED, counts=False)
        case RemoteRefused() | RemoteLimited():
            return Verdict(state=ActState.REFUSED, counts=True)
        case OutcomeUnknown() | RemoteNonsense():
            return Verdict(state=ActState.FAILED if kind.only_reads else ActState.UNKNOWN, counts=True)
        case RemoteUnavailable() if kind.only_reads:  # no answer came to what may be asked again: it may have been seen
            return Verdict(state=ActState.FAILED, counts=error.code != "remote.no_connection")
        case _:
            return Verdict(state=ActState.FAILED, counts=False)


@frozen(kw_only=True)
class Ending:
    """An act that is under way, as its end will be written."""

    act_id: str
    account_id: AccountId
    kind: ActKind
    target: str
    by: Actor


def budget_of(tx: Tx, account_id: AccountId, kind: ActKind) -> Budget:
    """What holds now: what an operator set, else the usual."""
    return acts.budget(tx, account_id, kind) or USUAL[kind]


def windows_of(tx: Tx, account_id: AccountId, kind: ActKind, budget: Budget, *, per_day: int | None) -> list[Window]:
    day = budget.per_day if per_day is None else min(per_day, budget.per_day)
    windows = []
    for span, most in ((HOUR, budget.per_hour), (DAY, day)):
        tally = acts.tally(tx, account_id, kind, span=span, most=most)
        windows.append(Window(span=span, most=most, used=tally.used, edge=tally.edge))
    return windows


def held_by(tx: Tx, account: Account, kind: ActKind, *, per_day: int | None = None) -> Wait | None:
    """What the next act of this kind waits for; None where it may be done now."""
    budget = budget_of(tx, account.id, kind)
    return wait(
        tx.now,
        windows=windows_of(tx, account.id, kind, budget, per_day=per_day),
        rested_at=acts.rested_at(tx, account.id, kind),
        ripe_at=ripe_at(account, budget, tx.now),
    )


def ripe_at(account: Account, budget: Budget, now: datetime) -> datetime | None:
    """When the account will have been online long enough; None where that does not matter."""
    if not budget.days_online:
        return None
    return (account.online_since or now) + timedelta(days=budget.days_online)


def begin(
    tx: Tx,
    account: Account,
    kind: ActKind,
    target: str,
    *,
    by: Actor,
    drawn: float,
    per_day: int | None = None,
    began: Began | None = None,
    terms: Terms = USUAL_TERMS,
) -> str | Wait | Refusal:
    """The act's id, durable and counted; or what it has to wait for. `drawn`: the chance of its pause, 0 to 1.

    Where a quota has no room for it, it has failed before `began`, and why is the answer.
    """
    held = held_by(tx, account, kind, per_day=per_day)
    if held is not None:
        return held
    budget = budget_of(tx, account.id, kind)
    act_id = acts.begin(tx, account.id, kind, target, gap=between(budget.gap_low, budget.gap_high, drawn), by=by)
    reserved = costs.try_reserve(tx, _charge(act_id, account.id, kind, by), terms)
    if isinstance(reserved, Refusal):
        acts.end(tx, act_id, ActState.FAILED, counts=False, error=reserved.code, detail="")
        return reserved
    if began is not None:
        began(tx)
    return act_id


def _charge(act_id: str, account_id: AccountId, kind: ActKind, by: Actor) -> NewCharge:
    return NewCharge(
        ref=attempt_ref(ChargeKind.ACT, act_id),
        kind=ChargeKind.ACT,
        provider="gewe",
        model=kind,
        scopes=Scopes(account_id=account_id, key_id=key_of(by.id), request_id=by.request_id),
        estimate=ONE_ACT,
    )


def end(
    tx: Tx,
    ending: Ending,
    said: Verdict,
    ended: Ended[T] | None,
    *,
    value: T | None,
    error: str | None,
    detail: str,
) -> None:
    """How it went, what follows from it, and the audit: one transaction."""
    acts.end(tx, ending.act_id, said.state, counts=said.counts, error=error, detail=detail)
    ref = attempt_ref(ChargeKind.ACT, ending.act_id)
    if said.counts:
        costs.settle(tx, ref, None if said.state is ActState.UNKNOWN else ONE_ACT)
    else:
        costs.release(tx, ref)
    if ended is not None:
        ended(tx, said.state, value)
    if not ending.kind.only_reads:
        audit.record(
            tx,
            ending.by,
            ending.kind,
            f"account:{ending.account_id}",
            outcome=audit.REFUSED if said.state in {ActState.FAILED, ActState.REFUSED} else audit.DONE,
            detail={"act": ending.act_id, "target": ending.target, "state": said.state, "error": error},
        )


def refusal(kind: ActKind, held: Wait, now: datetime) -> RateLimited:
    """Why not now, and when."""
    after = max(held.until - now, timedelta(seconds=1))
    facts = {"kind": kind, "next_at": held.until.isoformat(timespec="seconds")}
    match held.why, held.window:
        case Why.TOO_NEW, _:
            return RateLimited("act.too_new", retry_after=after, **facts)
        case Why.SPENT, Window() as window:
            hours = int(window.span / HOUR)
            return RateLimited(
                "act.budget_spent", retry_after=after, used=window.used, limit=window.most, hours=hours, **facts
            )
        case _:
            return RateLimited("act.too_soon", retry_after=after, **facts)
