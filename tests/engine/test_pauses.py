"""What a person's reply to a workflow's question is taken for."""

from typing import Any

import pytest
from attrs import evolve

from daemon.domain.pause import Field, FieldKind, OpenPause, Option, Pause, PauseKind
from daemon.engine.pauses import MOST_WRONG, Abandon, AskNext, Resume, begun, opening, reply
from tests.engine.samples import NOW

SELECT = Pause(
    kind=PauseKind.SELECT,
    description="退款还是换货？",
    fields=(
        Field(
            key="selected",
            label="退款还是换货？",
            kind=FieldKind.CHOICE,
            options=tuple(Option(value=text, label=text) for text in ("退款", "换货（免运费）", "Talk to a person")),
        ),
    ),
)
FORM = Pause(
    kind=PauseKind.FORM,
    description="Order details",
    fields=(
        Field(key="orderNo", label="Order number", most=10),
        Field(key="qty", label="Pairs", kind=FieldKind.NUMBER, required=False, least=1, most=9),
        Field(key="gift", label="As a gift?", kind=FieldKind.SWITCH),
    ),
)


def opened(pause: Pause, **changes: Any) -> OpenPause:
    made = begun(pause, conversation="c", workflow_id="w", chat="c", record="r", speaker="ann", now=NOW)
    return evolve(made, **changes)


def filled(*said: str, pause: Pause = FORM) -> Resume | AskNext | Abandon:
    """The step after the last of these replies."""
    standing = opened(pause)
    step: Resume | AskNext | Abandon = Abandon("nothing was said")
    for text in said:
        step = reply(standing, text)
        if isinstance(step, AskNext):
            standing = step.pause
    return step


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("1", "退款"),
        ("１", "退款"),
        ("2.", "换货（免运费）"),
        ("（2）", "换货（免运费）"),
        ("二", "换货（免运费）"),
        ("第三个", "Talk to a person"),
        ("退款", "退款"),
        ("换货", "换货（免运费）"),
        ("talk TO", "Talk to a person"),
        ("你好\n2\n谢谢", "换货（免运费）"),
    ],
)
def test_an_option_is_chosen_by_number_by_text_or_by_how_it_begins(said: str, meant: str) -> None:
    assert reply(opened(SELECT), said) == Resume(meant)


@pytest.mark.parametrize("said", ["4", "0", "都可以", "", "12"])
def test_what_is_no_option_is_asked_again_with_the_options(said: str) -> None:
    step = reply(opened(SELECT), said)
    assert isinstance(step, AskNext)
    assert step.text == "没有这个选项，请回复 1 到 3 的数字。\n1. 退款\n2. 换货（免运费）\n3. Talk to a person"


def test_a_beginning_that_two_options_share_chooses_neither() -> None:
    options = (Option(value="Red", label="Red"), Option(value="Red wine", label="Red wine"))
    shared = evolve(SELECT, fields=(evolve(SELECT.fields[0], options=options),))
    assert isinstance(reply(opened(shared), "Re"), AskNext)
    assert reply(opened(shared), "red") == Resume("Red")


def test_after_three_wrong_answers_the_question_is_given_up() -> None:
    step = filled(*["what?"] * MOST_WRONG, pause=SELECT)
    assert step == Abandon("多次未能识别您的回答，本次先到这里。需要时请重新提问。")
    assert isinstance(filled(*["what?"] * (MOST_WRONG - 1), pause=SELECT), AskNext)


@pytest.mark.parametrize("said", ["取消", "Cancel", " cancel "])
def test_whoever_wants_out_is_let_out(said: str) -> None:
    assert isinstance(reply(opened(FORM), said), Abandon)


def test_a_form_is_asked_field_by_field_and_sent_as_one_json_text() -> None:
    assert opening(FORM) == "Order details\nOrder number"
    assert filled("A-5512", "2", "yes") == Resume('{"orderNo":"A-5512","qty":2,"gift":true}')


def test_a_field_that_may_be_left_out_is() -> None:
    assert filled("A-5512", "skip", "no") == Resume('{"orderNo":"A-5512","gift":false}')


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["12345678901"], "Please write at most 10 characters."),
        (["A", "ten"], "Please answer with a number."),
        (["A", "10"], "It must be at most 9."),
        (["A", "0"], "It must be at least 1."),
        (["A", "1", "perhaps"], "Please answer yes or no."),
    ],
)
def test_an_answer_out_of_bounds_is_asked_again_and_says_why(said: list[str], told: str) -> None:
    step = filled(*said)
    assert isinstance(step, AskNext)
    assert step.text.splitlines()[0] == told


def test_a_good_answer_makes_up_for_the_wrong_ones_before() -> None:
    assert isinstance(filled("12345678901", "12345678901", "A", "ten", "ten"), AskNext)


def test_several_options_are_chosen_at_once() -> None:
    options = tuple(Option(value=text.lower(), label=text) for text in ("Red", "Green", "Blue"))
    many = Field(key="colours", label="Colours", kind=FieldKind.CHOICES, options=options)
    form = Pause(kind=PauseKind.FORM, description="", fields=(many,))
    assert filled("3，1 1", pause=form) == Resume('{"colours":["blue","red"]}')
    assert isinstance(filled("1, 7", pause=form), AskNext)


def test_an_agents_single_question_is_answered_with_its_text() -> None:
    agent = Pause(kind=PauseKind.ASK, description="", fields=(Field(key="Which city?", label="Which city?"),))
    assert filled("Paris", pause=agent) == Resume("Paris")
