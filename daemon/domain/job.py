"""A piece of work that survives a restart."""

from datetime import datetime
from enum import StrEnum
from typing import NewType

from attrs import frozen

JobId = NewType("JobId", str)


class JobState(StrEnum):
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"  # given up: kept with its last error, and there is a way back
    CANCELLED = "cancelled"


class OnConflict(StrEnum):
    """What adding a job does where an open one has its unique key already."""

    SKIP = "skip"  # the open one serves both
    REPLACE = "replace"  # a ready one takes the new arguments and due time; a running one is followed by the new one
    RERUN = "rerun"  # a running one is run once more when it ends; a ready one serves both


@frozen(kw_only=True)
class NewJob:
    lane: str  # names the handler, its concurrency bound and its retry policy
    key: str | None = None  # jobs of one lane and key run one at a time, in the order they were committed
    args: bytes = b"{}"  # JSON, the handler's own shape
    due_at: datetime | None = None  # None: now
    unique_key: str | None = None
    on_conflict: OnConflict = OnConflict.SKIP
    request_id: str | None = None


@frozen(kw_only=True)
class Job:
    id: JobId
    lane: str
    key: str | None
    args: bytes
    state: JobState
    attempts: int  # that failed or are running; a snooze, an open breaker and a stop cost none
    interrupted: int  # processes that died while it ran
    epoch: int  # of the process that claimed it last: its fencing token
    due_at: datetime
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    unique_key: str | None
    rerun: bool
    last_error: str | None
    request_id: str | None
