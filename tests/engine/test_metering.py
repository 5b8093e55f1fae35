"""What runs of a workflow are charged: each once, at what it truly cost, whichever way its answer came."""

from datetime import timedelta
from typing import Any

import pytest

from daemon.domain.access import SYSTEM
from daemon.domain.act import ActKind, ActState
from daemon.domain.cost import ChargeState, Scopes, Units
from daemon.domain.quota import Measure, QuotaScope
from daemon.domain.workflow import Answer, Memory, Provider, Usage, Workflow
from daemon.engine import act_units, costs, metering
from daemon.engine.costs import USUAL, Refusal
from daemon.engine.estimates import Estimate
from daemon.errors import QuotaExceeded
from daemon.secret import Secret
from daemon.store import ledger
from daemon.store.tx import Tx
from tests.engine.charging import add_quota
from tests.engine.samples import NOW, account
from tests.memory import open_tx


def workflow(**changes: Any) -> Workflow:
    fields: dict[str, Any] = {
        "id": "w",
        "name": "Sales",
        "provider": Provider.FASTGPT,
        "base_url": "http://127.0.0.1:9",
        "key": Secret("key"),
        "app_id": "app",
        "endpoint": "v1",
        "stream": True,
        "memory": Memory.SERVICE,
        "system_prompt": None,
        "variables": {},
        "timeout": timedelta(seconds=9),
        "fallback_id": None,
        "created_at": NOW,
        "updated_at": NOW,
        "version": 1,
    }
    return Workflow(**(fields | changes))


def begin(tx: Tx, asked: Workflow) -> str:
    begun = metering.reserve(tx, "turn", asked, Scopes(account_id="a"), USUAL)
    assert not isinstance(begun, Refusal)
    return begun.ref


def answer(points: int, *, recovered: bool = False, known: bool = True) -> Answer:
    return Answer(text="hello", usage=Usage(points_micro=points, known=known), recovered=recovered)


def charges(tx: Tx) -> list[tuple[str, ChargeState, int]]:
    return [
        (charge.ref, charge.state, charge.units.points_micro)
        for charge in (ledger.by_ref(tx, row["ref"]) for row in tx.all("SELECT ref FROM charges ORDER BY id"))
        if charge is not None
    ]


def test_a_run_is_held_at_the_estimate_that_stands_else_at_one_that_is_looked_up() -> None:
    tx, asked = open_tx(), workflow()
    metering.settle(tx, "turn", begin(tx, asked), asked, answer(8))
    stands = metering.reserve(tx, "second", asked, Scopes(), USUAL, Units(points_micro=5))
    assert not isinstance(stands, Refusal)
    assert stands.found is None
    looked_up = metering.reserve(tx, "third", asked, Scopes(), USUAL)
    assert not isinstance(looked_up, Refusal)
    assert looked_up.found == Estimate(Units(points_micro=12), 1)
    assert [points for _, state, points in charges(tx) if state is ChargeState.RESERVED] == [5, 12]


def test_a_question_asked_again_after_a_crash_is_another_charge() -> None:
    tx, asked = open_tx(), workflow()
    begin(tx, asked)
    metering.settle(tx, "turn", begin(tx, asked), asked, answer(7))
    assert charges(tx) == [
        ("workflow/turn/1", ChargeState.RESERVED, costs.FIRST.points_micro),
        ("workflow/turn/2", ChargeState.SETTLED, 7),
    ]


def test_an_answer_that_is_looked_up_settles_the_run_that_made_it_and_nothing_else() -> None:
    tx, asked = open_tx(), workflow()
    begin(tx, asked)
    metering.settle(tx, "turn", begin(tx, asked), asked, answer(7, recovered=True))
    assert [(ref, state) for ref, state, _ in charges(tx)] == [
        ("workflow/turn/1", ChargeState.SETTLED),
        ("workflow/turn/2", ChargeState.RELEASED),
    ]


def test_an_answer_of_our_own_run_that_had_to_be_looked_up_is_paid_for() -> None:
    tx, asked = open_tx(), workflow()
    metering.settle(tx, "turn", begin(tx, asked), asked, answer(7, recovered=True))
    assert charges(tx) == [("workflow/turn/1", ChargeState.SETTLED, 7)]


def test_an_answer_that_does_not_say_what_it_used_costs_what_it_was_thought_to() -> None:
    tx, asked = open_tx(), workflow()
    metering.settle(tx, "turn", begin(tx, asked), asked, answer(0, known=False))
    assert charges(tx) == [("workflow/turn/1", ChargeState.SETTLED, costs.FIRST.points_micro)]


def test_a_refused_question_is_no_charge() -> None:
    tx = open_tx()
    add_quota(tx, 5)
    assert isinstance(metering.reserve(tx, "turn", workflow(), Scopes(), USUAL), Refusal)
    assert charges(tx) == []


def test_an_act_that_a_quota_refuses_has_failed_before_anything_followed_from_it() -> None:
    tx, followed = open_tx(), list[str]()
    quota = add_quota(tx, 1_000_000, measure=Measure.CALLS, scope=QuotaScope.ACCOUNT)
    given: dict[str, Any] = {"by": SYSTEM, "drawn": 0.5, "began": lambda _: followed.append("began")}
    done = act_units.begin(tx, account(), ActKind.FRIEND_REMARK, "x", **given)
    refused = act_units.begin(tx, account(), ActKind.ROOM_RENAME, "x", **given)
    assert isinstance(done, str)
    assert isinstance(refused, QuotaExceeded)
    assert refused.facts["id"] == quota.id
    assert followed == ["began"]
    assert [row["state"] for row in tx.all("SELECT state FROM acts ORDER BY id")] == ["doing", "failed"]


@pytest.mark.parametrize(
    ("state", "counts", "expected"),
    [
        (ActState.DONE, True, ("settled", 1)),
        (ActState.REFUSED, True, ("settled", 1)),
        (ActState.UNKNOWN, True, ("settled", 0)),
        (ActState.FAILED, False, ("released", 0)),
    ],
)
def test_an_act_is_charged_as_it_ended(state: ActState, counts: bool, expected: tuple[str, int]) -> None:
    tx, kind = open_tx(), ActKind.FRIEND_REMARK
    act_id = act_units.begin(tx, account(), kind, "x", by=SYSTEM, drawn=0.5)
    assert isinstance(act_id, str)
    ending = act_units.Ending(act_id=act_id, account_id=account().id, kind=kind, target="x", by=SYSTEM)
    said = act_units.Verdict(state=state, counts=counts)
    act_units.end(tx, ending, said, None, value=None, error=None, detail="")
    assert tuple(tx.one("SELECT state, usage_known FROM charges") or ()) == expected
