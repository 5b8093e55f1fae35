"""POST /integrations/fastgpt/chat with `stream`: the answer as it is made, through the whole daemon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from daemon.codec import encode, parse
from daemon.domain.workflow import Provider
from daemon.net.sse import SseReader
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY
from daemon.sim.fastgpt_script import Script
from tests.flows.house import House, house
from tests.flows.test_the_api_asks_workflows import FASTGPT, fallback

Told = tuple[str, Any]


@asynccontextmanager
async def asking(h: House, workflow_id: str, message: str) -> AsyncIterator[AsyncIterator[Told]]:
    """The events of one answer, as they come."""
    body = {"workflow_id": workflow_id, "message": message, "stream": True}
    headers = {"Authorization": f"Bearer {h.api.key}", "Content-Type": "application/json"}
    async with h.api.http.post(h.api.url + FASTGPT + "/chat", data=encode(body), headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")

        async def events() -> AsyncIterator[Told]:
            reader = SseReader()
            async for piece in response.content.iter_any():
                for event in reader.feed(piece):
                    yield event.name, parse(event.data)

        yield events()


async def heard(h: House, workflow_id: str, message: str) -> list[Told]:
    async with asking(h, workflow_id, message) as events:
        return [event async for event in events]


async def test_the_pieces_come_first_and_the_whole_at_the_end(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(answer="九点开门，六点关门", chunks=4, points=0.5))
        events = await heard(h, h.workflow_id, "几点开门")
        pieces, (last, whole) = events[:-1], events[-1]
        assert {name for name, _ in pieces} == {"answer"}
        assert len(pieces) > 1
        assert "".join(told["text"] for _, told in pieces) == "九点开门，六点关门"
        plain = await h.api.post(FASTGPT + "/chat", {"workflow_id": h.workflow_id, "message": "几点开门"})
        assert (last, set(whole)) == ("end", set(plain))
        assert (whole["text"], whole["usage"]) == (plain["text"], plain["usage"])


async def test_a_piece_is_told_while_the_rest_is_still_made(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(answer="一二三", chunks=3, chunk_delay_s=0.2))
        async with asking(h, h.workflow_id, "数") as events:
            assert await anext(events) == ("answer", {"text": "一"})
            assert h.fastgpt.traffic.in_flight == 1
            rest = [event async for event in events]
        assert rest[-1][1]["text"] == "一二三"


async def test_what_a_workflow_said_before_it_failed_is_taken_back(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        first = await fallback(h, key=DEMO_KEY, app_id=DEMO_APP.id)
        h.fastgpt.play(Script(answer="这是半句话而已", mishap="error-mid-stream"), times=1)
        events = await heard(h, first, "在吗")
        names = [name for name, _ in events]
        restart = names.index("restart")
        assert set(names[:restart]) == {"answer"}
        assert "".join(told["text"] for name, told in events[restart:] if name == "answer") == "收到：在吗"
        assert (events[-1][0], events[-1][1]["degraded"]) == ("end", True)


async def test_nothing_is_taken_back_where_nothing_was_said(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        events = await heard(h, await fallback(h), "在吗")
        assert {name for name, _ in events} == {"answer", "end"}


async def test_a_failure_is_the_last_event(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(mishap="error-before", error="points"))
        ((name, problem),) = await heard(h, h.workflow_id, "在吗")
        assert (name, problem["code"], problem["type"]) == ("error", "fastgpt.no_points", "/problems/fastgpt.no_points")


async def test_a_caller_who_leaves_stops_the_run_and_its_seat_is_free(tmp_path: Path) -> None:
    workflow = {"endpoint": "v2", "memory": "service"}
    async with house(tmp_path, workflow=workflow) as h:
        h.fastgpt.play(Script(answer="一二三四五六", chunks=6, chunk_delay_s=5))
        async with asking(h, h.workflow_id, "数"):
            await h.fastgpt.ledger.wait_for("*/chat/completions")
        await h.fastgpt.ledger.wait_for("*/chat/stop")
        async with asyncio.timeout(5):
            while h.bridge.engine.pools[Provider.FASTGPT].in_flight:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        states = await h.bridge.engine.db.read(lambda tx: [row["state"] for row in tx.all("SELECT state FROM charges")])
        assert states == ["reserved"]  # nobody knows what it cost: settled at its estimate, as after any cut
        assert (await h.api.get("/api/v1/integrations/fastgpt/stats"))["failed_requests"] == 0


async def test_a_caller_who_does_not_read_is_cut_and_the_run_stopped(tmp_path: Path) -> None:
    workflow = {"endpoint": "v2", "memory": "service"}
    async with house(tmp_path, workflow=workflow) as h:
        h.fastgpt.play(Script(answer="长" * 2_400_000, chunks=600))  # more than the kernel keeps on the way
        body = encode({"workflow_id": h.workflow_id, "message": "说", "stream": True})
        url = urlsplit(h.api.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=1024)
        writer.write(
            f"POST {FASTGPT}/chat HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {h.api.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        async with asyncio.timeout(10):
            await h.fastgpt.ledger.wait_for("*/chat/stop")
        with suppress(ConnectionError):
            assert b"event: end" not in await reader.read()
        writer.transport.abort()
