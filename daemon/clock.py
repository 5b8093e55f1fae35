"""The only door to time: nothing else calls datetime.now, time.time or time.monotonic."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall time, aware, in UTC: for what is stored or shown."""

    def monotonic(self) -> float:
        """Seconds that never run backwards: for delays, limits and leases."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def to_ms(moment: datetime) -> int:
    """Integer milliseconds since 1970, UTC: how every time is stored."""
    return (moment - EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


def optional_to_ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def optional_from_ms(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)


def rfc3339(moment: datetime) -> str:
    """`2026-01-02T03:04:05.678Z`: how every time is written in JSON."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
