"""Who is let in, who is locked out, who is slowed down."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.access import SYSTEM, Role, place_of
from daemon.engine.access import KeyText, read_key
from daemon.net.server.auth import Caller, origin
from daemon.net.server.lockout import MOST_KEPT, Lockout
from daemon.net.server.observe import host_name
from daemon.net.server.ratelimit import RateLimits
from tests.clock import FakeClock
from tests.net.server.served import Served, serving_routes

WRONG = KeyText("aaaaaaaaaa", "x" * 43).written().reveal()


async def attempt(api: Served, authorization: str) -> tuple[int, str]:
    answer = await api.get("/api/v1/keys", role=None, headers={"Authorization": authorization})
    return answer.status, answer.json.get("code", "")


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic dTpw", "Bearer qk_x", f"Basic {WRONG}", f"Bearer {WRONG[:-1]}0é"]
)
async def test_what_is_no_key_of_ours_is_refused_without_a_look_at_the_store(
    tmp_path: Path, authorization: str
) -> None:
    async with serving_routes(tmp_path) as api:
        assert await attempt(api, authorization) == (401, "auth.malformed")


async def test_an_unknown_id_and_a_wrong_secret_are_told_the_same(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        right = read_key((await api.key(Role.ADMIN)).reveal())
        assert right is not None
        wrong = KeyText(right.id, "x" * 43).written().reveal()
        assert await attempt(api, f"Bearer {WRONG}") == (401, "auth.unknown")
        assert await attempt(api, f"Bearer {wrong}") == (401, "auth.unknown")
        assert await attempt(api, f"Bearer {(await api.key(Role.ADMIN)).reveal()}") == (200, "")


async def test_an_expired_key_says_so(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        expires = clock.now() + timedelta(hours=1)
        _, text = await api.access.create(name="x", role=Role.ADMIN, expires_at=expires, by=SYSTEM)
        assert await attempt(api, f"Bearer {text.reveal()}") == (200, "")
        clock.advance(3600)
        assert await attempt(api, f"Bearer {text.reveal()}") == (401, "auth.expired")


async def test_guessing_at_a_key_locks_the_guesser_out_but_not_its_owner(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        right = (await api.key(Role.ADMIN)).reveal()
        told = read_key(right)
        assert told is not None
        wrong = KeyText(told.id, "x" * 43).written().reveal()
        owner = Caller(address="192.0.2.1", uid=None, authorization=f"Bearer {right}")
        await api.door.admit(owner, Role.ADMIN, {})
        for _ in range(10):
            assert await attempt(api, f"Bearer {wrong}") == (401, "auth.unknown")
            clock.advance(1)
        assert await attempt(api, f"Bearer {right}") == (429, "auth.locked")
        assert await api.door.admit(owner, Role.ADMIN, {}) is not None
        clock.advance(301)
        assert await attempt(api, f"Bearer {right}") == (200, "")


async def test_an_address_that_keeps_failing_is_refused_for_a_quarter_of_an_hour(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        for number in range(30):
            text = KeyText(f"{number:0>10}", "x" * 43).written().reveal()
            await attempt(api, f"Bearer {text}")
            clock.advance(1)
        refused = await api.get("/api/v1/keys")
        clock.advance(15 * 60)
        assert (refused.status, refused.code) == (429, "auth.locked")
        assert 890 <= int(refused.headers["Retry-After"]) <= 900
        assert (await api.get("/api/v1/keys")).status == 200


async def test_a_flood_of_wrong_keys_is_slowed_down(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, clock=FakeClock()) as api:
        statuses = [(await api.get("/api/v1/keys", role=None)).status for _ in range(25)]
        assert statuses == [401] * 20 + [429] * 5


async def test_a_key_that_calls_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, clock=FakeClock()) as api:
        answers = [await api.get("/api/v1/keys", role=Role.ADMIN) for _ in range(41)]
        assert [answer.status for answer in answers] == [200] * 40 + [429]
        assert answers[0].headers["RateLimit"] == '"admin";r=39;t=1'
        assert answers[0].headers["RateLimit-Policy"] == '"admin";q=40;w=2'
        assert answers[-1].headers["RateLimit"].startswith('"admin";r=0')
        assert answers[-1].headers["Retry-After"] == "1"
        assert answers[-1].code == "rate.api"


async def test_last_use_is_noted_once_a_minute(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        text = (await api.key(Role.VIEWER)).reveal()
        first = await api.access.authenticate(text, address="192.0.2.1")
        clock.advance(59)
        await api.access.authenticate(text, address="192.0.2.1")
        unchanged = (await api.access.get(first.id)).last_used_at
        clock.advance(1)
        await api.access.authenticate(text, address="192.0.2.1")
        assert unchanged == clock.now() - timedelta(seconds=60)
        assert (await api.access.get(first.id)).last_used_at == clock.now()


async def test_only_our_own_names_are_answered_to(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, hosts=["localhost", "::1"]) as api:
        for host, status in (("localhost", 200), ("LOCALHOST:99", 200), ("[::1]:8", 200), ("evil.example", 421)):
            assert (await api.get("/healthz", headers={"Host": host})).status == status
        assert (await api.get("/healthz", headers={"Host": "evil.example"}, local=True)).status == 200


@given(st.text(max_size=100))
def test_no_text_breaks_the_reading_of_keys_and_hosts(text: str) -> None:
    assert read_key(text) is None
    assert isinstance(host_name(text), str)
    assert isinstance(place_of(text), str)


@given(st.integers(0, 61), st.sampled_from("0aZ_-"))
def test_a_mistyped_letter_is_noticed_without_the_store(place: int, letter: str) -> None:
    changed = WRONG[:place] + letter + WRONG[place + 1 :]
    assert (read_key(changed) is None) == (changed != WRONG)


def test_one_ipv6_customer_is_one_stranger() -> None:
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff:1") != place_of("2001:db8:0:1::1")


PROXIES = [ip_network("127.0.0.0/8"), ip_network("10.0.0.1/32")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("127.0.0.1", ["1.1.1.1, 192.0.2.7"], "192.0.2.7"),  # the first was made up by 192.0.2.7
        ("127.0.0.1", ["1.1.1.1", "192.0.2.7, 10.0.0.1"], "192.0.2.7"),
        ("192.0.2.7", ["127.0.0.1"], "192.0.2.7"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["unknown"], "unknown"),
    ],
)
def test_only_our_own_proxies_are_believed_about_whom_they_speak_for(
    peer: str, forwarded: list[str], address: str
) -> None:
    assert origin(peer, forwarded, PROXIES) == address


def lockout(clock: FakeClock, most: int = MOST_KEPT) -> Lockout:
    minute = timedelta(minutes=1)
    return Lockout(clock, 3, 5 * minute, minute, 4 * minute, most)


def test_each_lockout_is_twice_as_long_up_to_a_limit() -> None:
    clock = FakeClock()
    door, lengths = lockout(clock), []
    for _ in range(4):
        while not door.failed("x"):
            pass
        lengths.append(door.refused_for("x").total_seconds())
        clock.advance(lengths[-1])
        assert not door.refused_for("x")
    assert lengths == [60, 120, 240, 240]


def test_failures_far_apart_lock_nobody_out() -> None:
    clock = FakeClock()
    door = lockout(clock)
    for _ in range(20):
        assert not door.failed("x")
        assert not door.failed("x")
        clock.advance(301)


def test_the_table_of_failures_does_not_grow_without_end() -> None:
    door = lockout(FakeClock(), most=10)
    for number in range(1000):
        door.failed(str(number))
    assert len(door._records) == 10


def test_what_is_left_of_a_limit_comes_back() -> None:
    clock = FakeClock()
    limits = RateLimits.standard(clock)
    for _ in range(10):
        limits.take(Role.AGENT, "a")
    assert limits.headers(Role.AGENT, "a")["RateLimit"] == '"agent";r=0;t=1'
    clock.advance(2)
    assert limits.headers(Role.AGENT, "a")["RateLimit"] == '"agent";r=10;t=0'
