"""Three days of sending in virtual time: no account ever sends more than 40 messages in any 60 seconds."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from heapq import heappop, heappush
from random import Random

import pytest
from attrs import define, evolve, field

from daemon.clock import Clock
from daemon.limits.addressees import Addressees
from daemon.limits.bucket import Bucket
from daemon.limits.keyed import KeyedBuckets
from daemon.limits.pace import OVERALL, Pace
from daemon.settings import Settings
from daemon.wiring import pace_of
from tests.clock import FakeClock

LONG = os.environ.get("TORTURE") == "long"
SEEDS = 1000 if LONG else 12
LIMIT, WINDOW = 40, 60.0
HOURS = 72
ACCOUNTS = [f"account {number}" for number in range(10)]
SETTINGS = Settings()
AT_ONCE = timedelta(), timedelta()
HURRIED = evolve(
    SETTINGS,
    gewe=evolve(
        SETTINGS.gewe,
        pause_low=timedelta(),
        pause_high=timedelta(),
        switch_pause=timedelta(),
        room_pause_low=timedelta(),
        room_pause_high=timedelta(),
    ),
)
PEERS = [f"person {number}" for number in range(60)] + [f"{number}@chatroom" for number in range(6)]
Making = Callable[[Settings, Clock, Random], Pace]


@define
class Sky:
    """The time that passes for WeChat, whatever the machine's clocks say."""

    making: Making
    settings: Settings
    random: Random
    clock: FakeClock = field(factory=FakeClock)
    now: float = 0.0
    sent: dict[str, list[float]] = field(factory=lambda: {account: [] for account in ACCOUNTS})
    written: dict[tuple[str, str], list[float]] = field(factory=dict)  # by account and addressee
    stored: dict[str, float] = field(factory=dict)
    stored_peers: dict[str, float] = field(factory=dict)
    pace: Pace = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.pace = self.making(self.settings, self.clock, self.random)

    def go_to(self, when: float) -> None:
        self.clock.advance(max(when - self.now, 0))
        self.now = max(when, self.now)

    def send(self, account: str) -> float:
        """Seconds until it is worth asking again; as the outbox does, levels are stored with the send."""
        peer = self.random.choice(PEERS)
        wait = self.pace.take(account, peer).total_seconds()
        if not wait:
            self.sent[account].append(self.now)
            self.written.setdefault((account, peer), []).append(self.now)
            self.stored |= {account: self.pace.level(account), OVERALL: self.pace.overall.level()}
            addressees = self.pace.addressees
            self.stored_peers[addressees.level_name(account, peer)] = addressees.level(account, peer)
        return wait

    def restart(self) -> None:
        """Perhaps of the machine: then the monotonic clock begins anew."""
        self.go_to(self.now + self.random.choice([0.0, 0.3, 5.0, 600.0]))
        self.clock = FakeClock(wall=self.clock.wall, elapsed=self.random.choice([self.clock.elapsed, 3.0]))
        self.pace = self.making(self.settings, self.clock, self.random)
        self.pace.restore(self.stored)
        self.pace.addressees.restore(self.stored_peers)

    def jump(self) -> None:
        self.clock.jump_wall(self.random.choice([-86_400, -3_600, 7_200, 31_536_000]))


def most_in_a_window(moments: list[float]) -> int:
    """The sliding-window oracle: of any 60 s, wherever they begin."""
    most = first = 0
    for index, moment in enumerate(moments):
        while moment - moments[first] >= WINDOW - 1e-6:
            first += 1
        most = max(most, index - first + 1)
    return most


def bursts(random: Random, hours: float) -> Iterator[tuple[float, float]]:
    """When an account has more to send than it may: some minutes, then hours of silence; sometimes hardly any."""
    at = random.uniform(0, 1800)
    while at < hours * 3600:
        lasting = random.expovariate(1 / 120)
        yield at, at + lasting
        at += lasting + random.choice([random.uniform(0, 90), random.expovariate(1 / 7200)])


def three_days(making: Making, seed: int, *, hours: float = HOURS, settings: Settings = SETTINGS) -> Sky:
    random = Random(seed)
    sky = Sky(making, settings, random)
    line: list[tuple[float, str, float]] = []
    plans = {account: bursts(random, hours) for account in ACCOUNTS}
    for account in ACCOUNTS:
        begins, ends = next(plans[account])
        heappush(line, (begins, account, ends))
    while line:
        when, account, ends = heappop(line)
        sky.go_to(when)
        chance = random.random()
        if chance < 0.004:
            sky.restart()
        elif chance < 0.006:
            sky.jump()
        following = max(sky.now, when) + sky.send(account)
        if following < ends:
            heappush(line, (following, account, ends))
        elif (plan := next(plans[account], None)) is not None:
            heappush(line, (max(plan[0], sky.now), account, plan[1]))
    return sky


def worst_peer(sky: Sky, *, rooms: bool) -> int:
    return max(most_in_a_window(sent) for (_, peer), sent in sky.written.items() if peer.endswith("room") is rooms)


def worst(sky: Sky) -> int:
    return max(most_in_a_window(moments) for moments in sky.sent.values())


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_never_more_than_forty_in_any_minute_over_pauses_restarts_and_clock_jumps() -> None:
    found, sends = 0, 0
    for seed in range(SEEDS):
        sky = three_days(pace_of, seed, hours=HOURS if LONG else HOURS / 4, settings=(HURRIED, SETTINGS)[seed % 2])
        found, sends = max(found, worst(sky)), sends + sum(map(len, sky.sent.values()))
        assert found <= LIMIT, seed
        assert worst_peer(sky, rooms=False) <= SETTINGS.gewe.person_per_minute, seed
        assert worst_peer(sky, rooms=True) <= SETTINGS.gewe.room_per_minute, seed
    print(f"{SEEDS} seeds, {sends} sends: at most {found} in a minute")  # noqa: T201
    assert found > LIMIT / 2  # the bursts do reach it


def full_buckets(settings: Settings, clock: Clock, random: Random) -> Pace:
    """As many would write it: 40 tokens, 40 a minute."""
    pace = pace_of(settings, clock, random)
    accounts = KeyedBuckets(LIMIT / WINDOW, LIMIT, clock)
    return evolve(pace, accounts=accounts, pause=AT_ONCE, addressees=nobody_waits(clock, random))


def nobody_waits(clock: Clock, random: Random) -> Addressees:
    return Addressees(KeyedBuckets(1e9, 1e9, clock), KeyedBuckets(1e9, 1e9, clock), AT_ONCE[0], AT_ONCE, clock, random)


class Forgetful(Pace):
    def restore(self, levels: object) -> None:  # noqa: ARG002
        return None


def forgetful(settings: Settings, clock: Clock, random: Random) -> Pace:
    """What was sent before a restart is not counted after it."""
    rate = KeyedBuckets.per_window(limit=LIMIT, window=timedelta(seconds=WINDOW), burst=30, clock=clock)
    return Forgetful(rate, Bucket(1e9, 1e9, clock), AT_ONCE, clock, random, nobody_waits(clock, random))


@pytest.mark.parametrize("making", [full_buckets, forgetful])
def test_limiters_that_are_wrong_are_found_out(making: Making) -> None:
    assert max(worst(three_days(making, seed, hours=HOURS / 4)) for seed in range(3)) > LIMIT


@pytest.mark.parametrize(("pauses", "least"), [(True, 27), (False, 35)])
def test_an_account_with_enough_to_send_uses_its_minute(*, pauses: bool, least: int) -> None:
    sky = Sky(pace_of, SETTINGS if pauses else HURRIED, Random(1))
    account, hour = ACCOUNTS[0], 3600.0
    while sky.now < hour:
        sky.go_to(sky.now + sky.send(account))
    rate = len(sky.sent[account]) / 60
    print(f"saturated, pauses {pauses}: {rate:.1f} a minute")  # noqa: T201
    assert least <= rate <= LIMIT
