"""What FastGPT answers, whole or as a stream, in any of its versions, gathered into one thing and then judged."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from daemon.codec import parse
from daemon.domain.pause import Pause
from daemon.domain.workflow import Answer, NodeBegun
from daemon.engine import pauses
from daemon.errors import Invalid, RemoteError, RemoteNonsense, RemoteRefused
from daemon.net.fastgpt import wire_pause
from daemon.net.fastgpt.classify import SERVICE, classify, failed_node, in_stream
from daemon.net.fastgpt.wire_nodes import failure, nodes, usage
from daemon.net.fastgpt.wire_rows import Branch, Row, identity, merged, rows, tree, walk
from daemon.net.fastgpt.wire_values import items
from daemon.net.foreign import amount, document, said, shortened, text
from daemon.net.sse import Event

DONE = "[DONE]"
SPOKEN = frozenset({"answer", "fastAnswer", "message"})  # the last: no name, as without details
CITE = re.compile(r"[ \t]?\[[0-9a-fA-F]{24}\]\(CITE\)")  # marks of quoted sources; a chat has nowhere to show them
LOST = frozenset({"close", "abnormal_close", "error"})  # a model that was cut short did not finish its answer

Clean = Callable[[str], str]
OnText = Callable[[str], None]
OnNode = Callable[[NodeBegun], None]


@define
class Heard:
    """All there is of one answer, as far as it has come."""

    texts: list[str] = field(factory=list)
    rows: list[Row] = field(factory=list)
    detailed: bool = False  # the rows were sent, be it none
    seconds: float = 0.0
    variables: dict[str, Any] = field(factory=dict)
    pause: Mapping[str, Any] | None = None
    error: str = ""  # what the last failed node said, told apart from the rows
    chat: str = ""  # only a whole answer names it, in most versions also where we did not; a stream never does

    @property
    def asked(self) -> Pause | None:
        return wire_pause.read(self.pause) if self.pause else None

    @property
    def text(self) -> str:
        asked = self.asked
        spoken = CITE.sub("", "".join(self.texts)).strip()
        return "\n".join(part for part in (spoken, pauses.opening(asked) if asked else "") if part)


@frozen
class Ears:
    """Who hears a stream while it comes."""

    text: OnText | None = None
    node: OnNode | None = None


@define
class Listener:
    """Takes a stream's events in whatever order they come."""

    ears: Ears = field(factory=Ears)
    heard: Heard = field(factory=Heard)
    done: bool = False
    events: int = 0
    _live: dict[object, Row] = field(factory=dict)  # v2: one row for each execution, as reported so far

    def take(self, event: Event, clean: Clean) -> None:
        """Raises what an `error` event stands for. Events of kinds we do not know say nothing to us."""
        self.events += 1
        if event.name == "error":
            raise in_stream(event.data, clean)
        if event.name in SPOKEN:
            self._answer(event)
        elif not event.cut:
            self._detail(event.name, _read(event))

    def finish(self) -> Heard:
        self.heard.rows = self.heard.rows or list(self._live.values())
        self.heard.detailed = self.heard.detailed or bool(self._live)
        return self.heard

    def _answer(self, event: Event) -> None:
        if event.data.strip() == DONE:
            self.done = True
        elif event.cut:
            raise RemoteNonsense("fastgpt.not_an_answer", service=SERVICE, detail="an endless line")
        else:
            self._speak(_read(event))

    def _speak(self, chunk: object) -> None:
        for choice in items(document(chunk).get("choices")):
            delta = document(document(choice).get("delta"))
            if said_now := text(delta.get("content")):  # a heartbeat's is empty, the stop chunk's is null
                self.heard.texts.append(said_now)
                if self.ears.text is not None:
                    self.ears.text(said_now)

    def _detail(self, name: str, value: object) -> None:
        match name:
            case "flowNodeStatus" if self.ears.node is not None:
                self.ears.node(NodeBegun(name=text(document(value).get("name"))))
            case "flowResponses":
                self.heard.rows, self.heard.detailed = rows(value), True
            case "flowNodeResponse" if isinstance(value, dict):
                key = identity(value) or len(self._live)
                self._live[key] = merged(self._live[key], value) if key in self._live else value
            case "workflowDuration":
                self.heard.seconds = float(amount(document(value).get("durationSeconds")))
            case "updateVariables":
                self.heard.variables = _variables(value)
            case "interactive":
                self.heard.pause = document(document(value).get("interactive")) or None


def whole(status: int, headers: Mapping[str, str], body: bytes, clean: Clean) -> Heard:
    """An answer that was not streamed. Raises what a refusal in its place stands for."""
    try:
        completion = document(parse(body))
    except Invalid:
        completion = {}
    choices = items(completion.get("choices"))
    if not choices:
        raise classify(status, headers, body, clean)
    heard = Heard(
        rows=rows(completion.get("responseData")),
        detailed="responseData" in completion,
        variables=_variables(completion.get("newVariables")),
        error=said(completion.get("error")),
        chat=text(completion.get("id")),
    )
    _add_content(heard, document(document(choices[0]).get("message")).get("content"))
    return heard


def content(value: object, *, resumed: bool = False) -> Heard:
    """The parts of one message, as the chat's records keep them; `resumed`: only what came after its pause."""
    heard = Heard()
    parts = items(value)
    paused = [place for place, part in enumerate(parts) if document(part).get("interactive")]
    _add_content(heard, parts[paused[0] + 1 :] if resumed and paused else value)
    return heard


def concluded(heard: Heard, clean: Clean, *, record: str = "", recovered: bool = False) -> Answer:
    """The answer, or why there is none.

    A failed node does not fail its run. Where nothing was said as well, its failure is the reason: most are those of a
    model or of a service called, so asking again may help.
    """
    if heard.pause and wire_pause.kind(heard.pause) == wire_pause.PAYMENT:
        raise RemoteRefused("fastgpt.no_points", service=SERVICE)
    roots = tree(heard.rows)
    words = heard.text
    if not words:
        raise _silence(heard, roots, clean)
    return Answer(
        text=words,
        nodes=nodes(roots, clean),
        usage=usage(roots, known=heard.detailed),
        seconds=heard.seconds,
        recovered=recovered,
        variables=heard.variables,
        pause=heard.asked,
        record=record,
        chat=heard.chat,
    )


def was_cut(heard: Heard) -> bool:
    """Did the run that left these rows end before its answer did?"""
    return any(branch.row.get("finishReason") in LOST for branch in walk(tree(heard.rows)))


def _silence(heard: Heard, roots: list[Branch], clean: Clean) -> RemoteError:
    failures = [why for branch in walk(roots) if (why := failure(branch.row))]
    why = failures[0] if failures else heard.error
    error = failed_node(why, clean) if why else RemoteNonsense("fastgpt.empty", service=SERVICE)
    error.nodes = nodes(roots, clean)
    return error


def _add_content(heard: Heard, value: object) -> None:
    """A text, or a list of items told apart by their keys: `type` is missing from some versions."""
    if isinstance(value, str):
        heard.texts.append(value)
        return
    parts = [document(part) for part in items(value)]
    spoken = (text(document(part.get("text")).get("content")) or text(part.get("text")) for part in parts)
    heard.texts.append("\n".join(part for part in spoken if part))
    heard.pause = next((document(part["interactive"]) for part in parts if part.get("interactive")), None)


def _read(event: Event) -> object:
    try:
        return parse(event.data)
    except Invalid:
        return None  # a line nobody can read costs its own piece: the answer ends with [DONE] or not at all


def _variables(value: object) -> dict[str, Any]:
    """Without passwords, which come back sealed by FastGPT."""
    kept = {name: item for name, item in document(value).items() if not (isinstance(item, dict) and "secret" in item)}
    found: dict[str, Any] = shortened(kept)
    return found
