"""Which answers of a workflow are a result, and what is said of the others."""

import pytest

from daemon.engine.analysis import Unfit, Verdict, read, wording, wording_again

GOOD = '{"label": "refund", "confidence": 0.9, "reason": "wants {money} back"}'
LABELS = ("refund", "exchange")


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Here you are: {GOOD} Hope it helps!",
        f"{{not json}} {GOOD}",
        GOOD.replace('"refund"', '" Refund"'),
        '{"label":"refund","confidence":1,"reason":"a \\"quoted } brace\\"","more":{"x":1}}',
    ],
)
def test_one_object_is_found_whatever_stands_around_it(answer: str) -> None:
    verdict = read(answer, LABELS)
    assert isinstance(verdict, Verdict)
    assert verdict.label == "refund"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("It is a refund.", "there is no JSON object in it"),
        (GOOD + GOOD, "there is more than one JSON object in it"),
        ('{"label": "other", "confidence": 1, "reason": ""}', 'label is not one of ["refund","exchange"]'),
        ('{"label": 7, "confidence": 1, "reason": ""}', "label is not a text"),
        ('{"label": "refund", "confidence": "0.9", "reason": ""}', "confidence is not a number from 0 to 1"),
        ('{"label": "refund", "confidence": 90, "reason": ""}', "confidence is not a number from 0 to 1"),
        ('{"label": "refund", "confidence": true, "reason": ""}', "confidence is not a number from 0 to 1"),
        ('{"label": "refund", "confidence": 1}', "reason is not a text"),
        ("{" * 5000, "there is no JSON object in it"),
    ],
)
def test_what_does_not_fit_says_why(answer: str, why: str) -> None:
    assert read(answer, LABELS) == Unfit(why)


def test_without_labels_any_is_taken() -> None:
    assert read(GOOD, ()) == Verdict(label="refund", confidence=0.9, reason="wants {money} back")


def test_the_second_question_says_what_was_wrong_with_the_first_answer() -> None:
    first = wording("intent", "退钱", LABELS, "")
    assert '["refund","exchange"]' in first
    assert "label is not a text" in wording_again(first, Unfit("label is not a text"))
