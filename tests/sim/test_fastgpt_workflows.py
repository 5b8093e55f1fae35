import base64
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from daemon.codec import encode_text, parse
from daemon.sim.fastgpt_script import Script
from daemon.sim.fastgpt_scripts import asks_choice, asks_form, form_field, judges
from daemon.sim.pictures import jpeg, pdf, png
from daemon.sim.server import serving
from tests.sim.streams import asked, events, fastgpt, names, streamed, text
from tests.sim.wires import Raw

CHOICE = asks_choice("要退款还是换货？", "退款", "换货", branches={"退款": "马上退", "换货": "马上换"})
FORM = asks_form(
    "订单信息",
    form_field("orderNo", "单号", maxLength=40),
    form_field("qty", "双数", kind="numberInput", required=False, min=1, max=9),
    form_field("size", "尺码", kind="select", options=("41", "42")),
)


async def said(raw: Raw, words: Any, **more: Any) -> Any:
    body = {**asked(detail=True, **more), "messages": [{"role": "user", "content": words}]}
    status, document = await raw.post("/v1/chat/completions", body)
    assert status == 200
    return document["choices"][0]["message"]["content"]


async def test_a_choice_goes_on_by_the_exact_words_of_an_option() -> None:
    async with fastgpt(script=CHOICE) as (_, raw):
        (paused,) = await said(raw, "鞋子小了")
        answer = await said(raw, "换货")

    params = paused["interactive"]["params"]
    assert [option["value"] for option in params["userSelectOptions"]] == ["退款", "换货"]
    assert answer == "马上换"


async def test_a_choice_of_nothing_known_ends_empty_and_is_used_up() -> None:
    async with fastgpt(script=CHOICE) as (_, raw):
        await said(raw, "鞋子小了")
        nothing = await said(raw, "都不要")
        (paused,) = await said(raw, "那退款")

    assert nothing == ""
    assert paused["interactive"]["type"] == "userSelect"


async def test_a_choice_is_streamed_as_an_event_and_resumed_as_text() -> None:
    async with fastgpt(script=CHOICE) as (_, raw):
        first = await streamed(raw, detail=True)
        body = {**asked(detail=True, stream=True), "messages": [{"role": "user", "content": "退款"}]}
        _, second = await raw.bytes("/v1/chat/completions", body)

    assert "interactive" in names(first)
    shown = next(event.data["interactive"] for event in first if event.name == "interactive")
    assert {"type", "params", "entryNodeIds", "memoryEdges"} <= set(shown)
    assert text(events(second)) == "马上退"


async def test_a_form_of_several_fields_is_filled_in_with_one_json_text() -> None:
    async with fastgpt(script=FORM) as (_, raw):
        (paused,) = await said(raw, "换货")
        answer = await said(raw, encode_text({"orderNo": "A-5512", "qty": 1, "size": "42"}))

    fields = paused["interactive"]["params"]["inputForm"]
    assert [(field["type"], field["key"], field["required"]) for field in fields] == [
        ("input", "orderNo", True),
        ("numberInput", "qty", False),
        ("select", "size", True),
    ]
    assert [option["value"] for option in fields[2]["list"]] == ["41", "42"]
    assert answer == "已登记：单号 A-5512，双数 1，尺码 42"


async def test_a_picture_by_data_uri_is_described() -> None:
    uri = "data:image/png;base64," + base64.b64encode(png(30, 20)).decode()
    parts = [{"type": "text", "text": "这是什么"}, {"type": "image_url", "image_url": {"url": uri}}]
    async with fastgpt() as (_, raw):
        answer = await said(raw, parts)

    assert answer == f"收到：这是什么\n[图片 image/png 30×20 {len(png(30, 20))} 字节]"


async def test_a_picture_and_a_file_by_url_are_truly_fetched() -> None:
    taken: list[str] = []

    async def give(request: web.Request) -> web.Response:
        taken.append(request.path)
        return web.Response(body=jpeg(64, 48) if request.path == "/a.jpg" else pdf())

    app = web.Application()
    app.add_routes([web.get("/{name}", give)])
    async with serving(app) as url, fastgpt(script=Script(answer="我看到{files}")) as (_, raw):
        picture = {"type": "image_url", "image_url": {"url": f"{url}/a.jpg"}}
        file = {"type": "file_url", "name": "报价单.pdf", "url": f"{url}/b.pdf"}
        answer = await said(raw, [picture, file])

    assert sorted(taken) == ["/a.jpg", "/b.pdf"]
    assert "图片 image/jpeg 64×48" in answer
    assert "文件 报价单.pdf application/pdf" in answer


@pytest.mark.parametrize("uri", ["data:image/png;base64,!!!", "data:image/png"])
async def test_a_picture_that_cannot_be_had_is_said_to_be_missing(uri: str) -> None:
    async with fastgpt() as (_, raw):
        answer = await said(raw, [{"type": "image_url", "image_url": {"url": uri}}])

    assert "图片 取不到" in answer


async def test_an_app_judges_in_json_and_once_not() -> None:
    labels = {"complaint": ["投诉", "差评"], "order": ["下单"]}
    async with fastgpt(script=judges(labels, otherwise="chat", after="客户说：")) as (sim, raw):
        sim.misjudge(times=1)
        first = await said(raw, "标签：投诉、下单。客户说：我要下单")
        second = parse((await said(raw, "标签：投诉、下单。客户说：我要下单")).encode())
        third = parse((await said(raw, "标签：投诉、下单。客户说：你好")).encode())

    assert not first.startswith("{")
    assert (second["label"], second["confidence"]) == ("order", 0.92)
    assert set(second) == {"label", "confidence", "reason"}
    assert third["label"] == "chat"


async def test_a_script_from_outside_may_judge_and_branch() -> None:
    async with fastgpt() as (sim, raw), aiohttp.ClientSession() as session:
        script = {"judging": {"labels": {"angry": ["气"]}}}
        async with session.post(f"{sim.url}/_sim/script", data=encode_text({"script": script})) as answer:
            assert answer.status == 200
        judged = parse((await said(raw, "气死我了")).encode())

    assert judged["label"] == "angry"
