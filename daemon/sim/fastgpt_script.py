"""How a simulated app behaves: its answer, its nodes, its pace and its mishaps."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

from attrs import define, field, frozen

from daemon.codec import encode_text, parse
from daemon.errors import Invalid

Mishap = Literal["", "node-failure", "error-before", "error-mid-stream", "no-done", "cut"]


@frozen(kw_only=True)
class Turn:
    """What an answer can be made of."""

    app_id: str
    chat_id: str
    question: str
    number: int  # in its chat, from 1
    variables: Mapping[str, Any]
    files: tuple[str, ...] = ()  # what its pictures and files are
    earlier: tuple[str, ...] = ()  # what the model sees before the question, oldest first


@frozen(kw_only=True)
class Judging:
    """An app that answers in JSON. A word of a label in the question decides, the first label first.

    `after`: only what follows its last occurrence is judged, so that the words of a prompt are left out.
    """

    labels: dict[str, list[str]]
    otherwise: str = "other"
    after: str = ""
    more: dict[str, Any] = field(factory=dict)  # put into every answer

    def answer(self, question: str) -> str:
        said = question.rpartition(self.after)[2] if self.after else question
        for label, words in self.labels.items():
            for word in words:
                if word in said:
                    return self._told(label, 0.92, f"提到了“{word}”")
        return self._told(self.otherwise, 0.4, "没有提到任何关键词")

    def _told(self, label: str, confidence: float, reason: str) -> str:
        return encode_text({"label": label, "confidence": confidence, "reason": reason, **self.more})


@frozen(kw_only=True)
class Script:
    """`answer` may name {question}, {number}, {app_id}, {chat_id}, {files}, {earlier} and, after a form, {form.KEY};
    `nodes` are rows between start and AI node."""

    answer: str = "收到：{question}"
    reasoning: str = ""
    chunks: int = 3  # of the answer, in a stream
    delay_s: float = 0.0  # before the first word
    chunk_delay_s: float = 0.0
    heartbeat_s: float = 10.0  # contract 1.4
    nodes: list[dict[str, Any]] = field(factory=list)
    fixed_text: str = ""  # an answerNode before the AI node: a fastAnswer event
    tool: dict[str, str] = field(factory=dict)  # id, name, params, response
    model: str = "gpt-4o-mini"
    points: float | None = None  # of the AI node; None: by the tokens
    input_tokens: int | None = None
    output_tokens: int | None = None
    variables: dict[str, Any] = field(factory=dict)  # what a variableUpdate node sets
    interactive: dict[str, Any] = field(factory=dict)  # {"type": …, "params": …}: the run pauses here first
    branches: dict[str, str] = field(factory=dict)  # the option chosen there, to its own answer
    judging: Judging | None = None
    plugin_output: dict[str, Any] = field(factory=dict)  # the row of a plugin app
    events: list[dict[str, Any]] = field(factory=list)  # {"event": …, "data": …} injected before the answer
    title: str = ""  # "": made of the first question
    mishap: Mishap = ""
    error: str = ""  # of a mishap: a name of the errors, or a text
    split_bytes: int = 0  # a stream in pieces of so many bytes, through characters and lines
    empty_stop: bool = False  # the stop chunk as {"delta": {}}


Answerer = Callable[[Turn], str]
_USUAL = Script()


@define(eq=False)
class Scripts:
    """Whose script is in force: the app's own, else the one for all. `answerer`, where set, writes every answer."""

    answerer: Answerer | None = None
    _always: dict[str, Script] = field(factory=dict, init=False)
    _passing: dict[str, deque[Script]] = field(factory=dict, init=False)

    def play(self, script: Script, *, app_id: str = "", times: int | None = None) -> None:
        """From now on; or for so many calls only, after those already waiting."""
        if times is None:
            self._always[app_id] = script
        else:
            self._passing.setdefault(app_id, deque()).extend([script] * times)

    def next(self, app_id: str) -> Script:
        for owner in (app_id, ""):
            if self._passing.get(owner):
                return self._passing[owner].popleft()
            if owner in self._always:
                return self._always[owner]
        return _USUAL

    def standing(self, app_id: str) -> Script:
        """What is in force when nothing passing is."""
        return self._always.get(app_id) or self._always.get("", _USUAL)

    def answer(self, script: Script, turn: Turn) -> str:
        if self.answerer is not None:
            return self.answerer(turn)
        if script.judging is not None:
            return script.judging.answer(turn.question)
        known = {"number": str(turn.number), "app_id": turn.app_id, "chat_id": turn.chat_id}
        known["files"], known["earlier"] = "；".join(turn.files), " / ".join(turn.earlier)
        if script.interactive:
            known |= _filled(turn.question)
        text = script.branches.get(turn.question, script.answer)
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", value)
        return text.replace("{question}", turn.question)  # last, for a question may contain braces


def _filled(question: str) -> dict[str, str]:
    """What a form was filled in with, as {form.KEY}."""
    try:
        form = parse(question.encode())
    except Invalid:
        return {}
    return {f"form.{key}": str(value) for key, value in form.items()} if isinstance(form, dict) else {}
