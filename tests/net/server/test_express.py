"""The short way through the server: what a caller gets is what the long way gives."""

from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from daemon.errors import Invalid
from daemon.net.server.call import Call
from daemon.net.server.express import Express
from daemon.net.server.problems import Refused
from daemon.net.server.receive import read_body
from daemon.net.server.routes import Open, Routes
from tests.net.server.served import Answer, serving_routes

SHORT, LONG = "/drop/known", "/drop/known?long=1"  # with a query it is no ordinary request
CHANGING = {"Date", "X-Request-ID"}


@frozen(kw_only=True)
class Dropped:
    bytes: int


def drop_box() -> Routes:
    routes = Routes("Drop")

    @routes.post("/drop/{name}", role=Open.CALLBACK, summary="Drop", lenient=True, express=True)
    async def drop(call: Call, name: str) -> Dropped:
        if name != "known":
            raise Refused(404)
        body = await read_body(call.request, 100)
        if body == b"crash":
            raise ZeroDivisionError
        if body == b"wrong":
            raise Invalid("invalid.json", reason="wrong")
        return Dropped(bytes=len(body))

    return routes


def lasting(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in CHANGING}


def told(answer: Answer) -> Any:
    return {name: value for name, value in answer.json.items() if name not in {"instance", "request_id"}}


@pytest.mark.parametrize("body", [b"", b"some bytes", b"x" * 101, b"wrong", b"crash"])
async def test_both_ways_give_the_same_answer(tmp_path: Path, body: bytes) -> None:
    async with serving_routes(tmp_path, drop_box()) as api:
        short, long = [await api.post(path, data=body, role=None) for path in (SHORT, LONG)]
        assert (short.status, lasting(short), told(short)) == (long.status, lasting(long), told(long))
        for answer in (short, long):
            assert answer.json.get("request_id", answer.headers["X-Request-ID"]) == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "path", ["/drop/unknown", "/drop/", "/drop/known/more", "/drop/%6bnown%2f", "/drop/" + "k" * 200]
)
async def test_what_is_not_there_is_not_found(tmp_path: Path, path: str) -> None:
    async with serving_routes(tmp_path, drop_box()) as api:
        assert (await api.post(path, data=b"x", role=None)).status == 404


async def test_an_odd_request_goes_the_long_way_and_is_refused_there(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, drop_box(), hosts=["127.0.0.1"]) as api:
        assert (await api.post(SHORT, data=b"x", role=None, headers={"Content-Encoding": "gzip"})).status == 415
        assert (await api.post(SHORT, data=b"x", role=None, headers={"Accept": "text/html"})).status == 406
        assert (await api.post(SHORT, data=b"x", role=None, headers={"Host": "evil.example"})).status == 421
        assert (await api.get(SHORT, role=None)).status == 405


async def test_a_callers_own_request_id_is_kept(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, drop_box()) as api:
        answer = await api.post(SHORT, data=b"x", role=None, headers={"X-Request-ID": "trace-12345678"})
        assert answer.headers["X-Request-ID"] == "trace-12345678"


async def test_it_is_counted_as_the_long_way_is(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, drop_box()) as api:
        for path in (SHORT, SHORT, LONG):
            await api.post(path, data=b"x", role=None)
        labels = {"method": "POST", "route": "/drop/{name}", "status": "200"}
        assert api.registry.get_sample_value("qiaod_http_requests_total", labels) == 3


async def test_a_route_with_a_body_of_its_own_has_no_short_way(tmp_path: Path) -> None:
    routes = Routes("Drop")

    @routes.post("/drop/{name}", role=Open.CALLBACK, summary="Drop", express=True)
    async def drop(call: Call, name: str, body: Dropped) -> Dropped:
        return body

    with pytest.raises(TypeError, match=Express.__name__.lower()):
        async with serving_routes(tmp_path, routes):
            raise AssertionError("it was served")
