"""How a simulated model behaves: its answer, its pace and its mishaps; and what servers of its kind differ in."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal

from attrs import define, field, frozen

Mishap = Literal["", "error-before", "error-mid-stream", "no-done", "ends-early", "cut"]
Finish = Literal["stop", "length", "content_filter", "tool_calls"]


@frozen(kw_only=True)
class Profile:
    """What one make of server does in its own way."""

    wants_key: bool = True
    lists_models: bool = True
    takes_usage_option: bool = True  # else a 400, as from servers older than the option
    usage: Literal["own-chunk", "last-chunk", "null-choices", "never"] = "own-chunk"  # of a stream
    always_tells: bool = False  # usage in a stream, asked for or not


PROFILES: Mapping[str, Profile] = {
    "openai": Profile(),
    "older": Profile(takes_usage_option=False, usage="never"),
    "last-chunk": Profile(usage="last-chunk", always_tells=True),
    "null-choices": Profile(usage="null-choices"),
    "local": Profile(wants_key=False, lists_models=False, usage="never"),
}


@frozen(kw_only=True)
class Turn:
    """What an answer can be made of."""

    model: str
    question: str  # of the last message; what is no text is told in brackets
    number: int  # of its calls, from 1
    system: str = ""
    earlier: tuple[str, ...] = ()  # what was said before, oldest first
    files: tuple[str, ...] = ()  # what its pictures and files are


@frozen(kw_only=True)
class Script:
    """`answer` may name {question}, {number}, {model}, {system}, {earlier} and {files}."""

    answer: str = "收到：{question}"
    reasoning: str = ""  # as reasoning_content, before the answer
    refusal: str = ""  # in place of the answer
    chunks: int = 3  # of the answer, in a stream
    delay_s: float = 0.0  # before the first word
    chunk_delay_s: float = 0.0
    input_tokens: int | None = None  # None: by the length of what was said
    output_tokens: int | None = None
    finish: Finish = "stop"
    mishap: Mishap = ""
    error: str = "server"  # of a mishap: a name of the errors
    split_bytes: int = 0  # a stream in pieces of so many bytes, through characters and lines


Answerer = Callable[[Turn], str]
_USUAL = Script()


@define(eq=False)
class Scripts:
    """Whose script is in force: the model's own, else the one for all. `answerer`, where set, writes every answer."""

    answerer: Answerer | None = None
    _always: dict[str, Script] = field(factory=dict, init=False)
    _passing: dict[str, deque[Script]] = field(factory=dict, init=False)

    def play(self, script: Script, *, model: str = "", times: int | None = None) -> None:
        """From now on; or for so many calls only, after those already waiting."""
        if times is None:
            self._always[model] = script
        else:
            self._passing.setdefault(model, deque()).extend([script] * times)

    def next(self, model: str) -> Script:
        for owner in (model, ""):
            if self._passing.get(owner):
                return self._passing[owner].popleft()
            if owner in self._always:
                return self._always[owner]
        return _USUAL

    def answer(self, script: Script, turn: Turn) -> str:
        if self.answerer is not None:
            return self.answerer(turn)
        text = script.answer
        known = {"number": str(turn.number), "model": turn.model, "system": turn.system}
        known |= {"files": "；".join(turn.files), "earlier": " / ".join(turn.earlier)}
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", value)
        return text.replace("{question}", turn.question)  # last, for a question may contain braces
