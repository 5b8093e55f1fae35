"""Gathers how the daemon is: what the status page shows and what the figures are made of."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from attrs import define

from daemon import __version__
from daemon.clock import from_ms
from daemon.domain.workflow import Provider
from daemon.engine.jobs import Jobs
from daemon.engine.status import BreakerState, LimiterLevel, QueueDepth, Status, StoreState
from daemon.limits.breaker import Breakers
from daemon.limits.pace import OVERALL, Pace
from daemon.limits.pool import Pool
from daemon.store import sends
from daemon.store.database import Database
from daemon.store.job_desk import Depth
from daemon.store.migrate import latest


@define
class Standing:
    """Reads, and changes nothing."""

    db: Database
    jobs: Jobs
    pace: Pace
    pools: Mapping[Provider, Pool]
    breakers: Breakers
    backups: Path
    started_at: datetime
    reasons: Callable[[], tuple[str, ...]]  # why the daemon is not ready

    async def __call__(self) -> Status:
        now = self.db.clock.now()
        depths, open_sends = await self.jobs.depths(), await self.db.read(sends.depths)
        reasons = self.reasons()
        return Status(
            version=__version__,
            started_at=self.started_at,
            uptime_seconds=round((now - self.started_at).total_seconds(), 3),
            epoch=self.db.epoch,
            ready=not reasons,
            reasons=reasons,
            queues=tuple(map(_queue, depths)),
            sends=open_sends,
            limiters=self._limiters(),
            breakers=tuple(
                BreakerState(name="/".join(key), state=standing.state)
                for key, standing in self.breakers.standings().items()
            ),
            store=self._store(),
        )

    def _limiters(self) -> tuple[LimiterLevel, ...]:
        accounts, overall = self.pace.accounts, self.pace.overall
        return (
            *(
                LimiterLevel(name=provider, tokens=pool.seats - pool.in_flight, burst=pool.seats, per_second=0)
                for provider, pool in self.pools.items()
            ),
            LimiterLevel(name=OVERALL, tokens=overall.level(), burst=overall.burst, per_second=overall.rate),
            *(
                LimiterLevel(name=name, tokens=tokens, burst=accounts.burst, per_second=accounts.rate)
                for name, tokens in accounts.levels().items()
            ),
        )

    def _store(self) -> StoreState:
        state = self.db.status()
        newest = max((file.stat().st_mtime for file in self.backups.glob("qiaod-*.db")), default=None)
        return StoreState(
            bytes=self.db.path.stat().st_size if self.db.path.exists() else 0,
            wal_bytes=state.wal_bytes,
            schema=latest(),
            writes_waiting=state.waiting,
            last_backup_at=None if newest is None else from_ms(int(newest * 1000)),
        )


def _queue(depth: Depth) -> QueueDepth:
    return QueueDepth(
        lane=depth.lane,
        ready=depth.ready,
        blocked=depth.blocked,
        running=depth.running,
        dead=depth.dead,
        oldest_seconds=round(depth.oldest.total_seconds(), 3),
    )
