"""Many questions for one workflow, asked by a program and answered as there is room."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from daemon.domain.workflow import Usage


class BatchState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"  # what had begun was still answered
    DONE = "done"


class ItemState(StrEnum):
    QUEUED = "queued"  # or under way
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@frozen(kw_only=True)
class NewItem:
    ref: str  # the caller's own name of it
    message: str
    variables: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Item(NewItem):
    batch_id: str
    position: int  # from 0
    state: ItemState
    answer: str | None
    error: str | None
    detail: str | None
    workflow_id: str | None  # that answered, or was asked last
    attempts: int
    usage: Usage
    started_at: datetime | None
    ended_at: datetime | None


@frozen(kw_only=True)
class Batch:
    id: str
    name: str
    workflow_id: str
    actor: str
    state: BatchState
    total: int
    request_id: str | None
    created_at: datetime
    ended_at: datetime | None


@frozen(kw_only=True)
class Progress:
    """How far a batch has come."""

    counts: dict[ItemState, int]
    usage: Usage  # of what has ended; known where that of every answer is
    each: timedelta | None  # what an answer took on average; None while there is none
    first_at: datetime | None

    @property
    def left(self) -> int:
        return self.counts.get(ItemState.QUEUED, 0)
