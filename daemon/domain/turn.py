"""A turn: the messages that were merged into one question, and what became of it."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from daemon.domain.message import AccountId, ConversationId
from daemon.domain.workflow import Node, Usage


class TurnState(StrEnum):
    ASKING = "asking"
    ANSWERED = "answered"
    SKIPPED = "skipped"  # a person took over, or the assistant may not answer any more
    FAILED = "failed"  # `error` is the code: every workflow failed, or it became too late


class Degraded(StrEnum):
    """How a turn ended whose first workflow did not answer it."""

    NO = ""
    FALLBACK = "fallback"  # another workflow answered
    SENTENCE = "sentence"  # the account's sentence for it
    SILENCE = "silence"


class Feedback(StrEnum):
    GOOD = "good"
    BAD = "bad"


@frozen(kw_only=True)
class Turn:
    id: str
    conversation_id: ConversationId
    account_id: AccountId
    workflow_id: str | None  # the one that answered, else the last that was asked
    state: TurnState
    question: str
    answer: str | None
    error: str | None
    detail: str | None
    nodes: tuple[Node, ...]
    usage: Usage
    attempts: int
    seconds: float | None  # from the question to the answer
    request_id: str | None
    created_at: datetime
    ended_at: datetime | None
    degraded: Degraded = Degraded.NO
    chat: str | None = None  # the service's chat of the last attempt
    record: str | None = None  # the answer's name in it
    feedback: Feedback | None = None
