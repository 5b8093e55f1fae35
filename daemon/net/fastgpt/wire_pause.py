"""A workflow that stopped to ask the person something: its question, as a text with numbered options."""

from collections.abc import Mapping
from typing import Any

from daemon.net.fastgpt.wire_values import document, items, text

DEEPEST = 20  # runs within runs, each wrapping the pause once
PAYMENT = "paymentPause"  # the team's points ran out while it ran


def kind(pause: Mapping[str, Any]) -> str:
    return text(_innermost(pause).get("type"))


def question(pause: Mapping[str, Any]) -> str:
    """What a person reads; empty where it asks nothing."""
    params = document(_innermost(pause).get("params"))
    lines = [text(params.get("description")), *_numbered(_options(params))]
    for asked in map(document, items(params.get("questions"))):
        lines += [text(asked.get("question")), *_numbered(_named(asked.get("options"), "summary", "value"))]
    return "\n".join(line for line in lines if line)


def _innermost(pause: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(DEEPEST):
        inner = document(document(pause.get("params")).get("childrenResponse"))
        if not inner:
            break
        pause = inner
    return pause


def _options(params: Mapping[str, Any]) -> list[str]:
    """What may be chosen, or the fields of the form to fill in."""
    return _named(params.get("userSelectOptions"), "value", "key") or _named(params.get("inputForm"), "label", "key")


def _named(value: object, *fields: str) -> list[str]:
    found = (next((text(item[field]) for field in fields if text(item.get(field))), "") for item in _documents(value))
    return [name for name in found if name]


def _documents(value: object) -> list[Mapping[str, Any]]:
    return [document(item) for item in items(value)]


def _numbered(options: list[str]) -> list[str]:
    return [f"{number}. {option}" for number, option in enumerate(options, 1)]
