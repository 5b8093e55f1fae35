"""Whether the services behind us are well: found out by asking them, at most every half minute."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.domain.checkup import Finding, first_failure

FRESH = timedelta(seconds=30)  # the seed's interval of monitoring
AT_ONCE = 5  # questions to one service
MOST_PARTS = 50  # accounts or workflows that are asked about; more say nothing new of the service


@frozen(kw_only=True)
class PartHealth:
    """One account, or one workflow."""

    id: str
    name: str
    healthy: bool
    seconds: float
    code: str  # of what is wrong; empty where nothing is
    detail: str  # in the service's own words


@frozen(kw_only=True)
class ServiceHealth:
    service: str  # as the seed spells it: GeWe, FastGPT
    healthy: bool
    code: str  # why not: health.nothing_set_up, or health.unwell; empty where all is well
    seconds: float  # the slowest of its parts that answered
    at: datetime
    parts: tuple[PartHealth, ...]


@frozen(kw_only=True)
class Probe:
    """What is to be asked: its name, and how."""

    id: str
    name: str
    ask: Callable[[], Awaitable[tuple[Finding, ...]]]


def verdict(service: str, parts: Sequence[PartHealth], at: datetime) -> ServiceHealth:
    """A service is well when all of its parts are; one without parts is not set up. Pure."""
    healthy = bool(parts) and all(part.healthy for part in parts)
    code = "" if healthy else "health.unwell" if parts else "health.nothing_set_up"
    seconds = max((part.seconds for part in parts), default=0.0)
    return ServiceHealth(service=service, healthy=healthy, code=code, seconds=seconds, at=at, parts=tuple(parts))


@define
class Health:
    """One service. Whoever asks while it is being asked waits for the same answer."""

    service: str
    clock: Clock
    probes: Callable[[], Awaitable[Sequence[Probe]]]
    _last: ServiceHealth | None = field(default=None, init=False)
    _asking: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    async def __call__(self, *, fresh: bool = False) -> ServiceHealth:
        asked_at = self.clock.now()
        async with self._asking:
            last = self._last
            if last is not None and (last.at >= asked_at or (not fresh and self.clock.now() - last.at < FRESH)):
                return last
            seats = asyncio.Semaphore(AT_ONCE)
            asked = (await self.probes())[:MOST_PARTS]
            parts = await asyncio.gather(*(self._part(probe, seats) for probe in asked))
            self._last = verdict(self.service, parts, self.clock.now())
            return self._last

    async def _part(self, probe: Probe, seats: asyncio.Semaphore) -> PartHealth:
        async with seats:
            began = self.clock.monotonic()
            failure = first_failure(await probe.ask())
            seconds = round(self.clock.monotonic() - began, 3)
        return PartHealth(
            id=probe.id,
            name=probe.name,
            healthy=failure is None,
            seconds=seconds,
            code=(failure.code or "") if failure else "",
            detail=failure.detail if failure else "",
        )
