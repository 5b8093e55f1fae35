"""The table `service_minutes`: how many calls of each service succeeded, and how long they took."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from attrs import frozen

from daemon.clock import to_ms
from daemon.store.tx import Tx

MINUTE_MS = 60_000


@frozen(kw_only=True)
class Minute:
    """What is added to one minute of one service."""

    service: str
    minute_ms: int
    calls: int
    failures: int
    total_ms: int
    slowest_ms: int
    last_error: str | None


@frozen(kw_only=True)
class Sum:
    """Of some span of time."""

    calls: int = 0
    failures: int = 0
    total_ms: int = 0
    slowest_ms: int = 0
    last_error: str | None = None

    @property
    def success_rate(self) -> float:
        """Per cent, as the seed has it; 100 where nothing was called."""
        return 100.0 if not self.calls else round(100 * (self.calls - self.failures) / self.calls, 2)

    @property
    def average_seconds(self) -> float:
        return 0.0 if not self.calls else round(self.total_ms / self.calls / 1000, 3)


def add(tx: Tx, minutes: Iterable[Minute]) -> None:
    tx.many(
        """
        INSERT INTO service_minutes (service, minute_ms, calls, failures, total_ms, slowest_ms, last_error)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (service, minute_ms) DO UPDATE SET
            calls = calls + excluded.calls, failures = failures + excluded.failures,
            total_ms = total_ms + excluded.total_ms, slowest_ms = max(slowest_ms, excluded.slowest_ms),
            last_error = coalesce(excluded.last_error, last_error)
        """,
        [(m.service, m.minute_ms, m.calls, m.failures, m.total_ms, m.slowest_ms, m.last_error) for m in minutes],
    )


def total(tx: Tx, service: str, since: datetime) -> Sum:
    row = tx.one(
        """
        SELECT coalesce(sum(calls), 0) AS calls, coalesce(sum(failures), 0) AS failures,
               coalesce(sum(total_ms), 0) AS total_ms, coalesce(max(slowest_ms), 0) AS slowest_ms
          FROM service_minutes WHERE service = $1 AND minute_ms >= $2
        """,
        service,
        to_ms(since) - MINUTE_MS,
    )
    last: str | None = tx.value(
        """
        SELECT last_error FROM service_minutes
         WHERE service = $1 AND minute_ms >= $2 AND last_error IS NOT NULL ORDER BY minute_ms DESC LIMIT 1
        """,
        service,
        to_ms(since) - MINUTE_MS,
    )
    assert row is not None
    return Sum(**dict(row), last_error=last)


def prune(tx: Tx, *, keep: timedelta, limit: int) -> int:
    """Delete up to `limit` minutes that are older."""
    return tx.run(
        """
        DELETE FROM service_minutes WHERE (service, minute_ms) IN
            (SELECT service, minute_ms FROM service_minutes WHERE minute_ms < $1 ORDER BY minute_ms LIMIT $2)
        """,
        to_ms(tx.now - keep),
        limit,
    )
