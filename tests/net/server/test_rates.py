"""How often each kind of caller is let in: so many at once, then so many a second."""

from pathlib import Path

import pytest

from daemon.domain.access import SYSTEM, UNIX, Role
from daemon.errors import RateLimited
from daemon.net.server.auth import Caller, Door
from tests.clock import FakeClock
from tests.net.server.served import serving_routes

LOOKING = [(role, False) for role in Role]
CHANGING = [(Role.OPERATOR, True), (Role.ADMIN, True), (Role.AGENT, True)]
PEOPLE, PEOPLE_CHANGE, AGENTS, LOCAL = (20, 40), (10, 30), (5, 10), (200, 400)


async def let_in(door: Door, caller: Caller, most: int) -> int:
    """How many calls of one moment."""
    for number in range(most):
        try:
            await door.admit(caller, tuple(Role), {})
        except RateLimited:
            return number
    return most


@pytest.mark.parametrize(("role", "unsafe"), LOOKING + CHANGING)
async def test_a_key_is_let_in_as_often_as_its_role_allows(tmp_path: Path, role: Role, unsafe: bool) -> None:
    clock = FakeClock()
    usual = PEOPLE_CHANGE if unsafe and role is not Role.AGENT else PEOPLE
    rate, burst = AGENTS if role is Role.AGENT else usual
    async with serving_routes(tmp_path, clock=clock) as api:
        _, text = await api.access.create(name="x", role=role, expires_at=None, by=SYSTEM)
        caller = Caller(address="192.0.2.1", uid=None, authorization=f"Bearer {text.reveal()}", unsafe=unsafe)
        assert await let_in(api.door, caller, 100) == burst
        clock.advance(1)
        assert await let_in(api.door, caller, 100) == rate


async def test_who_comes_by_the_socket_is_let_in_more_often(tmp_path: Path) -> None:
    clock, caller = FakeClock(), Caller(address=UNIX, uid=4242, unsafe=True)
    rate, burst = LOCAL
    async with serving_routes(tmp_path, clock=clock, uids={4242: Role.OPERATOR}) as api:
        assert await let_in(api.door, caller, 1000) == burst
        clock.advance(1)
        assert await let_in(api.door, caller, 1000) == rate
