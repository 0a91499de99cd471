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

from traingauge.catalog import CATALOG, Metric
from traingauge.core.families import Family, Identity, labels_of


class RunCollector(Collector):
    """Collects the families of a run, and of those that are added, as prometheus_client metrics.

    A registry renders each collector by itself, so two that have a family in common would describe it twice, which no parser
    accepts. The registry therefore refuses the second; add its run to the first one instead.

    Args:
        identity: The labels of every sample.
        families: Reads the run's current state; called once for each scrape.

    Attributes:
        identity: As given.
        families: As given.

    >>> from traingauge.core.families import single
    >>> first = RunCollector(Identity("churn", "r1"), lambda: [single("model_learning_rate", 0.1)])
    >>> first.add(RunCollector(Identity("churn", "r2"), lambda: [single("model_learning_rate", 0.2)]))
    >>> [[sample.labels["run"] for sample in metric.samples] for metric in first.collect()]
    [['r1', 'r2']]
    """

    def __init__(self, identity: Identity, families: Callable[[], Iterable[Family]]) -> None:
        self.identity, self.families = identity, families
        self._runs: tuple[RunCollector, ...] = (
            self,
        )  # replaced as a whole: another thread may be collecting

    def add(self, other: RunCollector) -> None:
        """Collect another run with this one; a second time changes nothing."""
        if other not in self._runs:
            self._runs = (*self._runs, other)

    def remove(self, other: RunCollector) -> None:
        """Collect another run no longer; one that was not added is left alone."""
        self._runs = tuple(run for run in self._runs if run is self or run is not other)

    def collect(self) -> Iterator[ClientMetric]:
        """One prometheus_client metric for each family, with the samples of all runs."""
        metrics: dict[str, ClientMetric] = {}
        for run in self._runs:
            for family in run.families():
                metric = metrics.setdefault(family.metric.name, _described(family.metric))
                _add_samples(metric, family, run.identity)
        return iter(metrics.values())

    def describe(self) -> Iterator[ClientMetric]:
        """Every metric that a run may have, without samples: nothing is collected when it is registered."""
        return map(_described, CATALOG.values())


def _described(metric: Metric) -> ClientMetric:
    return ClientMetric(metric.family, metric.help, metric.kind, metric.unit)


def _add_samples(client: ClientMetric, family: Family, identity: Identity) -> None:
    metric = family.metric
    suffix = {"counter": "_total", "info": "_info"}.get(metric.kind, "")
    for key, value in zip(family.keys, family.values, strict=True):
        client.add_sample(metric.family + (key.suffix or suffix), labels_of(metric, key, identity), value)
