"""What a handler's signature says is what callers get: typed, checked, and told apart."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from daemon.domain.access import Role
from daemon.net.server.call import Call
from daemon.net.server.routes import Open, Routes
from daemon.store.database import Database
from tests.net.server import zoo
from tests.net.server.served import serving_routes

JONAH = {"name": "Jonah", "is_a": {"kind": "fish", "fins": 2}}


def cages(_: Database) -> dict[web.AppKey[Any], Any]:
    return {zoo.FED: [], zoo.GATE: asyncio.Event()}


async def test_a_body_becomes_a_value_and_the_answer_json_with_its_etag(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        made = await api.post("/zoo", JONAH | {"password": "0123456789abcdef"})
        assert made.status == 201
        assert made.json == {"id": 1, "name": "Jonah", "size": "small", "password": "…cdef", "version": 3}
        assert made.headers["ETag"] == '"3"'


WRONG = [
    ({}, {"name", "is_a"}),
    (JONAH | {"bogus": 1}, {"bogus"}),
    (JONAH | {"name": ""}, {"name"}),
    (JONAH | {"name": "x" * 21}, {"name"}),
    (JONAH | {"name": 7}, {"name"}),
    (JONAH | {"is_a": {"kind": "bird", "fins": 2}}, {"is_a.fins"}),
    (JONAH | {"is_a": {"kind": "worm"}}, {"is_a.kind"}),
    (JONAH | {"is_a": {"fins": 2}}, {"is_a.kind"}),
    (JONAH | {"is_a": {"kind": "fish", "fins": True}}, {"is_a.fins"}),
    (JONAH | {"is_a": {"kind": "fish", "fins": 10}}, {"is_a.fins"}),
    (JONAH | {"is_a": []}, {"is_a"}),
    (JONAH | {"code": "abc"}, {"code"}),
    (JONAH | {"code": "ABC\n"}, {"code"}),
    (JONAH | {"size": "huge"}, {"size"}),
    (JONAH | {"born_at": "yesterday"}, {"born_at"}),
    (JONAH | {"born_at": "2026-01-01T00:00:00"}, {"born_at"}),
    (JONAH | {"born_at": "0001-01-01T00:00:00+01:00"}, {"born_at"}),
    (JONAH | {"weight": -1, "food": ["a", "b", "c", "d"]}, {"weight", "food"}),
    (JONAH | {"food": ["a", 2]}, {"food[1]"}),
    (JONAH | {"food": {"a": "b"}}, {"food"}),
    (JONAH | {"young": [JONAH | {"name": None}]}, {"young[0].name"}),
    (JONAH | {"young": [JONAH] * 1001}, {"young"}),
    (JONAH | {"notes": {str(number): 1 for number in range(1001)}}, {"notes"}),
    ([], {""}),
    (None, {""}),
]


@pytest.mark.parametrize(("body", "fields"), WRONG)
async def test_every_wrong_field_is_named(tmp_path: Path, body: object, fields: set[str]) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        refused = await api.post("/zoo", body)
        assert (refused.status, refused.code) == (400, "invalid")
        assert {problem["field"] for problem in refused.json["errors"]} == fields
        assert all(problem["message"] for problem in refused.json["errors"])


async def test_bodies_that_are_no_json_are_bad_requests_never_crashes(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        deep = b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        texts = (b"", b"{", b"\xff\xfe", b'{"name":"\\ud800"}', b"[[[[", b"NaN", deep, b'{"notes":{"a":' * 60)
        for raw in texts:
            refused = await api.call("POST", "/zoo", data=raw, headers={"Content-Type": "application/json"})
            assert refused.status == 400, raw[:40]


async def test_brackets_inside_texts_do_not_count_as_depth(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        made = await api.post("/zoo", JONAH | {"notes": {"text": '[{"\\' * 1000, "deep": [[[[[1]]]]]}})
        assert made.status == 201


async def test_a_form_of_another_site_is_not_taken_for_json(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            refused = await api.call("POST", "/zoo", data=b"{}", headers={"Content-Type": kind})
            assert (refused.status, refused.code) == (415, "http.media_type")


async def test_query_parameters_are_typed_and_come_back_as_filters(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        page = (await api.get("/zoo?size=small&at_least=5&tame=true&tags=a&tags=b")).json
        assert [animal["id"] for animal in page["data"]] == [7, 6, 5]
        assert page["filters"] == {"size": "small", "at_least": 5, "tame": True, "tags": ["a", "b"]}
        assert page["next_cursor"] is None


WRONG_QUERIES = [
    *(f"at_least={text}" for text in ("x", "1_0", "%201", "1.0", "%D9%A3", "101", "9" * 40)),
    *(f"limit={text}" for text in ("0", "501", "x", "%C2%B2")),
    *(f"cursor={text}" for text in ("x", "AAAA", "%ff", "%F0%9F%90%9F")),
    *("size=huge", "tame=yes", "bogus=1"),
]


@pytest.mark.parametrize("query", WRONG_QUERIES)
async def test_a_wrong_query_parameter_is_named(tmp_path: Path, query: str) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        refused = await api.get(f"/zoo?{query}")
        assert refused.status == 400
        assert refused.json["errors"][0]["field"] == query.partition("=")[0]


async def test_cursors_lead_through_a_list_without_gap_or_repetition(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        page = (await api.get("/zoo?limit=3")).json
        seen = [animal["id"] for animal in page["data"]]
        while page["next_cursor"]:
            page = (await api.get(f"/zoo?limit=3&cursor={page['next_cursor']}")).json
            seen += [animal["id"] for animal in page["data"]]
        assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_path_parameters_are_typed(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        assert (await api.get("/zoo/5")).json["id"] == 5
        for number in ("0", "100", "x", "5.0", "%00"):
            assert (await api.get(f"/zoo/{number}")).status == 400


async def test_a_seeds_own_status_wins_on_its_route(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        refused = await api.get("/zoo/9")
        assert (refused.status, refused.code) == (400, "key.not_found")


async def test_a_fixed_path_is_found_before_a_parameter(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        told = await api.get("/zoo/mine", headers={"Accept-Language": "fr, zh-CN;q=0.8, en;q=0.2"})
        assert told.json["language"] == "zh"
        assert told.json["actor"].startswith("key:")
        assert told.json["request"] == told.headers["X-Request-ID"]


async def test_a_trailing_slash_changes_nothing_and_redirects_nobody(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        for path in ("/zoo", "/zoo/", "/zoo/5", "/zoo/5/"):
            assert (await api.get(path, allow_redirects=False)).status == 200


async def test_a_stale_if_match_fails_the_precondition(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        stale = [await api.call("PUT", "/zoo/5", json={"name": "x"}, headers={"If-Match": tag}) for tag in ('"2"', "x")]
        fresh = [await api.call("PUT", "/zoo/5", json={"name": "x"}, headers={"If-Match": tag}) for tag in ('"3"', "*")]
        assert [answer.status for answer in stale] == [412, 412]
        assert [(answer.status, answer.headers["ETag"]) for answer in fresh] == [(200, '"4"')] * 2


async def test_a_raw_body_is_handed_over_as_it_is_up_to_its_own_limit(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        taken = await api.call("POST", "/hooks/abc", role=None, data=b"\x00not json")
        refused = await api.call("POST", "/hooks/abc", role=None, data=bytes(1001))
        assert taken.json == {"path": 3, "body": 9}
        assert (refused.status, refused.code) == (413, "http.too_large")


async def test_head_is_answered_like_get_without_a_body(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        head = await api.call("HEAD", "/zoo/5")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["ETag"] == '"5"'


async def test_an_answer_in_a_type_nobody_asked_for_is_refused(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        refused = await api.get("/zoo/5", headers={"Accept": "text/html, image/*"})
        liked = await api.get("/zoo/5", headers={"Accept": "text/html, application/json;q=0.1"})
        assert (refused.status, refused.code) == (406, "http.not_acceptable")
        assert liked.status == 200


def test_a_route_that_promises_what_it_cannot_hold_is_refused_when_it_is_declared() -> None:
    routes = Routes("Wrong")

    async def untyped(call: Call):  # type: ignore[no-untyped-def]
        return None

    async def with_body(call: Call, body: zoo.NewAnimal) -> None:
        return None

    async def with_stranger(call: Call, stranger: int) -> None:
        return None

    async def fine(call: Call) -> None:
        return None

    with pytest.raises(TypeError, match="what it answers"):
        routes.get("/a", role=Open.PUBLIC, summary="")(untyped)
    with pytest.raises(TypeError, match="change nothing"):
        routes.get("/a", role=Open.PUBLIC, summary="")(with_body)
    with pytest.raises(TypeError, match="stranger"):
        routes.get("/a", role=Open.PUBLIC, summary="")(with_stranger)
    with pytest.raises(TypeError, match="number"):
        routes.get("/a/{number}", role=Open.PUBLIC, summary="")(fine)
    with pytest.raises(TypeError, match="who may call"):
        routes.get("/a", role=None, summary="")(fine)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="who may call"):
        routes.get("/a", summary="")(fine)  # type: ignore[call-arg]
    assert routes.routes == []


async def test_two_routes_for_one_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="twice"):
        async with serving_routes(tmp_path, zoo.routes, zoo.routes, services=cages):
            pass


async def test_only_the_roles_a_route_names_may_call_it(tmp_path: Path) -> None:
    allowed = {
        ("GET", "/zoo"): {Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.AGENT},
        ("GET", "/zoo/5"): {Role.VIEWER, Role.OPERATOR, Role.ADMIN},
        ("POST", "/zoo"): {Role.OPERATOR, Role.ADMIN},
        ("GET", "/api/v1/keys"): {Role.ADMIN},
    }
    async with serving_routes(tmp_path, zoo.routes, services=cages) as api:
        for (method, path), roles in allowed.items():
            for role in Role:
                answer = await api.call(method, path, role=role, json=JONAH)
                assert (answer.status != 403) == (role in roles), (method, path, role)
            assert (await api.call(method, path, role=None)).status == 401
