"""The OpenAPI document is written when somebody asks for it, once, and nobody else waits for that."""

import asyncio
import threading
from pathlib import Path

from aiohttp import web

from daemon.net.server import docs
from daemon.net.server.call import Call
from daemon.net.server.docs import Document
from daemon.net.server.routes import Open, Routes
from tests.net.server.served import serving_routes

LIMIT = 10


async def test_all_who_ask_at_once_get_the_one_that_is_written_while_the_loop_turns() -> None:
    turned, written = threading.Event(), []

    def write() -> bytes:
        written.append(turned.wait(LIMIT))
        return b"{}"

    document = Document(write)
    asking = [asyncio.create_task(document.read()) for _ in range(3)]
    asyncio.get_running_loop().call_later(0, turned.set)
    assert await asyncio.gather(*asking, document.read()) == [b"{}"] * 4
    assert written == [True]


async def test_who_goes_away_while_it_is_written_leaves_it_to_the_next() -> None:
    begun, turned = threading.Event(), threading.Event()

    def write() -> bytes:
        begun.set()
        turned.wait(LIMIT)
        return b"{}"

    document = Document(write)
    asking = asyncio.create_task(document.read())
    assert await asyncio.to_thread(begun.wait, LIMIT)
    asking.cancel()
    await asyncio.wait([asking])
    turned.set()
    assert asking.cancelled()
    assert await document.read() == b"{}"


async def test_a_start_writes_none(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as served:
        document = served.app[docs.DOCUMENT]
        assert document.written is None
        assert (await served.get("/openapi.json", role=None)).body == document.written


class Picture(web.Response):
    pass


async def test_an_answer_of_any_kind_of_response_has_no_schema_of_its_own(tmp_path: Path) -> None:
    routes = Routes("Pictures")

    @routes.get("/picture", role=Open.PUBLIC, summary="One", produces="image/png")
    async def picture(_: Call) -> Picture:
        return Picture(body=b"png", content_type="image/png")

    async with serving_routes(tmp_path, routes) as served:
        told = (await served.get("/openapi.json", role=None)).json
        assert told["paths"]["/picture"]["get"]["responses"]["200"]["content"] == {"image/png": {}}
        assert (await served.get("/picture", role=None, headers={"Accept": "image/png"})).body == b"png"
