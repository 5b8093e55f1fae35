"""What the server turns away at its door, counted; the log hears of each kind once a minute, however many come."""

from collections import Counter

import structlog
from attrs import define, field

from daemon.clock import Clock
from daemon.net.server.metrics import HttpMetrics

log = structlog.get_logger()

SAY_EVERY = 60.0  # seconds between two log lines about the same nuisance


@define
class Nuisances:
    """Counts what is turned away, and says so once a minute a kind."""

    clock: Clock
    metrics: HttpMetrics
    _silent: Counter[str] = field(factory=Counter, init=False)
    _said_at: dict[str, float] = field(factory=dict, init=False)

    def note(self, reason: str, detail: str = "") -> None:
        self.metrics.turned_away.labels(reason).inc()
        self._silent[reason] += 1
        now = self.clock.monotonic()
        if now - self._said_at.get(reason, now - SAY_EVERY) >= SAY_EVERY:
            self._said_at[reason] = now
            log.warning("http.turned_away", reason=reason, times=self._silent.pop(reason), detail=detail[:100])
