import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.workflow import Answer
from daemon.errors import RemoteError, RemoteNonsense, RemoteRefused, RemoteUnavailable
from daemon.net.fastgpt import wire_answer
from daemon.net.fastgpt.wire_answer import Listener
from daemon.net.sse import SseReader
from tests.net.fastgpt.wires import (
    CHAT,
    DONE,
    DURATION,
    FAILED,
    HEARTBEAT,
    INTENT,
    ROWS,
    SAID,
    SEARCH,
    SELECT,
    START,
    STOP,
    WORDS,
    chunk,
    completion,
    details,
    event,
    node,
    word,
)


def listened(stream: bytes, most_bytes: int = 1_000_000) -> Listener:
    listener, reader = Listener(), SseReader(most_bytes)
    for heard in reader.feed(stream):
        listener.take(heard, str)
    return listener


def streamed(stream: bytes) -> Answer:
    listener = listened(stream)
    assert listener.done
    return wire_answer.concluded(listener.finish(), str)


def plain(body: bytes) -> Answer:
    return wire_answer.concluded(wire_answer.whole(200, {}, body, str), str)


def without(row: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in fields}


OLDEST = [START, {**without(INTENT, "inputTokens", "outputTokens"), "tokens": 418}, CHAT]
NESTED_OLD = [START, {"moduleType": "pluginModule", "id": "p", "totalPoints": 0.9699, "pluginDetail": ROWS[1:]}]
NESTED_NEW = [START, {"moduleType": "appModule", "id": "p", "totalPoints": 0.9699, "childrenResponses": ROWS[1:]}]

STREAMS = {
    "up to 4.9.6: details after the end, no duration": (WORDS + STOP + DONE + details(), 969_900, 1698, 80, 0.0),
    "up to 4.8.16: one sum of tokens": (WORDS + STOP + DONE + details(OLDEST), 969_000, 1704, 74, 0.0),
    "4.9.7 and newer": (WORDS + DURATION + STOP + DONE + details(), 969_900, 1698, 80, 3.45),
    "4.14.7: an object for an array": (
        WORDS + DURATION + STOP + DONE + details({str(n): row for n, row in enumerate(ROWS)}),
        969_900,
        1698,
        80,
        3.45,
    ),
    "4.14.11 and newer: details before the end": (
        WORDS + DURATION + event("chatTitle", {"title": "Shoes"}) + STOP + details() + DONE,
        969_900,
        1698,
        80,
        3.45,
    ),
    "children before 4.15": (WORDS + STOP + DONE + details(NESTED_OLD), 969_900, 1698, 80, 0.0),
    "children since 4.15": (WORDS + STOP + details(NESTED_NEW) + DONE, 969_900, 1698, 80, 0.0),
    "v2: one event a node": (
        node(START) + node(INTENT) + node(SEARCH) + WORDS + node(CHAT) + DURATION + STOP + DONE,
        969_900,
        1698,
        80,
        3.45,
    ),
    "v2 since 4.15: inner nodes flat, and a parent that is not told": (
        node({**INTENT, "parentId": "gone"}) + node({**SEARCH, "parentId": "gone"}) + WORDS + node(CHAT) + STOP + DONE,
        969_900,
        1698,
        80,
        0.0,
    ),
    "v2 since 4.15: a node told twice adds up": (
        node(INTENT)
        + node(SEARCH)
        + WORDS
        + node({**CHAT, "totalPoints": 0.7, "inputTokens": 1200, "outputTokens": 70})
        + node({**CHAT, "totalPoints": 0.054, "inputTokens": 86, "outputTokens": 4})
        + STOP
        + DONE,
        969_900,
        1698,
        80,
        0.0,
    ),
    "v2 since 4.15: a parent whose points hold its children's": (
        node({**INTENT, "parentId": "p"})
        + node({**SEARCH, "parentId": "p"})
        + node({**CHAT, "parentId": "p"})
        + node({"moduleType": "tools", "id": "p", "totalPoints": 0.9699, "error": "broke"})
        + WORDS
        + STOP
        + DONE,
        969_900,
        1698,
        80,
        0.0,
    ),
    "heartbeats, reasoning, an empty last delta and events of another day": (
        HEARTBEAT
        + chunk({"role": "assistant", "reasoning_content": "let me think"})
        + event("plan", {"plan": {}})
        + event("somethingNew", "not even JSON")
        + WORDS
        + HEARTBEAT
        + chunk({}, "stop")
        + details()
        + DONE,
        969_900,
        1698,
        80,
        0.0,
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_of_every_version_is_understood(name: str) -> None:
    stream, points, input_tokens, output_tokens, seconds = STREAMS[name]

    answer = streamed(stream)

    assert answer.text == SAID
    assert answer.usage.known
    assert answer.usage.points_micro == points
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (input_tokens, output_tokens)
    assert answer.seconds == seconds


PLAIN = {
    "up to 4.14.3": completion(responseData=ROWS, newVariables={"handoff": False}),
    "4.14.4 and newer, with reasoning": completion(
        [
            {"type": "reasoning", "reasoning": {"content": "let me think"}},
            {"type": "text", "text": {"content": SAID}},
        ],
        responseData=ROWS,
        newVariables={"handoff": False},
    ),
    "4.15: items without a type, reasoning and text in one": completion(
        [{"reasoning": {"content": "let me think"}, "text": {"content": SAID}}],
        responseData=ROWS,
        newVariables={"handoff": False},
        title="Shoes",
    ),
    "4.14.7": completion(
        responseData={str(n): row for n, row in enumerate(ROWS)}, newVariables={"handoff": False}, error=None
    ),
}


@pytest.mark.parametrize("version", PLAIN)
def test_a_plain_answer_of_every_version_is_understood(version: str) -> None:
    answer = plain(PLAIN[version])

    assert answer.text == SAID
    assert answer.usage.points_micro == 969_900
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.embedding_tokens) == (1698, 80, 9)
    assert answer.variables == {"handoff": False}
    assert [n.kind for n in answer.nodes] == ["workflowStart", "classifyQuestion", "datasetSearchNode", "chatNode"]


def test_an_answer_without_details_says_that_its_usage_is_not_known() -> None:
    answer = plain(completion())

    assert not answer.usage.known
    assert answer.usage.input_tokens == 0  # what `usage` claims is 1 in every version


def test_several_texts_stand_on_lines_of_their_own() -> None:
    items = [{"text": {"content": "one"}}, {"tools": [{"id": "t"}]}, {"text": {"content": "two"}}]

    assert plain(completion(items)).text == "one\ntwo"


def test_fixed_and_generated_text_are_one_answer() -> None:
    stream = word("\nHello. ", "fastAnswer") + word("How are you?") + STOP + DONE

    assert streamed(stream).text == "Hello. How are you?"


def test_marks_of_sources_are_taken_out() -> None:
    quoted = "30 days [6a10c0ffee0000000000d001](CITE). See [our page](https://example.org)."
    expected = "30 days. See [our page](https://example.org)."

    assert plain(completion(quoted)).text == expected
    assert streamed(word(quoted[:15]) + word(quoted[15:]) + STOP + DONE).text == expected


def test_a_pause_is_shown_as_its_question_and_numbered_options() -> None:
    shown = "Refund or exchange?\n1. Refund\n2. Exchange"

    assert plain(completion([{"type": "interactive", "interactive": SELECT}])).text == shown
    assert plain(completion([{"text": {"content": "Well."}}, {"interactive": SELECT}])).text == f"Well.\n{shown}"
    assert streamed(event("interactive", {"interactive": SELECT}) + STOP + DONE).text == shown


def test_a_run_that_paused_because_the_points_ran_out_is_refused() -> None:
    pause = {"type": "paymentPause", "params": {"description": "chat:balance_not_enough_pause"}}

    with pytest.raises(RemoteRefused) as refused:
        streamed(event("interactive", {"interactive": pause}) + STOP + DONE)

    assert refused.value.code == "fastgpt.no_points"


@pytest.mark.parametrize(
    "body",
    [
        completion(""),
        completion(None),
        completion([]),
        completion(" \n"),
        completion("", responseData=ROWS),
        b'{"choices":[{"message":{"role":"assistant"}}]}',
        b'{"choices":[{}]}',
        b'{"choices":[7]}',
    ],
)
def test_an_empty_answer_is_none(body: bytes) -> None:
    with pytest.raises(RemoteNonsense) as empty:
        plain(body)

    assert empty.value.code == "fastgpt.empty"


@pytest.mark.parametrize(
    ("more", "kind", "code"),
    [
        ({"responseData": [START, FAILED]}, RemoteUnavailable, "fastgpt.upstream"),
        ({"error": "429 upstream overloaded"}, RemoteUnavailable, "fastgpt.upstream"),
        ({"error": {"message": "429 upstream overloaded"}}, RemoteUnavailable, "fastgpt.upstream"),
        ({"responseData": [{**FAILED, "errorText": "aiPointsNotEnough"}]}, RemoteRefused, "fastgpt.no_points"),
        ({"responseData": [{**FAILED, "errorCaptured": True}]}, RemoteNonsense, "fastgpt.empty"),
    ],
)
def test_an_empty_answer_with_a_failed_node_is_its_failure(
    more: dict[str, Any], kind: type[RemoteError], code: str
) -> None:
    with pytest.raises(kind) as failed:
        plain(completion("", **more))

    assert failed.value.code == code


def test_a_failed_node_does_not_fail_an_answer() -> None:
    answer = plain(completion(responseData=[START, FAILED], error="429 upstream overloaded"))

    assert answer.text == SAID
    assert answer.nodes[1].failed
    assert answer.nodes[1].error == "429 upstream overloaded"


def test_a_failure_after_the_first_words_fails_the_answer() -> None:
    with pytest.raises(RemoteUnavailable) as failed:
        listened(WORDS + event("error", {"message": "fetch failed"}) + DONE)

    assert failed.value.code == "fastgpt.upstream"
    assert failed.value.detail == "fetch failed"


def test_a_stream_without_its_end_is_not_done() -> None:
    assert not listened(WORDS + STOP + details()).done


def test_the_variables_of_a_stream_are_those_told_last_without_passwords() -> None:
    stream = event("updateVariables", {"handoff": False}) + WORDS
    stream += event("updateVariables", {"handoff": True, "pin": {"value": "", "secret": "sealed"}}) + STOP + DONE

    assert streamed(stream).variables == {"handoff": True}


def test_an_endless_line_of_the_answer_is_nonsense_and_one_of_the_details_costs_only_them() -> None:
    with pytest.raises(RemoteNonsense):
        listened(word("x" * 5000), most_bytes=4000)

    listener = listened(WORDS + details([{**CHAT, "query": "x" * 5000}]) + STOP + DONE, most_bytes=4000)
    assert not wire_answer.concluded(listener.finish(), str).usage.known


FIELDS = "choices delta content message text interactive params totalPoints id parentId historyPreview error quoteList"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*FIELDS.split(), "childrenResponses", "moduleType"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(rows=JSON, delta=JSON, pause=JSON)
def test_a_stream_of_wrong_types_is_an_answer_or_an_error_of_ours(rows: Any, delta: Any, pause: Any) -> None:
    stream = word("hello") + event("answer", {"choices": delta}) + details(rows) + node(rows)
    stream += event("interactive", {"interactive": pause}) + event("workflowDuration", rows) + STOP + DONE
    try:
        answer = streamed(stream)
    except RemoteError:
        return
    assert "hello" in answer.text
    assert 0 <= answer.usage.points_micro < 2**63


@given(JSON)
def test_so_is_a_plain_answer(document: Any) -> None:
    for body in (document, {"choices": document}, {"choices": [{"message": {"content": document}}]}):
        try:
            assert plain(json.dumps(body).encode()).text
        except RemoteError as error:
            assert error.service == "fastgpt"  # noqa: PT017
