"""Keys with a limit of their own: for programs that pass the questions of many on."""

from pathlib import Path
from typing import Any

from daemon.domain.access import Role
from tests.clock import FakeClock
from tests.net.server.served import Served, serving_routes

MAKE: dict[str, Any] = {"name": "website", "role": "viewer"}


async def made(api: Served, **terms: object) -> dict[str, Any]:
    answer = await api.post("/api/v1/keys", MAKE | terms)
    assert answer.status == 201
    key: dict[str, Any] = answer.json
    return key


async def calls(api: Served, text: str, most: int) -> int:
    """How many of so many calls in one moment are let in."""
    answers = [await api.get("/api/v1/session", headers={"Authorization": f"Bearer {text}"}) for _ in range(most)]
    assert {answer.status for answer in answers} <= {200, 429}
    return sum(answer.status == 200 for answer in answers)


async def test_a_key_with_a_limit_of_its_own_is_held_to_that_and_not_to_its_roles(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving_routes(tmp_path, clock=clock) as api:
        slow, fast = await made(api, rate_limit=3), await made(api, rate_limit=30)
        assert await calls(api, slow["key"], 10) == 6
        assert await calls(api, fast["key"], 70) == 60
        clock.advance(1)
        assert await calls(api, slow["key"], 10) == 3
        assert await calls(api, fast["key"], 40) == 30


async def test_its_answers_tell_the_limit_in_calls(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, clock=FakeClock()) as api:
        key = await made(api, rate_limit=7)
        headers = {"Authorization": f"Bearer {key['key']}"}
        told = [(await api.get("/api/v1/session", headers=headers)).headers for _ in range(15)]
        assert {one["RateLimit-Policy"] for one in told} == {'"key";q=14;w=2'}
        left = [int(one["RateLimit"].split("r=")[1].split(";")[0]) for one in told]
        assert left == [*range(13, -1, -1), 0]
        assert told[-1]["Retry-After"] == "1"


async def test_looking_and_changing_take_of_the_same_limit(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, clock=FakeClock()) as api:
        key = await made(api, role=Role.ADMIN, rate_limit=1)
        headers = {"Authorization": f"Bearer {key['key']}"}
        got = [await api.get("/api/v1/keys", headers=headers), await api.post("/api/v1/keys", MAKE, headers=headers)]
        got += [await api.post("/api/v1/keys", MAKE, headers=headers)]
        assert [one.status for one in got] == [200, 201, 429]


async def test_a_limit_holds_from_the_next_call_on_and_goes_when_it_is_left_out(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, clock=FakeClock()) as api:
        key = await made(api)
        path = f"/api/v1/keys/{key['id']}"
        terms = MAKE | {"expires_at": None, "networks": [], "accounts": None}
        assert (key["rate_limit"], key["requests_per_second"]) == (None, 20)
        assert await calls(api, key["key"], 50) == 40
        raised = (await api.call("PUT", path, json=terms | {"rate_limit": 50})).json
        assert (raised["rate_limit"], raised["requests_per_second"]) == (50, 50)
        assert await calls(api, key["key"], 50) == 50
        assert (await api.call("PUT", path, json=terms)).json["rate_limit"] is None
        rows = await api.db.read(
            lambda tx: tx.all("SELECT detail FROM audit WHERE action = 'key.changed' ORDER BY seq")
        )
        assert [row["detail"] for row in rows] == [
            '{"rate_limit":{"before":null,"after":50}}',
            '{"rate_limit":{"before":50,"after":null}}',
        ]


async def test_no_key_is_given_more_than_a_thousand_nor_none(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as api:
        for wanted in (0, 1001, 1.5, "9"):
            refused = await api.post("/api/v1/keys", MAKE | {"rate_limit": wanted})
            assert (refused.status, refused.json["errors"][0]["field"]) == (400, "rate_limit")
