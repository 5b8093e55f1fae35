"""One person or room is not written to too often, and the account pauses where it turns to another."""

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from daemon.limits.addressees import Addressees
from daemon.limits.bucket import NOTHING
from daemon.limits.keyed import KeyedBuckets
from tests.clock import FakeClock

MINUTE = timedelta(minutes=1)
ROOM, OTHER_ROOM = "1@chatroom", "2@chatroom"
PEERS = ["ann", "bob", "cid", ROOM, OTHER_ROOM]


def some(clock: FakeClock, seed: int = 1) -> Addressees:
    return Addressees(
        KeyedBuckets.per_window(limit=6, window=MINUTE, burst=3, clock=clock),
        KeyedBuckets.per_window(limit=10, window=MINUTE, burst=3, clock=clock),
        timedelta(seconds=1),
        (timedelta(seconds=2), timedelta(seconds=5)),
        clock,
        Random(seed),
    )


def write(addressees: Addressees, clock: FakeClock, peer: str, account: str = "a") -> float:
    """How long it had to wait."""
    waited = 0.0
    while wait := addressees.wait_for(account, peer):
        clock.advance(wait.total_seconds())
        waited += wait.total_seconds()
    addressees.take(account, peer)
    return waited


def test_somebody_else_waits_a_second_and_the_same_person_does_not() -> None:
    clock = FakeClock()
    addressees = some(clock)
    assert write(addressees, clock, "ann") == 0
    assert write(addressees, clock, "ann") == 0
    assert write(addressees, clock, "bob") == 1


def test_another_account_does_not_wait() -> None:
    clock = FakeClock()
    addressees = some(clock)
    write(addressees, clock, "ann")
    assert write(addressees, clock, "bob", "b") == 0


def test_another_room_waits_some_seconds_also_when_a_person_was_written_to_in_between() -> None:
    clock = FakeClock()
    addressees = some(clock)
    write(addressees, clock, ROOM)
    begin = clock.elapsed
    write(addressees, clock, "ann")
    write(addressees, clock, OTHER_ROOM)
    assert 2 <= clock.elapsed - begin <= 5
    begin = clock.elapsed
    write(addressees, clock, OTHER_ROOM)
    assert clock.elapsed == begin


@given(st.integers(0, 2**32), st.lists(st.tuples(st.sampled_from(PEERS), st.integers(0, 9)), max_size=120))
def test_nobody_is_written_to_too_often_also_over_restarts(seed: int, plan: list[tuple[str, int]]) -> None:
    clock, sent = FakeClock(), dict[str, list[float]]()
    addressees = some(clock, seed)
    for peer, chance in plan:
        if chance == 0:
            levels, addressees = addressees.levels(), some(clock, seed)
            addressees.restore(levels)
        write(addressees, clock, peer)
        sent.setdefault(peer, []).append(clock.elapsed)
    for peer, moments in sent.items():
        most = max(sum(begin <= moment < begin + 60 - 1e-3 for moment in moments) for begin in moments)
        assert most <= (10 if peer.endswith("room") else 6)


def test_after_a_restart_an_account_that_wrote_pauses_before_anybody() -> None:
    clock = FakeClock()
    before, after = some(clock), some(clock)
    before.take("a", "ann")
    after.restore(before.levels())
    assert after.wait_for("a", "bob") == timedelta(seconds=1)
    assert after.wait_for("a", ROOM) >= timedelta(seconds=2)
    assert after.wait_for("b", "bob") == NOTHING
