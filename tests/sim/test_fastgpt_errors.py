from typing import Any

import pytest

from daemon.codec import parse
from daemon.sim.fastgpt import DEMO_KEY, FastGptSetup
from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from tests.sim.streams import APP, asked, events, fastgpt, streamed

PATH = "/v1/chat/completions"
OLD, NEW = FastGptSetup(profile="legacy"), FastGptSetup()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(("setup", "status"), [(OLD, 500), (NEW, 403)])
async def test_no_key_is_unauthorized(setup: FastGptSetup, status: int) -> None:
    async with fastgpt(setup) as (_, raw):
        none = await raw.post(PATH, asked(), Authorization="")
        bare = await raw.post(PATH, asked(), Authorization=DEMO_KEY)

    expected = {
        "code": 403,
        "statusText": "unAuthorization",
        "message": "common:code_error.error_message.403",
        "data": None,
    }
    assert none == bare == (status, expected)


async def test_an_old_key_has_one_dash_or_two() -> None:
    setup = FastGptSetup(profile="legacy", keys={"fastgpt-a-b-c": APP})
    async with fastgpt(setup) as (_, raw):
        _, document = await raw.post(PATH, asked(), **bearer("fastgpt-a-b-c"))

    assert document["statusText"] == "unAuthorization"


@pytest.mark.parametrize("setup", [OLD, NEW])
async def test_an_unknown_key_is_500_with_a_code_of_its_own(setup: FastGptSetup) -> None:
    async with fastgpt(setup) as (_, raw):
        status, document = await raw.post(PATH, asked(), **bearer("fastgpt-unknown"))

    assert (status, document["code"], document["statusText"]) == (500, 514, "unAuthApiKey")


@pytest.mark.parametrize(("profile", "message"), [("legacy", "Key is error."), ("current", "appId is empty")])
async def test_a_key_of_the_account_needs_an_app(profile: str, message: str) -> None:
    async with fastgpt(FastGptSetup(profile=profile, keys={DEMO_KEY: None})) as (_, raw):
        status, refused = await raw.post(PATH, asked())
        named, _ = await raw.post(PATH, asked(appId=APP))
        suffixed, _ = await raw.post(PATH, asked(), **bearer(f"{DEMO_KEY}-{APP}"))

    assert (status, refused["code"], named, suffixed) == (500, 500, 200, 200)
    assert refused["message"].startswith(message)


async def test_the_new_believe_the_body_and_the_old_the_key() -> None:
    async with fastgpt(NEW) as (_, raw):
        _, new = await raw.post(PATH, asked(appId="f" * 24))
    async with fastgpt(OLD) as (_, raw):
        old, _ = await raw.post(PATH, asked(appId="f" * 24))

    assert (new["code"], new["statusText"], old) == (502000, "appUnExist", 200)


async def test_the_old_say_that_an_app_is_empty() -> None:
    async with fastgpt(FastGptSetup(profile="legacy", keys={DEMO_KEY: "f" * 24})) as (_, raw):
        _, document = await raw.post(PATH, asked())

    assert (document["code"], document["message"]) == (500, "app is empty")


@pytest.mark.parametrize(
    "body", [{"messages": "hello"}, asked(chatId="x" * 1025), asked(variables=[]), asked(stream="yes")]
)
async def test_the_new_check_their_input_and_answer_with_json_even_to_a_stream(body: dict[str, Any]) -> None:
    async with fastgpt() as (_, raw):
        status, document = await raw.post(PATH, {"stream": True, **body})

    assert (status, document["code"], document["message"]) == (400, 400, "Data validation error")
    assert document["zodError"][0]["code"] == "invalid_type"


@pytest.mark.parametrize("setup", [OLD, NEW])
async def test_no_messages_are_refused_by_both(setup: FastGptSetup) -> None:
    async with fastgpt(setup) as (_, raw):
        status, document = await raw.post(PATH, {"messages": []})

    assert (status, document["message"]) == (500, "messages is empty")


@pytest.mark.parametrize("body", [b"[1", {"messages": "hello"}, {"messages": [1], "variables": 3}, []])
async def test_the_old_answer_something_to_any_input(body: Any) -> None:
    async with fastgpt(OLD) as (_, raw):
        assert (await raw.post(PATH, body))[0] in (200, 500)


@pytest.mark.parametrize(
    ("name", "code", "old", "new"),
    [
        ("unauthorized", 403, 500, 403),
        ("unknown-key", 514, 500, 500),
        ("points", 500004, 500, 500),
        ("busy", 504001, 500, 500),
        ("foreign-chat", 504000, 500, 500),
        ("app-missing", 502000, 500, 500),
        ("no-app", 500, 500, 500),
        ("rate", 429, 500, 429),
        ("bad-input", 400, 500, 400),
        ("upstream", 500, 500, 500),
    ],
)
async def test_each_error_has_the_status_of_its_version(name: str, code: int, old: int, new: int) -> None:
    for setup, expected in ((OLD, old), (NEW, new)):
        async with fastgpt(setup) as (sim, raw):
            sim.faults.add(Fault(kind=Kind.ERROR, name=name, path="*/completions"))
            status, document = await raw.post(PATH, asked())

        assert (status, document["code"], document["data"]) == (expected, code, None)


async def test_an_error_before_a_stream_is_200_without_the_type_of_a_stream() -> None:
    async with (
        fastgpt(script=Script(mishap="error-before", error="points")) as (_, raw),
        raw.session.post(raw.url + PATH, json=asked(stream=True), headers=raw.headers) as answer,
    ):
        body = await answer.read()
        kind = answer.headers["Content-Type"]

    assert (answer.status, kind.startswith("text/event-stream")) == (200, False)
    (event,) = events(body)
    assert (event.name, event.data["statusText"]) == ("error", "aiPointsNotEnough")


async def test_the_rate_is_json_even_for_a_stream() -> None:
    async with fastgpt() as (sim, raw):
        sim.faults.add(Fault(kind=Kind.ERROR, name="rate", path="*/completions", times=1))
        status, body = await raw.bytes(PATH, asked(stream=True))
        again = await streamed(raw)

    assert status == 429
    assert parse(body)["message"].endswith("Please try again in 41 seconds.")
    assert len(again) == 5


async def test_an_error_may_have_a_text_of_its_own() -> None:
    async with fastgpt() as (sim, raw):
        text = "Rate limit exceeded. Please try again in 3 seconds."
        sim.faults.add(Fault(kind=Kind.ERROR, name="rate", message=text))

        assert (await raw.post(PATH, asked()))[1]["message"] == text


async def test_a_wrong_key_is_refused_for_records_too() -> None:
    async with fastgpt() as (_, raw):
        raw.headers["Authorization"] = "Bearer fastgpt-unknown"
        rows = await raw.get(f"/core/chat/getResData?appId={APP}&chatId=t-1&dataId=x")
        init = await raw.get(f"/core/chat/init?appId={APP}")
        _, stop = await raw.post("/v2/chat/stop", {"appId": APP, "chatId": "t-1"})

    assert [answer["statusText"] for answer in (rows, init, stop)] == ["unAuthApiKey"] * 3
