import asyncio
import base64

import aiohttp
import pytest

from daemon.sim.faults import Fault, Kind
from daemon.sim.openai import DEMO_KEY, DEMO_MODEL, OpenAiSetup
from daemon.sim.openai_completions import duration
from daemon.sim.openai_script import PROFILES, Script, Turn
from daemon.sim.pictures import png
from tests.clock import FakeClock
from tests.sim.openais import DONE, PATH, asked, events, openai, streamed, text

TOLD = {"stream_options": {"include_usage": True}}


async def test_an_answer_has_its_usage_its_model_and_why_it_ended() -> None:
    async with openai(script=Script(answer="好的：{question}", input_tokens=9, output_tokens=4)) as (_, raw):
        status, document = await raw.post(PATH, asked("在吗"))

    assert status == 200
    assert document["object"] == "chat.completion"
    assert document["model"] == DEMO_MODEL
    assert document["choices"][0]["message"] == {"role": "assistant", "content": "好的：在吗", "refusal": None}
    assert document["choices"][0]["finish_reason"] == "stop"
    assert document["usage"]["total_tokens"] == 13


async def test_a_stream_begins_with_the_role_ends_with_the_reason_and_is_done() -> None:
    async with openai(script=Script(answer="一二三")) as (_, raw):
        found = await streamed(raw)

    deltas = [chunk["choices"][0]["delta"] for chunk in found[:-1]]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas[1:] == [{"content": "一"}, {"content": "二"}, {"content": "三"}, {}]
    assert found[-2]["choices"][0]["finish_reason"] == "stop"
    assert found[-1] == DONE
    assert len({chunk["id"] for chunk in found[:-1]}) == 1
    assert all("usage" not in chunk for chunk in found[:-1])


async def test_usage_that_is_asked_for_has_a_chunk_of_its_own_without_choices() -> None:
    async with openai() as (_, raw):
        found = await streamed(raw, **TOLD)

    assert found[-2]["choices"] == []
    assert found[-2]["usage"]["prompt_tokens"] > 0
    assert [chunk["usage"] for chunk in found[:-2]] == [None] * (len(found) - 2)


async def test_an_older_server_refuses_to_be_asked_for_usage() -> None:
    async with openai(OpenAiSetup(profile="older")) as (_, raw):
        status, document = await raw.post(PATH, asked(stream=True, **TOLD))
        found = await streamed(raw)

    assert status == 400
    assert "stream_options" in document["error"]["message"]
    assert all("usage" not in chunk for chunk in found[:-1])


async def test_some_tell_usage_with_the_last_words_and_some_beside_no_choices() -> None:
    async with openai(OpenAiSetup(profile="last-chunk")) as (_, raw):
        last = await streamed(raw)
    async with openai(OpenAiSetup(profile="null-choices")) as (_, raw):
        null = await streamed(raw, **TOLD)

    assert last[-2]["choices"][0]["finish_reason"] == "stop"
    assert last[-2]["usage"]["total_tokens"] > 0
    assert null[-2]["choices"] is None
    assert null[-2]["usage"]["total_tokens"] > 0


async def test_a_model_that_thinks_tells_its_thoughts_apart() -> None:
    async with openai(script=Script(answer="七天", reasoning="想一想")) as (_, raw):
        found = await streamed(raw)
        _, document = await raw.post(PATH, asked())

    assert found[1]["choices"][0]["delta"] == {"reasoning_content": "想一想", "content": None}
    assert text(found) == "七天"
    assert document["choices"][0]["message"]["reasoning_content"] == "想一想"


async def test_a_refusal_takes_the_place_of_the_answer() -> None:
    async with openai(script=Script(refusal="不可以")) as (_, raw):
        _, document = await raw.post(PATH, asked())
        found = await streamed(raw)

    assert document["choices"][0]["message"] == {"role": "assistant", "content": None, "refusal": "不可以"}
    assert found[1]["choices"][0]["delta"] == {"refusal": "不可以"}
    assert text(found) == ""


async def test_an_answer_is_cut_at_the_most_tokens_that_are_allowed() -> None:
    async with openai(script=Script(answer="一二三四五六")) as (_, raw):
        _, document = await raw.post(PATH, asked(max_tokens=2))

    assert document["choices"][0]["message"]["content"] == "一二三四"
    assert document["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("key", "code"), [("", None), ("Bearer sk-wrong", "invalid_api_key"), ("Basic c2s=", None)], ids=str
)
async def test_who_has_no_right_key_is_refused(key: str, code: str | None) -> None:
    async with openai() as (_, raw):
        status, document = await raw.post(PATH, asked(), Authorization=key)

    assert (status, document["error"]["code"]) == (401, code)


async def test_a_model_that_is_not_there_is_named() -> None:
    async with openai() as (_, raw):
        status, document = await raw.post(PATH, asked() | {"model": "gpt-0"})

    assert (status, document["error"]["code"]) == (404, "model_not_found")
    assert "gpt-0" in document["error"]["message"]


@pytest.mark.parametrize("body", [b"{", {"model": DEMO_MODEL}, asked(stream="yes"), asked() | {"messages": ["hi"]}])
async def test_what_is_no_request_is_a_400(body: object) -> None:
    async with openai() as (_, raw):
        status, document = await raw.post(PATH, body)

    assert status == 400
    assert document["error"]["type"] == "invalid_request_error"


async def test_past_its_limit_it_says_how_long_to_wait_in_every_way() -> None:
    clock = FakeClock()
    async with openai(OpenAiSetup(requests_per_minute=1), clock=clock) as (_, raw):
        first, _ = await raw.post(PATH, asked())
        clock.advance(20)
        async with raw.session.post(raw.url + PATH, json=asked(), headers=raw.headers) as answer:
            refusal, document = answer.status, await answer.json()
            headers = answer.headers
        clock.advance(41)
        again, _ = await raw.post(PATH, asked())

    assert (first, refusal, again) == (200, 429, 200)
    assert document["error"]["code"] == "rate_limit_exceeded"
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("40", "40000")
    assert headers["x-ratelimit-reset-requests"] == "40s"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.02, "20ms"), (1, "1s"), (1.5, "1.5s"), (360, "6m0s"), (61.2, "1m1.2s")]
)
def test_durations_are_written_as_go_does(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("limited", 429, "rate_limit_exceeded"),
        ("no-credit", 429, "insufficient_quota"),
        ("server", 500, None),
        ("overloaded", 503, None),
        ("too-long", 400, "context_length_exceeded"),
        ("no-balance", 402, "invalid_request_error"),
        ("region", 403, "unsupported_country_region_territory"),
    ],
)
async def test_errors_are_had_by_name_with_headers(name: str, status: int, code: str | None) -> None:
    async with openai() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.ERROR, name=name, headers={"retry-after": "3"}))
        async with raw.session.post(raw.url + PATH, json=asked(), headers=raw.headers) as answer:
            document = await answer.json()

    assert (answer.status, document["error"]["code"]) == (status, code)
    assert answer.headers["retry-after"] == "3"


async def test_a_stream_may_fail_in_its_middle() -> None:
    async with openai(script=Script(answer="一二三四", chunks=4, mishap="error-mid-stream", error="overloaded")) as (
        _,
        raw,
    ):
        found = await streamed(raw)

    assert 0 < len(text(found)) < 4
    assert found[-1]["error"]["type"] == "server_error"


@pytest.mark.parametrize(("mishap", "whole"), [("no-done", True), ("ends-early", False)])
async def test_a_stream_may_end_without_saying_so(mishap: str, whole: bool) -> None:
    async with openai(script=Script(answer="一二三四", chunks=4, mishap=mishap)) as (_, raw):  # type: ignore[arg-type]
        found = await streamed(raw)

    assert DONE not in found
    assert (text(found) == "一二三四") is whole


async def test_a_stream_may_be_cut() -> None:
    async with openai(script=Script(mishap="cut", chunk_delay_s=0.001)) as (_, raw):
        with pytest.raises(aiohttp.ClientPayloadError):
            await streamed(raw)


async def test_a_model_stops_when_its_caller_leaves() -> None:
    async with openai(script=Script(chunk_delay_s=60)) as (sim, raw):
        asking = asyncio.create_task(raw.bytes(PATH, asked(stream=True)))
        await sim.ledger.wait_for("*/completions")
        asking.cancel()
        await sim.ledger.wait_for("*/completions", ended=True, timeout=5)

    assert sim.traffic.in_flight == 0


async def test_pictures_are_looked_at() -> None:
    picture = "data:image/png;base64," + base64.b64encode(png(3, 2)).decode()
    parts = [{"type": "text", "text": "这是什么"}, {"type": "image_url", "image_url": {"url": picture}}]
    async with openai(script=Script(answer="我看到 {files}")) as (_, raw):
        _, document = await raw.post(PATH, asked(parts))

    assert "image/png 3×2" in document["choices"][0]["message"]["content"]


async def test_an_answer_can_tell_what_it_was_told() -> None:
    said = [
        {"role": "system", "content": "你是客服"},
        {"role": "user", "content": "在吗"},
        {"role": "assistant", "content": "在"},
        {"role": "user", "content": "退货"},
    ]
    async with openai(script=Script(answer="{system}|{earlier}|{question}|{model}|{number}")) as (_, raw):
        _, document = await raw.post(PATH, {"model": DEMO_MODEL, "messages": said})

    assert document["choices"][0]["message"]["content"] == f"你是客服|在吗 / 在|退货|{DEMO_MODEL}|1"


async def test_a_function_may_write_every_answer() -> None:
    def backwards(turn: Turn) -> str:
        return turn.question[::-1]

    async with openai() as (sim, raw):
        sim.answer_with(backwards)
        _, document = await raw.post(PATH, asked("abc"))

    assert document["choices"][0]["message"]["content"] == "cba"


async def test_its_models_are_listed_to_whoever_has_a_key() -> None:
    async with openai(OpenAiSetup(models=("a", "b"))) as (_, raw):
        listed, one = await raw.get("/v1/models"), await raw.get("/v1/models/b")
        missing = await raw.get("/v1/models/c")
        async with raw.session.get(raw.url + "/v1/models") as stranger:
            assert stranger.status == 401

    assert [model["id"] for model in listed["data"]] == ["a", "b"]
    assert one["id"] == "b"
    assert missing["error"]["code"] == "model_not_found"


async def test_a_local_server_wants_no_key_and_lists_nothing() -> None:
    async with openai(OpenAiSetup(profile="local")) as (_, raw):
        status, _ = await raw.post(PATH, asked(), Authorization="")
        async with raw.session.get(raw.url + "/v1/models") as answer:
            assert answer.status == 404

    assert status == 200


async def test_it_is_driven_over_http() -> None:
    async with openai() as (sim, raw):
        await raw.post("/_sim/script", {"model": DEMO_MODEL, "times": 1, "script": {"answer": "一次"}})
        _, once = await raw.post(PATH, asked())
        _, usual = await raw.post(PATH, asked("在"))
        ledger = await raw.get("/_sim/ledger")

    assert once["choices"][0]["message"]["content"] == "一次"
    assert usual["choices"][0]["message"]["content"] == "收到：在"
    assert [entry["path"] for entry in ledger["entries"]] == [PATH, PATH]
    assert sim.asked[1]["messages"][0]["content"] == "在"


@pytest.mark.parametrize("profile", PROFILES)
async def test_odd_pieces_change_nothing(profile: str) -> None:
    async with openai(OpenAiSetup(profile=profile), script=Script(answer="你好，世界", split_bytes=1)) as (_, raw):
        status, body = await raw.bytes(PATH, asked(stream=True), Authorization=f"Bearer {DEMO_KEY}")

    assert status == 200
    assert text(events(body)) == "你好，世界"
