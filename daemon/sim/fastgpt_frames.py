"""A run as FastGPT writes it: one JSON document, or the frames of a stream in each version's order (contract 1)."""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from daemon.codec import encode
from daemon.sim.fastgpt_ask import Ask
from daemon.sim.fastgpt_errors import event as error_event
from daemon.sim.fastgpt_profiles import Profile
from daemon.sim.fastgpt_run import SHOWS_STATUS, Run, mishap_error
from daemon.sim.fastgpt_script import Script

USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 1}  # literals in every version
PAUSED_STATE = {"skipNodeQueue": [], "entryNodeIds": ["us3Rt8"], "memoryEdges": [], "nodeOutputs": []}


@frozen
class Frame:
    bytes: bytes
    word: bool = False  # part of the answer: the script's pace is kept before it


def document(ask: Ask, run: Run, profile: Profile) -> dict[str, Any]:
    """The plain answer; never wrapped."""
    details = {"responseData": run.rows, "newVariables": run.variables} if ask.detail else {}
    return {
        **details,
        **({"title": run.title} if profile.titles else {}),
        **({"error": run.error} if run.error is not None else {}),
        "id": run.chat_id,
        "model": "",
        "usage": USAGE,
        "choices": [{"message": _message(ask, run, profile), "finish_reason": "stop", "index": 0}],
    }


def _message(ask: Ask, run: Run, profile: Profile) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    if run.reasoning:
        message["reasoning_content"] = run.reasoning
    items = list(_items(ask, run))
    structured = ask.detail and (len(items) > 1 or any("text" not in item for item in items))
    if run.interactive is not None and ask.detail and not profile.interactive_content:
        return message  # 4.14.4 to 4.15.1 leave the content out
    texts = [item["text"]["content"] for item in items if "text" in item]
    return {**message, "content": items if structured else "\n".join(texts)}


def _items(ask: Ask, run: Run) -> Iterator[dict[str, Any]]:
    def typed(kind: str, value: object) -> dict[str, Any]:
        return {kind: value, **({"type": kind} if ask.api == "v1" else {})}

    if run.fixed_text:
        yield typed("text", {"content": run.fixed_text})
    if run.tool:
        yield {"tools": [_tool(run.tool)], **({"type": "tool"} if ask.api == "v1" else {})}
    if run.answer:
        yield typed("text", {"content": run.answer})
    if run.interactive is not None:
        yield typed("interactive", run.interactive)


def frames(ask: Ask, run: Run, script: Script, profile: Profile) -> list[Frame]:
    """All of a stream. Without details only the answer's chunks are left, and they have no event line."""
    told = [*_nodes(ask, run, script)]
    if script.mishap == "error-mid-stream":
        return [*told, Frame(error_event(mishap_error(script)))]
    if script.mishap == "no-done":
        return told
    return [*told, *_tail(ask, run, script, profile)]


def _nodes(ask: Ask, run: Run, script: Script) -> Iterator[Frame]:
    for row in run.rows:
        if ask.detail and row["moduleType"] in SHOWS_STATUS:
            yield _frame("flowNodeStatus", {"status": "running", "name": row["moduleName"]})
        if row["moduleType"] == "chatNode":
            yield from _words(ask, run, script)
        if row["moduleType"] == "answerNode":
            yield _chunk(ask, {"content": f"\n{run.fixed_text}"}, event="fastAnswer")
        if ask.detail and ask.api == "v2" and not _broken(script):
            yield _frame("flowNodeResponse", row)
    if ask.detail and run.changed:
        yield _frame("updateVariables", run.variables)


def _broken(script: Script) -> bool:
    """The stream ends in the middle, so its nodes never finish."""
    return script.mishap in ("error-mid-stream", "no-done")


def _words(ask: Ask, run: Run, script: Script) -> Iterator[Frame]:
    if ask.detail:
        for injected in script.events:
            yield _frame(injected["event"], injected["data"])
        yield from _tool_frames(run.tool)
    if run.reasoning:
        yield _chunk(ask, {"reasoning_content": run.reasoning})
    pieces = list(_pieces(run.answer, script.chunks))
    for piece in pieces[: len(pieces) // 2 + 1] if _broken(script) else pieces:
        yield _chunk(ask, {"content": piece})


def _tool_frames(tool: Mapping[str, str]) -> Iterator[Frame]:
    if not tool:
        return
    silent = {"id": tool["id"], "toolName": "", "toolAvatar": "", "params": ""}
    called = {**silent, "toolName": tool["name"], "functionName": tool["name"]}
    for event, shown in (
        ("toolCall", called),
        ("toolParams", {**silent, "params": tool["params"]}),
        ("toolResponse", {**silent, "response": tool["response"]}),
    ):
        yield _frame(event, {"tool": shown, "responseValueId": tool["id"]})


def _tail(ask: Ask, run: Run, script: Script, profile: Profile) -> Iterator[Frame]:
    if ask.detail:
        if run.interactive is not None:
            yield _frame("interactive", {"interactive": {**run.interactive, **PAUSED_STATE}})
        yield _frame("workflowDuration", {"durationSeconds": run.seconds})
        if profile.titles:
            yield _frame("chatTitle", {"title": run.title})
    delta = {} if script.empty_stop else {"role": "assistant", "content": None}
    yield Frame(_written("answer" if ask.detail else None, _choice(delta, "stop")))
    done = Frame((b"event: answer\n" if ask.detail else b"") + b"data: [DONE]\n\n")
    if not (ask.detail and ask.api == "v1"):
        yield done
        return
    rows = {str(n): row for n, row in enumerate(run.rows)} if profile.details_as_object else run.rows
    details = _frame("flowResponses", rows)
    yield from (done, details) if profile.done_before_details else (details, done)


def heartbeat(ask: Ask) -> bytes:
    """An empty delta, every ten seconds of silence."""
    return _chunk(ask, {"content": ""}).bytes


def _chunk(ask: Ask, delta: Mapping[str, Any], *, event: str = "answer") -> Frame:
    document = _choice({"role": "assistant", **delta}, None)
    return Frame(_written(event if ask.detail else None, document), word=True)


def _choice(delta: Mapping[str, Any], reason: str | None) -> dict[str, Any]:
    choices = [{"delta": delta, "index": 0, "finish_reason": reason}]
    return {"id": "", "object": "", "created": 0, "model": "", "choices": choices}


def _frame(event: str, data: object) -> Frame:
    return Frame(_written(event, data))


def _written(event: str | None, data: object) -> bytes:
    head = f"event: {event}\n".encode() if event else b""
    return head + b"data: " + encode(data) + b"\n\n"


def _pieces(text: str, number: int) -> Iterator[str]:
    size = max(1, -(-len(text) // max(1, number)))
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _tool(tool: Mapping[str, str]) -> dict[str, str]:
    return {
        "id": tool["id"],
        "toolName": tool["name"],
        "toolAvatar": "",
        "params": tool["params"],
        "response": tool["response"],
        "functionName": tool["name"],
    }
