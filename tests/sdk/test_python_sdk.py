"""The official SDK for Python, unchanged, against the whole daemon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion

from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from tests.flows.house import House
from tests.sdk.asking import asked, base, limit, pictured, seats_are_free, spent, told_to_service

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def client(h: House, *, key: str = "", **options: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    given: dict[str, Any] = {"max_retries": 0, "base_url": base(h), "api_key": key or h.api.key} | options
    async with openai.AsyncOpenAI(**given) as one:
        yield one


async def complete(h: House, **more: Any) -> ChatCompletion:
    async with client(h) as one:
        told: ChatCompletion = await one.chat.completions.create(**asked(**more))
        return told


async def test_each_workflow_is_a_model(home: House) -> None:
    async with client(home) as one:
        (model,) = [model async for model in one.models.list()]
        assert (model.id, model.object, model.owned_by) == (home.workflow_id, "model", "fastgpt")
        assert await one.models.retrieve(home.workflow_id) == await one.models.retrieve("Sales") == model


async def test_a_completion_comes_with_its_usage_and_what_openai_has_no_field_for(home: House) -> None:
    home.fastgpt.play(Script(input_tokens=100, output_tokens=7))
    told = await complete(home)
    choice, usage = told.choices[0], told.usage
    assert usage is not None
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", "收到：在吗", "stop")
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 7, 107)
    assert told.model_extra is not None
    extra = told.model_extra["qiaod"]
    assert (extra["workflow_id"], extra["degraded"], extra["needs_person"]) == (home.workflow_id, False, False)


async def test_the_client_without_asyncio_does_too(home: House) -> None:
    def ask() -> str | None:
        with openai.OpenAI(base_url=base(home), api_key=home.api.key) as one:
            told: ChatCompletion = one.chat.completions.create(**asked())
            return told.choices[0].message.content

    assert await asyncio.to_thread(ask) == "收到：在吗"


async def test_a_stream_tells_role_pieces_and_end(home: House) -> None:
    async with client(home) as one:
        stream = await one.chat.completions.create(**asked(stream=True))
        chunks = [chunk async for chunk in stream]
    assert (chunks[0].choices[0].delta.role, chunks[0].choices[0].delta.content) == ("assistant", "")
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "收到：在吗"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


async def test_a_stream_tells_its_usage_last_where_that_is_asked_for(home: House) -> None:
    home.fastgpt.play(Script(input_tokens=100, output_tokens=7))
    async with client(home) as one:
        asking = asked(stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in await one.chat.completions.create(**asking)]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 107


async def test_the_helper_for_streams_puts_them_together(home: House) -> None:
    async with client(home) as one, one.chat.completions.stream(**asked()) as stream:
        assert (await stream.get_final_completion()).choices[0].message.content == "收到：在吗"


async def test_a_picture_is_passed_on(home: House) -> None:
    home.fastgpt.play(Script(answer="看到 {files}"))
    told = await complete(home, text=pictured("这是什么"))
    assert told_to_service(home) == [("user", pictured("这是什么"))]
    assert (told.choices[0].message.content or "").startswith("看到")


async def test_the_answer_of_one_call_goes_into_the_next(home: House) -> None:
    first = await complete(home)
    async with client(home) as one:
        said = [*asked()["messages"], first.choices[0].message, {"role": "user", "content": "好"}]
        await one.chat.completions.create(model="Sales", messages=said)
    assert told_to_service(home) == [("user", "在吗"), ("assistant", "收到：在吗"), ("user", "好")]


async def test_a_conversation_is_remembered_here(home: House) -> None:
    async with client(home, default_headers={"X-Conversation-Id": "desk-1"}) as one:
        for text in ("我叫小安", "我叫什么"):
            await one.chat.completions.create(**asked(text, user="ann"))
        with pytest.raises(openai.PermissionDeniedError):
            await one.chat.completions.create(**asked("我呢", user="ben"))
    assert [content for _, content in told_to_service(home)] == ["我叫小安", "收到：我叫小安", "我叫什么"]


async def test_a_wrong_key_is_an_authentication_error(home: House) -> None:
    async with client(home, key="qk_nobody") as one:
        with pytest.raises(openai.AuthenticationError) as refused:
            await one.models.list()
    assert (refused.value.code, refused.value.type) == ("invalid_api_key", "invalid_request_error")


async def test_a_role_that_may_not_is_a_permission_error(home: House) -> None:
    made = await home.api.post("/api/v1/keys", {"name": "looks", "role": "viewer"})
    async with client(home, key=made["key"]) as one:
        with pytest.raises(openai.PermissionDeniedError):
            await one.models.list()


async def test_an_unknown_model_is_not_found(home: House) -> None:
    async with client(home) as one:
        with pytest.raises(openai.NotFoundError) as missing:
            await one.chat.completions.create(**asked() | {"model": "gpt-nobody"})
        with pytest.raises(openai.NotFoundError):
            await one.models.retrieve("gpt-nobody")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    assert missing.value.request_id


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"n": 2}, "n"),
        ({"temperature": 7}, "temperature"),
        ({"logprobs": True}, "logprobs"),
        ({"stop": ["。"]}, "stop"),
        ({"messages": []}, "messages"),
    ],
)
async def test_what_is_not_supported_is_a_bad_request_that_names_it(
    home: House, wrong: dict[str, Any], param: str
) -> None:
    before = len(home.fastgpt.ledger)
    async with client(home) as one:
        with pytest.raises(openai.BadRequestError) as refused:
            await one.chat.completions.create(**asked() | wrong)
    assert (refused.value.param, len(home.fastgpt.ledger)) == (param, before)


async def test_too_often_is_a_rate_limit_error_and_is_tried_again_when_we_say(home: House) -> None:
    limit(home, rate=2, burst=1)
    async with client(home) as one:
        await one.models.list()
        with pytest.raises(openai.RateLimitError) as refused:
            await one.models.list()
        assert refused.value.code == "rate_limit_exceeded"
        assert 0 < int(refused.value.response.headers["retry-after-ms"]) <= 500
        again = await one.with_options(max_retries=2).models.with_raw_response.list()
        assert again.retries_taken >= 1


async def test_a_used_up_quota_is_not_tried_again(home: House) -> None:
    async with spent(home), client(home, max_retries=5) as one:
        for stream in (False, True):
            with pytest.raises(openai.RateLimitError) as refused:
                await one.chat.completions.create(**asked(stream=stream))
            assert (refused.value.code, refused.value.type) == ("insufficient_quota", "insufficient_quota")
            assert refused.value.response.headers["x-should-retry"] == "false"
            assert refused.value.response.request.headers["x-stainless-retry-count"] == "0"


async def test_a_service_that_is_away_is_a_server_error(home: House) -> None:
    home.fastgpt.faults.add(Fault(kind=Kind.GATEWAY, path="*/chat/completions", times=1))
    async with client(home) as one:
        with pytest.raises(openai.InternalServerError) as failed:
            await one.chat.completions.create(**asked())
    assert failed.value.type == "api_error"


async def test_a_failure_in_a_stream_is_raised_where_it_is_read(home: House) -> None:
    home.fastgpt.play(Script(mishap="error-mid-stream", error="points"))
    async with client(home) as one:
        stream = await one.chat.completions.create(**asked(stream=True))
        assert (await anext(aiter(stream))).choices[0].delta.role == "assistant"
        with pytest.raises(openai.APIError) as failed:
            _ = [chunk async for chunk in stream]
    assert failed.value.type == "api_error"


async def test_a_stream_that_is_left_frees_its_seat(home: House) -> None:
    home.fastgpt.play(Script(fixed_text="等一下", answer="一二三四五六", chunks=6, chunk_delay_s=1.5))
    async with client(home) as one:
        stream = await one.chat.completions.create(**asked(stream=True))
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        await stream.close()
        await seats_are_free(home)
