import base64
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.workflow import Attachment, AttachmentKind, Role, Said
from daemon.net.openai import wire_request
from daemon.secret import Secret
from tests.net.openai.asking import QUESTION, WORKFLOW


def body(*said: Said, variables: dict[str, Any] | None = None, **told: Any) -> dict[str, Any]:
    question = evolve(QUESTION, messages=said, **told) if said else evolve(QUESTION, **told)
    return wire_request.run(evolve(WORKFLOW, variables=variables or {}), question)


def text_file(url: str, name: str = "a.csv") -> Said:
    attachment = Attachment(kind=AttachmentKind.FILE, url=url, name=name)
    return Said(role=Role.USER, text="看看", attachments=(attachment,))


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://api.deepseek.com/v1/chat/completions", "https://api.deepseek.com/v1"),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "https://dashscope.aliyuncs.com/compatible-mode/v1"),
        ("https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4"),
        ("https://ark.cn-beijing.volces.com/api/v3", "https://ark.cn-beijing.volces.com/api/v3"),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        ),
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
    ],
)
def test_the_address_is_taken_with_or_without_its_version(given: str, begins: str) -> None:
    workflow = evolve(WORKFLOW, base_url=given)

    assert wire_request.completions(workflow) == f"{begins}/chat/completions"
    assert wire_request.models(workflow, "m") == f"{begins}/models/m"


@pytest.mark.parametrize(
    ("given", "asked", "header"),
    [
        (
            "https://x.openai.azure.com/openai/deployments/shop?api-version=2024-10-21",
            "https://x.openai.azure.com/openai/deployments/shop/chat/completions?api-version=2024-10-21",
            "api-key",
        ),
        (
            "https://x.openai.azure.com/openai/v1?api-version=preview",
            "https://x.openai.azure.com/openai/v1/chat/completions?api-version=preview",
            "Authorization",
        ),
        (
            "https://models.github.ai/inference/chat/completions",
            "https://models.github.ai/inference/chat/completions",
            "Authorization",
        ),
    ],
)
def test_an_address_of_an_unusual_make_is_taken_as_it_was_copied(given: str, asked: str, header: str) -> None:
    workflow = evolve(WORKFLOW, base_url=given)

    assert wire_request.completions(workflow) == asked
    assert list(wire_request.headers(workflow)) == [header]


def test_without_a_key_nothing_is_said_of_one() -> None:
    assert wire_request.headers(evolve(WORKFLOW, key=Secret(""))) == {}


def test_usage_is_asked_for_in_a_stream_alone() -> None:
    assert body()["stream_options"] == {"include_usage": True}
    assert "stream_options" not in wire_request.run(evolve(WORKFLOW, stream=False), QUESTION)
    assert not wire_request.run(WORKFLOW, QUESTION, bare=True).keys() & {"stream_options", "user"}


def test_end_users_are_told_apart_and_not_named() -> None:
    ours, others = body(), body(user="visitor-78")

    assert "visitor" not in ours["user"]
    assert ours["user"] == body()["user"] != others["user"]


def test_variables_with_the_names_of_parameters_are_parameters() -> None:
    said = body(variables={"temperature": 0.2, "max_tokens": 99, "shop": "鞋店", "top_p": None})

    assert said["temperature"] == 0.2
    assert said["max_tokens"] == 99
    assert not said.keys() & {"shop", "top_p"}


def test_variables_of_the_question_come_before_those_of_the_workflow() -> None:
    question = evolve(QUESTION, variables={"temperature": 1.0})
    assert wire_request.run(evolve(WORKFLOW, variables={"temperature": 0.2}), question)["temperature"] == 1.0


def test_no_variable_takes_the_place_of_the_model_or_the_messages() -> None:
    said = body(variables={"model": "gpt-5", "messages": [], "stream": False, "tools": [1], "n": 9})

    assert said["model"] == WORKFLOW.model
    assert len(said["messages"]) == 1
    assert said["stream"] is True
    assert not said.keys() & {"tools", "n"}


def test_other_variables_fill_the_blanks_of_the_prompt_alone() -> None:
    prompt = Said(role=Role.SYSTEM, text="你是{{shop}}的客服，{{ tone }}；{{missing}} {{temperature}}")
    asked = Said(role=Role.USER, text="{{shop}}？")
    said = body(prompt, asked, variables={"shop": "鞋店", "tone": "要亲切", "temperature": 1})

    assert [message["content"] for message in said["messages"]] == [
        "你是鞋店的客服，要亲切；{{missing}} {{temperature}}",
        "{{shop}}？",
    ]


def test_lines_of_one_speaker_in_a_row_are_told_as_one() -> None:
    lines = [(Role.USER, "在吗"), (Role.USER, "有人吗"), (Role.ASSISTANT, "在"), (Role.USER, "退货")]
    said = body(*(Said(role=role, text=text) for role, text in lines))

    assert said["messages"] == [
        {"role": "user", "content": "在吗\n有人吗"},
        {"role": "assistant", "content": "在"},
        {"role": "user", "content": "退货"},
    ]


def test_pictures_are_parts_beside_the_words() -> None:
    picture = Attachment(kind=AttachmentKind.IMAGE, url="data:image/png;base64,AA==")
    said = body(Said(role=Role.USER, text="这是什么", attachments=(picture,)))

    assert said["messages"][0]["content"] == [
        {"type": "text", "text": "这是什么"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]


def test_a_text_file_is_told_as_its_text() -> None:
    url = "data:text/csv;charset=utf-8;base64," + base64.b64encode("名称,价格".encode()).decode()

    assert body(text_file(url))["messages"][0]["content"] == "看看\n\n【a.csv】\n名称,价格"
    assert "hello world" in body(text_file("data:text/plain,hello%20world"))["messages"][0]["content"]


@pytest.mark.parametrize(
    "url",
    ["https://x.example/a.pdf", "data:application/pdf;base64,AA==", "data:text/plain;base64,!!", "data:text/plain,%ff"],
)
def test_a_file_that_cannot_be_read_is_named_as_such(url: str) -> None:
    assert body(text_file(url, "报价.pdf"))["messages"][0]["content"] == "看看\n\n【报价.pdf】（无法读取内容）"


def test_people_are_shown_of_a_picture_only_that_it_was_there() -> None:
    picture = Attachment(kind=AttachmentKind.IMAGE, url="data:image/png;base64,AA==")
    question = evolve(QUESTION, messages=(Said(role=Role.USER, text="这是什么", attachments=(picture,)),))

    assert wire_request.told(WORKFLOW, question) == [{"role": "user", "content": "这是什么\n[image]"}]


def test_people_are_shown_the_prompt_as_the_model_was_told_it() -> None:
    lines = (Said(role=Role.SYSTEM, text="你是{{shop}}的店员，{{nobody}}"), Said(role=Role.USER, text="{{shop}}在哪"))
    ours, question = evolve(WORKFLOW, variables={"shop": "鞋店"}), evolve(QUESTION, messages=lines)

    shown = wire_request.told(ours, question)

    assert shown == wire_request.run(ours, question)["messages"]
    assert [line["content"] for line in shown] == ["你是鞋店的店员，{{nobody}}", "{{shop}}在哪"]
