"""How the services behind us do: every call counted in memory, and written down minute by minute."""

import asyncio
from datetime import timedelta

import structlog
from attrs import define, field

from daemon.clock import to_ms
from daemon.errors import StoreUnavailable
from daemon.store import service_minutes
from daemon.store.database import Database
from daemon.store.service_minutes import MINUTE_MS, Minute, Sum

log = structlog.get_logger()

FLUSH_EVERY = timedelta(seconds=5)
KEEP = timedelta(days=7)  # the seed's retention of metrics
MOST_MINUTES = 10_000  # waiting for a store that takes nothing: about a day of seven services


@define
class _Count:
    calls: int = 0
    failures: int = 0
    total_ms: int = 0
    slowest_ms: int = 0
    last_error: str | None = None


@define
class CallStats:
    db: Database
    _waiting: dict[tuple[str, int], _Count] = field(factory=dict, init=False)

    def took(self, service: str, seconds: float, error: str | None) -> None:
        """One call ended; `error` is the code of what went wrong."""
        now_ms = to_ms(self.db.clock.now())
        minute = (service, now_ms - now_ms % MINUTE_MS)
        if minute not in self._waiting and len(self._waiting) >= MOST_MINUTES:
            return
        count, ms = self._waiting.setdefault(minute, _Count()), round(seconds * 1000)
        count.calls += 1
        count.failures += error is not None
        count.total_ms += ms
        count.slowest_ms = max(count.slowest_ms, ms)
        count.last_error = error or count.last_error

    async def over(self, service: str, span: timedelta) -> Sum:
        """What was counted in the last `span`, to the minute."""
        await self.flush()
        return await self.db.read(service_minutes.total, service, self.db.clock.now() - span)

    async def flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            await self.db.write(service_minutes.add, [_minute(key, count) for key, count in waiting.items()])
        except StoreUnavailable as error:
            log.debug("callstats.postponed", code=error.code)
            self._give_back(waiting)

    def _give_back(self, waiting: dict[tuple[str, int], _Count]) -> None:
        """The store did not take them: they are added to what was counted meanwhile."""
        for key, count in waiting.items():
            newer = self._waiting.setdefault(key, _Count())
            newer.calls += count.calls
            newer.failures += count.failures
            newer.total_ms += count.total_ms
            newer.slowest_ms = max(newer.slowest_ms, count.slowest_ms)
            newer.last_error = newer.last_error or count.last_error

    async def run(self) -> None:
        """Write down what was counted, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_EVERY.total_seconds())
            await self.flush()


def _minute(key: tuple[str, int], count: _Count) -> Minute:
    service, minute_ms = key
    return Minute(
        service=service,
        minute_ms=minute_ms,
        calls=count.calls,
        failures=count.failures,
        total_ms=count.total_ms,
        slowest_ms=count.slowest_ms,
        last_error=count.last_error,
    )
