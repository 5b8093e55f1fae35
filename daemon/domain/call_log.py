"""What became of a call of an n8n webhook, as the call log tells it."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen


class Via(StrEnum):
    """Who called."""

    API = "api"  # POST /api/ai/webhook/
    WORKFLOW = "workflow"  # a question to a workflow of n8n
    TEST = "test"  # somebody tried the webhook


class Served(StrEnum):
    RUN = "run"  # by a run of its own, or one that was wanted
    SHARED = "shared"  # by the run of an equal call that was under way
    CACHE = "cache"  # by an earlier run


class CallOutcome(StrEnum):
    ANSWERED = "answered"
    FAILED = "failed"
    UNKNOWN = "unknown"  # no answer came, and the workflow may have run
    REFUSED = "refused"  # by ourselves: n8n was not asked


@frozen(kw_only=True)
class CallEntry:
    """One row of the log. `request` and `response` are shortened, and what looks like a secret is masked."""

    id: str  # in the order in which the calls ended
    call_id: str  # what n8n was told: the same for each attempt at one thing
    webhook_id: str
    task_type: str
    session_id: str
    via: Via
    served: Served
    outcome: CallOutcome
    request: str  # JSON
    response: str | None  # JSON; None: there was none
    status: int | None  # HTTP's
    attempts: int  # 0: n8n was not asked
    duration_ms: int
    error: str | None  # its code
    detail: str | None
    actor: str
    request_id: str | None
    created_at: datetime  # when it ended


@frozen(kw_only=True)
class CallFilter:
    """Which calls. None: any."""

    webhook_id: str | None = None
    task_type: str | None = None
    session_id: str | None = None
    call_id: str | None = None
    outcome: CallOutcome | None = None
    cached: bool | None = None  # True: without a run of its own
    since: datetime | None = None
    until: datetime | None = None  # not included


@frozen(kw_only=True)
class CallSums:
    """The calls of one webhook in a span of time."""

    webhook_id: str
    answered: int = 0
    failed: int = 0
    unknown: int = 0
    refused: int = 0
    without_run: int = 0  # of those answered: from the cache, or by another's run
    p50_ms: int | None = None  # of the latest that n8n answered; None: there were none
    p95_ms: int | None = None

    @property
    def calls(self) -> int:
        return self.answered + self.failed + self.unknown + self.refused

    @property
    def success_rate(self) -> float | None:
        """Of the calls that ended in an answer or not; what we refused ourselves says nothing of the webhook."""
        ended = self.calls - self.refused
        return self.answered / ended if ended else None
