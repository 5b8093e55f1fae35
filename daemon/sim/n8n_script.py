"""What a simulated n8n has: its workflows, how each is called and answers, and what happens in a run of it."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

from attrs import define, field, frozen

Mode = Literal[
    "onReceived",
    "lastNode",
    "responseNode",
    "streaming",
    "responseNodes",  # of a chat: what it says comes by WebSocket
]
Shape = Literal["firstEntryJson", "allEntries", "firstEntryBinary", "noData"]
Mishap = Literal[
    "",
    "fails",  # a node stops the run before anything is answered
    "fails-after",  # a node fails once the answer is out
    "continues",  # a node fails and is set to go on: its error is the answer
    "unreached",  # the respond node is never reached; in a stream: nothing is streamed
    "no-items",  # the last node gives nothing
    "error-mid-stream",
    "error-silent",  # the same, with an error line that says nothing
    "cut",  # half of the answer, then the connection ends
]


@frozen(kw_only=True)
class Auth:
    """`name`: the user, or the header; `secret`: the password, the header's value, the passphrase. ("misset": none.)"""

    kind: Literal["none", "basic", "header", "jwt", "misset"] = "none"
    name: str = ""
    secret: str = ""


@frozen(kw_only=True)
class Respond:
    """A Respond to Webhook node. `body` None: the item; a text may name what an answer may."""

    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    body: str | None = None


@frozen(kw_only=True)
class Script:
    """A run. Texts may name {question}, {session}, {task}, {number} and {call}; numbers of seconds are real ones."""

    answer: str = "收到：{question}"
    key: str = "output"  # where in the item the answer is; an LLM Chain says text
    fields: dict[str, Any] = field(factory=dict)  # beside it
    items: list[Any] | None = None  # of the last node, in place of that one item
    binary: str = ""  # of the last node, as text
    content_type: str = ""  # of a property or a binary that is answered
    respond: Respond = field(factory=Respond)
    # between trigger and last: name, type, output, seconds, error, parameters, branch (which output, from 0)
    nodes: list[dict[str, Any]] = field(factory=list)
    delay_s: float = 0.0  # before the answer
    wait_s: float = 0.0  # a Wait node; from 65 s on the run is parked
    after_s: float = 0.0  # the run goes on so long once it has answered
    chunks: int = 3  # of the answer, in a stream
    chunk_delay_s: float = 0.0
    keepalive_s: float = 30.0
    groups: int = 1  # of a stream: one for each item
    calls_tool: bool = False  # an agent's: an empty group comes first
    encoded: bool = False  # a stream of a respond node: the item as JSON in a text
    split_bytes: int = 0  # a stream in pieces of so many bytes
    model: str = "gpt-4o-mini"
    input_tokens: int = 0  # 0: no node was a model
    output_tokens: int = 0
    mishap: Mishap = ""
    error: str = "boom from code [line 1]"


@frozen(kw_only=True)
class Flow:
    """A workflow with its trigger. `path` may hold :names, and then the webhook id goes before it."""

    path: str = "rag-ai"  # of a chat: its webhook id
    id: str = ""  # "": made of the path
    name: str = ""
    trigger: Literal["webhook", "chat"] = "webhook"
    methods: tuple[str, ...] = ("POST",)
    mode: Mode = "lastNode"
    shape: Shape = "firstEntryJson"
    property_name: str = ""
    auth: Auth = field(factory=Auth)
    webhook_id: str = "8f1f5c7e-0000-4000-8000-00000000a001"
    responds: bool | None = None  # is there a respond node? None: as the mode wants
    accepted: Respond = field(factory=Respond)  # of onReceived; body None: "Workflow was started"
    timeout_s: float | None = None
    only_if: str = ""  # runs only when the question has it
    ignores_bots: bool = False
    public: bool = True  # of a chat
    remembers: bool = False  # of a chat: loadPreviousSession tells what was said
    signing_secrets: tuple[str, ...] = ()  # its first node checks a Standard Webhooks signature by any of them
    active: bool = True
    script: Script = field(factory=Script)

    @property
    def workflow_id(self) -> str:
        return self.id or "wf" + "".join(c for c in self.path.title() if c.isalnum())[:14]

    @property
    def route(self) -> str:
        """Behind /webhook/."""
        if self.trigger == "chat":
            return f"{self.path}/chat"
        return f"{self.webhook_id}/{self.path}" if ":" in self.path else self.path

    @property
    def has_respond_node(self) -> bool:
        return self.mode == "responseNode" if self.responds is None else self.responds


@frozen(kw_only=True)
class Told:
    """What an answer can be made of."""

    path: str
    question: str
    session: str
    task: str
    call: str  # the Idempotency-Key
    number: int  # of the run, from 1
    body: Any
    headers: Mapping[str, str]


Answerer = Callable[[Told], str]


@define(eq=False)
class Scripts:
    """Whose script is in force: one that is passing, else the path's own, else its workflow's.
    `answerer`, where set, writes every answer."""

    answerer: Answerer | None = None
    _always: dict[str, Script] = field(factory=dict, init=False)
    _passing: dict[str, deque[Script]] = field(factory=dict, init=False)

    def play(self, script: Script, *, path: str = "", times: int | None = None) -> None:
        """From now on; or for so many calls only, after those already waiting. Path "": every workflow."""
        if times is None:
            self._always[path] = script
        else:
            self._passing.setdefault(path, deque()).extend([script] * times)

    def next(self, flow: Flow) -> Script:
        for owner in (flow.path, ""):
            if self._passing.get(owner):
                return self._passing[owner].popleft()
            if owner in self._always:
                return self._always[owner]
        return flow.script

    def answer(self, script: Script, told: Told) -> str:
        return self.answerer(told) if self.answerer is not None else filled(script.answer, told)


def filled(template: str, told: Told) -> str:
    known = {"session": told.session, "task": told.task, "number": str(told.number), "call": told.call}
    for name, value in known.items():
        template = template.replace(f"{{{name}}}", value)
    return template.replace("{question}", told.question)  # last, for a question may contain braces


def filled_all(value: Any, told: Told) -> Any:
    """Every text in it."""
    if isinstance(value, str):
        return filled(value, told)
    if isinstance(value, list):
        return [filled_all(item, told) for item in value]
    if isinstance(value, dict):
        return {key: filled_all(item, told) for key, item in value.items()}
    return value
