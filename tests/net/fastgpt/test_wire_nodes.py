from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.codec import encode
from daemon.domain.workflow import Node
from daemon.net.fastgpt.wire_nodes import nodes, usage
from daemon.net.fastgpt.wire_rows import Branch, Row, merged, tree, walk
from daemon.net.fastgpt.wire_values import micro
from daemon.net.foreign import shortened
from tests.net.fastgpt.wires import ASKED, CHAT, FAILED, INTENT, ROWS, SAID, SEARCH, START


def only(row: Row) -> Node:
    (made,) = nodes(tree([row]))
    return made


def test_a_node_is_told_in_our_words() -> None:
    assert only(INTENT) == Node(
        id="p7YkX2aVn0Lm",
        name="Intent",
        kind="classifyQuestion",
        seconds=0.94,
        failed=False,
        input_tokens=412,
        output_tokens=6,
        points_micro=215_000,
        model="gpt-4o-mini",
        input={"query": ASKED, "classes": INTENT["cqList"]},
        output={"class": "Returns and refunds"},
    )


@pytest.mark.parametrize(
    ("row", "given", "made"),
    [
        (START, None, None),
        (
            SEARCH,
            {"queries": [ASKED], "similarity": 0.4, "limit": 3000, "mode": "embedding"},
            {
                "count": 1,
                "quotes": [{"question": "Return period", "answer": "30 days, unworn", "source": "policy.csv"}],
            },
        ),
        (
            CHAT,
            {
                "query": ASKED,
                "history": [{"role": "System", "text": "You are a shop assistant."}, {"role": "Human", "text": ASKED}],
            },
            {"text": SAID, "finish": "stop"},
        ),
        (
            {"moduleType": "contentExtract", "query": "q", "extractDescription": "d", "extractResult": {"a": 1}},
            {"query": "q", "description": "d"},
            {"fields": {"a": 1}},
        ),
        (
            {"moduleType": "httpRequest468", "params": {"a": 1}, "body": "b", "headers": {}, "httpResult": [1]},
            {"params": {"a": 1}, "body": "b", "headers": {}},
            {"result": [1]},
        ),
        ({"moduleType": "answerNode", "textOutput": "hi"}, None, {"text": "hi"}),
        ({"moduleType": "ifElseNode", "ifElseResult": "ELSE"}, None, {"branch": "ELSE"}),
        (
            {"moduleType": "code", "customInputs": {"a": 1}, "customOutputs": {"b": 2}, "codeLog": "log"},
            {"inputs": {"a": 1}},
            {"outputs": {"b": 2}, "log": "log"},
        ),
        (
            {"moduleType": "pluginModule", "toolInput": {"a": 1}, "pluginOutput": {"b": 2}},
            *[{"input": {"a": 1}}, {"outputs": {"b": 2}}],
        ),
        ({"moduleType": "userSelect", "userSelectResult": "Refund"}, None, {"choice": "Refund"}),
        ({"moduleType": "kindOfTomorrow", "query": "q", "textOutput": "t"}, {"query": "q"}, {"text": "t"}),
    ],
    ids=lambda value: value.get("moduleType") if isinstance(value, dict) and "moduleType" in value else "",
)
def test_each_kind_shows_what_it_was_given_and_what_it_made(row: Row, given: Any, made: Any) -> None:
    node = only(row)

    assert node.input == given
    assert node.output == made


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Intent", "Intent"),
        ("意图: a.b", "意图: a.b"),
        ("common:core.module.template.work_start", "workflowStart"),
        ("workflow:template.workflow_start", "workflowStart"),
        ("", "workflowStart"),
        (None, "workflowStart"),
    ],
)
def test_a_name_that_is_only_a_key_gives_way_to_the_kind(name: str | None, shown: str) -> None:
    assert only({**START, "moduleName": name}).name == shown


@pytest.mark.parametrize(
    ("more", "failed", "error"),
    [
        ({}, False, None),
        ({"error": "broke"}, True, "broke"),
        ({"errorText": "plain", "error": {"message": "formal"}}, True, "plain"),
        ({"error": {"message": "formal", "code": 500}}, True, "formal"),
        ({"error": {"status": 500}}, True, '{"status":500}'),
        ({"error": "broke", "errorCaptured": True}, False, "broke"),
        ({"error": "", "errorText": None}, False, None),
        ({"error": False}, False, None),
    ],
)
def test_a_node_has_failed_where_its_error_was_not_caught(
    more: dict[str, Any], failed: bool, error: str | None
) -> None:
    node = only({**START, **more})

    assert (node.failed, node.error) == (failed, error)


def test_what_a_failed_node_says_is_cleaned() -> None:
    (node,) = nodes(tree([FAILED]), lambda words: words.replace("upstream", "***"))

    assert node.error == "429 *** overloaded"


def test_children_are_kept_below_their_parent_and_counted_once() -> None:
    parent = {"moduleType": "tools", "id": "p", "totalPoints": 0.5, "toolCallInputTokens": 10}
    inner = {"moduleType": "tool", "id": "c", "totalPoints": 0.2, "inputTokens": 3, "outputTokens": 1}

    for rows in (
        [{**parent, "childrenResponses": [inner]}],
        [{**parent, "toolDetail": [inner]}],
        [parent, {**inner, "parentId": "p"}],
        [{**inner, "parentId": "p"}, {**parent, "childrenResponses": [{**inner, "parentId": "p"}]}],
    ):
        roots = tree(rows)
        (node,) = nodes(roots)
        used = usage(roots, known=True)

        assert [child.id for child in node.children] == ["c"]
        assert (used.points_micro, used.input_tokens, used.output_tokens) == (500_000, 13, 1)


def test_points_of_children_count_where_the_parent_does_not_say() -> None:
    assert usage(tree([{"id": "p", "childrenResponses": ROWS}]), known=True).points_micro == 969_900


def test_rows_that_are_each_others_parents_are_still_counted() -> None:
    rows: list[Row] = [{"id": "a", "parentId": "b", "totalPoints": 1}, {"id": "b", "parentId": "a", "totalPoints": 2}]

    assert usage(tree(rows), known=True).points_micro == 3_000_000
    assert usage(tree([{"id": "a", "parentId": "a", "totalPoints": 1}]), known=True).points_micro == 1_000_000


@pytest.mark.parametrize(
    ("row", "input_tokens", "embedding"),
    [
        ({"inputTokens": 5}, 0, 5),  # up to 4.9: a search's own tokens
        ({"tokens": 5}, 0, 5),
        ({"inputTokens": 5, "embeddingTokens": 9}, 5, 9),
        ({"inputTokens": 5, "outputTokens": 2, "extensionModel": "m"}, 5, 0),  # those of its query extension
    ],
)
def test_what_a_search_embeds_is_told_apart(row: Row, input_tokens: int, embedding: int) -> None:
    used = usage(tree([{**row, "moduleType": "datasetSearchNode"}]), known=True)

    assert (used.input_tokens, used.embedding_tokens) == (input_tokens, embedding)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (0.21500000000000002, 215_000),
        (0.0000005, 1),
        (0.0000004, 0),
        (1e300, 10**15),
        (-3, 0),
        (True, 0),
        ("0.5", 0),
        (None, 0),
    ],
)
def test_points_are_rounded_to_millionths_and_bounded(points: Any, expected: int) -> None:
    assert usage(tree([{"totalPoints": points}]), known=True).points_micro == expected


@given(st.lists(st.decimals(0, 1000, places=6), max_size=50))
def test_points_of_many_rows_add_up_exactly(points: list[Decimal]) -> None:
    rows = [{"totalPoints": float(value)} for value in points]

    assert usage(tree(rows), known=True).points_micro == micro(sum(points, Decimal(0)))


def test_two_reports_of_one_execution_add_what_is_counted() -> None:
    both = merged({"inputTokens": 3, "similarity": 0.4, "model": "a"}, {"inputTokens": 4, "similarity": 0.4, "x": 1})

    assert both == {"inputTokens": 7, "similarity": 0.4, "model": "a", "x": 1}


def test_long_texts_are_cut() -> None:
    node = only({"moduleType": "answerNode", "textOutput": "长" * 5000, "error": "e" * 5000})

    assert node.output == {"text": "长" * 4000 + "…"}
    assert node.error == "e" * 4000


def test_a_run_with_more_nodes_than_there_can_be_is_cut_but_paid_in_full() -> None:
    roots = tree([{"id": str(n), "totalPoints": 1} for n in range(600)])

    assert len(nodes(roots)) == 500
    assert usage(roots, known=True).points_micro == 600_000_000


def test_rows_within_rows_end_somewhere() -> None:
    row: Row = {"totalPoints": 1}
    for _ in range(500):
        row = {"childrenResponses": [row]}

    assert len(list(walk(tree([row])))) == 21
    assert nodes(tree([row]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=9000),
    lambda inner: st.lists(inner, max_size=80) | st.dictionaries(st.text(), inner),
    max_leaves=100,
)


@given(JSON)
def test_what_is_kept_of_a_value_is_bounded_and_can_be_stored(value: Any) -> None:
    kept = shortened(value)

    assert len(encode(kept).decode()) < 400_000


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef ")), max_size=12))
def test_no_row_is_lost_or_doubled_whatever_the_parents(edges: list[tuple[str, str]]) -> None:
    rows: list[Row] = [{"id": own, "parentId": parent, "n": n} for n, (own, parent) in enumerate(edges)]

    seen: list[Branch] = list(walk(tree(rows)))

    assert sorted(branch.row["n"] for branch in seen) == list(range(len(rows)))
