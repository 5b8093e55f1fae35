"""One call of an n8n webhook: what it is told, what it answers, and what n8n has on record of the run."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from daemon.domain.workflow import Node, Usage

STANDARD_FIELDS = ("taskType", "chatInput", "sessionId", "requestId", "timestamp", "metadata")  # ours: no extra's


@frozen(kw_only=True)
class WebhookRequest:
    """The same for every attempt of one call, so that the workflow can tell a repetition from a second call."""

    call_id: str
    task_type: str
    text: str
    session_id: str
    sent_at: datetime
    request_id: str | None = None  # of whoever asked us, for the logs on both sides
    metadata: dict[str, Any] = field(factory=dict)
    extra: dict[str, Any] = field(factory=dict)  # further fields beside the standard ones


@frozen(kw_only=True)
class WebhookAnswer:
    text: str  # "": the answer has none in the usual places
    data: Any = None  # what n8n said, as JSON; of anything else its type and size; shortened where it is too long
    status: int = 200
    variables: dict[str, Any] = field(factory=dict)  # the top fields of an answer that is an object
    accepted: bool = False  # it was only told that the run begins: what becomes of it nobody will say
    nodes: tuple[Node, ...] = ()
    usage: Usage = field(factory=Usage)
    seconds: float = 0.0


class RunState(StrEnum):
    """Of an execution, as n8n has it on record."""

    RUNNING = "running"  # or waits for a seat
    WAITING = "waiting"  # parked until something happens
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"  # by a person, or by n8n's own end


@frozen(kw_only=True)
class WebhookRun:
    """What the public API tells of the execution that a call set off."""

    id: str  # "": one of several that run, and n8n does not say which before they end
    state: RunState
    nodes: tuple[Node, ...] = ()
    usage: Usage = field(factory=Usage)
    failed_node: str = ""
    error: str = ""
    answer: WebhookAnswer | None = None  # of one that succeeded
    seconds: float = 0.0
