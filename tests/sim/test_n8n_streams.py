"""Chat Triggers and streams of the simulated n8n, as they were observed."""

import asyncio
from typing import Any

import aiohttp
import pytest
from attrs import evolve

from daemon.codec import parse
from daemon.sim.n8n_script import Flow
from tests.sim.n8ns import ASKED, Said, flow, n8n


def streaming(**script: Any) -> Flow:
    return evolve(flow(**script), mode="streaming")


def kinds(said: Said) -> list[str]:
    return [line["type"] for line in said.lines]


def text(said: Said) -> str:
    return "".join(line["content"] for line in said.lines if line["type"] == "item")


async def test_a_stream_is_json_lines_that_call_themselves_json() -> None:
    async with n8n(streaming()) as (_, caller):
        said = await caller.ask()

    assert (said.status, said.type) == (200, "application/json; charset=utf-8")
    assert said.headers["Cache-Control"] == "no-cache"
    assert said.headers["Transfer-Encoding"] == "chunked"
    assert kinds(said) == ["begin", "item", "item", "item", "end"]
    assert text(said) == "you said: hello"
    assert list(said.lines[0]["metadata"]) == ["nodeId", "nodeName", "itemIndex", "runIndex", "timestamp"]


async def test_an_agent_that_calls_a_tool_begins_and_ends_twice() -> None:
    async with n8n(streaming(calls_tool=True, chunks=1)) as (_, caller):
        said = await caller.ask()

    assert kinds(said) == ["begin", "end", "begin", "item", "end"]
    assert [line["metadata"]["runIndex"] for line in said.lines] == [0, 0, 1, 1, 1]


async def test_several_items_are_several_groups() -> None:
    async with n8n(streaming(groups=2, chunks=1)) as (_, caller):
        said = await caller.ask()

    assert [(line["type"], line["metadata"]["itemIndex"]) for line in said.lines] == [
        ("begin", 0), ("item", 0), ("end", 0), ("begin", 1), ("item", 1), ("end", 1),
    ]  # fmt: skip


async def test_a_long_silence_is_filled_with_keepalives() -> None:
    async with n8n(streaming(delay_s=0.05, keepalive_s=0.02)) as (_, caller):
        said = await caller.ask()

    assert kinds(said)[:3] == ["keepalive", "keepalive", "begin"]
    assert said.lines[0] == {"type": "keepalive"}


async def test_a_respond_node_streams_its_item_as_json_in_a_text() -> None:
    async with n8n(streaming(encoded=True)) as (_, caller):
        said = await caller.ask()

    assert kinds(said) == ["begin", "item", "end"]
    assert parse(text(said)) == {"output": "you said: hello", "sessionId": "s1"}


async def test_a_failure_is_a_line_inside_a_200() -> None:
    async with n8n(streaming(mishap="error-mid-stream", error="Rate limit reached")) as (sim, caller):
        said = await caller.ask()
        failed = await sim.wait_for_runs(1, status="error")

    assert said.status == 200
    assert kinds(said) == ["begin", "item", "error"]
    assert said.lines[-1]["content"] == "Rate limit reached"
    assert "timestamp" not in said.lines[-1]["metadata"]
    assert failed[0].error == "Rate limit reached"


async def test_stop_and_error_says_nothing_at_all() -> None:
    async with n8n(streaming(mishap="error-silent")) as (_, caller):
        said = await caller.ask()

    assert list(said.lines[-1]) == ["type", "metadata"]


async def test_a_node_that_cannot_stream_leaves_an_empty_200() -> None:
    async with n8n(streaming(mishap="unreached")) as (_, caller):
        said = await caller.ask()

    assert (said.status, said.raw) == (200, b"")


async def test_a_stream_in_odd_pieces_is_the_same_stream() -> None:
    async with n8n(streaming(split_bytes=7, answer="你好，{question}")) as (_, caller):
        said = await caller.ask()

    assert text(said) == "你好，hello"


async def test_a_stream_that_is_cut_ends_in_the_middle_of_a_line() -> None:
    async with n8n(streaming(mishap="cut")) as (sim, caller):
        async with caller.session.post(sim.webhook(), json=ASKED) as answer:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()

        assert await sim.wait_for_runs(1, status="success")


async def test_a_stream_runs_on_when_its_reader_leaves() -> None:
    async with n8n(streaming(chunk_delay_s=0.02)) as (sim, caller):
        async with caller.session.post(sim.webhook(), json=ASKED) as answer:
            await answer.content.readline()
            answer.close()

        assert await sim.wait_for_runs(1, status="success")


async def test_a_kill_cuts_a_stream() -> None:
    async with n8n(streaming(chunk_delay_s=30)) as (sim, caller):
        answer = await caller.session.post(sim.webhook(), json=ASKED)
        await answer.content.readline()
        reading = asyncio.create_task(answer.read())
        await sim.kill()
        with pytest.raises(aiohttp.ClientPayloadError):
            await reading


async def test_a_chat_answers_and_remembers_what_was_said() -> None:
    chat = evolve(flow(), path="hook-1", trigger="chat", remembers=True)
    async with n8n(chat) as (sim, caller):
        said = await caller.ask("hook-1", {"action": "sendMessage", **ASKED})
        past = await caller.ask("hook-1", {"action": "loadPreviousSession", "sessionId": "s1"})
        unknown = await caller.ask("hook-1", {"action": "loadPreviousSession", "sessionId": "s2"})
        page = await caller.call(sim.webhook("hook-1"), method="GET")

    assert said.json["output"] == "you said: hello"
    assert [(line["id"][-1], line["kwargs"]["content"]) for line in past.json["data"]] == [
        ("HumanMessage", "hello"),
        ("AIMessage", "you said: hello"),
    ]
    assert unknown.json == {"data": []}
    assert (page.status, len(sim.runs)) == (200, 1)


async def test_a_chat_takes_anything_as_a_message() -> None:
    async with n8n(evolve(flow(), path="hook-1", trigger="chat")) as (sim, caller):
        said = [await caller.ask("hook-1", body) for body in ({}, {"action": "other"}, b"")]

    assert [one.status for one in said] == [200, 200, 200]
    assert len(sim.runs) == 3


async def test_a_chat_that_answers_by_websocket_says_only_that_it_runs() -> None:
    async with n8n(evolve(flow(), path="hook-1", trigger="chat", mode="responseNodes")) as (_, caller):
        said = await caller.ask("hook-1")

    assert said.json["executionStarted"] is True
    assert (said.json["executionId"], list(said.json)[-1]) == ("1", "resumeToken")


async def test_a_chat_that_is_not_public_is_an_empty_404() -> None:
    async with n8n(evolve(flow(), path="hook-1", trigger="chat", public=False)) as (_, caller):
        said = await caller.ask("hook-1")

    assert (said.status, said.raw, said.type) == (404, b"", None)
