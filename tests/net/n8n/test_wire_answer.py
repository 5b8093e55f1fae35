"""Every shape in which a workflow may answer as it should."""

import json
from typing import Any

import pytest

from daemon.domain.webhook_call import WebhookAnswer
from daemon.errors import N8nNonsense
from daemon.net.n8n.classify import body_of
from daemon.net.n8n.extract import usual_text
from daemon.net.n8n.wire_answer import MOST_DATA, whole

JSON, HTML = "application/json; charset=utf-8", "text/html; charset=utf-8"


def read(body: bytes | Any, content_type: str = JSON, *, status: int = 200, path: str = "") -> WebhookAnswer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return whole(status, body_of({"Content-Type": content_type}, raw), path=path, sent={}, clean=str)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"output": "hi", "sessionId": "s1"}, "hi"),
        ({"text": "hi"}, "hi"),
        ({"message": "hi"}, "hi"),
        ({"answer": "hi"}, "hi"),
        ({"response": "hi"}, "hi"),
        ({"output": "", "text": "hi"}, "hi"),
        ({"output": {"answer": "hi", "score": 0.9}}, "hi"),
        ({"json": {"output": "hi"}}, "hi"),
        ([{"output": "hi"}, {"output": "ho"}], "hi"),
        ([{"json": {"text": "hi"}}], "hi"),
        ({"message": {"role": "assistant", "content": "hi"}}, "hi"),
        ({"output": [{"type": "message", "content": [{"type": "output_text", "text": "hi"}]}]}, "hi"),
        ({"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}]}, "hi"),
        ({"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP"}, "hi"),
        ({"output": "hi", "intermediateSteps": [{"action": {"tool": "t"}, "observation": "o"}]}, "hi"),
        ("hi", "hi"),
        (42, "42"),
        ({"output": True}, "true"),
        ({"total": 3}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_text_is_found_in_the_usual_places(body: Any, text: str) -> None:
    answer = read(body)

    assert (answer.text, answer.data, answer.accepted) == (text, body, False)


def test_a_mark_of_the_byte_order_before_a_document_is_no_part_of_it() -> None:
    answer = read(b'\xef\xbb\xbf{"output":"hi"}')

    assert (answer.text, answer.data) == ("hi", {"output": "hi"})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("result.reply", "hi"),
        ("result.list.1.say", "ho"),
        ("result.list", '[{"say":"hu"},{"say":"ho"}]'),
        ("result.n", "5"),
    ],
)
def test_the_text_is_where_the_webhook_says(path: str, text: str) -> None:
    body = {"output": "no", "result": {"reply": "hi", "n": 5, "list": [{"say": "hu"}, {"say": "ho"}]}}

    assert read(body, path=path).text == text


@pytest.mark.parametrize("path", ["result", "output.text", "list.2", "list.x", "list.-1"])
def test_a_place_that_is_not_there_is_told(path: str) -> None:
    with pytest.raises(N8nNonsense) as caught:
        read({"output": "hi", "list": [1, 2]}, path=path)

    assert caught.value.code == "n8n.no_output"


def test_a_property_of_the_last_node_comes_as_html_and_is_the_text() -> None:
    assert read(b"you said: hello", HTML).text == "you said: hello"


def test_a_document_in_a_text_is_read_as_one() -> None:
    answer = read(b'{"output":"hi","queued":true}', HTML)

    assert (answer.text, answer.variables) == ("hi", {"output": "hi", "queued": True})


def test_a_text_that_only_looks_like_a_document_stays_one() -> None:
    assert read(b"[sic] hello", "text/plain").text == "[sic] hello"


@pytest.mark.parametrize("content_type", ["image/png", "", "application/octet-stream"])
def test_bytes_are_told_by_type_and_size(content_type: str) -> None:
    answer = read(b"\x89PNG....", content_type)

    assert (answer.text, answer.data) == ("", {"content_type": content_type, "bytes": 8})


def test_a_run_that_only_began_is_accepted() -> None:
    answer = read({"message": "Workflow was started"}, status=202)

    assert (answer.accepted, answer.text, answer.status) == (True, "", 202)


def test_no_content_said_on_purpose_is_an_answer() -> None:
    assert read(b"", status=204) == WebhookAnswer(text="", status=204)


def test_the_top_fields_are_variables_also_of_the_first_of_several() -> None:
    assert read({"output": "hi", "needHumanTransfer": True}).variables["needHumanTransfer"] is True
    assert read([{"output": "hi", "mood": "bad"}]).variables["mood"] == "bad"


def test_an_answer_that_is_too_long_keeps_its_text_and_is_shortened() -> None:
    answer = read({"output": "hi", "rest": "x" * (MOST_DATA + 1)})

    assert answer.text == "hi"
    assert len(json.dumps(answer.data)) < MOST_DATA


def test_nothing_is_looked_for_without_end() -> None:
    deep: Any = "hi"
    for _ in range(100):
        deep = {"output": deep}

    assert usual_text(deep) == ""
