"""An AI workflow that can answer, what it is asked, and what it says."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from attrs import field, frozen, resolve_types

from daemon.domain.pause import Pause
from daemon.domain.webhook import Webhook
from daemon.secret import Secret


class Provider(StrEnum):
    FASTGPT = "fastgpt"
    N8N = "n8n"
    OPENAI = "openai"  # any service that speaks its chat completions

    @property
    def spelled(self) -> str:
        """As people write it."""
        return {Provider.FASTGPT: "FastGPT", Provider.N8N: "n8n", Provider.OPENAI: "OpenAI"}[self]

    @property
    def remembers(self) -> bool:
        """Whether a service of it can keep a conversation: a plain model knows only what it is told."""
        return self is not Provider.OPENAI


class Memory(StrEnum):
    """Who remembers what was said before."""

    DAEMON = "daemon"  # we send the history with each question, a person's own messages included
    SERVICE = "service"  # the service keeps it under a conversation id, and knows only what passed through it


@frozen(kw_only=True)
class Handover:
    """By what a workflow asks for a person: no service has a word of its own for it. An empty one is not looked at."""

    variable: str = ""  # a variable or a field of the answer that is true then
    category: str = ""  # what a node that classifies the question says then
    mark: str = ""  # a text in the answer, which is taken out of it


@frozen(kw_only=True)
class Workflow:
    id: str
    name: str
    provider: Provider
    base_url: str
    key: Secret
    app_id: str | None  # FastGPT 4.15 and newer want it
    endpoint: str  # v1 or v2, see the provider's documents
    stream: bool
    memory: Memory
    system_prompt: str | None
    variables: dict[str, Any]
    timeout: timedelta  # for one call, to the last byte
    fallback_id: str | None
    created_at: datetime
    updated_at: datetime
    version: int
    model: str | None = None  # of a plain model
    webhook: Webhook | None = None  # of n8n: what is called
    handover: Handover = field(factory=Handover)

    @property
    def billed(self) -> str:
        """What its price goes by: a model, a kind of task, an app."""
        task = None if self.webhook is None else self.webhook.task_type
        return self.model or task or self.app_id or self.id


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class AttachmentKind(StrEnum):
    IMAGE = "image"
    FILE = "file"


@frozen(kw_only=True)
class Attachment:
    """A picture or a file that goes with what is said. `url`: one the service can fetch, or a data: URL."""

    kind: AttachmentKind
    url: str
    name: str = ""


@frozen(kw_only=True)
class Said:
    role: Role
    text: str
    attachments: tuple[Attachment, ...] = ()


@frozen(kw_only=True)
class Question:
    """What a workflow is asked. `turn_id` names the call, so that a lost answer can be looked up."""

    turn_id: str
    conversation: str | None  # opaque: the chat on the other side that remembers; None: `messages` tell all there is
    user: str  # the end user, as the service should know them
    messages: tuple[Said, ...]  # oldest first; the last is what is asked
    variables: dict[str, Any] = field(factory=dict)
    request_id: str | None = None
    resumes: str | None = None  # the record of the paused answer that the last message answers


@frozen(kw_only=True)
class NodeBegun:
    """A step of a workflow that begins to run, as far as the service says."""

    name: str
    kind: str = ""  # the provider's own word for it; "": it did not say


@frozen(kw_only=True)
class Node:
    """One step of a workflow, as it ran."""

    id: str
    name: str
    kind: str  # the provider's own word for it
    seconds: float
    failed: bool
    error: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    points_micro: int = 0
    model: str | None = None
    input: Any = None
    output: Any = None
    children: tuple["Node", ...] = ()


resolve_types(Node)  # it names itself


@frozen(kw_only=True)
class Usage:
    """What a call truly used. Points in integer millionths."""

    input_tokens: int = 0
    output_tokens: int = 0
    embedding_tokens: int = 0
    points_micro: int = 0
    known: bool = False  # False: the service did not say


class Finish(StrEnum):
    """Why an answer ends where it does."""

    STOP = "stop"  # it is whole
    LENGTH = "length"  # the model was to say no more
    FILTERED = "content_filter"  # the service held the rest of it back


@frozen(kw_only=True)
class Answer:
    text: str
    finish: Finish = Finish.STOP
    nodes: tuple[Node, ...] = ()
    usage: Usage = field(factory=Usage)
    seconds: float = 0.0  # the service's own figure where it gives one
    recovered: bool = False  # looked up afterwards: the connection was lost
    variables: dict[str, Any] = field(factory=dict)
    pause: Pause | None = None  # what it asks before it goes on; `text` has the question too
    record: str = ""  # what the service calls this answer in its chat
    chat: str = ""  # in which the service says it answered; "" where it does not
    needs_person: bool = False  # see `Handover`
