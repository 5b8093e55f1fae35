"""/v1 as OpenAI has it, byte for byte where its clients look: chunks, errors, parameters, models."""

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import openai.types.chat.completion_create_params as sdk
import pytest
import pytest_asyncio
from attrs import evolve, fields

from daemon.clock import SystemClock
from daemon.codec import encode, parse
from daemon.limits.keyed import KeyedBuckets
from daemon.net.api.openai_body import PLAIN, PLAIN_ALONE, REFUSED, USED, CompletionBody
from daemon.net.server.ratelimit import PER_SECOND, RateLimits
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY
from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from daemon.sim.openai import DEMO_KEY as OPENAI_KEY
from daemon.sim.openai import DEMO_MODEL, openai_simulator
from tests.flows.house import House, house

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK = "/v1/chat/completions"
PAGE = Path("docs/openai-face.md")
SALES = {"system_prompt": "你是店员。"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("v1"), workflow=SALES) as h:
        yield h


@pytest.fixture
def home(standing: House) -> House:
    standing.fastgpt.play(Script())
    standing.bridge.door.limits = RateLimits({name: KeyedBuckets(1e6, 1e6, SystemClock()) for name in PER_SECOND})
    return standing


def asked(*said: Any, **more: Any) -> dict[str, Any]:
    """A question; a text is the user's."""
    messages = [{"role": "user", "content": one} if isinstance(one, str) else one for one in said or ("在吗",)]
    return {"model": "Sales", "messages": messages, **more}


async def streamed(h: House, **more: Any) -> tuple[Any, str]:
    headers = {"Authorization": f"Bearer {h.api.key}"}
    async with h.api.http.post(h.api.url + ASK, json=asked(stream=True) | more, headers=headers) as answer:
        return answer.headers, (await answer.read()).decode()


def chunks(body: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in body.split("\n\n") if line]
    return [line if line == "[DONE]" else parse(line) for line in lines]


async def refused(h: House, body: Any, **headers: str) -> tuple[int, Any]:
    status, told = await h.api.call("POST", ASK, body, **headers)
    assert set(told) == {"error"}, told
    assert set(told["error"]) == {"message", "type", "param", "code"}
    return status, told["error"]


def to_service(h: House) -> list[tuple[str, Any]]:
    last = h.fastgpt.ledger.of("*/chat/completions")[-1]
    return [(said["role"], said["content"]) for said in last.body["messages"]]


async def workflow(h: House, **changes: Any) -> str:
    body = {"name": "Second", "base_url": h.fastgpt.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
    return str((await h.api.post("/api/v1/workflows", body | changes))["id"])


async def test_a_completion_has_the_shape_of_openais(home: House) -> None:
    home.fastgpt.play(Script(input_tokens=100, output_tokens=7))
    told = await home.api.post(ASK, asked())
    assert told.pop("id").startswith("chatcmpl-")
    assert isinstance(told.pop("created"), int)
    extra = told.pop("qiaod")
    assert told == {
        "object": "chat.completion",
        "model": "Sales",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "收到：在吗", "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107},
    }
    assert set(extra) == {"workflow_id", "degraded", "needs_person", "usage_known", "duration_ms"}


async def test_a_stream_is_framed_as_openai_frames_it(home: House) -> None:
    home.fastgpt.play(Script(answer="你好", chunks=2, input_tokens=9, output_tokens=1))
    headers, body = await streamed(home, stream_options={"include_usage": True})
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert int(headers["OpenAI-Processing-Ms"]) >= 0
    assert headers["X-Request-ID"]
    *told, end, usage, done = chunks(body)
    same = {"id": told[0]["id"], "object": "chat.completion.chunk", "created": told[0]["created"], "model": "Sales"}
    role = {"role": "assistant", "content": "", "refusal": None}
    deltas = [role, {"content": "你"}, {"content": "好"}]
    choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None} for delta in deltas]
    assert told == [same | {"choices": [choice], "usage": None} for choice in choices]
    assert end.pop("qiaod")["workflow_id"] == home.workflow_id
    last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert end == same | {"choices": [last], "usage": None}
    assert usage == same | {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}}
    assert done == "[DONE]"
    assert body.endswith("data: [DONE]\n\n")


async def test_a_stream_names_no_usage_where_nobody_asks(home: House) -> None:
    _, body = await streamed(home)
    assert all("usage" not in chunk for chunk in chunks(body)[:-1])


async def test_what_is_not_told_while_it_is_made_comes_in_one_piece(home: House) -> None:
    whole = await workflow(home, name="Whole", stream=False)
    _, body = await streamed(home, model=whole)
    assert [chunk["choices"][0]["delta"] for chunk in chunks(body)[:-1]] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "收到：在吗"},
        {},
    ]


async def test_quotes_and_line_breaks_stay_in_their_chunk(home: House) -> None:
    home.fastgpt.play(Script(answer='a"b\\\n\ndata: x', chunks=1))
    _, body = await streamed(home)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(body)[:-1]) == 'a"b\\\n\ndata: x'


async def test_instructions_of_the_workflow_come_before_those_of_the_client(home: House) -> None:
    parts = [{"type": "text", "text": "一"}, {"type": "text", "text": "二"}]
    said = [{"role": "developer", "content": "简短。"}, "你好", {"role": "assistant", "content": "您好"}]
    await home.api.post(ASK, asked(*said, {"role": "user", "content": parts}))
    assert to_service(home) == [
        ("system", "你是店员。"),
        ("system", "简短。"),
        ("user", "你好"),
        ("assistant", "您好"),
        ("user", "一\n二"),
    ]


async def test_a_service_that_remembers_by_itself_is_told_all_too(home: House) -> None:
    remembering = await workflow(home, name="Remembering", memory="service")
    await home.api.post(ASK, asked("一", {"role": "assistant", "content": "二"}, "三", model=remembering))
    call = home.fastgpt.ledger.of("*/chat/completions")[-1]
    assert ([content for _, content in to_service(home)], "chatId" in call.body) == (["一", "二", "三"], False)


@pytest.mark.parametrize(
    ("said", "param", "code"),
    [
        ({"role": "tool", "content": "3", "tool_call_id": "c"}, "messages[0].role", "unsupported_value"),
        (
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]},
            "messages[0].tool_calls",
            "unsupported_value",
        ),
        ({"role": "assistant", "content": "您好"}, "messages[0].role", "completion.last"),
        ({"role": "user", "content": "  "}, "messages[0].content", "completion.no_text"),
        ({"role": "user", "content": []}, "messages[0].content", "completion.no_text"),
        ({"role": "user"}, "messages[0].content", "completion.no_text"),
        ({"role": "user", "content": 5}, "messages[0].content", None),
        ({"role": "robot", "content": "x"}, "messages[0].role", None),
        ({"role": "user", "content": [{"text": "x"}]}, "messages[0].content[0].type", None),
    ],
)
async def test_a_message_that_is_not_understood_is_named(home: House, said: Any, param: str, code: str | None) -> None:
    status, error = await refused(home, asked(said))
    assert (status, error["type"], error["param"], error["code"]) == (400, "invalid_request_error", param, code)


IMAGE = {"type": "image_url", "image_url": {"url": "ftp://x/y.png"}}


@pytest.mark.parametrize(
    ("part", "where", "code"),
    [
        ({"type": "file", "file": {"file_id": "f"}}, "type", "unsupported_value"),
        ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, "type", "unsupported_value"),
        ({"type": "text"}, "text", "completion.part_empty"),
        ({"type": "image_url"}, "image_url", "completion.part_empty"),
        (IMAGE, "image_url.url", "invalid_image_url"),
    ],
)
async def test_a_part_that_is_not_understood_is_named(home: House, part: Any, where: str, code: str) -> None:
    status, error = await refused(home, asked({"role": "user", "content": [{"type": "text", "text": "看"}, part]}))
    assert (status, error["param"], error["code"]) == (400, f"messages[0].content[1].{where}", code)


async def test_pictures_are_the_users_alone_and_not_without_number(home: House) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://shop/a.png", "detail": "low"}}
    _, error = await refused(home, asked({"role": "system", "content": [picture]}, "看"))
    assert error["param"] == "messages[0].content"
    _, error = await refused(home, asked({"role": "user", "content": [picture] * 21}))
    assert (error["param"], error["code"]) == ("messages", "completion.many_images")


ASKING = {  # for something, by parameter
    "n": 2,
    "tools": [{"type": "function"}],
    "tool_choice": "required",
    "functions": [{"name": "f"}],
    "function_call": {"name": "f"},
    "logprobs": True,
    "top_logprobs": 3,
    "logit_bias": {"50256": -100},
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "web_search_options": {},
    "moderation": {"model": "m"},
}


@pytest.mark.parametrize("name", [*REFUSED, *PLAIN_ALONE])
async def test_a_parameter_that_would_change_the_answer_is_refused(home: House, name: str) -> None:
    value = ASKING.get(name, {"stop": "。", "response_format": {"type": "json_object"}}.get(name))
    status, error = await refused(home, asked(**{name: value}))
    assert (status, error["param"], error["code"]) == (400, name, "unsupported_parameter")


async def test_what_asks_for_nothing_and_what_is_passed_over_is_taken(home: House) -> None:
    nothing = {name: values[0] for name, values in {**REFUSED, **PLAIN_ALONE}.items() if values}
    over = {"temperature": 0.2, "top_p": 1, "max_tokens": 50, "seed": 1, "reasoning_effort": "low", "store": True}
    metadata = {"metadata": {"a": "b"}, "service_tier": "auto", "parallel_tool_calls": False, "user": ""}
    await home.api.post(ASK, asked(**nothing, **over, **metadata))
    await home.api.post(ASK, asked(**dict.fromkeys(nothing), **dict.fromkeys(over), stream=None, stream_options=None))
    assert home.fastgpt.ledger.of("*/chat/completions")[-1].body.get("temperature") is None


async def test_an_unknown_parameter_is_named(home: House) -> None:
    status, error = await refused(home, asked(frobnicate=1))
    assert (status, error["param"], error["code"]) == (400, "frobnicate", None)
    assert error["message"].startswith("frobnicate: ")


async def test_every_parameter_of_the_sdk_is_known_here() -> None:
    known = {attribute.name for attribute in fields(CompletionBody)}
    assert set(sdk.CompletionCreateParamsBase.__annotations__) <= known


async def test_every_parameter_is_on_the_page_with_what_becomes_of_it() -> None:
    def fate(name: str) -> str:
        listed = {"used": USED, "plain models": PLAIN, "plain models alone": PLAIN_ALONE, "refused": REFUSED}
        return next((word for word, names in listed.items() if name in names), "passed over")

    rows = {tuple(cell.strip() for cell in line.split("|")[1:3]) for line in PAGE.read_text("utf-8").splitlines()}
    wanted = {(f"`{attribute.name}`", fate(attribute.name)) for attribute in fields(CompletionBody)}
    assert wanted <= rows


async def test_models_are_listed_and_found_by_id_and_by_name(home: House) -> None:
    listed = await home.api.get("/v1/models")
    (shown,) = [model for model in listed["data"] if model["id"] == home.workflow_id]
    assert (listed["object"], listed["has_more"]) == ("list", False)
    assert shown == await home.api.get("/v1/models/Sales")
    assert (shown["object"], shown["owned_by"], shown["name"]) == ("model", "fastgpt", "Sales")


async def test_a_name_that_two_have_wants_the_id(home: House) -> None:
    one, _ = [await workflow(home, name="Twin") for _ in range(2)]
    status, error = await refused(home, asked(model="Twin"))
    assert (status, error["param"]) == (400, "model")
    assert (await home.api.post(ASK, asked(model=one)))["model"] == one


async def test_a_key_of_one_account_sees_and_asks_only_what_answers_it(home: House) -> None:
    other = await workflow(home, name="Others")
    key = {"name": "one", "role": "agent", "accounts": [home.account_id]}
    api = evolve(home.api, key=(await home.api.post("/api/v1/keys", key))["key"])
    assert [model["id"] for model in (await api.get("/v1/models"))["data"]] == [home.workflow_id]
    assert (await api.post(ASK, asked()))["choices"]
    for model in (other, "Others", "01a20ab2-0000-7000-8000-000000000000"):
        status, told = await api.call("POST", ASK, asked(model=model))
        assert (status, told["error"]["code"]) == (404, "model_not_found")


async def test_a_fallback_answers_where_nothing_was_said_yet(home: House) -> None:
    second = await workflow(home, name="First", key="fastgpt-nobody", check=False, fallback_id=home.workflow_id)
    for told in (
        (await home.api.post(ASK, asked(model=second)))["qiaod"],
        chunks((await streamed(home, model=second))[1])[-2]["qiaod"],
    ):
        assert (told["degraded"], told["workflow_id"]) == (True, home.workflow_id)


async def test_once_something_was_said_nobody_else_goes_on(home: House) -> None:
    second = await workflow(home, name="Breaks", fallback_id=home.workflow_id)
    home.fastgpt.play(Script(mishap="error-mid-stream", error="points"))
    before = len(home.fastgpt.ledger.of("*/chat/completions"))
    *told, error = chunks((await streamed(home, model=second))[1])
    assert told[-1]["choices"][0]["delta"]["content"]
    assert (error["error"]["type"], error["error"]["code"]) == ("api_error", "fastgpt.no_points")
    assert len(home.fastgpt.ledger.of("*/chat/completions")) == before + 1


async def test_what_fails_before_the_first_word_of_a_stream_has_a_status(home: House) -> None:
    home.fastgpt.play(Script(mishap="error-before", error="points"))
    status, error = await refused(home, asked(stream=True))
    assert (status, error["type"], error["code"]) == (502, "api_error", "fastgpt.no_points")


async def test_a_stored_conversation_counts_the_last_message_and_keeps_the_rest(home: House) -> None:
    mine = {"X-Conversation-Id": "desk-7"}
    await home.api.call("POST", ASK, asked("我叫小安", user="ann"), **mine)
    await home.api.call(
        "POST", ASK, asked("不算", {"role": "assistant", "content": "不算"}, "我是谁", user="ann"), **mine
    )
    assert [content for _, content in to_service(home)] == ["你是店员。", "我叫小安", "收到：我叫小安", "我是谁"]
    kept = await home.api.get("/api/chat/desk-7/history?user_id=ann")
    assert [one["content"] for one in kept["messages"]][-2:] == ["我是谁", "收到：我是谁"]
    status, error = await refused(home, asked(user="ben"), **mine)
    assert (status, error["type"]) == (403, "permission_error")


async def test_a_stored_conversation_is_streamed_and_named_in_the_answer(home: House) -> None:
    headers = {"Authorization": f"Bearer {home.api.key}", "X-Conversation-Id": "desk-8"}
    body = asked(user="ann", stream=True)
    async with home.api.http.post(home.api.url + ASK, json=body, headers=headers) as answer:
        told = chunks((await answer.read()).decode())
        assert (answer.headers["X-Conversation-Id"], told[-1]) == ("desk-8", "[DONE]")
    kept = await home.api.get("/api/chat/desk-8/history?user_id=ann")
    assert len(kept["messages"]) == 2


@pytest.mark.parametrize(
    ("conversation", "user", "param"), [("desk", "", "user"), ("desk", None, "user"), (" ", "a", None)]
)
async def test_a_stored_conversation_wants_a_user_and_a_name(
    home: House, conversation: str, user: str | None, param: str | None
) -> None:
    status, error = await refused(home, asked(user=user), **{"X-Conversation-Id": conversation})
    assert (status, error["param"]) == (400, param)


async def test_a_first_answer_is_given_again_for_the_same_key(home: House) -> None:
    again = {"Idempotency-Key": "same"}
    first, second = [(await home.api.call("POST", ASK, asked(), **again))[1] for _ in range(2)]
    assert first == second


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "unknown_url"),
        ("POST", "/v1/embeddings", 404, "unknown_url"),
        ("GET", ASK, 405, "method_not_supported"),
        ("GET", "/v1/models/gpt-nobody", 404, "model_not_found"),
    ],
)
async def test_below_v1_every_error_is_openais(home: House, method: str, path: str, status: int, code: str) -> None:
    answered, told = await home.api.call(method, path)
    assert (answered, told["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("sent", "kind", "status"),
    [(b"{", "application/json", 400), (b"{}", "text/plain", 415), (b" " * (8 * 2**20 + 1), "application/json", 413)],
)
async def test_a_body_that_is_none_is_told_in_the_same_shape(home: House, sent: bytes, kind: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {home.api.key}", "Content-Type": kind}
    async with home.api.http.post(home.api.url + ASK, data=BytesIO(sent), headers=headers) as answer:
        told = parse(await answer.read())
        assert (answer.status, answer.content_type) == (status, "application/json")
        assert told["error"]["type"] == "invalid_request_error"


async def test_who_is_not_known_and_who_may_not_are_told_so(home: House) -> None:
    viewer = (await home.api.post("/api/v1/keys", {"name": "v", "role": "viewer"}))["key"]
    for key, status, kind, code in (
        ("qk_x", 401, "invalid_request_error", "invalid_api_key"),
        (viewer, 403, "permission_error", "auth.role"),
    ):
        answered, told = await evolve(home.api, key=key).call("POST", ASK, asked())
        assert (answered, told["error"]["type"], told["error"]["code"]) == (status, kind, code)


async def test_too_often_says_when_to_come_back(home: House) -> None:
    home.bridge.door.limits = RateLimits({name: KeyedBuckets(0.1, 1, SystemClock()) for name in PER_SECOND})
    headers = {"Authorization": f"Bearer {home.api.key}"}
    async with home.api.http.get(home.api.url + "/v1/models", headers=headers):
        pass
    async with home.api.http.get(home.api.url + "/v1/models", headers=headers) as answer:
        assert (answer.status, int(answer.headers["Retry-After"]) in (9, 10)) == (429, True)
        assert 8000 < int(answer.headers["Retry-After-Ms"]) <= 10_000
        assert "X-Should-Retry" not in answer.headers
        assert parse(await answer.read())["error"]["code"] == "rate_limit_exceeded"


async def test_a_limit_of_the_service_is_one_of_ours_to_the_client(home: House) -> None:
    home.fastgpt.faults.add(Fault(kind=Kind.STATUS, path="*/chat/completions", status=429, times=1))
    status, error = await refused(home, asked())
    assert (status, error["code"]) == (429, "rate_limit_exceeded")


async def test_what_may_have_happened_is_not_to_be_asked_again(home: House) -> None:
    home.fastgpt.faults.add(Fault(kind=Kind.DROP, path="*/chat/completions", times=1))
    headers = {"Authorization": f"Bearer {home.api.key}"}
    async with home.api.http.post(home.api.url + ASK, json=asked(), headers=headers) as answer:
        told = parse(await answer.read())
        assert (answer.status, answer.headers["X-Should-Retry"], told["error"]["type"]) == (504, "false", "api_error")


async def test_the_errors_elsewhere_are_ours_as_before(home: House) -> None:
    _, told = await home.api.call("POST", "/api/v1/nothing", {})
    assert told["code"] == "http.no_such_route"
    document = await home.api.get("/openapi.json")
    operation = document["paths"][ASK]["post"]["responses"]
    assert operation["400"] == {"$ref": "#/components/responses/OpenAiError"}
    assert set(operation["200"]["content"]) == {"application/json", "text/event-stream"}
    assert encode(document["components"]["schemas"]["OpenAiError"])


async def test_a_plain_model_is_told_the_parameters_that_its_workflow_does_not_set(home: House) -> None:
    async with openai_simulator() as model:
        body = {"provider": "openai", "base_url": model.url, "key": OPENAI_KEY, "model": DEMO_MODEL, "app_id": None}
        plain = await workflow(home, name="Plain", variables={"temperature": 0.1}, **body)
        wanted = {"temperature": 0.9, "max_tokens": 50, "stop": ["。"], "seed": 7}
        told = await home.api.post(ASK, asked(model=plain, **wanted))
        sent = model.ledger.of("*/chat/completions")[-1].body
        assert {name: sent[name] for name in wanted} == {
            "temperature": 0.1,
            "max_tokens": 50,
            "stop": ["。"],
            "seed": 7,
        }
        assert told["qiaod"]["workflow_id"] == plain
        _, streamed_body = await streamed(home, model=plain, stream_options={"include_usage": True})
        assert chunks(streamed_body)[-2]["usage"]["total_tokens"] > 0
