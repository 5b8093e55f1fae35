from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.workflow import Answer, Handover, Node, Provider, Workflow
from daemon.engine.handover import Unmarked, judged, without
from tests.net.openai.asking import WORKFLOW

MARK = "[[HANDOFF]]"
USUAL = Handover(variable="needHumanTransfer", category="人工", mark=MARK)


def workflow(handover: Handover = USUAL, provider: Provider = Provider.FASTGPT) -> Workflow:
    return evolve(WORKFLOW, provider=provider, handover=handover)


def node(kind: str, output: Any, *children: Node) -> Node:
    return Node(id="n", name="n", kind=kind, seconds=0.1, failed=False, output=output, children=children)


def test_an_answer_that_asks_for_nobody_stays_as_it_is() -> None:
    answer = Answer(text=" 您好 ", variables={"needHumanTransfer": False})

    assert judged(workflow(), answer) == answer


@pytest.mark.parametrize("value", [True, 1, "true", " True ", "是"])
def test_a_variable_that_is_true_asks_for_a_person(value: object) -> None:
    assert judged(workflow(), Answer(text="好", variables={"needHumanTransfer": value})).needs_person


@pytest.mark.parametrize("value", [False, 0, 2, "false", "", None, [], {"a": 1}])
def test_a_variable_that_is_anything_else_does_not(value: object) -> None:
    assert not judged(workflow(), Answer(text="好", variables={"needHumanTransfer": value})).needs_person


@pytest.mark.parametrize(
    ("provider", "kind", "output"),
    [
        (Provider.FASTGPT, "classifyQuestion", {"class": "人工"}),
        (Provider.N8N, "@n8n/n8n-nodes-langchain.textClassifier", [[{"category": " 人工 "}]]),
    ],
)
def test_a_node_that_classifies_the_question_so_asks_for_a_person(provider: Provider, kind: str, output: Any) -> None:
    found = judged(workflow(provider=provider), Answer(text="好", nodes=(node("x", "", node(kind, output)),)))

    assert found.needs_person


def test_neither_another_class_nor_another_node_that_says_so_does() -> None:
    other = node("classifyQuestion", {"class": "退货"})
    speaking = node("chatNode", {"text": "人工"})

    assert not judged(workflow(), Answer(text="好", nodes=(other, speaking))).needs_person


def test_the_mark_asks_for_a_person_and_is_taken_out() -> None:
    found = judged(workflow(), Answer(text=f"请稍候，同事马上来。\n{MARK}"))

    assert found.needs_person
    assert found.text == "请稍候，同事马上来。"


def test_an_answer_that_is_the_mark_alone_says_nothing() -> None:
    assert judged(workflow(), Answer(text=MARK)).text == ""


def test_what_is_not_set_is_not_looked_at() -> None:
    answer = Answer(
        text=f"a{MARK}",
        variables={"": True, "needHumanTransfer": True},
        nodes=(node("classifyQuestion", {"class": ""}),),
    )

    assert judged(workflow(Handover()), answer) == answer


LETTERS = st.text(alphabet="[HANDOF]x", max_size=40)


def heard(mark: str, pieces: list[str]) -> str:
    texts = list[str]()
    ears = Unmarked(mark, texts.append)
    for piece in pieces:
        ears.on_text(piece)
    ears.end()
    assert "" not in texts
    return "".join(texts)


@given(st.lists(st.text(alphabet="ab", max_size=6)), st.sampled_from(["", "a", "ab", "aab", "abab", "aa"]))
def test_a_stream_is_heard_without_the_mark_wherever_it_is_cut(pieces: list[str], mark: str) -> None:
    assert heard(mark, pieces) == without("".join(pieces), mark)


@given(st.lists(st.one_of(LETTERS, st.just(MARK), st.just("[[HAND"), st.just("OFF]]"))))
def test_the_usual_mark_is_never_heard_in_parts(pieces: list[str]) -> None:
    assert heard(MARK, pieces) == without("".join(pieces), MARK)


def test_only_what_may_be_the_mark_is_held_back() -> None:
    texts = list[str]()
    ears = Unmarked(MARK, texts.append)
    for piece in ["好的[", "[HAND", "y]", "再见", "[[HANDOFF]", "]"]:
        ears.on_text(piece)

    assert texts == ["好的", "[[HANDy]", "再见"]
