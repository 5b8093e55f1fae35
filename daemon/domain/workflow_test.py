"""A trial: a talk with a workflow that touches nothing else, and what each of its answers shows of the run."""

from datetime import datetime, timedelta
from typing import Any

from attrs import field, frozen

from daemon.domain.pause import OpenPause
from daemon.domain.workflow import Role, Usage

LIVES = timedelta(minutes=30)  # without a word
MOST_LINES = 100  # that are kept, the latest
MOST_KEPT = 300_000  # characters of one trial, likewise


@frozen(kw_only=True)
class TrialStep:
    """One node that ran, in words that are the same for every provider."""

    id: str
    type: str  # see `daemon.domain.node_types`
    input: str
    output: str
    duration_ms: int
    success: bool


@frozen(kw_only=True)
class TrialRun:
    """How one answer came about."""

    success: bool
    duration_ms: int
    error: str | None = None  # what went wrong and what can be done, in the language of who asked
    needs_person: bool = False
    steps: tuple[TrialStep, ...] = ()
    usage: Usage = field(factory=Usage)
    cost_micro: int | None = None  # at the prices of then, charged to nobody; None: not known


@frozen(kw_only=True)
class TrialLine:
    id: str
    role: Role
    text: str
    at: datetime
    run: TrialRun | None = None  # of the assistant's only


@frozen(kw_only=True)
class Trial:
    id: str
    owner: str  # the actor that made it
    workflow_id: str
    workflow_name: str
    variables: dict[str, Any] = field(factory=dict)
    chat: str  # in which a service that remembers goes on
    pause: OpenPause | None = None  # what the next message answers
    lines: tuple[TrialLine, ...] = ()  # oldest first
    created_at: datetime
    active_at: datetime

    def over(self, now: datetime) -> bool:
        return now >= self.active_at + LIVES
