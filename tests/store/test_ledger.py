"""The ledger and the prices: what is written is found again, what is asked for is what comes."""

from datetime import timedelta
from typing import Any

from daemon.domain.alert import Severity
from daemon.domain.cost import ChargeKind, ChargeState, Scopes, Units, attempt_ref
from daemon.engine import costs
from daemon.engine.costs import FIRST, USUAL, Terms
from daemon.engine.estimates import Estimate
from daemon.errors import Conflict
from daemon.store import ledger, ledger_desk, prices
from daemon.store.ledger_desk import GroupBy, Wanted
from daemon.store.retention import Cursor, Keep, prune_once
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.engine.charging import BEGINNING, add_price, add_quota, at, charge, points
from tests.memory import open_tx

DAY = 86_400


def wanted(tx: Tx, **changes: Any) -> Wanted:
    return Wanted(since=BEGINNING, until=tx.now + timedelta(days=1), **changes)


def spend(tx: Tx, ref: str, used: Units | None, **changes: Any) -> None:
    costs.reserve(tx, charge(ref, **changes), USUAL)
    assert costs.settle(tx, ref, used)


def test_a_charge_keeps_what_it_was_reserved_with_and_what_it_cost() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    price = add_price(tx, point_micro=15_000)
    scopes = Scopes(account_id="a", workflow_id="w", contact="c", rule_id="r", key_id="k", request_id="q")
    costs.reserve(tx, charge("1", points(4_000_000), scopes=scopes), USUAL)
    clock.advance(1)
    later = at(tx, clock)
    assert costs.settle(later, "1", Units(points_micro=2_000_000, input_tokens=7))
    found = ledger.by_ref(tx, "1")
    assert found is not None
    assert (found.state, found.scopes, found.price_id) == (ChargeState.SETTLED, scopes, price.id)
    assert (found.estimate_micro, found.cost_micro) == (60_000, 30_000)
    assert (found.created_at, found.settled_at) == (tx.now, later.now)


def test_the_price_of_the_moment_of_the_call_is_taken_and_a_models_own_before_that_of_all() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    add_price(tx)
    add_price(tx, model="app", point_micro=2_000_000)
    add_price(tx, model="app", point_micro=3_000_000, valid_from=tx.now + timedelta(days=1))
    for ref, model in (("all", "other"), ("own", "app")):
        costs.reserve(tx, charge(ref, points(10), model=model), USUAL)
    clock.advance(DAY)
    tx = at(tx, clock)
    costs.reserve(tx, charge("later", points(10)), USUAL)
    for ref, cost in (("all", 10), ("own", 20), ("later", 30)):
        assert costs.settle(tx, ref, points(10))
        found = ledger.by_ref(tx, ref)
        assert found is not None
        assert found.cost_micro == cost


def test_an_unknown_price_is_told_of_once_and_refused_where_that_is_wanted() -> None:
    tx = open_tx()
    for number in range(3):
        costs.reserve(tx, charge(str(number)), USUAL)
    rows = tx.all("SELECT fingerprint, severity, count FROM alerts")
    assert [tuple(row) for row in rows] == [("price/fastgpt/app", Severity.LOW, 3)]
    refused = costs.try_reserve(tx, charge("strict"), Terms(refuse_unpriced=True))
    assert isinstance(refused, Conflict)
    assert refused.code == "cost.unpriced"
    assert ledger.by_ref(tx, "strict") is None


def test_gewe_has_a_price_from_the_beginning() -> None:
    tx = open_tx()
    costs.reserve(tx, charge("1", provider="gewe", model="send", kind=ChargeKind.SEND), Terms(refuse_unpriced=True))
    assert tx.value("SELECT acts FROM charges") == 1


def test_a_workflow_is_estimated_by_its_own_last_runs_of_which_the_use_is_known() -> None:
    tx = open_tx()
    assert costs.estimate(tx, "w", USUAL) == Estimate(FIRST, 0)
    spend(tx, "1", Units(points_micro=10, output_tokens=3))
    spend(tx, "2", None, estimate=points(1000))
    spend(tx, "3", points(1000), scopes=Scopes(workflow_id="another"))
    assert costs.estimate(tx, "w", USUAL) == Estimate(Units(points_micro=15, output_tokens=5), 1)


def test_each_attempt_that_costs_money_has_a_name_of_its_own() -> None:
    assert attempt_ref(ChargeKind.WORKFLOW, "t", 1) != attempt_ref(ChargeKind.WORKFLOW, "t", 2)


def test_sums_add_up_what_is_settled_and_show_what_is_not() -> None:
    tx = open_tx()
    add_price(tx)
    spend(tx, "1", Units(points_micro=10, input_tokens=1, output_tokens=2, embedding_tokens=3))
    spend(tx, "2", None, estimate=points(5))
    spend(tx, "3", points(7), provider="openai", scopes=Scopes(workflow_id="v"))
    costs.reserve(tx, charge("4", points(100)), USUAL)
    costs.reserve(tx, charge("5", points(1000)), USUAL)
    costs.release(tx, "5")
    total = ledger_desk.total(tx, wanted(tx))
    assert (total.calls, total.points_micro, total.cost_micro) == (4, 22, 15)
    assert (total.input_tokens, total.output_tokens, total.embedding_tokens) == (1, 2, 3)
    assert (total.estimated, total.unpriced, total.reserved, total.reserved_micro) == (1, 1, 1, 100)
    groups = ledger_desk.sums(tx, wanted(tx), GroupBy.WORKFLOW, limit=9)
    assert [(group.key, group.calls, group.cost_micro) for group in groups] == [("w", 3, 15), ("v", 1, 0)]
    assert [group.key for group in ledger_desk.sums(tx, wanted(tx, accounts=frozenset()), GroupBy.DAY, limit=9)] == []


def test_days_are_those_of_the_operator() -> None:
    clock = FakeClock()
    clock.advance(13 * 3600)  # 16:04 in UTC: past midnight in Shanghai
    tx = open_tx(clock)
    costs.reserve(tx, charge("1"), USUAL)
    assert [group.key for group in ledger_desk.sums(tx, wanted(tx), GroupBy.DAY, limit=9)] == ["2026-01-03"]


def test_records_are_paged_without_loss_and_filtered() -> None:
    tx = open_tx()
    for number in range(7):
        costs.reserve(tx, charge(str(number), scopes=Scopes(account_id="ab"[number % 2])), USUAL)
    page = ledger_desk.page(tx, wanted(tx), before=None, limit=3)
    rest = ledger_desk.page(tx, wanted(tx), before=(tx.now_ms, page[-1].id), limit=9)
    assert [found.ref for found in page + rest] == list("6543210")
    assert ledger_desk.count(tx, wanted(tx, account_id="b")) == 3
    assert ledger_desk.count(tx, wanted(tx, accounts=frozenset("a"), account_id="b")) == 0
    assert ledger_desk.count(tx, wanted(tx, priced=True)) == 0


def test_old_charges_and_windows_go_but_not_those_whose_end_is_open() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    add_quota(tx, 10**9)
    spend(tx, "old", points(1))
    costs.reserve(tx, charge("open", points(1)), USUAL)
    clock.advance(500 * DAY)
    tx = at(tx, clock)
    spend(tx, "new", points(1))
    rows = prune_once(tx, Keep(), Cursor()).rows
    assert (rows["charges"], rows["quota_windows"]) == (1, 1)
    assert [row["ref"] for row in tx.all("SELECT ref FROM charges ORDER BY id")] == ["open", "new"]
    assert tx.value("SELECT count(*) FROM charge_holds") == 2
    assert costs.settle(tx, "open", None)


def test_current_prices_are_the_latest_of_each_model_that_hold() -> None:
    tx = open_tx()
    old = add_price(tx, valid_from=BEGINNING - timedelta(days=1))
    now = add_price(tx)
    coming = add_price(tx, valid_from=tx.now + timedelta(days=1))

    def ids(current: bool | None) -> list[str]:
        found = prices.page(tx, provider="fastgpt", model=None, current=current, before=None, limit=9)
        return [price.id for price in found]

    assert ids(True) == [now.id]
    assert ids(False) == [coming.id, old.id]
    assert ids(None) == [coming.id, now.id, old.id]
