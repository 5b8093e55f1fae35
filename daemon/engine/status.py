"""What the daemon says of itself: how it is, at a glance."""

from collections.abc import Collection
from datetime import datetime

from attrs import evolve, field, frozen

from daemon.domain.workflow import Provider


@frozen(kw_only=True)
class QueueDepth:
    """One lane of the job queue."""

    lane: str
    ready: int  # due, or waiting for their time
    blocked: int  # behind an earlier one of their key
    running: int
    dead: int  # given up: a person decides
    oldest_seconds: float  # how long the longest due has been due


@frozen(kw_only=True)
class LimiterLevel:
    name: str
    tokens: float
    burst: float
    per_second: float


@frozen(kw_only=True)
class BreakerState:
    name: str
    state: str  # closed, open, half_open


@frozen(kw_only=True)
class StoreState:
    bytes: int
    wal_bytes: int
    schema: int
    writes_waiting: int
    last_backup_at: datetime | None


@frozen(kw_only=True)
class Status:
    version: str
    started_at: datetime
    uptime_seconds: float
    epoch: int
    ready: bool
    reasons: tuple[str, ...]  # why not ready, or what is wrong though it is
    queues: tuple[QueueDepth, ...] = field(factory=tuple)
    sends: dict[str, int] = field(factory=dict)  # that have not ended, by state
    limiters: tuple[LimiterLevel, ...] = field(factory=tuple)
    breakers: tuple[BreakerState, ...] = field(factory=tuple)
    store: StoreState


SHARED = frozenset({*Provider, "*"})  # limiters that are no account's


def of_accounts(status: Status, accounts: Collection[str]) -> Status:
    """The same without the names of other accounts: sums stay."""
    known = SHARED | set(accounts)
    return evolve(
        status,
        limiters=tuple(limiter for limiter in status.limiters if limiter.name in known),
        breakers=tuple(breaker for breaker in status.breakers if not set(accounts).isdisjoint(breaker.name.split("/"))),
    )
