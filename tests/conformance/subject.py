"""A provider beside its simulator: what the suite knows of each, and nothing more."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import define, evolve, field, frozen

from daemon.codec import encode_text
from daemon.domain.workflow import Answer, Attachment, Memory, NodeBegun, Provider, Question, Role, Said, Workflow
from daemon.engine.ports import Assistant
from daemon.errors import OutcomeUnknown, RemoteError, RemoteUnavailable
from daemon.secret import Secret
from daemon.sim.faults import Fault, Faults, Kind
from daemon.sim.gate import Traffic
from daemon.sim.ledger import Ledger

THEN = datetime(2026, 1, 2, tzinfo=UTC)
ASKED = "几天内可以退货？"
QUESTION = Question(
    turn_id="01900000-0000-7000-8000-0000000000a1",
    conversation=None,
    user="visitor-77",
    messages=(Said(role=Role.USER, text=ASKED),),
)


@frozen(kw_only=True)
class Play:
    """What the service is to do next. `text` may name {question}."""

    text: str = "您好，未穿过的鞋可以在三十天内退货。"
    delay_s: float = 0.0  # before the first word
    chunk_delay_s: float = 0.001  # word by word, so that what is cut is cut in the middle
    tokens: tuple[int, int] = (1286, 74)
    fields: dict[str, Any] = field(factory=dict)  # variables it sets
    category: str = ""  # what a node that classifies says
    options: tuple[str, ...] = ()  # it asks back
    breaks: bool = False  # it fails in the middle of its answer
    cut: bool = False  # the connection ends there
    fails: bool = False  # it fails before it has said anything
    stuck: str = ""  # a step of it fails, with these words


@define(eq=False, kw_only=True)
class Subject:
    """`asks` is the path of a question, as the ledger and the faults have it."""

    assistant: Assistant
    workflow: Workflow  # set up rightly, and streaming
    stranger: Workflow  # with a credential that the service does not know
    missing: Workflow  # of something that is not there
    plain: Workflow  # answers in one piece
    faults: Faults
    ledger: Ledger
    traffic: Traffic
    asks: str
    play: Callable[[Play], None]
    elsewhere: Callable[[str], Workflow]  # the same, at another base URL
    secret: str  # what it is called with
    bad_request: str  # what it says of one
    bad_status: int = 400  # and with which status
    misshapen: str  # JSON that is not of its shape
    repeats: bool  # asking again where it may have run does no harm
    line: str  # of its stream, with a word in it
    line_type: str

    async def ask(self, workflow: Workflow | None = None, text: str = ASKED, **changes: Any) -> Answer:
        question = evolve(QUESTION, messages=(Said(role=Role.USER, text=text),))
        return await self.assistant.run(workflow or self.workflow, evolve(question, **changes))

    async def heard(self, workflow: Workflow | None = None) -> tuple[Answer, list[str], list[NodeBegun]]:
        """The answer, its text as it came, and its steps as they began."""
        texts, steps = list[str](), list[NodeBegun]()
        ours = workflow or self.workflow
        answer = await self.assistant.run(ours, QUESTION, on_text=texts.append, on_node=steps.append)
        return answer, texts, steps

    def suffers(self, kind: Kind, **more: Any) -> None:
        """Each question from now on."""
        self.faults.add(Fault(kind=kind, path=self.asks, **more))

    def answers(self, body: str, *, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        """Every question with this, whatever it is."""
        self.suffers(Kind.STATUS, status=status, body=body, content_type=kind, headers=headers)

    @property
    def mislaid(self) -> tuple[type[RemoteError], ...]:
        """What an answer that broke off may be called."""
        return (OutcomeUnknown, RemoteUnavailable) if self.repeats else (OutcomeUnknown,)

    @property
    def asked(self) -> list[str]:
        """The body of each question that arrived."""
        return [encode_text(entry.body) for entry in self.ledger.of(self.asks)]


def within(workflow: Workflow, seconds: float) -> Workflow:
    """It has so long to answer."""
    limit = timedelta(seconds=seconds)
    webhook = evolve(workflow.webhook, timeout=limit) if workflow.webhook else None
    return evolve(workflow, timeout=limit, webhook=webhook)


def workflow(provider: Provider, url: str, key: str, **more: Any) -> Workflow:
    usual: dict[str, Any] = {
        "id": "01900000-0000-7000-8000-0000000000b1",
        "name": "shop",
        "provider": provider,
        "base_url": url,
        "key": Secret(key),
        "app_id": None,
        "endpoint": "v1",
        "stream": True,
        "memory": Memory.DAEMON,
        "system_prompt": None,
        "variables": {},
        "timeout": timedelta(seconds=10),
        "fallback_id": None,
        "created_at": THEN,
        "updated_at": THEN,
        "version": 1,
    }
    return Workflow(**{**usual, **more})


def told(*lines: tuple[Role, str], picture: Attachment | None = None) -> tuple[Said, ...]:
    said = [Said(role=role, text=text) for role, text in lines]
    return (*said[:-1], evolve(said[-1], attachments=(picture,) if picture else ()))
