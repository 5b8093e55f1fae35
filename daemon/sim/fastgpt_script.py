"""How a simulated app behaves: its answer, its nodes, its pace and its mishaps."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

from attrs import define, field, frozen

Mishap = Literal["", "node-failure", "error-before", "error-mid-stream", "no-done", "cut"]


@frozen(kw_only=True)
class Turn:
    """What an answer can be made of."""

    app_id: str
    chat_id: str
    question: str
    number: int  # in its chat, from 1
    variables: Mapping[str, Any]


@frozen(kw_only=True)
class Script:
    """`answer` may name {question}, {number}, {app_id} and {chat_id}; `nodes` are rows between start and AI node."""

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

    def answer(self, script: Script, turn: Turn) -> str:
        if self.answerer is not None:
            return self.answerer(turn)
        known = {"number": str(turn.number), "app_id": turn.app_id, "chat_id": turn.chat_id}
        text = script.answer
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", value)
        return text.replace("{question}", turn.question)  # last, for a question may contain braces
