"""What a call is held against: scopes, windows, debts, and what a person is told of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.domain.alert import AlertType, Severity
from daemon.domain.cost import ChargeKind, Scopes, Units
from daemon.domain.quota import Measure, Period, QuotaScope, Window
from daemon.engine import costs
from daemon.engine.costs import USUAL
from daemon.engine.quota_windows import close_ended
from daemon.errors import QuotaExceeded
from daemon.store import quota_windows
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.engine.charging import add_price, add_quota, at, charge, points
from tests.memory import open_tx

DAY = 86_400


def take(tx: Tx, ref: str, number: int, **changes: Any) -> bool:
    """Whether so much could be reserved."""
    return not isinstance(costs.try_reserve(tx, charge(ref, points(number), **changes), USUAL), QuotaExceeded)


def spend(tx: Tx, ref: str, estimate: int, used: int) -> bool:
    return take(tx, ref, estimate) and costs.settle(tx, ref, points(used))


def only_window(tx: Tx, quota_id: str) -> Window:
    (window,) = quota_windows.current(tx, quota_id, owners=None, limit=9)
    return window


def open_alerts(tx: Tx) -> list[tuple[str, str, str]]:
    rows = tx.all(
        "SELECT type, severity, code FROM alerts WHERE resolved_ms IS NULL AND code LIKE 'quota.%' ORDER BY id"
    )
    return [(row["type"], row["severity"], row["code"]) for row in rows]


def test_a_call_is_held_against_every_quota_it_touches_or_against_none() -> None:
    tx = open_tx()
    wide = add_quota(tx, 100)
    mine = add_quota(tx, 10, scope=QuotaScope.WORKFLOW, scope_id="w")
    assert take(tx, "1", 8)
    assert not take(tx, "2", 8)
    assert [only_window(tx, quota.id).reserved for quota in (wide, mine)] == [8, 8]
    assert tx.value("SELECT count(*) FROM charges") == 1


@pytest.mark.parametrize(
    ("scope", "scope_id"),
    [
        (QuotaScope.GLOBAL, "*"),
        (QuotaScope.ACCOUNT, "a"),
        (QuotaScope.WORKFLOW, "w"),
        (QuotaScope.CONTACT, "c"),
        (QuotaScope.RULE, "r"),
        (QuotaScope.KEY, "k"),
    ],
)
def test_a_quota_of_each_scope_counts_those_it_is_for_and_no_others(scope: QuotaScope, scope_id: str) -> None:
    tx = open_tx()
    add_quota(tx, 5, scope=scope, scope_id=scope_id)
    ours = Scopes(account_id="a", workflow_id="w", contact="c", rule_id="r", key_id="k")
    assert take(tx, "1", 5, scopes=ours)
    assert not take(tx, "2", 1, scopes=ours)
    others = Scopes(account_id="A", workflow_id="W", contact="C", rule_id="R", key_id="K")
    for number, scopes in enumerate((others, Scopes())):
        assert take(tx, f"other {number}", 1, scopes=scopes) is (scope is not QuotaScope.GLOBAL)


def test_a_quota_for_each_one_gives_everybody_a_window_of_their_own() -> None:
    tx = open_tx()
    quota = add_quota(tx, 5, scope=QuotaScope.CONTACT)
    for contact in "xyz":
        assert take(tx, contact, 5, scopes=Scopes(contact=contact))
        assert not take(tx, contact * 2, 1, scopes=Scopes(contact=contact))
    assert {w.scope_id for w in quota_windows.current(tx, quota.id, owners=None, limit=9)} == {"x", "y", "z"}


def test_each_measure_counts_its_own() -> None:
    tx = open_tx()
    add_price(tx, input_micro=2_000_000)
    found = {measure: add_quota(tx, 10**12, measure=measure) for measure in Measure}
    add_quota(tx, 0, kind=ChargeKind.SEND)
    used = Units(points_micro=3_500_000, input_tokens=1500, output_tokens=20, embedding_tokens=1)
    costs.reserve(tx, charge("1", points(0)), USUAL)
    assert costs.settle(tx, "1", used)
    assert {measure: only_window(tx, quota.id).used for measure, quota in found.items()} == {
        Measure.COST: 3_500_000 + 3_000_000,
        Measure.POINTS: 3_500_000,
        Measure.TOKENS: 1521 * 10**6,
        Measure.CALLS: 10**6,
    }


def test_a_refusal_says_which_quota_what_is_left_and_when_it_renews() -> None:
    tx = open_tx()
    quota = add_quota(tx, 10_000_000, name="AI, daily")
    assert take(tx, "1", 8_500_000)
    refused = costs.try_reserve(tx, charge("2", points(2_000_000)), USUAL)
    assert isinstance(refused, QuotaExceeded)
    assert refused.facts["id"] == quota.id
    assert refused.facts["left_micro"] == 1_500_000
    assert refused.renews_at == datetime(2026, 1, 3, tzinfo=UTC)
    assert str(refused) == (
        "The quota AI, daily (global) has too little left: 1.5 points. It renews at 2026-01-03T00:00:00.000Z."
    )


def test_what_was_used_beyond_the_cap_is_owed_by_the_days_after() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    add_quota(tx, 10)
    assert spend(tx, "1", 10, 35)
    for fits in (0, 0, 5, 10):
        clock.advance(DAY)
        tx = at(tx, clock)
        assert not take(tx, f"{fits} too many {clock.now()}", fits + 1)
        assert take(tx, f"{fits} {clock.now()}", fits) is bool(fits)
        costs.release(tx, f"{fits} {clock.now()}")


def test_an_answer_that_comes_after_midnight_counts_where_it_was_reserved() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    quota = add_quota(tx, 10)
    assert take(tx, "1", 4)
    clock.advance(DAY)
    tx = at(tx, clock)
    assert take(tx, "2", 10)
    assert costs.settle(tx, "1", points(13))
    rows = tx.all("SELECT debt, used, reserved FROM quota_windows WHERE quota_id = $1 ORDER BY start_ms", quota.id)
    assert [tuple(row) for row in rows] == [(0, 13, 0), (3, 0, 10)]


def test_a_lost_answer_is_settled_at_its_estimate_after_a_day() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    quota = add_quota(tx, 100)
    assert take(tx, "1", 4)
    clock.advance(DAY - 1)
    assert costs.settle_lost(at(tx, clock)) == 0
    clock.advance(2)
    tx = at(tx, clock)
    assert costs.settle_lost(tx) == 1
    assert tuple(tx.one("SELECT state, usage_known, points_micro FROM charges") or ()) == ("settled", 0, 4)
    assert tx.value("SELECT used FROM quota_windows WHERE quota_id = $1", quota.id) == 4


def test_each_level_is_told_once_and_no_more_when_the_window_renews() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    add_price(tx)
    add_quota(tx, 100)
    told: list[list[tuple[str, str, str]]] = []
    for number, used in enumerate((49, 1, 29, 1, 15, 5)):
        assert spend(tx, str(number), used, used)
        told.append(open_alerts(tx))
    threshold, exceeded = AlertType.THRESHOLD, AlertType.QUOTA_EXCEEDED
    assert told == [
        [],
        [(threshold, Severity.LOW, "quota.threshold")],
        [(threshold, Severity.LOW, "quota.threshold")],
        [(threshold, Severity.MEDIUM, "quota.threshold")],
        [(threshold, Severity.MEDIUM, "quota.threshold")],
        [(exceeded, Severity.HIGH, "quota.used_up")],
    ]
    assert tx.value("SELECT count(*) FROM alerts") == 4
    clock.advance(DAY)
    assert take(at(tx, clock), "next", 1)
    assert open_alerts(tx) == []


def test_an_alert_is_closed_also_where_nobody_calls_any_more() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    add_price(tx)
    add_quota(tx, 1)
    assert spend(tx, "1", 1, 1)
    assert close_ended(tx) == 0
    clock.advance(DAY)
    assert close_ended(at(tx, clock)) == 1
    assert open_alerts(tx) == []


def test_what_is_used_up_is_told_and_written_down_once_however_often_somebody_asks() -> None:
    tx = open_tx()
    add_price(tx)
    quota = add_quota(tx, 5)
    for number in range(9):
        assert not take(tx, str(number), 6)
    assert open_alerts(tx) == [("quota_exceeded", "high", "quota.used_up")]
    rows = tx.all("SELECT action, target, outcome FROM audit")
    assert [tuple(row) for row in rows] == [("quota.exceeded", f"quota:{quota.id}", "refused")]
    assert only_window(tx, quota.id).refused == 9


def test_a_soft_quota_only_tells() -> None:
    tx = open_tx()
    add_price(tx)
    quota = add_quota(tx, 5, hard=False)
    assert spend(tx, "1", 50, 60)
    assert only_window(tx, quota.id).used == 60
    assert open_alerts(tx) == [("quota_exceeded", "high", "quota.used_up")]


def test_a_window_that_renews_is_one_of_the_quotas_own_time_zone() -> None:
    clock = FakeClock(wall=datetime(2026, 1, 31, 15, 59, tzinfo=UTC))
    tx = open_tx(clock)
    add_quota(tx, 5, time_zone="Asia/Shanghai", period=Period.MONTH)
    assert take(tx, "january", 5)
    assert not take(tx, "january too", 5)
    clock.advance(timedelta(minutes=1).total_seconds())
    assert take(at(tx, clock), "february", 5)
