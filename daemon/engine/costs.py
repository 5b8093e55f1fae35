"""What calls cost, as units of work inside those of others: reserved before a call, then settled or released.

What is reserved survives a crash, so a restart never counts too little. `try_reserve` gives its refusal back instead
of raising it: then the unit commits, and with it what a person is to be told.
"""

from datetime import timedelta

from attrs import frozen

from daemon.domain.alert import AlertType, NewAlert, Severity
from daemon.domain.cost import (
    MICRO,
    Charge,
    ChargeId,
    ChargeState,
    NewCharge,
    Price,
    Units,
    cost_of,
    estimate_of,
    settled,
)
from daemon.engine.estimates import Estimate
from daemon.engine.quota_windows import book, close_ended, give_back, take, zone_of
from daemon.errors import Conflict, QuotaExceeded
from daemon.store import alerts, ledger, prices
from daemon.store.tx import Tx

EARLIER = 100  # runs of a workflow that its next one is estimated by: PROMISES 2.15
LOST_AFTER = timedelta(hours=24)  # nobody asks for an answer any more by then
LOST_AT_ONCE = 100  # settled in one unit
_MILLISECOND = timedelta(milliseconds=1)

Refusal = QuotaExceeded | Conflict


FIRST = Units(points_micro=10 * MICRO, input_tokens=4000)  # a long question to a large model


@frozen(kw_only=True)
class Terms:
    """How this installation counts."""

    time_zone: str = "Asia/Shanghai"  # whose days the sums go by
    refuse_unpriced: bool = False
    first: Units = FIRST  # the estimate of a workflow that never ran


USUAL = Terms()


def try_reserve(tx: Tx, new: NewCharge, terms: Terms) -> ChargeId | Refusal:
    """The charge, held against every quota it touches; or why not, and then nothing is held.

    What is reserved or settled already is not reserved again. What was released is: it is tried anew.
    """
    known = ledger.by_ref(tx, new.ref)
    if known is not None and known.state is not ChargeState.RELEASED:
        return known.id
    price = prices.valid(tx, provider=new.provider, model=new.model)
    if price is None:
        _warn_unpriced(tx, new)
        if terms.refuse_unpriced:
            return Conflict("cost.unpriced", provider=new.provider, model=new.model)
    charge = _charge(tx, new, price)
    held = take(tx, charge)
    if isinstance(held, QuotaExceeded):
        return held
    if known is not None:
        ledger.forget(tx, known.id)
    ledger.add(tx, charge, day=tx.now.astimezone(zone_of(terms.time_zone)).date().isoformat())
    for hold in held:
        ledger.hold(tx, charge.id, hold)
    return charge.id


def reserve(tx: Tx, new: NewCharge, terms: Terms) -> ChargeId:
    """As `try_reserve`; raises QuotaExceeded or Conflict, and nobody but the caller is told."""
    reserved = try_reserve(tx, new, terms)
    if isinstance(reserved, Refusal):
        raise reserved
    return reserved


def estimate(tx: Tx, workflow_id: str, terms: Terms) -> Estimate:
    """What a run of the workflow will use at most, by its last ones."""
    earlier = ledger.earlier(tx, workflow_id, limit=EARLIER)
    return Estimate(estimate_of(earlier, terms.first), len(earlier))


def settle(tx: Tx, ref: str, units: Units | None) -> bool:
    """What was truly used; None: nobody knows, the estimate stands. Whether it was reserved: twice changes nothing."""
    charge = ledger.by_ref(tx, ref)
    if charge is None or charge.state is not ChargeState.RESERVED:
        return False
    _settle(tx, charge, units)
    return True


def release(tx: Tx, ref: str) -> bool:
    """Surely nothing happened. Whether it was reserved: twice changes nothing."""
    charge = ledger.by_ref(tx, ref)
    if charge is None or charge.state is not ChargeState.RESERVED:
        return False
    ledger.release(tx, charge.id)
    give_back(tx, ledger.holds(tx, charge.id))
    return True


def settle_lost(tx: Tx) -> int:
    """Those whose answer never came, at their estimate, some at a time; how many those were."""
    lost = ledger.lost(tx, before_ms=tx.now_ms - LOST_AFTER // _MILLISECOND, limit=LOST_AT_ONCE)
    for charge in lost:
        _settle(tx, charge, None)
    return len(lost)


def tidy(tx: Tx) -> int:
    """What needs nobody's asking: lost answers are settled, alerts of windows that are over are closed. How many."""
    return settle_lost(tx) + close_ended(tx)


def _settle(tx: Tx, charge: Charge, units: Units | None) -> None:
    price = None if charge.price_id is None else prices.get(tx, charge.price_id)
    done = settled(charge, units, price, now=tx.now)
    ledger.settle(tx, done)
    book(tx, done)


def _charge(tx: Tx, new: NewCharge, price: Price | None) -> Charge:
    return Charge(
        id=ChargeId(tx.new_id()),
        ref=new.ref,
        kind=new.kind,
        provider=new.provider,
        model=new.model,
        scopes=new.scopes,
        state=ChargeState.RESERVED,
        usage_known=False,
        price_id=None if price is None else price.id,
        units=new.estimate,
        estimate_micro=cost_of(new.estimate, price),
        cost_micro=0,
        created_at=tx.now,
        settled_at=None,
    )


def _warn_unpriced(tx: Tx, new: NewCharge) -> None:
    alerts.raise_(
        tx,
        NewAlert(
            fingerprint=unpriced(new.provider, new.model),
            service="qiaod",
            type=AlertType.ANOMALY,
            severity=Severity.LOW,
            code="price.unknown",
            facts={"provider": new.provider, "model": new.model},
        ),
    )


def unpriced(provider: str, model: str) -> str:
    """The fingerprint of the alert that nobody said what it costs."""
    return f"price/{provider}/{model}"
