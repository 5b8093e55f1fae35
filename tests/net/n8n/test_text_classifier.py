"""What a Text Classifier found, which it tells by nothing but the outputs that it gives the item to."""

from typing import Any

import pytest

from daemon.net.n8n import wire_executions

NODE = {
    "name": "Intent",
    "type": "@n8n/n8n-nodes-langchain.textClassifier",
    "parameters": {
        "categories": {"categories": [{"category": "售前"}, {"category": "投诉", "description": "不满"}]},
        "options": {"fallback": "other"},
    },
}
ITEM = {"json": {"chatInput": "我要投诉"}}
FAILED = {"json": {"error": "the model did not answer"}}


def shown(*outputs: Any, node: Any = NODE) -> Any:
    """What the daemon tells of the node where these are its outputs."""
    told = {"executionIndex": 0, "data": {"main": list(outputs)}}
    execution = {
        "id": 7,
        "status": "success",
        "workflowData": {"nodes": [node]},
        "data": {"resultData": {"runData": {"Intent": [told]}}},
    }
    (found,) = wire_executions.run(execution, path="", clean=lambda words: words).nodes
    return found.output


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        (([ITEM], [], []), "售前"),
        (([], [ITEM], []), "投诉"),
        (([], [], [ITEM]), "Other"),
        (([ITEM], [ITEM], []), ["售前", "投诉"]),
    ],
)
def test_its_category_is_that_of_the_output_with_the_item(outputs: tuple[Any, ...], found: Any) -> None:
    assert shown(*outputs) == {"class": found}


def test_what_it_could_not_place_or_failed_at_is_in_no_category() -> None:
    assert shown([], [], []) is None
    assert shown([FAILED], [], []) == FAILED["json"]


@pytest.mark.parametrize("parameters", [None, {}, {"categories": 5}, {"categories": {"categories": [{}]}}])
def test_where_n8n_names_no_categories_its_item_is_told_as_it_is(parameters: Any) -> None:
    assert shown([ITEM], [], node=NODE | {"parameters": parameters}) == ITEM["json"]


def test_an_output_of_another_node_is_no_category() -> None:
    assert shown([], [ITEM], node=NODE | {"type": "n8n-nodes-base.switch"}) == ITEM["json"]
