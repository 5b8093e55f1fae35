"""Ready scripts for a simulated app: one that asks back, one that judges, one that judges and is not understood."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from daemon.sim.fastgpt_script import Judging, Script

MISFIT = "这句话听起来像是在抱怨，不过我也说不准。"


def asks_choice(description: str, *options: str, branches: Mapping[str, str] | None = None) -> Script:
    """The run pauses at a userSelect; an option's text goes on, to its own answer where `branches` has one."""
    listed = [{"key": f"option{number}", "value": option} for number, option in enumerate(options, 1)]
    params = {"description": description, "userSelectOptions": listed}
    return Script(interactive={"type": "userSelect", "params": params}, branches=dict(branches or {}))


def asks_form(description: str, *fields: Mapping[str, Any], answer: str = "") -> Script:
    """The run pauses at a userInput of these fields (see `form_field`); `answer` may name {form.KEY}."""
    params = {"description": description, "inputForm": [dict(field) for field in fields]}
    usual = "已登记：" + "，".join(f"{field['label']} {{form.{field['key']}}}" for field in fields)
    return Script(interactive={"type": "userInput", "params": params}, answer=answer or usual)


def form_field(
    key: str, label: str, *, kind: str = "input", required: bool = True, options: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    """`kind` as the contract has them: input, textarea, numberInput, switch, select, multipleSelect, …"""
    value_types = {"numberInput": "number", "switch": "boolean", "multipleSelect": "arrayString"}
    return {
        "type": kind,
        "key": key,
        "label": label,
        "description": "",
        "value": "",
        "defaultValue": "",
        "valueType": value_types.get(kind, "string"),
        "required": required,
        "list": [{"label": option, "value": option} for option in options] or [{"label": "", "value": ""}],
        **more,
    }


def judges(labels: Mapping[str, Sequence[str]], *, otherwise: str = "other", after: str = "") -> Script:
    """Answers {"label", "confidence", "reason"}: the label whose words the question has. See Judging."""
    known = {label: list(words) for label, words in labels.items()}
    return Script(judging=Judging(labels=known, otherwise=otherwise, after=after))


def misjudges(script: Script, answer: str = MISFIT) -> Script:
    """The same app, with an answer that fits no schema."""
    return evolve(script, judging=None, answer=answer)
