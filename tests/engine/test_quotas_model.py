"""Quotas against a model that adds everything up anew each time: PROMISES P10."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from attrs import define
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from daemon.clock import from_ms
from daemon.domain.cost import Scopes
from daemon.domain.quota import EACH, Quota, QuotaScope
from daemon.engine import costs
from daemon.engine.costs import USUAL
from daemon.errors import QiaodError
from daemon.store import quota_windows
from daemon.store.quota_windows import Place
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.engine.charging import add_price, add_quota, at, charge, points
from tests.memory import open_tx

DAY = 86_400
SIZE = settings(max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
amounts = st.integers(0, 8)
owners = st.sampled_from("ab")


@define
class Row:
    """A charge as it should be."""

    ref: str
    owner: str
    amount: int
    day: int
    made: datetime
    state: str = "reserved"


@define
class Book:
    """What a quota should say: every charge that it counts, summed up day by day."""

    quota: Quota
    owner: str

    def counts(self, row: Row) -> bool:
        return self.owner in (EACH, row.owner)

    def day(self, rows: list[Row], day: int) -> tuple[int, int, int]:
        """Debt, used and reserved."""
        debt = 0
        for number in range(min((row.day for row in rows), default=day), day + 1):
            mine = [row for row in rows if row.day == number and self.counts(row)]
            used = sum(row.amount for row in mine if row.state == "settled")
            reserved = sum(row.amount for row in mine if row.state == "reserved")
            if number == day:
                return debt, used, reserved
            debt = max(0, debt + used + reserved - self.quota.cap_micro) if self.quota.hard else 0
        return debt, 0, 0


class Quotas(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.first = open_tx(self.clock)
        add_price(self.first)
        account: dict[str, Any] = {"scope": QuotaScope.ACCOUNT}
        each = add_quota(self.first, 9, **account)
        self.books = [
            Book(add_quota(self.first, 14), EACH),
            Book(add_quota(self.first, 6, scope_id="a", **account), "a"),
            Book(each, "a"),
            Book(each, "b"),
            Book(add_quota(self.first, 3, hard=False), EACH),
        ]
        self.rows: list[Row] = []

    @property
    def tx(self) -> Tx:
        return at(self.first, self.clock)

    @property
    def day(self) -> int:
        return int(self.clock.now().timestamp()) // DAY

    def fits(self, owner: str, amount: int) -> bool:
        new = Row("", owner, amount, self.day, self.clock.now())
        hard = [book for book in self.books if book.quota.hard and book.counts(new)]
        return all(sum(book.day(self.rows, self.day)) + amount <= book.quota.cap_micro for book in hard)

    def open_row(self, data: st.DataObject) -> Row:
        return data.draw(st.sampled_from([row for row in self.rows if row.state == "reserved"]))

    @rule(owner=owners, amount=amounts)
    def reserve(self, owner: str, amount: int) -> None:
        ref = str(len(self.rows))
        expected = self.fits(owner, amount)
        asked = charge(ref, points(amount), scopes=Scopes(account_id=owner))
        answer = costs.try_reserve(self.tx, asked, USUAL)
        assert isinstance(answer, QiaodError) is not expected
        self.rows.append(Row(ref, owner, amount, self.day, self.clock.now(), "reserved" if expected else "refused"))

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), amount=amounts)
    def reserve_again(self, data: st.DataObject, amount: int) -> None:
        """What is held or paid stays as it is; what was released is another try."""
        row = data.draw(st.sampled_from(self.rows))
        fresh = row.state in ("released", "refused")
        expected = not fresh or self.fits(row.owner, amount)
        asked = charge(row.ref, points(amount), scopes=Scopes(account_id=row.owner))
        answer = costs.try_reserve(self.tx, asked, USUAL)
        assert isinstance(answer, QiaodError) is not expected
        if fresh and expected:
            row.state, row.amount, row.day, row.made = "reserved", amount, self.day, self.clock.now()

    @precondition(lambda self: any(row.state == "reserved" for row in self.rows))
    @rule(data=st.data(), used=st.none() | st.integers(0, 20), twice=st.booleans())
    def settle(self, data: st.DataObject, used: int | None, twice: bool) -> None:
        row = self.open_row(data)
        assert costs.settle(self.tx, row.ref, None if used is None else points(used))
        row.state, row.amount = "settled", row.amount if used is None else used
        if twice:
            assert not costs.settle(self.tx, row.ref, points(5))
            assert not costs.release(self.tx, row.ref)

    @precondition(lambda self: any(row.state == "reserved" for row in self.rows))
    @rule(data=st.data(), twice=st.booleans())
    def release(self, data: st.DataObject, twice: bool) -> None:
        row = self.open_row(data)
        assert costs.release(self.tx, row.ref)
        row.state = "released"
        if twice:
            assert not costs.release(self.tx, row.ref)
            assert not costs.settle(self.tx, row.ref, points(5))

    @rule(owner=owners, amount=amounts)
    def crash(self, owner: str, amount: int) -> None:
        """The process dies before the commit, half-way through whatever it did."""
        self.first.connection.execute("BEGIN")
        costs.try_reserve(self.tx, charge("lost", points(amount), scopes=Scopes(account_id=owner)), USUAL)
        for row in self.rows[-2:]:
            costs.settle(self.tx, row.ref, points(amount))
        self.first.connection.execute("ROLLBACK")

    @rule()
    def lost_answers_are_settled(self) -> None:
        costs.settle_lost(self.tx)
        for row in self.rows:
            if row.state == "reserved" and row.made < self.clock.now() - costs.LOST_AFTER:
                row.state = "settled"

    @rule(hours=st.integers(1, 60))
    def time_passes(self, hours: int) -> None:
        self.clock.advance(hours * 3600)

    @rule(hours=st.integers(-60, 60))
    def clock_jump(self, hours: int) -> None:
        self.clock.jump_wall(hours * 3600)

    @invariant()
    def every_window_is_what_its_charges_add_up_to(self) -> None:
        for quota_id, scope_id, day, found in windows(self.tx):
            book = next(book for book in self.books if (book.quota.id, book.owner) == (quota_id, scope_id))
            assert found == book.day(self.rows, day), (book, day)

    @invariant()
    def nothing_counts_outside_of_a_window(self) -> None:
        opened = {(quota, owner, day) for quota, owner, day, _ in windows(self.tx)}
        for row in self.rows:
            if row.amount and row.state in ("reserved", "settled"):
                books = [book for book in self.books if book.counts(row)]
                assert {(book.quota.id, book.owner, row.day) for book in books} <= opened

    def teardown(self) -> None:
        self.first.connection.close()


def windows(tx: Tx) -> Iterator[tuple[str, str, int, tuple[int, int, int]]]:
    for row in tx.all("SELECT * FROM quota_windows"):
        day = int(from_ms(row["start_ms"]).timestamp()) // DAY
        yield row["quota_id"], row["scope_id"], day, (row["debt"], row["used"], row["reserved"])


TestQuotas = Quotas.TestCase
TestQuotas.settings = SIZE


def test_a_reservation_that_forgets_what_others_have_reserved_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(tx: Tx, place: Place, amount: int, *, cap: int | None) -> bool:
        window = quota_windows.get(tx, place)
        assert window is not None
        fits = cap is None or window.debt + window.used + amount <= cap
        return fits and quota_windows_reserve(tx, place, amount, cap=None)

    quota_windows_reserve = quota_windows.reserve
    monkeypatch.setattr(quota_windows, "reserve", careless)
    patient = settings(SIZE, max_examples=2000, phases=[Phase.generate], report_multiple_bugs=False, print_blob=False)
    with pytest.raises(AssertionError):  # at the first that fails; thirty do not always meet it
        run_state_machine_as_test(Quotas, settings=patient)
