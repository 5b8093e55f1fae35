"""What the daemon says of itself: how it is, at a glance."""

from datetime import datetime

from attrs import field, frozen


@frozen(kw_only=True)
class QueueDepth:
    """One lane of the job queue."""

    lane: str
    ready: int
    running: int
    oldest_seconds: float | None  # age of the oldest that is due; None: nothing waits


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
    limiters: tuple[LimiterLevel, ...] = field(factory=tuple)
    breakers: tuple[BreakerState, ...] = field(factory=tuple)
    store: StoreState
