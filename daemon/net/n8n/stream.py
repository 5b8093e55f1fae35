"""A streamed answer of n8n's: JSON lines, several of them an item's, and its end is the end of the body.

What is heard live is the beginning of what is answered in the end: the texts of the groups, one after the other.
"""

from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from daemon.codec import encode_text, parse
from daemon.domain.webhook_call import WebhookAnswer
from daemon.domain.workflow import NodeBegun
from daemon.errors import Invalid, N8nRan
from daemon.net.foreign import document, text
from daemon.net.n8n.classify import Clean, in_stream
from daemon.net.n8n.extract import text_at, variables
from daemon.net.n8n.wire_answer import kept
from daemon.net.n8n.wire_request import SERVICE

KINDS = frozenset({"begin", "item", "keepalive", "error", "end"})
BETWEEN = "\n\n"  # the texts of two groups
DOCUMENTS = frozenset({"{", "["})  # how a group begins that a respond node may have written as JSON

OnText = Callable[[str], None]
OnNode = Callable[[NodeBegun], None]


@frozen
class Ears:
    """Who hears an answer as it is made."""

    on_text: OnText | None = None
    on_node: OnNode | None = None


def line_of(raw: bytes) -> dict[str, Any] | None:
    """The line of a stream that this is; None where it is anything else."""
    try:
        found = parse(raw)
    except Invalid:
        return None
    if not isinstance(found, dict) or found.get("type") not in KINDS:
        return None
    return found if found["type"] == "keepalive" or isinstance(found.get("metadata"), dict) else None


@define(eq=False)
class Group:
    """What one run of one node says of one item."""

    ended: bool = False
    _pieces: list[str] = field(factory=list, init=False)
    _unheard: list[str] = field(factory=list, init=False)
    _begins: str = field(default="", init=False)  # its first character that is no blank

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        self._unheard.append(piece)
        self._begins = self._begins or piece.lstrip()[:1]

    @property
    def said(self) -> str:
        return "".join(self._pieces)

    def found(self) -> Any:
        """The document, or the text itself."""
        if self._begins not in DOCUMENTS:
            return self.said
        try:
            return parse(self.said)
        except Invalid:
            return self.said

    def text(self, path: str) -> str:
        found = self.found()
        if isinstance(found, str):
            return found
        return text_at(found, path) or ("" if path else self.said)

    def news(self, path: str) -> str:
        """What may be heard and was not yet: of what may be a document nothing before its end."""
        if not self._unheard or not (self.ended or (self._begins and self._begins not in DOCUMENTS)):
            return ""
        told = self.text(path) if self._begins in DOCUMENTS else "".join(self._unheard)
        self._unheard.clear()
        return told


@define
class Listener:
    """Takes the lines in turn. `path`: where in a document the text is."""

    path: str
    clean: Clean
    ears: Ears = field(factory=Ears)
    _groups: dict[tuple[object, ...], Group] = field(factory=dict, init=False)  # as they began
    _open: list[Group] = field(factory=list, init=False)  # not told to their end; live is told of the first alone
    _heard: Group | None = field(default=None, init=False)  # the last that was

    def take(self, line: dict[str, Any]) -> None:
        """Raises the error that a line tells."""
        metadata = document(line.get("metadata"))
        match line["type"]:
            case "begin":
                self._group(metadata)
                if self.ears.on_node is not None:
                    self.ears.on_node(NodeBegun(name=text(metadata.get("nodeName"))))
            case "item":
                content = line.get("content")
                self._group(metadata).add(content if isinstance(content, str) else encode_text(content))
                self._tell()
            case "end":
                self._group(metadata).ended = True
                self._tell()
            case "error":
                parts = (text(metadata.get("nodeName")), text(line.get("content")))
                raise in_stream(": ".join(part for part in parts if part), self.clean)

    def answer(self, status: int) -> WebhookAnswer:
        """Once the body has ended."""
        for group in self._open:
            group.ended = True
        self._tell()
        said = [group for group in self._groups.values() if group.said.strip()]
        if not said:
            raise N8nRan("n8n.empty", service=SERVICE)
        found = [group.found() for group in said]
        data = kept(found[0] if len(found) == 1 else found, sum(len(group.said.encode()) for group in said))
        words = BETWEEN.join(text for group in said if (text := group.text(self.path)))
        return WebhookAnswer(text=words, data=data, status=status, variables=variables(data))

    def _group(self, metadata: Any) -> Group:
        key = tuple(str(metadata.get(name)) for name in ("nodeId", "itemIndex", "runIndex"))
        if key not in self._groups:
            self._groups[key] = Group()
            self._open.append(self._groups[key])
        return self._groups[key]

    def _tell(self) -> None:
        while self._open:
            group = self._open[0]
            self._hear(group, group.news(self.path))
            if not group.ended:
                return
            del self._open[0]

    def _hear(self, group: Group, words: str) -> None:
        if not words or (not words.strip() and group is not self._heard):
            return  # a group of blanks is none
        between = BETWEEN if self._heard not in (None, group) else ""
        self._heard = group
        if self.ears.on_text is not None:
            self.ears.on_text(between + words)
