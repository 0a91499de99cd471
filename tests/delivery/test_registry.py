"""A run plugged into somebody else's registry."""

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from traingauge import ModelMonitor
from traingauge.catalog import CATALOG
from traingauge.core.families import Identity, single
from traingauge.delivery.registry import RunCollector


def test_registering_a_collector_does_not_collect_it() -> None:
    calls: list[int] = []

    def families() -> list:
        calls.append(1)
        return [single("model_learning_rate", 0.1)]

    CollectorRegistry().register(RunCollector(Identity("m", "r"), families))
    assert not calls


def test_several_runs_in_one_registry_have_one_comment_for_each_family() -> None:
    registry = CollectorRegistry()
    with (
        ModelMonitor("a", run="1", delivery=[]) as one,
        ModelMonitor("a", run="2", delivery=[]) as two,
    ):
        registry.register(one.collector)
        one.collector.add(two.collector)
        one.collector.add(two.collector)
        one.step(loss=1.0)
        two.step(loss=2.0)
        text = generate_latest(registry).decode()
    comments = [line for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(comments) == len(set(comments))
    families = {family.name: family for family in text_string_to_metric_families(text)}
    found = [(sample.labels["run"], sample.value) for sample in families["model_loss"].samples]
    assert found == [("1", 1.0), ("2", 2.0)]
    list(openmetrics.text_string_to_metric_families(generate_openmetrics(registry).decode()))


def test_a_second_collector_in_one_registry_is_refused_at_once() -> None:
    registry = CollectorRegistry()
    with (
        ModelMonitor("a", run="1", delivery=[]) as one,
        ModelMonitor("a", run="2", delivery=[]) as two,
    ):
        registry.register(one.collector)
        with pytest.raises(ValueError, match="Duplicated timeseries"):
            registry.register(two.collector)
        registry.unregister(one.collector)
        registry.register(two.collector)


def test_a_run_that_was_removed_is_collected_no_longer() -> None:
    registry = CollectorRegistry()
    with (
        ModelMonitor("a", run="1", delivery=[]) as one,
        ModelMonitor("a", run="2", delivery=[]) as two,
    ):
        registry.register(one.collector)
        one.collector.add(two.collector)
        one.collector.remove(two.collector)
        one.collector.remove(one.collector)
        runs = {sample.labels["run"] for metric in registry.collect() for sample in metric.samples}
    assert runs == {"1"}


def test_a_registry_knows_every_metric_that_a_run_may_have() -> None:
    registry = CollectorRegistry()
    with ModelMonitor("a", run="1", delivery=[]) as monitor:
        registry.register(monitor.collector)
        for name in CATALOG:
            with pytest.raises(ValueError, match="Duplicated timeseries"):
                Gauge(name, "Mine.", registry=registry)
        monitor.step(loss=1.0)
        (metric,) = registry.restricted_registry(["model_loss"]).collect()
    assert metric.name == "model_loss"


def test_the_process_global_registry_stays_as_it_was() -> None:
    from prometheus_client import REGISTRY

    with ModelMonitor("a", delivery=[]) as monitor:
        monitor.step(loss=1.0)
        assert REGISTRY.get_sample_value("model_steps_total") is None
        assert not [metric for metric in REGISTRY.collect() if metric.name.startswith("model_")]
