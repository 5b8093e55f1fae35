"""What servers that call themselves OpenAI-compatible do in their own ways, in the bytes they send."""

import gzip
from typing import Any

import pytest
from attrs import evolve

from daemon.codec import encode
from daemon.domain.workflow import Answer, Finish, Usage
from daemon.errors import OutcomeUnknown, RemoteError, RemoteRefused, RemoteUnavailable
from daemon.net.openai.client import OpenAi
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor
from tests.net.loopback import Visit, loopback
from tests.net.openai.asking import HASTY, QUESTION, WORKFLOW

JSON, EVENTS = "Content-Type: application/json\r\n", "Content-Type: text/event-stream\r\n"


async def answered(body: bytes, headers: str, *, status: str = "200 OK", stream: bool = True) -> Answer:
    """What the assistant makes of these bytes."""

    async def says(visit: Visit) -> None:
        await visit.request()
        await visit.answer(body, status, headers)

    async with loopback(says) as server, open_outbound(Redactor()) as outbound:
        workflow = evolve(WORKFLOW, base_url=server.url, stream=stream)
        return await OpenAi(outbound, HASTY).run(workflow, QUESTION)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + encode({"id": "c", "model": "m", "choices": choices, **more}) + b"\n\n"


def entire(content: Any, finish: str = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return encode({"id": "c", "model": "m", "choices": [choice | more], "usage": USED})


USED = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
KNOWN = Usage(input_tokens=9, output_tokens=2, known=True)


async def test_comments_thoughts_and_a_last_chunk_without_choices_are_no_part_of_the_answer() -> None:
    body = (
        b": OPENROUTER PROCESSING\r\n\r\n"
        + chunk(None, prompt_filter_results=[])  # Azure's first
        + chunk({"role": "assistant", "content": None, "reasoning_content": "想"})
        + b": keep-alive\n\n"
        + chunk({"content": "三十"})
        + chunk({"content": "天"}, usage=None)
        + chunk({}, "stop")
        + chunk(None, usage=USED)
    )
    answer = await answered(body, EVENTS)
    assert (answer.text, answer.usage) == ("三十天", KNOWN)


async def test_a_content_in_parts_is_read_in_a_stream_too() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "想"}]}
    body = chunk({"content": [thought]}) + chunk({"content": [{"type": "text", "text": "三十天"}]}) + chunk({}, "stop")
    assert (await answered(body, EVENTS)).text == "三十天"


@pytest.mark.parametrize(
    ("body", "headers", "stream"),
    [(entire("三十天"), JSON, False), (chunk({"content": "三十天"}) + chunk({}, "stop"), EVENTS, True)],
    ids=["whole", "stream"],
)
async def test_what_is_compressed_is_read(body: bytes, headers: str, *, stream: bool) -> None:
    answer = await answered(gzip.compress(body), headers + "Content-Encoding: gzip\r\n", stream=stream)
    assert answer.text == "三十天"


async def test_empty_lines_before_a_whole_answer_only_keep_the_connection() -> None:
    assert (await answered(b"\n\n\n" + entire("三十天"), JSON, stream=False)).text == "三十天"


@pytest.mark.parametrize("reason", ["insufficient_system_resource", "error", "network_error", "abort"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_its_server_gave_up_is_none(reason: str, *, stream: bool) -> None:
    body = chunk({"content": "三"}) + chunk({}, reason, usage=USED) if stream else entire("三", reason)
    with pytest.raises(OutcomeUnknown) as broken:
        await answered(body, EVENTS if stream else JSON, stream=stream)
    assert broken.value.code == "openai.cut"
    assert broken.value.answer.usage == KNOWN


async def test_a_failure_behind_the_one_who_was_asked_is_no_answer() -> None:
    body = entire("", "error", error={"code": 502, "message": "Provider returned error"})
    with pytest.raises(RemoteUnavailable) as failed:
        await answered(body, JSON, stream=False)
    assert failed.value.code == "openai.unavailable"


async def test_a_page_of_a_proxy_is_no_answer_of_the_models() -> None:
    page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
    with pytest.raises(OutcomeUnknown) as failed:
        await answered(page, "Content-Type: text/html\r\n", status="502 Bad Gateway")
    assert failed.value.code == "remote.gateway"


@pytest.mark.parametrize(
    ("reason", "finish"), [("stop", Finish.STOP), ("eos", Finish.STOP), ("model_length", Finish.LENGTH)]
)
async def test_why_it_ends_is_told_in_one_word_for_all(reason: str, finish: Finish) -> None:
    assert (await answered(entire("三十天", reason), JSON, stream=False)).finish is finish


@pytest.mark.parametrize("reason", ["content_filter", "sensitive"])
async def test_what_was_said_before_it_was_held_back_and_what_it_used_is_kept(reason: str) -> None:
    with pytest.raises(RemoteRefused) as held:
        await answered(chunk({"content": "三十"}) + chunk({}, reason) + chunk(None, usage=USED), EVENTS)
    answer = held.value.answer
    assert (answer.text, answer.finish, answer.usage) == ("三十", Finish.FILTERED, KNOWN)


async def test_words_before_a_refusal_in_their_stream_were_paid_for() -> None:
    refusal = b'data: {"error": {"code": "data_inspection_failed", "message": "inappropriate"}}\n\n'
    with pytest.raises(RemoteRefused) as said:
        await answered(chunk({"content": "三十"}) + refusal, EVENTS)
    assert (said.value.answer.text, said.value.answer.finish) == ("三十", Finish.FILTERED)
    with pytest.raises(RemoteRefused) as silent:
        await answered(refusal, EVENTS)
    assert silent.value.answer is None


@pytest.mark.parametrize(
    ("status", "told", "kind", "code"),
    [
        ("429 Too Many Requests", "false", RemoteRefused, "openai.limited"),
        ("500 Internal Server Error", "false", RemoteRefused, "openai.unavailable"),
        ("409 Conflict", "false", RemoteRefused, "openai.unavailable"),
        ("404 Not Found", "true", RemoteUnavailable, "openai.unavailable"),
        ("500 Internal Server Error", "maybe", RemoteUnavailable, "openai.unavailable"),
    ],
)
async def test_whether_to_ask_again_is_the_services_to_say(
    status: str, told: str, kind: type[RemoteError], code: str
) -> None:
    with pytest.raises(RemoteError) as failed:
        await answered(b"{}", f"{JSON}X-Should-Retry: {told}\r\n", status=status)
    assert (type(failed.value), failed.value.code) == (kind, code)
