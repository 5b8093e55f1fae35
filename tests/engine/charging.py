"""Charges, prices and quotas as the tests of costs need them."""

from datetime import UTC, datetime
from typing import Any

from daemon.domain.cost import ONE_ACT, ChargeKind, NewCharge, Price, Scopes, Units
from daemon.domain.quota import EACH, Measure, Period, Quota, QuotaScope
from daemon.store import prices, quotas
from daemon.store.tx import Tx
from tests.clock import FakeClock

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


def points(number: int) -> Units:
    """Millionths of a point."""
    return Units(points_micro=number)


def charge(ref: str, estimate: Units = ONE_ACT, **changes: Any) -> NewCharge:
    fields: dict[str, Any] = {
        "ref": ref,
        "kind": ChargeKind.WORKFLOW,
        "provider": "fastgpt",
        "model": "app",
        "scopes": Scopes(account_id="a", workflow_id="w"),
        "estimate": estimate,
    }
    return NewCharge(**(fields | changes))


def add_quota(tx: Tx, /, cap: int, **changes: Any) -> Quota:
    fields: dict[str, Any] = {
        "id": tx.new_id(),
        "name": "daily",
        "scope": QuotaScope.GLOBAL,
        "scope_id": EACH,
        "kind": None,
        "period": Period.DAY,
        "time_zone": "UTC",
        "measure": Measure.POINTS,
        "cap_micro": cap,
        "hard": True,
        "created_at": tx.now,
        "updated_at": tx.now,
        "version": 1,
    }
    quota = Quota(**(fields | changes))
    quotas.add(tx, quota)
    return quota


def add_price(tx: Tx, /, **changes: Any) -> Price:
    """One unit of money for each point, since always."""
    fields: dict[str, Any] = {
        "id": tx.new_id(),
        "provider": "fastgpt",
        "model": "*",
        "point_micro": 1_000_000,
        "input_micro": 0,
        "output_micro": 0,
        "embedding_micro": 0,
        "act_micro": 0,
        "valid_from": BEGINNING,
        "created_at": tx.now,
        "updated_at": tx.now,
        "version": 1,
    }
    price = Price(**(fields | changes))
    prices.add(tx, price)
    return price


def at(tx: Tx, clock: FakeClock) -> Tx:
    """The same store, at the clock's time."""
    return Tx(tx.connection, tx.ids, clock.now(), tx.epoch)
