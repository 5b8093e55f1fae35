"""An answer of a simulated model as it is written: one document, or the chunks of a stream (contract 9)."""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from daemon.codec import encode
from daemon.sim.fastgpt_frames import Frame
from daemon.sim.openai_ask import Ask
from daemon.sim.openai_errors import NAMED
from daemon.sim.openai_script import Finish, Profile, Script

PER_TOKEN = 2  # characters
DONE = Frame(b"data: [DONE]\n\n")
CUT_SHORT = frozenset({"error-mid-stream", "ends-early", "cut"})


@frozen(kw_only=True)
class Run:
    id: str
    created: int  # in unix seconds
    model: str
    text: str
    reasoning: str
    refusal: str
    finish: Finish
    input_tokens: int
    output_tokens: int

    @property
    def usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
        }


def run(ask: Ask, script: Script, text: str, *, number: int, created: int) -> Run:
    """Cut at the most tokens that the caller allows."""
    room = None if ask.most_tokens is None else ask.most_tokens * PER_TOKEN
    cut = room is not None and len(text) > room
    kept = "" if script.refusal else text[:room]
    said = script.refusal or script.reasoning + kept
    return Run(
        id=f"chatcmpl-{number}",
        created=created,
        model=ask.model,
        text=kept,
        reasoning=script.reasoning,
        refusal=script.refusal,
        finish="length" if cut else script.finish,
        input_tokens=_tokens(ask.read) if script.input_tokens is None else script.input_tokens,
        output_tokens=_tokens(said) if script.output_tokens is None else script.output_tokens,
    )


def document(run: Run) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None if run.refusal else run.text}
    message["refusal"] = run.refusal or None
    if run.reasoning:
        message["reasoning_content"] = run.reasoning
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": run.finish}
    return {**_head(run, "chat.completion"), "choices": [choice], "usage": run.usage, "system_fingerprint": None}


def frames(ask: Ask, run: Run, script: Script, profile: Profile) -> list[Frame]:
    """All of a stream, or of what its mishap leaves of it."""
    tells = ask.include_usage or profile.always_tells
    told = [*_spoken(run, script, nothing_yet=tells and profile.usage != "last-chunk")]
    if script.mishap in CUT_SHORT:
        told = told[: len(told) // 2 + 1]
        return [*told, Frame(NAMED[script.error].event())] if script.mishap == "error-mid-stream" else told
    told += _ending(run, profile if tells else None)
    return told if script.mishap == "no-done" else [*told, DONE]


def _spoken(run: Run, script: Script, *, nothing_yet: bool) -> Iterator[Frame]:
    usage = {"usage": None} if nothing_yet else {}
    yield _chunk(run, [_choice({"role": "assistant", "content": ""})], usage)
    if run.reasoning:
        yield _chunk(run, [_choice({"reasoning_content": run.reasoning, "content": None})], usage)
    if run.refusal:
        yield _chunk(run, [_choice({"refusal": run.refusal})], usage)
    size = max(1, -(-len(run.text) // max(1, script.chunks)))
    for start in range(0, len(run.text), size):
        yield _chunk(run, [_choice({"content": run.text[start : start + size]})], usage, word=True)


def _ending(run: Run, profile: Profile | None) -> list[Frame]:
    """`profile`: of a service that tells the usage; None where it was not asked for."""
    way = profile.usage if profile else "never"
    finish = [_choice({}, run.finish)]
    if way == "never":
        return [_chunk(run, finish, {})]
    if way == "last-chunk":
        return [_chunk(run, finish, {"usage": run.usage})]
    own = _chunk(run, None if way == "null-choices" else [], {"usage": run.usage})
    return [_chunk(run, finish, {"usage": None}), own]


def _choice(delta: dict[str, Any], finish: Finish | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _chunk(run: Run, choices: list[Any] | None, more: dict[str, Any], *, word: bool = False) -> Frame:
    document = {**_head(run, "chat.completion.chunk"), "choices": choices, **more}
    return Frame(b"data: " + encode(document) + b"\n\n", word=word)


def _head(run: Run, kind: str) -> dict[str, Any]:
    return {"id": run.id, "object": kind, "created": run.created, "model": run.model}


def _tokens(said: str) -> int:
    return max(1, -(-len(said) // PER_TOKEN))
