"""The daemon's state as figures for Prometheus, set anew whenever they are asked for."""

from attrs import define, field
from prometheus_client import CollectorRegistry, Gauge

from daemon.engine.status import Status


@define
class Figures:
    """Labels are few and known: lanes, states, breakers; never a contact or a message."""

    registry: CollectorRegistry
    _gauges: dict[str, Gauge] = field(factory=dict, init=False)

    def show(self, status: Status) -> None:
        self._set("ready", "1 while traffic may come.", float(status.ready))
        self._set("epoch", "Starts of the daemon over this store.", status.epoch)
        self._set("uptime_seconds", "Since the start.", status.uptime_seconds)
        self._set("store_bytes", "Size of the database.", status.store.bytes)
        self._set("store_wal_bytes", "Size of the write-ahead log.", status.store.wal_bytes)
        self._set("store_writes_waiting", "Units of work in line.", status.store.writes_waiting)
        for queue in status.queues:
            for state, count in (("ready", queue.ready), ("blocked", queue.blocked), ("running", queue.running)):
                self._set("jobs", "Open jobs.", count, lane=queue.lane, state=state)
            self._set("jobs_dead", "Jobs that were given up.", queue.dead, lane=queue.lane)
            self._set("jobs_oldest_seconds", "How long the longest due is due.", queue.oldest_seconds, lane=queue.lane)
        for state in ("queued", "waiting", "sending", "unknown"):
            self._set("sends", "Messages to WeChat that have not ended.", status.sends.get(state, 0), state=state)
        for level in status.limiters:
            self._set("limiter_tokens", "What a limiter holds.", level.tokens, limiter=level.name)
        self._breakers(status)

    def _breakers(self, status: Status) -> None:
        if "breaker_open" in self._gauges:
            self._gauges["breaker_open"].clear()  # those of replaced credentials are gone
        for breaker in status.breakers:
            self._set("breaker_open", "1 while not closed.", float(breaker.state != "closed"), breaker=breaker.name)

    def _set(self, name: str, help_text: str, value: float, **labels: str) -> None:
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = Gauge(f"qiaod_{name}", help_text, list(labels), registry=self.registry)
            self._gauges[name] = gauge
        (gauge.labels(**labels) if labels else gauge).set(value)
