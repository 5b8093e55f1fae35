"""Every route of the daemon, and every role that may not call it."""

from pathlib import Path

from daemon.clock import SystemClock
from daemon.domain.access import Role
from daemon.face import TABLES
from daemon.limits.keyed import KeyedBuckets
from daemon.net.api import core, keys, sessions
from daemon.net.server.app import in_order
from daemon.net.server.lockout import Lockout
from daemon.net.server.problems import OURS
from daemon.net.server.ratelimit import PER_SECOND, RateLimits
from daemon.net.server.routes import Open, Route
from tests.net.server.served import Served, serving_routes

MINE = [table for table in TABLES if table not in (core.routes, keys.routes, sessions.routes)]


def may(role: Role, route: Route) -> bool:
    wanted = route.who if isinstance(route.who, tuple) else (route.who,)
    return any(isinstance(one, Role) and role.includes(one) for one in wanted)


def without_limits(api: Served) -> None:
    api.door.limits = RateLimits({name: KeyedBuckets(1e6, 1e6, SystemClock()) for name in PER_SECOND})
    api.door.addresses.failures = 10**9
    assert isinstance(api.door.addresses, Lockout)


async def test_who_may_not_is_told_so_on_every_route(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, *MINE) as api:
        without_limits(api)
        for route in in_order(TABLES):
            if isinstance(route.who, Open):
                continue
            path = route.path.replace("{", "").replace("}", "")
            stranger = await api.call(route.method, path, role=None)
            unknown = "auth.missing" if route.manner is OURS else "invalid_api_key"
            assert (stranger.status, stranger.code) == (401, unknown), route.path
            for role in Role:
                if not may(role, route):
                    refused = await api.call(route.method, path, role=role)
                    assert (refused.status, refused.code) == (403, "auth.role"), (route.path, role)


def test_every_route_that_changes_something_is_guarded_by_a_role_or_a_secret_path() -> None:
    for route in in_order(TABLES):
        if route.method != "GET" and route.path != sessions.PATH:  # to log in, one shows a key
            assert route.who not in (Open.PUBLIC, Open.LOCAL), route.path


def test_every_post_that_creates_something_takes_an_idempotency_key() -> None:
    for route in in_order(TABLES):
        if route.method == "POST" and route.status in (201, 202):
            assert route.effect, route.path
