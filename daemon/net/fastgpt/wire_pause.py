"""A workflow that stopped to ask the person something: its question in our words, and what it left unasked."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from daemon.domain.pause import Field, FieldKind, Option, Pause, PauseKind
from daemon.net.fastgpt.wire_values import items
from daemon.net.foreign import document, text

DEEPEST = 20  # runs within runs, each wrapping the pause once
PAYMENT = "paymentPause"  # the team's points ran out while it ran
MOST_FIELDS, MOST_OPTIONS = 50, 100  # a person on a phone answers no more
LONGEST = 2_000  # characters of one text of a question

KINDS = {
    "numberInput": FieldKind.NUMBER,
    "switch": FieldKind.SWITCH,
    "select": FieldKind.CHOICE,
    "multipleSelect": FieldKind.CHOICES,
    "fileSelect": FieldKind.FILE,
}


def kind(pause: Mapping[str, Any]) -> str:
    return text(_innermost(pause).get("type"))


def read(pause: Mapping[str, Any]) -> Pause | None:
    """What is asked; None where there is nothing that a person could answer."""
    inner = _innermost(pause)
    params = document(inner.get("params"))
    description = _short(params.get("description"))
    match text(inner.get("type")):
        case "userSelect":
            made, fields = PauseKind.SELECT, _select(description, params)
        case "userInput":
            made, fields = PauseKind.FORM, _form(params)
        case "agentAsk" | "agentPlanAskQuery":
            made, fields = PauseKind.ASK, _asked(params)
            description = description or _short(params.get("content"))
        case _:
            return None
    return Pause(kind=made, description=description, fields=fields) if fields else None


def _innermost(pause: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(DEEPEST):
        inner = document(document(pause.get("params")).get("childrenResponse"))
        if not inner:
            break
        pause = inner
    return pause


def _select(description: str, params: Mapping[str, Any]) -> tuple[Field, ...]:
    """The service wants the option's text, not its key."""
    options = _options(params.get("userSelectOptions"), "value")
    return (Field(key="selected", label=description, kind=FieldKind.CHOICE, options=options),) if options else ()


def _form(params: Mapping[str, Any]) -> tuple[Field, ...]:
    found = (_field(document(item)) for item in items(params.get("inputForm"))[:MOST_FIELDS])
    return _distinct(field for field in found if field is not None)


def _field(item: Mapping[str, Any]) -> Field | None:
    key, label = text(item.get("key")), _short(item.get("label"))
    if not (key or label):
        return None
    made = KINDS.get(text(item.get("type")), FieldKind.TEXT)
    options = _options(item.get("list"), "label")
    if made in (FieldKind.CHOICE, FieldKind.CHOICES) and not options:
        made = FieldKind.TEXT
    bounds = ("min", "max") if made is FieldKind.NUMBER else ("minLength", "maxLength")
    return Field(
        key=key or label,
        label=label or key,
        kind=made,
        description=_short(item.get("description")),
        required=item.get("required") is True,
        options=options if made in (FieldKind.CHOICE, FieldKind.CHOICES) else (),
        least=_bound(item.get(bounds[0])),
        most=_bound(item.get(bounds[1])),
        default=item.get("defaultValue") or None,
    )


def _asked(params: Mapping[str, Any]) -> tuple[Field, ...]:
    """An agent's questions; the older shape has one, with its options beside it."""
    found = [
        Field(
            key=_short(item.get("question")),
            label=_short(item.get("question")),
            kind=FieldKind.CHOICE if options else FieldKind.TEXT,
            options=options,
        )
        for item in map(document, items(params.get("questions"))[:MOST_FIELDS])
        for options in [_options(item.get("options"), "summary")]
        if text(item.get("question"))
    ]
    if not found and (options := _options(params.get("options"), "label")):
        found = [Field(key="answer", label=_short(params.get("content")), kind=FieldKind.CHOICE, options=options)]
    return _distinct(found)


def _options(value: object, label: str) -> tuple[Option, ...]:
    """Each has a `value`, and a `label` under the name that its kind of question gives it; or is a text alone."""
    found = []
    for item in items(value)[:MOST_OPTIONS]:
        told = {"value": item} if isinstance(item, str) else document(item)
        meant = text(told.get("value"))
        if shown := _short(told.get(label)) or _short(meant):
            found.append(Option(value=meant or shown, label=shown))
    return tuple(found)


def _distinct(fields: Iterable[Field]) -> tuple[Field, ...]:
    """One for each key: two of the same would be one answer."""
    return tuple({field.key: field for field in fields}.values())


def _bound(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None


def _short(value: object) -> str:
    return text(value).strip()[:LONGEST]
