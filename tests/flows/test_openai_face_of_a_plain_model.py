"""/v1 before a plain model: how its answers end, what they cost, what its refusals come to, and hanging up."""

import asyncio
from collections.abc import AsyncIterator, Mapping, MutableMapping
from typing import Any

import openai
import pytest
import pytest_asyncio
from attrs import define
from pydantic import BaseModel
from structlog.testing import capture_logs

from daemon.clock import SystemClock
from daemon.domain.workflow import Provider
from daemon.limits.keyed import KeyedBuckets
from daemon.net.server.ratelimit import PER_SECOND, RateLimits
from daemon.sim.faults import Fault, Kind
from daemon.sim.ledger import Outcome
from daemon.sim.openai import COMPLETIONS, DEMO_KEY, DEMO_MODEL, OpenAiSimulator, openai_simulator
from daemon.sim.openai_script import Script
from tests.flows.house import House, house
from tests.flows.test_openai_face import ASK, chunks, streamed

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAID = "三十天内可以退货"


@define
class Plain:
    """The house, and a plain model behind one of its workflows."""

    house: House
    model: OpenAiSimulator
    workflow_id: str

    def asked(self, content: Any = "在吗", **more: Any) -> dict[str, Any]:
        return {"model": self.workflow_id, "messages": [{"role": "user", "content": content}], **more}

    async def told(self, **more: Any) -> Any:
        return await self.house.api.post(ASK, self.asked(**more))

    async def refused(self, content: Any = "在吗", **more: Any) -> tuple[int, Any]:
        status, told = await self.house.api.call("POST", ASK, self.asked(content, **more))
        return status, told["error"]

    async def charge(self) -> tuple[str, bool, int]:
        """The latest: its state, whether its use is known, and the tokens answered."""
        found = await self.house.api.get(f"/api/v1/costs/records?workflow_id={self.workflow_id}&limit=1")
        last = found["data"][0]
        return last["state"], last["usage_known"], last["output_tokens"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plain]:
    async with openai_simulator() as model, house(tmp_path_factory.mktemp("plain")) as h:
        body = {"name": "Plain", "provider": "openai", "base_url": model.url, "key": DEMO_KEY, "model": DEMO_MODEL}
        workflow = await h.api.post("/api/v1/workflows", body)
        yield Plain(h, model, workflow["id"])


@pytest.fixture
def plain(standing: Plain) -> Plain:
    standing.model.play(Script(answer=SAID, chunks=2, output_tokens=4))
    standing.model.faults.clear()
    limits = RateLimits({name: KeyedBuckets(1e6, 1e6, SystemClock()) for name in PER_SECOND})
    standing.house.bridge.door.limits = limits
    return standing


ENDS = [
    (Script(answer=SAID, output_tokens=4), {"max_tokens": 2}, "length", SAID[:4]),
    (Script(answer=SAID, output_tokens=4, finish="content_filter"), {}, "content_filter", SAID),
    (Script(answer="", output_tokens=4, finish="length"), {}, "length", ""),
]


@pytest.mark.parametrize(("script", "more", "finish", "text"), ENDS)
async def test_why_an_answer_ends_is_handed_on_and_its_tokens_are_counted(
    plain: Plain, script: Script, more: dict[str, Any], finish: str, text: str
) -> None:
    plain.model.play(script)
    told = await plain.told(**more)
    (choice,) = told["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == (finish, text)
    assert (told["qiaod"]["workflow_id"], told["usage"]["completion_tokens"]) == (plain.workflow_id, 4)
    assert await plain.charge() == ("settled", True, 4)


@pytest.mark.parametrize(("script", "more", "finish", "text"), ENDS)
async def test_a_stream_says_so_in_its_last_choice(
    plain: Plain, script: Script, more: dict[str, Any], finish: str, text: str
) -> None:
    plain.model.play(script)
    usage = {"stream_options": {"include_usage": True}}
    *told, last, used, done = chunks((await streamed(plain.house, **plain.asked(**more), **usage))[1])
    assert "".join(one["choices"][0]["delta"].get("content", "") for one in told) == text
    assert (last["choices"][0]["finish_reason"], used["usage"]["completion_tokens"], done) == (finish, 4, "[DONE]")
    assert await plain.charge() == ("settled", True, 4)


class Returns(BaseModel):
    days: int


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (Script(answer='{"days"', finish="length"), openai.LengthFinishReasonError),
        (Script(answer='{"days"', finish="content_filter"), openai.ContentFilterFinishReasonError),
    ],
)
async def test_the_sdk_does_not_take_half_a_document_for_a_whole_one(
    plain: Plain, script: Script, kind: type[openai.OpenAIError]
) -> None:
    plain.model.play(script)
    async with openai.AsyncOpenAI(base_url=plain.house.api.url + "/v1", api_key=plain.house.api.key) as sdk:
        with pytest.raises(kind):
            await sdk.chat.completions.parse(**plain.asked(), response_format=Returns)
        with pytest.raises(kind):
            async with sdk.chat.completions.stream(**plain.asked(), response_format=Returns) as stream:
                await stream.until_done()


async def test_what_said_nothing_was_paid_for_too(plain: Plain) -> None:
    plain.model.play(Script(answer="", output_tokens=4))
    status, error = await plain.refused()
    assert (status, error["code"]) == (502, "openai.empty")
    assert await plain.charge() == ("settled", True, 4)


async def test_a_fallback_is_asked_before_an_answer_that_was_held_back_is_given(plain: Plain) -> None:
    plain.model.play(Script(answer=SAID, finish="content_filter"))
    path = f"/api/v1/workflows/{plain.workflow_id}"
    body = {"name": "Plain", "provider": "openai", "base_url": plain.model.url, "model": DEMO_MODEL}
    await plain.house.api.call("PUT", path, body | {"fallback_id": plain.house.workflow_id})
    try:
        told = await plain.told()
    finally:
        await plain.house.api.call("PUT", path, body)
    assert (told["qiaod"]["degraded"], told["choices"][0]["finish_reason"]) == (True, "stop")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("too-long", "context_length_exceeded", "8192 tokens"),
        ("filtered", "content_filter", "content management policy"),
        ("bad-request", "openai.bad_request", "expected a list"),
    ],
)
async def test_what_the_model_does_not_take_is_a_bad_request(
    plain: Plain, fault: str, code: str, words: str, *, stream: bool
) -> None:
    plain.model.faults.add(Fault(kind=Kind.ERROR, name=fault, path=COMPLETIONS))
    status, error = await plain.refused(stream=stream)
    assert (status, error["type"], error["code"]) == (400, "invalid_request_error", code)
    assert words in error["message"]


async def test_what_is_wrong_with_the_workflow_is_not_the_callers_fault(plain: Plain) -> None:
    for fault in ("no-credit", "region", "no-model"):
        number = plain.model.faults.add(Fault(kind=Kind.ERROR, name=fault, path=COMPLETIONS))
        status, error = await plain.refused()
        plain.model.faults.remove(number)
        assert (status, error["type"]) == (502, "api_error")


def told(lines: list[MutableMapping[str, Any]]) -> set[str]:
    return {line["event"] for line in lines if line["event"].startswith("http.")}


async def hangs_up(plain: Plain, headers: Mapping[str, str], *, stream: bool = False) -> None:
    """Asks, and leaves once the model is at work."""
    before = len(plain.model.asked)
    asking = asyncio.create_task(plain.house.api.call("POST", ASK, plain.asked(stream=stream), **headers))
    await plain.model.ledger.wait_for(COMPLETIONS, before + 1)
    asking.cancel()
    await asyncio.wait([asking])


@pytest.mark.parametrize("stream", [True, False])
async def test_who_hangs_up_ends_the_run(plain: Plain, *, stream: bool) -> None:
    plain.model.play(Script(delay_s=60))
    before = len(plain.model.asked)
    with capture_logs() as lines:
        await hangs_up(plain, {}, stream=stream)
        async with asyncio.timeout(5):
            while plain.house.bridge.engine.pools[Provider.OPENAI].in_flight or not told(lines):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert told(lines) == {"http.abandoned"}
    ended = await plain.model.ledger.wait_for(COMPLETIONS, before + 1, ended=True)
    assert ended[-1].outcome is Outcome.ABORTED


async def test_who_can_come_back_for_the_answer_finds_it(plain: Plain) -> None:
    plain.model.play(Script(answer=SAID, delay_s=0.8))
    again = {"Idempotency-Key": "comes back"}
    before = len(plain.model.asked)
    await hangs_up(plain, again)
    await plain.model.ledger.wait_for(COMPLETIONS, before + 1, ended=True)
    async with asyncio.timeout(5):
        while (await plain.house.api.call("POST", ASK, plain.asked(stream=False), **again))[0] == 409:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    status, told = await plain.house.api.call("POST", ASK, plain.asked(stream=False), **again)
    assert (status, told["choices"][0]["message"]["content"]) == (200, SAID)
    assert len(plain.model.asked) == before + 1


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_most_tokens_go_by_one_name(plain: Plain, name: str) -> None:
    body = {"name": "Brief", "provider": "openai", "base_url": plain.model.url, "key": DEMO_KEY, "model": DEMO_MODEL}
    brief = await plain.house.api.post("/api/v1/workflows", body | {"variables": {"max_tokens": 3}})
    await plain.house.api.post(ASK, plain.asked(**{name: 50}) | {"model": brief["id"]})
    sent = plain.model.asked[-1]
    assert {key: value for key, value in sent.items() if key.startswith("max_")} == {"max_tokens": 3}


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("data:image/png;base64,", "invalid_base64_image"),
        ("data:image/png;base64,****", "invalid_base64_image"),
        ("data:image/png;base64,图", "invalid_base64_image"),
        ("data:image/svg+xml;base64,PHN2Zy8+", "invalid_image_format"),
        ("data:image/png,abc", "invalid_image_url"),
        ("data:text/plain;base64,YQ==", "invalid_image_url"),
        ("file:///etc/passwd", "invalid_image_url"),
    ],
)
async def test_a_picture_that_is_none_is_refused_before_the_model_is_asked(plain: Plain, url: str, code: str) -> None:
    before = len(plain.model.asked)
    status, error = await plain.refused([{"type": "image_url", "image_url": {"url": url}}])
    assert (status, error["code"], error["param"]) == (400, code, "messages[0].content[0].image_url.url")
    assert len(plain.model.asked) == before
