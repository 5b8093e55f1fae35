"""Streamed answers: lines in any order and of any groups, heard live as they are answered in the end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.webhook_call import WebhookAnswer
from daemon.errors import N8nNonsense, N8nRan
from daemon.net.n8n.stream import BETWEEN, Ears, Listener, line_of


def line(kind: str, group: int = 0, *, run: int = 0, node: str = "AI Agent", **more: Any) -> dict[str, Any]:
    metadata = {"nodeId": "n1", "nodeName": node, "itemIndex": group, "runIndex": run}
    return {"type": kind, **more, "metadata": metadata}


def said(*pieces: str, group: int = 0, run: int = 0) -> list[dict[str, Any]]:
    items = [line("item", group, run=run, content=piece) for piece in pieces]
    return [line("begin", group, run=run), *items, line("end", group, run=run)]


def heard(lines: list[dict[str, Any]], path: str = "") -> tuple[WebhookAnswer, str, list[str]]:
    """The answer, what was heard of it live, and the nodes that were."""
    live: list[str] = []
    nodes: list[str] = []
    listener = Listener(path, str, Ears(live.append, lambda node: nodes.append(node.name)))
    for one in lines:
        listener.take(one)
    return listener.answer(200), "".join(live), nodes


def test_pieces_are_heard_as_they_come() -> None:
    live: list[str] = []
    listener = Listener("", str, Ears(live.append))
    for one in said("You ", "said: ", "hello")[:3]:
        listener.take(one)

    assert live == ["You ", "said: "]


def test_a_tool_call_makes_an_empty_group_that_says_nothing() -> None:
    answer, live, nodes = heard([line("begin"), line("end"), {"type": "keepalive"}, *said("hi", run=1)])

    assert (answer.text, answer.data, live, nodes) == ("hi", "hi", "hi", ["AI Agent", "AI Agent"])


def test_several_items_are_several_texts() -> None:
    answer, live, _ = heard([*said("one", group=0), *said("two", group=1)])

    assert answer.text == live == f"one{BETWEEN}two"
    assert answer.data == ["one", "two"]


def test_a_respond_node_writes_its_item_as_a_text() -> None:
    item = json.dumps({"output": "hi", "mood": "good"})
    answer, live, _ = heard(said(item[:7], item[7:]))

    assert (answer.text, live, answer.variables["mood"]) == ("hi", "hi", "good")


def test_the_place_of_the_text_counts_in_documents_alone() -> None:
    assert heard(said(json.dumps({"a": {"b": "hi"}})), path="a.b")[0].text == "hi"
    assert heard(said("plain"), path="a.b")[0].text == "plain"
    with pytest.raises(N8nNonsense):
        heard(said(json.dumps({"a": 1})), path="a.b")


@pytest.mark.parametrize("words", ["[see below] hello", "{not json", "  [", "\n\nhello"])
def test_a_text_that_begins_like_a_document_is_heard_whole(words: str) -> None:
    answer, live, _ = heard(said(*words))

    assert answer.text == live == words


@pytest.mark.parametrize("content", [{}, {"content": "Rate limit reached"}])
def test_an_error_line_ends_it_whatever_was_said_before(content: dict[str, Any]) -> None:
    with pytest.raises(N8nRan) as caught:
        heard([*said("half")[:2], line("error", **content)])

    assert caught.value.code == "n8n.failed"
    assert caught.value.detail == ": ".join(["AI Agent", *content.values()])


@pytest.mark.parametrize("lines", [[], [{"type": "keepalive"}], [line("begin"), line("end")], said(" ", "\n")])
def test_a_stream_that_says_nothing_is_no_answer(lines: list[dict[str, Any]]) -> None:
    with pytest.raises(N8nRan) as caught:
        heard(lines)

    assert caught.value.code == "n8n.empty"


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[1]", b'{"type":"item"}', b'{"type":"message","metadata":{}}', b'{"output":"hi"}', b"\xff"],
)
def test_other_documents_are_no_lines_of_a_stream(raw: bytes) -> None:
    assert line_of(raw) is None


TEXTS = st.lists(st.text(st.sampled_from('ab {}[]"\n\\1'), max_size=4), max_size=5)


@given(st.lists(TEXTS, max_size=4), st.randoms(use_true_random=False))
def test_what_is_heard_is_what_is_answered(groups: list[list[str]], random: Any) -> None:
    queues = [said(*pieces, group=number) for number, pieces in enumerate(groups)]
    lines = [queue.pop(0) for queue in queues]  # they begin in order, and go on side by side
    while left := [queue for queue in queues if queue]:
        lines.append(random.choice(left).pop(0))
    live: list[str] = []
    listener = Listener("", str, Ears(live.append))
    for one in lines:
        listener.take(one)
    try:
        answer = listener.answer(200)
    except N8nRan:
        assert not "".join(live).strip()
    else:
        assert "".join(live) == answer.text
