"""How names are looked up, as figures for Prometheus: read from the resolver whenever they are asked for."""

from collections.abc import Iterator

from attrs import frozen
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon.net.resolver import Resolver


@frozen
class DnsFigures(Collector):
    """No name is a label: whoever adds webhooks chooses them."""

    resolver: Resolver

    def collect(self) -> Iterator[Metric]:
        counts = self.resolver.counts
        asked = CounterMetricFamily("qiaod_dns_lookups", "Names that were asked for.", labels=["result"])
        asked.add_metric(["found"], counts.found)
        asked.add_metric(["no_such_name"], counts.no_such_name)
        asked.add_metric(["failed"], counts.failed)
        yield asked
        yield CounterMetricFamily("qiaod_dns_stale", "Addresses used beyond their time.", value=counts.stale)
        yield GaugeMetricFamily("qiaod_dns_names", "Names that are kept.", value=self.resolver.names)
