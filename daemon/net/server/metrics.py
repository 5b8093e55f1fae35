"""What the HTTP server counts, in the daemon's own registry."""

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds; GeWe's patience ends at 3


@define
class HttpMetrics:
    registry: CollectorRegistry
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)
    connections: Gauge = field(init=False)
    turned_away: Counter = field(init=False)
    _told: dict[tuple[str, str, int], tuple[Counter, Histogram]] = field(factory=dict, init=False)

    @classmethod
    def standard(cls) -> "HttpMetrics":
        """In a registry of its own."""
        return cls(CollectorRegistry())

    def __attrs_post_init__(self) -> None:
        self.requests = Counter(
            "qiaod_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "qiaod_http_seconds", "Time to answer.", ["route"], buckets=BUCKETS, registry=self.registry
        )
        self.connections = Gauge("qiaod_http_connections", "Open connections.", registry=self.registry)
        self.turned_away = Counter(
            "qiaod_http_turned_away",
            "Connections closed by us: too many, too slow, or not HTTP.",
            ["reason"],
            registry=self.registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. Looking a series up by its labels takes longer than counting in it."""
        key = (method, route, status)
        if key not in self._told:
            self._told[key] = self.requests.labels(method, route, str(status)), self.seconds.labels(route)
        requests, times = self._told[key]
        requests.inc()
        times.observe(seconds)
