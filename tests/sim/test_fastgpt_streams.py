import asyncio

import aiohttp
import pytest

from daemon.sim.fastgpt import FastGptSetup
from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from daemon.sim.ledger import Outcome
from tests.sim.streams import APP, DONE, asked, events, fastgpt, names, streamed, text

ALL = ["legacy", "4.14.7", "current"]
HEAD = ["flowNodeStatus", "answer", "answer", "answer"]


async def test_without_details_only_unlabelled_chunks_are_sent() -> None:
    async with fastgpt(script=Script(answer="一二三")) as (_, raw):
        found = await streamed(raw)

    assert names(found) == ["-", "-", "-", "stop", DONE]
    assert text(found) == "一二三"
    assert found[0].data == {
        "id": "",
        "object": "",
        "created": 0,
        "model": "",
        "choices": [{"delta": {"role": "assistant", "content": "一"}, "index": 0, "finish_reason": None}],
    }
    assert found[3].data["choices"][0]["delta"] == {"role": "assistant", "content": None}


async def test_a_stream_has_its_headers() -> None:
    async with (
        fastgpt() as (_, raw),
        raw.session.post(raw.url + "/v1/chat/completions", json=asked(stream=True), headers=raw.headers) as answer,
    ):
        assert answer.headers["Content-Type"] == "text/event-stream;charset=utf-8"
        assert answer.headers["X-Accel-Buffering"] == "no"
        await answer.read()


@pytest.mark.parametrize(
    ("profile", "tail"),
    [
        ("legacy", ["workflowDuration", "stop", DONE, "flowResponses"]),
        ("4.14.7", ["workflowDuration", "stop", DONE, "flowResponses"]),
        ("current", ["workflowDuration", "chatTitle", "stop", "flowResponses", DONE]),
    ],
)
async def test_the_first_endpoint_tells_all_details_at_the_end_in_the_order_of_its_version(
    profile: str, tail: list[str]
) -> None:
    async with fastgpt(FastGptSetup(profile=profile)) as (_, raw):
        found = await streamed(raw, detail=True)

    assert names(found) == HEAD + tail
    assert next(event for event in found if event.data == DONE).name == "answer"


async def test_one_version_tells_its_details_as_an_object() -> None:
    async with fastgpt(FastGptSetup(profile="4.14.7")) as (_, raw):
        details = [event.data for event in await streamed(raw, detail=True) if event.name == "flowResponses"]

    assert set(details[0]) == {"0", "1"}
    assert details[0]["1"]["moduleType"] == "chatNode"


async def test_the_second_endpoint_tells_each_node_as_it_ends() -> None:
    script = Script(nodes=[{"moduleName": "Intent", "moduleType": "classifyQuestion", "cqResult": "退货"}])
    async with fastgpt(script=script) as (_, raw):
        found = await streamed(raw, "v2", detail=True)

    assert names(found) == [
        *("flowNodeResponse", "flowNodeStatus", "flowNodeResponse"),
        *("flowNodeStatus", "answer", "answer", "answer", "flowNodeResponse"),
        *("workflowDuration", "chatTitle", "stop", DONE),
    ]
    assert [event.data["name"] for event in found if event.name == "flowNodeStatus"] == ["Intent", "AI Chat"]


async def test_tools_variables_fixed_text_reasoning_and_unknown_events_have_their_places() -> None:
    script = Script(
        chunks=1,
        fixed_text="稍等",
        reasoning="想",
        variables={"handoff": True},
        tool={"id": "call_01", "name": "lookup", "params": "{}", "response": "ok"},
        events=[{"event": "plan", "data": {"plan": {}}}],
    )
    async with fastgpt(script=script) as (_, raw):
        found = await streamed(raw, detail=True)
        bare = await streamed(raw)

    assert names(found)[:9] == [
        *("fastAnswer", "flowNodeStatus", "plan", "toolCall", "toolParams", "toolResponse"),
        *("answer", "answer", "updateVariables"),
    ]
    assert found[0].data["choices"][0]["delta"]["content"] == "\n稍等"
    assert found[6].data["choices"][0]["delta"] == {"role": "assistant", "reasoning_content": "想"}
    assert found[8].data == {"handoff": True}
    assert names(bare) == ["-", "-", "-", "stop", DONE]


async def test_a_pause_is_an_event_that_carries_more_than_it_should() -> None:
    question = {"type": "userSelect", "params": {"userSelectOptions": [{"key": "a", "value": "退"}]}}
    async with fastgpt(script=Script(interactive=question)) as (_, raw):
        found = await streamed(raw, detail=True)
        resumed = await streamed(raw, detail=True)
        bare = await streamed(raw, chatId="t-2")

    paused = next(event.data["interactive"] for event in found if event.name == "interactive")
    assert {**paused, **question} == paused
    assert "memoryEdges" in paused
    assert [row["moduleType"] for row in found[-2].data] == ["workflowStart"]
    assert "interactive" not in names(resumed)
    assert text(bare) == ""


async def test_the_stop_chunk_may_be_empty() -> None:
    async with fastgpt(script=Script(empty_stop=True)) as (_, raw):
        found = await streamed(raw)

    assert found[-2].data["choices"][0]["delta"] == {}


async def test_a_long_silence_is_filled_with_empty_chunks() -> None:
    async with fastgpt(script=Script(delay_s=0.05, heartbeat_s=0.02, answer="好", chunks=1)) as (_, raw):
        found = await streamed(raw, detail=True)

    contents = [event.data["choices"][0]["delta"]["content"] for event in found[:4] if event.name == "answer"]
    assert contents == ["", "", "好"]


async def test_a_stream_may_come_in_pieces_that_cut_characters_and_lines() -> None:
    async with (
        fastgpt(script=Script(answer="三十天内", split_bytes=7)) as (_, raw),
        raw.session.post(raw.url + "/v1/chat/completions", json=asked(stream=True), headers=raw.headers) as answer,
    ):
        pieces = [piece async for piece, _ in answer.content.iter_chunks()]

    assert max(len(piece) for piece in pieces if piece) == 7
    assert any(_undecodable(piece) for piece in pieces)
    assert text(events(b"".join(pieces))) == "三十天内"


def _undecodable(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return True
    return False


@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_an_error_in_the_middle_ends_the_stream(api: str) -> None:
    async with fastgpt(script=Script(mishap="error-mid-stream")) as (_, raw):
        found = await streamed(raw, api, responseChatItemId="ans-1")
        rows = await raw.get(f"/core/chat/getResData?appId={APP}&chatId=t-1&dataId=ans-1")

    assert names(found)[-1] == "error"
    assert found[-1].data == {"message": "fetch failed"}
    assert DONE not in names(found)
    assert rows["data"] == []


async def test_a_known_error_in_the_middle_has_its_code() -> None:
    async with fastgpt(script=Script(mishap="error-mid-stream", error="points")) as (_, raw):
        found = await streamed(raw, detail=True)

    assert found[-1].data["statusText"] == "aiPointsNotEnough"


async def test_a_stream_may_end_without_done() -> None:
    async with fastgpt(script=Script(mishap="no-done")) as (_, raw):
        found = await streamed(raw, "v2", detail=True)

    assert names(found) == ["flowNodeStatus", "answer", "answer"]


async def test_a_stream_may_end_without_anything() -> None:
    question = {"type": "userSelect", "params": {}}
    async with fastgpt(script=Script(mishap="no-done", interactive=question, chunk_delay_s=0.001)) as (_, raw):
        assert await streamed(raw) == []


@pytest.mark.parametrize("paced", [0.0, 0.001])
async def test_a_stream_may_be_cut_in_the_middle(paced: float) -> None:
    async with fastgpt(script=Script(mishap="cut", chunk_delay_s=paced)) as (sim, raw):
        with pytest.raises(aiohttp.ClientPayloadError):
            await streamed(raw, detail=True)

        assert [entry.outcome for entry in sim.ledger] == [Outcome.ABORTED]


async def test_half_a_stream_by_fault_is_cut_and_what_the_first_endpoint_keeps_says_closed() -> None:
    async with fastgpt() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.HALF, path="*/completions", times=2))
        reasons = []
        for api in ("v1", "v2"):
            with pytest.raises(aiohttp.ClientPayloadError):
                await streamed(raw, api, responseChatItemId=api)
            rows = await raw.get(f"/core/chat/getResData?appId={APP}&chatId=t-1&dataId={api}")
            reasons.append(rows["data"][-1]["finishReason"])

    assert reasons == ["close", "stop"]


async def test_a_dropped_stream_has_run_and_sent_nothing() -> None:
    async with fastgpt() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.DROP, path="*/completions", times=1))
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await streamed(raw, responseChatItemId="ans-1")

        rows = await raw.get(f"/core/chat/getResData?appId={APP}&chatId=t-1&dataId=ans-1")
        assert len(rows["data"]) == 2


async def test_a_run_whose_client_left_stops_in_the_first_endpoint_and_goes_on_in_the_second() -> None:
    script = Script(chunk_delay_s=0.02, chunks=20, answer="很长很长很长很长很长很长很长的回答")
    async with fastgpt(script=script) as (sim, raw):
        reasons = []
        for api in ("v1", "v2"):
            body = asked(stream=True, responseChatItemId=api)
            async with raw.session.post(f"{raw.url}/{api}/chat/completions", json=body, headers=raw.headers) as answer:
                await answer.content.readany()
                answer.close()
            await sim.ledger.wait_for(f"*/{api}/chat/completions", ended=True)
            rows = await raw.get(f"/core/chat/getResData?appId={APP}&chatId=t-1&dataId={api}")
            reasons.append(rows["data"][-1]["finishReason"])

    assert reasons == ["close", "stop"]


async def test_who_has_read_the_end_may_ask_again_at_once() -> None:
    async with fastgpt(script=Script(chunk_delay_s=0.0005)) as (_, raw):
        for _ in range(20):
            assert names(await streamed(raw))[-1] == DONE


async def test_many_streams_at_once_keep_their_answers_apart() -> None:
    async with fastgpt(script=Script(answer="{chat_id}", chunks=4)) as (sim, raw):
        found = await asyncio.gather(*(streamed(raw, chatId=f"t-{n}") for n in range(30)))

        assert [text(one) for one in found] == [f"t-{n}" for n in range(30)]
        assert sim.traffic.in_flight == 0
