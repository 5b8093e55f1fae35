"""The assistant and the desk against every make of server that the simulator can be."""

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.checkup import CheckOutcome, CheckStep
from daemon.domain.workflow import Attachment, AttachmentKind, NodeBegun, Role, Said, Usage
from daemon.errors import (
    NotSupported,
    OutcomeUnknown,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.openai.client import Patience
from daemon.secret import Secret
from daemon.sim.faults import Fault, Kind
from daemon.sim.ledger import Outcome
from daemon.sim.openai import COMPLETIONS, DEMO_KEY, DEMO_MODEL, OpenAiSetup
from daemon.sim.openai_script import PROFILES, Mishap, Script
from daemon.sim.pictures import png
from tests.net.openai.asking import ASKED, QUESTION, openai

CHINESE = "您好，未穿过的鞋可以在三十天内退货。"
SCRIPT = Script(answer=CHINESE, chunks=9, input_tokens=1286, output_tokens=74)
WAYS = [(profile, stream) for profile in PROFILES for stream in (True, False)]
TELLING = {"openai", "last-chunk", "null-choices"}


@pytest.mark.parametrize(("profile", "stream"), WAYS)
async def test_every_make_answers_and_tells_its_usage_where_it_can(profile: str, stream: bool) -> None:
    async with openai(OpenAiSetup(profile=profile), script=SCRIPT) as here:
        answer = await here.asked(stream=stream)

    assert answer.text == CHINESE
    known = Usage(input_tokens=1286, output_tokens=74, known=True)
    assert answer.usage == (known if profile in TELLING or not stream else Usage())
    (node,) = answer.nodes
    assert (node.kind, node.model, node.failed, node.output) == ("llm", DEMO_MODEL, False, CHINESE)
    assert node.input == [{"role": "user", "content": ASKED}]


async def test_its_text_is_heard_as_it_is_made() -> None:
    steps = list[NodeBegun]()
    async with openai(script=evolve(SCRIPT, split_bytes=7)) as here:
        answer, texts = await here.heard()
        await here.assistant.run(here.workflow, QUESTION, on_node=steps.append)

    assert len(texts) == 9
    assert "".join(texts) == answer.text == CHINESE
    assert steps == [NodeBegun(name=DEMO_MODEL, kind="llm")]


async def test_a_server_that_refuses_to_tell_usage_is_asked_without_and_remembered() -> None:
    async with openai(OpenAiSetup(profile="older"), script=SCRIPT) as here:
        first, second = await here.asked(), await here.asked()

    assert first.text == second.text == CHINESE
    assert ["stream_options" in body for body in here.sim.asked] == [True, False, False]
    assert "user" not in here.sim.asked[1]


async def test_a_request_that_is_wrong_in_itself_is_tried_once_more_and_not_remembered() -> None:
    async with openai(script=SCRIPT) as here:
        here.sim.faults.add(Fault(kind=Kind.ERROR, name="bad-request", path=COMPLETIONS, times=2))
        with pytest.raises(RemoteRefused) as refusal:
            await here.asked()
        await here.asked()

    assert refusal.value.code == "openai.bad_request"
    assert "stream_options" in here.sim.asked[2]


async def test_thoughts_are_not_part_of_the_answer() -> None:
    async with openai(script=Script(answer="<think>想一想</think>\n\n七天", reasoning="想", chunks=9)) as here:
        streamed, texts = await here.heard()
        plain = await here.asked(stream=False)

    assert streamed.text == plain.text == "".join(texts) == "七天"


async def test_a_refusal_is_what_the_model_has_to_say() -> None:
    async with openai(script=Script(refusal="这个我不能回答。")) as here:
        streamed, texts = await here.heard()
        plain = await here.asked(stream=False)

    assert streamed.text == plain.text == "".join(texts) == "这个我不能回答。"


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_cut_at_its_most_tokens_is_kept_and_its_node_says_so(stream: bool) -> None:
    async with openai(script=SCRIPT) as here:
        answer = await here.asked(stream=stream, variables={"max_tokens": 2})

    assert answer.text == CHINESE[:4]
    assert answer.nodes[0].error == "openai.cut_short"
    assert not answer.nodes[0].failed


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        (Script(answer="一部分", finish="content_filter"), RemoteRefused, "openai.filtered"),
        (Script(answer="<think>想", finish="length"), RemoteRefused, "openai.cut_short"),
        (Script(answer="", finish="tool_calls"), RemoteNonsense, "openai.empty"),
        (Script(answer="  "), RemoteNonsense, "openai.empty"),
    ],
    ids=lambda value: str(value)[-30:],
)
async def test_what_is_no_answer_is_an_error_with_its_node(
    script: Script, kind: type[RemoteError], code: str, stream: bool
) -> None:
    async with openai(script=script) as here:
        with pytest.raises(RemoteError) as error:
            await here.asked(stream=stream)

    assert type(error.value) is kind
    assert error.value.code == code
    assert error.value.nodes[0].failed


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("no-key", RemoteUnauthorized, "openai.unauthorized"),
        ("wrong-key", RemoteUnauthorized, "openai.unauthorized"),
        ("no-balance", RemoteRefused, "openai.no_credit"),
        ("region", RemoteRefused, "openai.forbidden"),
        ("no-model", RemoteRefused, "openai.no_model"),
        ("too-long", RemoteRefused, "openai.too_long"),
        ("too-large", RemoteRefused, "openai.too_long"),
        ("unprocessable", RemoteRefused, "openai.bad_request"),
        ("filtered", RemoteRefused, "openai.filtered"),
        ("no-credit", RemoteRefused, "openai.no_credit"),
        ("timeout", RemoteUnavailable, "openai.unavailable"),
        ("conflict", RemoteUnavailable, "openai.unavailable"),
        ("server", RemoteUnavailable, "openai.unavailable"),
        ("overloaded", RemoteUnavailable, "openai.unavailable"),
    ],
)
async def test_each_error_means_what_it_means(name: str, kind: type[RemoteError], code: str, stream: bool) -> None:
    async with openai() as here:
        here.sim.faults.add(Fault(kind=Kind.ERROR, name=name))
        with pytest.raises(RemoteError) as error:
            await here.asked(stream=stream)

    assert type(error.value) is kind
    assert error.value.code == code


async def test_past_its_limit_the_service_says_when_it_may_be_asked_again() -> None:
    async with openai(OpenAiSetup(requests_per_minute=1)) as here:
        await here.asked()
        with pytest.raises(RemoteLimited) as limit:
            await here.asked()

    assert limit.value.retry_after is not None
    assert timedelta(seconds=50) < limit.value.retry_after <= timedelta(seconds=60)


async def test_an_error_after_the_first_words_was_paid_for() -> None:
    async with openai(script=evolve(SCRIPT, mishap="error-mid-stream", error="overloaded")) as here:
        with pytest.raises(OutcomeUnknown) as error:
            await here.asked()

    assert error.value.code == "openai.unavailable"


@pytest.mark.parametrize("mishap", ["cut", "ends-early"])
async def test_an_answer_that_breaks_off_is_no_answer(mishap: Mishap) -> None:
    script = evolve(SCRIPT, mishap=mishap, chunk_delay_s=0.001)
    async with openai(script=script) as here:
        with pytest.raises(OutcomeUnknown) as error:
            await here.asked()

    assert error.value.code == "openai.cut"


async def test_an_answer_is_whole_without_the_last_word() -> None:
    async with openai(script=evolve(SCRIPT, mishap="no-done")) as here:
        answer = await here.asked()

    assert answer.text == CHINESE
    assert answer.usage.known


@pytest.mark.parametrize("body", ["<html>", "{", "[]", '{"choices": 5}', '{"choices": [null]}', ""])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "text/html"])
async def test_nonsense_is_no_answer(body: str, kind: str) -> None:
    async with openai() as here:
        here.sim.faults.add(Fault(kind=Kind.STATUS, status=200, body=body, content_type=kind))
        with pytest.raises((RemoteNonsense, OutcomeUnknown)):
            await here.asked()


async def test_a_server_that_does_not_stream_is_understood() -> None:
    whole = '{"choices":[{"message":{"content":[{"type":"text","text":"七天"}]},"finish_reason":"stop"}]}'
    async with openai() as here:
        here.sim.faults.add(Fault(kind=Kind.STATUS, status=200, body=whole, content_type="application/json"))
        answer = await here.asked()

    assert answer.text == "七天"
    assert not answer.usage.known


async def test_a_silent_service_is_left_in_time() -> None:
    patience = Patience(first_byte=timedelta(milliseconds=50))
    async with openai(script=evolve(SCRIPT, delay_s=60), patience=patience) as here:
        with pytest.raises(OutcomeUnknown) as error:
            await here.asked()

    assert error.value.code == "remote.timeout"


async def test_nobody_there_is_surely_nothing_done() -> None:
    async with openai() as here:
        with pytest.raises(RemoteUnavailable):
            await here.asked(base_url="http://127.0.0.1:9")


async def test_a_run_that_is_cancelled_stops_there() -> None:
    async with openai(script=evolve(SCRIPT, chunk_delay_s=60)) as here:
        asking = asyncio.create_task(here.asked())
        await here.sim.ledger.wait_for(COMPLETIONS)
        asking.cancel()
        (entry,) = await here.sim.ledger.wait_for(COMPLETIONS, ended=True)

    assert entry.outcome is Outcome.ABORTED


async def test_the_key_is_never_in_the_words_of_an_error() -> None:
    async with openai() as here:
        told = f"Incorrect API key provided: {DEMO_KEY}"
        here.sim.faults.add(Fault(kind=Kind.ERROR, name="wrong-key", message=told, path="*"))
        with pytest.raises(RemoteUnauthorized) as error:
            await here.asked()
        findings = await here.desk.check(here.workflow, run=False, name="")

    assert DEMO_KEY not in str(error.value) + error.value.detail + str(findings)
    assert "Incorrect API key" in error.value.detail


async def test_a_picture_is_seen() -> None:
    picture = Attachment(kind=AttachmentKind.IMAGE, url="data:image/png;base64," + base64.b64encode(png(3, 2)).decode())
    question = evolve(QUESTION, messages=(Said(role=Role.USER, text="这是什么", attachments=(picture,)),))
    async with openai(script=Script(answer="我看到 {files}")) as here:
        answer = await here.asked(question)

    assert "image/png 3×2" in answer.text
    assert "base64" not in str(answer.nodes[0].input)


async def test_nothing_can_be_looked_up_later() -> None:
    async with openai() as here:
        assert await here.assistant.recover(here.workflow, QUESTION) is None


async def test_a_check_goes_step_by_step() -> None:
    async with openai() as here:
        looked = await here.desk.check(here.workflow, run=False, name="")
        ran = await here.desk.check(here.workflow, run=True, name="check-1")

    assert [(one.step, one.found) for one in looked] == [
        (CheckStep.CONNECT, CheckOutcome.OK),
        (CheckStep.KEY, CheckOutcome.OK),
        (CheckStep.MODEL, CheckOutcome.OK),
        (CheckStep.RUN, CheckOutcome.SKIPPED),
    ]
    assert ran[3].found is CheckOutcome.OK
    assert len(here.sim.asked) == 1


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"key": Secret("sk-somebodyelses000000")}, CheckStep.KEY),
        ({"key": Secret("")}, CheckStep.KEY),
        ({"model": "gpt-0"}, CheckStep.MODEL),
        ({"base_url": "http://127.0.0.1:9"}, CheckStep.CONNECT),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_check_names_the_step_that_failed(changes: dict[str, Any], step: CheckStep) -> None:
    async with openai() as here:
        findings = await here.desk.check(evolve(here.workflow, **changes), run=True, name="check-1")

    assert [one.step for one in findings if one.found is CheckOutcome.FAILED] == [step]
    assert not here.sim.asked


async def test_a_server_without_a_list_of_models_is_not_failed() -> None:
    async with openai(OpenAiSetup(profile="local")) as here:
        findings = await here.desk.check(evolve(here.workflow, key=Secret("")), run=False, name="")

    assert [one.found for one in findings] == [CheckOutcome.OK, *[CheckOutcome.SKIPPED] * 3]


async def test_a_model_with_a_tag_is_known_without_it() -> None:
    async with openai(OpenAiSetup(models=("llama3:latest",))) as here:
        findings = await here.desk.check(evolve(here.workflow, model="llama3"), run=False, name="")

    assert findings[2].found is CheckOutcome.OK


async def test_there_are_no_chats_to_look_through() -> None:
    async with openai() as here:
        with pytest.raises(NotSupported):
            await here.desk.chats(here.workflow, offset=0, limit=10)
