"""Every route × every role × whose the object is: each cell as the route's declaration says, and none a crash."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from attrs import define, field

from daemon.clock import SystemClock
from daemon.codec import encode
from daemon.domain.access import Role
from daemon.domain.act import ActKind
from daemon.errors import NotFound
from daemon.face import TABLES
from daemon.limits.keyed import KeyedBuckets
from daemon.net.server.app import in_order
from daemon.net.server.ratelimit import PER_SECOND, RateLimits
from daemon.net.server.routes import Open, Route
from daemon.sim.gewe import DEMO_ACCOUNTS
from tests.flows.house import House, house
from tests.flows.matrix import MAKERS, Lot, Objects, body, lowest, somebodys

ACCOUNTS = "/api/v1/integrations/gewe/accounts"
SESSION = "/api/v1/session"
ANYBODYS = {("DELETE", SESSION)}  # changes that are the caller's own business, whatever accounts it may touch
AT_ONCE = {"per_hour": 1000, "per_day": 1000, "gap_low_seconds": 0, "gap_high_seconds": 0, "beyond_safe": True}
PATIENCE = aiohttp.ClientTimeout(total=5)


def last(route: Route) -> bool:
    """What takes away, or moves elsewhere, that which other cells want comes after them."""
    moves = (route.method, route.path) == ("PUT", f"{ACCOUNTS}/{{account_id}}")
    return route.method == "DELETE" or route.path.endswith("/logout") or moves


def crashed(status: int) -> bool:
    """501, 502 and 504 tell of the services behind us, which know nothing of most that is made here."""
    return status >= 500 and status not in (501, 502, 504)


def may(role: Role | None, route: Route) -> bool:
    who = route.who if isinstance(route.who, tuple) else (route.who,)
    if route.who is Open.LOCAL:
        who = (Role.VIEWER,)
    return role is not None and any(isinstance(one, Role) and role.includes(one) for one in who)


@define
class Matrix:
    house: House
    own: Lot
    foreign: Lot
    objects: Objects
    keys: dict[Any, str]
    cells: int = 0
    wrong: list[str] = field(factory=list)

    async def call(self, route: Route, lot: Lot, key: str | None) -> tuple[int, str]:
        self.cells += 1
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        sent, url = body(route, lot), self.house.bridge.url + await self.objects.path(route, lot, key)
        data = None if sent is None else encode(sent)
        try:
            async with self.house.api.http.request(
                route.method, url, data=data, headers=headers, timeout=PATIENCE
            ) as answer:
                return answer.status, (await answer.read()).decode("utf-8", "replace")
        except TimeoutError:
            return 599, "no answer"

    def say(self, fine: bool, route: Route, who: object, status: int, text: str) -> None:
        if not fine:
            self.wrong.append(f"{route.method} {route.path} by {who}: {status} {text[:300]}")

    async def denied(self, routes: Iterable[Route]) -> None:
        for route in routes:
            for role in (None, *Role):
                if isinstance(route.who, Open) and (route.who is not Open.LOCAL or may(role, route)):
                    continue
                if not may(role, route):
                    status, text = await self.call(route, self.own, role and self.keys[role])
                    self.say(status == (401 if role is None else 403), route, role, status, text)

    async def foreign_ones(self, routes: Iterable[Route]) -> None:
        """A key that is limited to one account neither reads nor changes what belongs to the other."""
        for route in routes:
            role = lowest(route)
            if role is None:
                continue
            status, text = await self.call(route, self.foreign, self.keys[role, "own"])
            general = (route.method, route.path) in ANYBODYS or (route.method == "GET" and not somebodys(route))
            missing = route.statuses.get(NotFound, 404)
            self.say(status in (403, missing) or general, route, f"a foreign {role}", status, text)
            seen = [word for word in self.objects.known(self.foreign) if word in text and word not in route.path]
            leaks = [word for word in seen if status < 400 or word == self.foreign.mark]
            self.say(not leaks, route, f"a foreign {role}, who sees {leaks}", status, text)

    async def allowed(self, routes: Iterable[Route]) -> None:
        for route in routes:
            for role in (None, *Role):
                if may(role, route) or route.who in (Open.PUBLIC, Open.CALLBACK):
                    status, text = await self.call(route, self.own, role and self.keys[role])
                    refused = status in (401, 403) and route.path != SESSION  # the key shown there is a made-up one
                    self.say(not refused and not crashed(status), route, role, status, text)
            role = lowest(route)
            if role is not None and somebodys(route) and not route.whole:
                status, text = await self.call(route, self.own, self.keys[role, "own"])
                self.say(
                    status not in (401, 403) and not crashed(status), route, f"a {role} of the account", status, text
                )


def unlimited(h: House) -> None:
    h.bridge.door.limits = RateLimits({name: KeyedBuckets(1e6, 1e6, SystemClock()) for name in PER_SECOND})


@asynccontextmanager
async def furnished(folder: Path) -> AsyncIterator[Matrix]:
    async with house(folder) as h:
        unlimited(h)
        other = {"name": "FOREIGN", "base_url": h.fastgpt.base_url, "key": "fastgpt-0123456789abcdef", "check": False}
        workflow_id = (await h.api.post("/api/v1/workflows", other))["id"]
        account = {
            "app_id": list(DEMO_ACCOUNTS)[-1] + "x",
            "name": "FOREIGN",
            "token": "another-token-0123456789",
            "base_url": h.gewe.base_url,
            "workflow_id": workflow_id,
        }
        added = await h.api.post(ACCOUNTS, account)
        keys: dict[Any, str] = {}
        for role in Role:
            keys[role] = (await h.api.post("/api/v1/keys", {"name": role, "role": role}))["key"]
            scoped = {"name": f"{role} of one", "role": role, "accounts": [h.account_id]}
            keys[role, "own"] = (await h.api.post("/api/v1/keys", scoped))["key"]
        for kind in ActKind:  # at once, instead of with a person's pauses
            status, told = await h.api.call("PUT", f"{ACCOUNTS}/{h.account_id}/budgets/{kind}", AT_ONCE)
            assert status == 200, told
        own = Lot(h.account_id, h.workflow_id, "OWNED", keys[Role.ADMIN, "own"])
        foreign = Lot(added["id"], workflow_id, "FOREIGN", h.api.key)
        yield Matrix(h, own, foreign, Objects(h), keys)


def test_each_parameter_of_a_path_has_a_maker() -> None:
    lacking = {(p.name, route.path) for route in in_order(TABLES) for p in route.signature.path if p.name not in MAKERS}
    assert not lacking, "add a maker to tests/flows/matrix.py"


async def test_every_cell_is_as_declared(tmp_path: Path) -> None:
    routes = sorted(in_order(TABLES), key=last)
    async with furnished(tmp_path) as matrix:
        for route in routes:  # so that there is something to be seen
            await matrix.objects.path(route, matrix.foreign)
        await matrix.denied(routes)
        await matrix.foreign_ones(routes)
        await matrix.allowed(routes)
    assert not matrix.wrong, "\n".join(matrix.wrong)
    assert matrix.cells > 5 * len(routes)
