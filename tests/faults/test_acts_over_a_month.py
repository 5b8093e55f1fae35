"""Thirty days of acts in virtual time, with crashes and restarts: no window of an hour or a day holds too many."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from attrs import define, evolve, field

from daemon.domain.access import SYSTEM
from daemon.domain.account import Account
from daemon.domain.act import USUAL, ActKind, ActState, Budget
from daemon.engine import act_units
from daemon.engine.act_units import Ending, Verdict
from daemon.ids import Ids
from daemon.limits.act_budget import HOUR, Wait
from daemon.store import acts
from daemon.store.acts import Tally
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.engine.samples import account
from tests.memory import open_tx

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
KINDS = [ActKind.FRIEND_ADD, ActKind.FRIEND_SEARCH, ActKind.ROOM_CREATE, ActKind.MOMENTS_POST, ActKind.FRIEND_ACCEPT]
ENDS = [
    Verdict(state=ActState.DONE, counts=True),
    Verdict(state=ActState.DONE, counts=True),
    Verdict(state=ActState.REFUSED, counts=True),
    Verdict(state=ActState.UNKNOWN, counts=True),
    Verdict(state=ActState.FAILED, counts=False),
]


@define
class Month:
    """One account, wanting to do something all the time; `calls` is what WeChat saw, and when."""

    random: Random
    kind: ActKind
    clock: FakeClock = field(factory=lambda: FakeClock(wall=BEGINNING))
    epoch: int = 1
    calls: list[datetime] = field(factory=list)
    account: Account = field(init=False)
    tx: Tx = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.account = account(online_since=BEGINNING)
        self.tx = open_tx(self.clock)

    def now(self) -> Tx:
        return Tx(self.tx.connection, Ids(self.clock), self.clock.now(), self.epoch)

    def act(self) -> float:
        """Seconds until it is worth trying again."""
        begun = act_units.begin(self.now(), self.account, self.kind, "somebody", by=SYSTEM, drawn=self.random.random())
        if not isinstance(begun, str):
            assert isinstance(begun, Wait)
            return (begun.until - self.clock.now()).total_seconds()
        self.clock.advance(self.random.uniform(0, 2))
        said = self.random.choice(ENDS)
        if said.counts:
            self.calls.append(self.clock.now())
        self.clock.advance(self.random.uniform(0, 20))
        if self.random.random() < 0.1:
            self.crash()
        else:
            act = Ending(act_id=begun, account_id=self.account.id, kind=self.kind, target="somebody", by=SYSTEM)
            act_units.end(self.now(), act, said, None, value=None, error=None, detail="")
        return 0.0

    def crash(self) -> None:
        self.clock.advance(self.random.choice([0.2, 5.0, 600.0]))
        self.epoch += 1
        acts.recover(self.now())

    def run(self) -> "Month":
        end = BEGINNING + timedelta(days=DAYS)
        while self.clock.now() < end:
            wait = self.act()
            idle = self.random.expovariate(1 / 7200) if self.random.random() < 0.02 else self.random.uniform(0, 20)
            early = self.random.random() < 0.1  # somebody asks too soon, and once more
            self.clock.advance(wait / 2 if early else wait + idle)
            if self.random.random() < 0.01:
                self.crash()
        return self


def most_within(moments: list[datetime], span: timedelta) -> int:
    """The oracle: of any window, wherever it begins; it knows nothing of rows."""
    most = first = 0
    for index, moment in enumerate(moments):
        while moment - moments[first] >= span:
            first += 1
        most = max(most, index - first + 1)
    return most


def shortest_gap(moments: list[datetime]) -> timedelta:
    return min((b - a for a, b in pairwise(moments)), default=timedelta.max)


def faults(month: Month) -> Iterator[str]:
    budget: Budget = USUAL[month.kind]
    if most_within(month.calls, HOUR) > budget.per_hour:
        yield "too many within an hour"
    if most_within(month.calls, timedelta(days=1)) > budget.per_day:
        yield "too many within a day"
    if shortest_gap(month.calls) < budget.gap_low:
        yield "too soon after the one before"
    if budget.days_online and month.calls[0] < BEGINNING + timedelta(days=budget.days_online):
        yield "before the account was old enough"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_month_of_acts_stays_within_every_window(kind: ActKind, seed: int) -> None:
    month = Month(Random(seed), kind).run()
    assert list(faults(month)) == []
    budget = USUAL[kind]
    busy = min(budget.per_day, budget.per_hour * 24) * (DAYS - budget.days_online)
    assert len(month.calls) > busy * 0.4  # and the budget is made use of


def by_calendar(real: Callable[..., Tally]) -> Callable[..., Tally]:
    """The seeded bug: what counts is today's and this hour's, as clocks on the wall have them."""

    def tally(tx: Tx, account_id: str, kind: ActKind, *, span: timedelta, most: int) -> Tally:
        into = timedelta(milliseconds=tx.now_ms % (span // timedelta(milliseconds=1)))
        found = real(tx, account_id, kind, span=max(into, timedelta(milliseconds=1)), most=most)
        return evolve(found, edge=None if found.edge is None else tx.now - into)

    return tally


def never_recovered(tx: Tx) -> int:
    """The seeded bug: what an older process left is taken for not done."""
    return tx.run("UPDATE acts SET state = 'failed', counts_ms = NULL WHERE state = 'doing'")


@pytest.mark.parametrize("bug", ["calendar", "crash"])
def test_the_oracle_sees_a_wrong_count(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if bug == "calendar":
        monkeypatch.setattr(acts, "tally", by_calendar(acts.tally))
    else:
        monkeypatch.setattr(acts, "recover", never_recovered)
    found = {fault for seed in range(3) for fault in faults(Month(Random(seed), ActKind.FRIEND_SEARCH).run())}
    assert "too many within a day" in found
