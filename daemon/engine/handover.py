"""Whether an answer asks for a person to go on, and what is left of it for its reader. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attrs import define, evolve, field

from daemon.domain.node_types import node_type
from daemon.domain.workflow import Answer, Node, Provider, Workflow

INTENT = "intent"  # our word for a node that classifies the question
YES = frozenset({"true", "1", "yes", "y", "on", "是", "需要"})  # a variable that is a text is one of these then
DEEPEST = 5  # levels of a node's output that are looked through


def judged(workflow: Workflow, answer: Answer) -> Answer:
    """The answer, its mark taken out, and whether it asks for a person."""
    handover = workflow.handover
    marked = bool(handover.mark) and handover.mark in answer.text
    wanted = (
        marked
        or (bool(handover.variable) and _is_true(answer.variables.get(handover.variable)))
        or (bool(handover.category) and _classified(workflow.provider, answer.nodes, handover.category))
    )
    text = without(answer.text, handover.mark).strip() if marked else answer.text
    return evolve(answer, text=text, needs_person=wanted or answer.needs_person)


def without(text: str, mark: str) -> str:
    return text.replace(mark, "") if mark else text


@define
class Unmarked:
    """Passes on a text that comes in pieces, without the mark; what may be its beginning waits until it is known."""

    mark: str
    hear: Callable[[str], None]
    _held: str = field(default="", init=False)

    def on_text(self, piece: str) -> None:
        """All that is passed on, that of `end` included, is `without` of all the pieces together."""
        if not self._held and (not self.mark or self.mark[0] not in piece):
            self._pass(piece)
            return
        *parts, rest = (self._held + piece).split(self.mark)
        kept = len(rest) - _begun(rest, self.mark)
        self._held = rest[kept:]
        self._pass("".join(parts) + rest[:kept])

    def end(self) -> None:
        held, self._held = self._held, ""
        self._pass(held)

    def _pass(self, text: str) -> None:
        if text:
            self.hear(text)


def _begun(said: str, mark: str) -> int:
    """How many of the last letters may be the mark's first."""
    return next((size for size in range(min(len(mark) - 1, len(said)), 0, -1) if said.endswith(mark[:size])), 0)


def _is_true(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in YES
    return value is True or (type(value) is int and value == 1)


def _classified(provider: Provider, nodes: Iterable[Node], category: str) -> bool:
    """Whether a node that classifies said so."""
    wanted = category.strip().casefold()
    for node in nodes:
        if node_type(provider, node.kind) == INTENT and wanted in map(_plain, _texts(node.output, DEEPEST)):
            return True
        if _classified(provider, node.children, category):
            return True
    return False


def _plain(said: str) -> str:
    return said.strip().casefold()


def _texts(value: Any, levels: int) -> Iterator[str]:
    """The texts of a node's output, whatever shape its provider gives it."""
    if isinstance(value, str):
        yield value
    elif levels and isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner, levels - 1)
