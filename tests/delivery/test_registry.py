"""A run plugged into somebody else's registry."""

from prometheus_client import CollectorRegistry

from traingauge import ModelMonitor
from traingauge.core.families import Identity, single
from traingauge.delivery.registry import RunCollector


def test_registering_a_collector_does_not_collect_it() -> None:
    calls: list[int] = []

    def families() -> list:
        calls.append(1)
        return [single("model_learning_rate", 0.1)]

    CollectorRegistry().register(RunCollector(Identity("m", "r"), families))
    assert not calls


def test_two_runs_share_one_registry() -> None:
    registry = CollectorRegistry()
    with (
        ModelMonitor("a", run="1", delivery=[]) as one,
        ModelMonitor("a", run="2", delivery=[]) as two,
    ):
        registry.register(one.collector)
        registry.register(two.collector)
        one.step(loss=1.0)
        two.step(loss=2.0)
        values = [
            registry.get_sample_value("model_loss", {"model": "a", "run": run, "split": "train"})
            for run in "12"
        ]
    assert values == [1.0, 2.0]


def test_the_process_global_registry_stays_as_it_was() -> None:
    from prometheus_client import REGISTRY

    with ModelMonitor("a", delivery=[]) as monitor:
        monitor.step(loss=1.0)
        assert REGISTRY.get_sample_value("model_steps_total") is None
        assert not [metric for metric in REGISTRY.collect() if metric.name.startswith("model_")]
