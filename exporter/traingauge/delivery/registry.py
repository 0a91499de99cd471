"""A run as a prometheus_client collector, for a service that serves its own ``/metrics``.

>>> from prometheus_client import CollectorRegistry
>>> from traingauge.core.families import Identity, single
>>> registry = CollectorRegistry()
>>> registry.register(RunCollector(Identity("churn", "r1"), lambda: [single("model_learning_rate", 0.1)]))
>>> registry.get_sample_value("model_learning_rate", {"model": "churn", "run": "r1"})
0.1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Metric as ClientMetric
from prometheus_client.registry import Collector

from traingauge.core.families import Family, Identity, label_names


class RunCollector(Collector):
    """Collects a run's families as prometheus_client metrics.

    Args:
        identity: The labels of every sample.
        families: Reads the run's current state; called once for each scrape.

    Attributes:
        families: As given.
    """

    def __init__(self, identity: Identity, families: Callable[[], Iterable[Family]]) -> None:
        self._identity = identity
        self.families = families

    def collect(self) -> Iterator[ClientMetric]:
        """One prometheus_client metric for each family."""
        return (as_client_metric(family, self._identity) for family in self.families())

    def describe(self) -> Iterable[ClientMetric]:
        """Nothing, because several runs in one registry share their metric names.

        Without this method, registering the run would collect it once.
        """
        return ()


def as_client_metric(family: Family, identity: Identity) -> ClientMetric:
    """The same family in prometheus_client's model."""
    metric = family.metric
    client = ClientMetric(metric.family, metric.help, metric.kind, metric.unit)
    suffix = {"counter": "_total", "info": "_info"}.get(metric.kind, "")
    for key, value in zip(family.keys, family.values, strict=True):
        named = zip(label_names(metric, key.suffix), (*identity, *key.labels), strict=True)
        labels = {name: label for name, label in named if label is not None}
        client.add_sample(metric.family + (key.suffix or suffix), labels, value)
    return client
