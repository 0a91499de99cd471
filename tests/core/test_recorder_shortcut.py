"""Steps that give floats by name take a shortcut, and come out as those that do not."""

from __future__ import annotations

import inspect
import threading

import pytest

from traingauge import ModelMonitor
from traingauge.core.event_queue import BACKLOG_STEPS
from traingauge.errors import ClosedError, InvalidArgumentError, InvalidTypeError


@pytest.fixture
def monitor() -> ModelMonitor:
    with ModelMonitor("m", delivery=[]) as monitor:
        yield monitor


def values(monitor: ModelMonitor, name: str) -> dict[tuple[str | None, ...], float]:
    (family,) = [family for family in monitor.collector.families() if family.metric.name == name] or [None]
    return (
        {}
        if family is None
        else {key.labels: value for key, value in zip(family.keys, family.values, strict=True)}
    )


def test_numbers_mixed_with_other_steps_keep_their_order(monitor: ModelMonitor) -> None:
    monitor.step(loss=1.0, entropy=1.0)
    monitor.step(loss=2.0, entropy=2.0)
    monitor.step(loss=3, samples=5)
    monitor.step(loss=4.0, y_true=[0, 1], y_pred=[0, 1])
    monitor.step(loss=5.0)
    rows = monitor.rows()
    assert rows["loss"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert rows["samples"].tolist() == [0.0, 0.0, 5.0, 2.0, 0.0]
    assert values(monitor, "model_loss") == {("train",): 5.0}
    assert values(monitor, "model_scalar") == {("entropy", "train"): 2.0}
    assert values(monitor, "model_samples_total")[("train",)] == 7.0
    assert values(monitor, "model_accuracy") == {("train",): 1.0}


def test_more_steps_than_may_be_pending_are_all_counted(monitor: ModelMonitor) -> None:
    for step in range(2 * BACKLOG_STEPS + 10):
        monitor.step(loss=float(step))
    assert len(monitor.session.queue.pending) == 10
    assert values(monitor, "model_steps_total")[("train",)] == 2 * BACKLOG_STEPS + 10


def test_steps_of_many_threads_are_all_counted_while_others_look(monitor: ModelMonitor) -> None:
    def train() -> None:
        for step in range(5000):
            monitor.step(loss=float(step))

    threads = [threading.Thread(target=train) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        monitor.collector.families()
    assert values(monitor, "model_steps_total")[("train",)] == 20_000
    assert values(monitor, "model_monitor_errors_total") == dict.fromkeys(
        values(monitor, "model_monitor_errors_total"), 0.0
    )


def test_each_nonfinite_gradient_norm_is_counted(monitor: ModelMonitor) -> None:
    for norm in (1.0, float("nan"), float("inf"), 2.0):
        monitor.step(loss=1.0, gradient_norm=norm)
    assert values(monitor, "model_nonfinite_total")["train", "gradient"] == 2.0


def test_the_first_step_is_checked_by_name(monitor: ModelMonitor) -> None:
    with pytest.raises(InvalidTypeError):
        monitor.step(loss=1.0, y_true=1.0)


def test_a_number_in_the_place_of_an_array_is_reported_later_once_steps_take_the_shortcut(
    monitor: ModelMonitor,
) -> None:
    monitor.step(loss=1.0)
    monitor.step(loss=2.0, y_true=1.0)
    assert values(monitor, "model_loss") == {("train",): 2.0}
    assert values(monitor, "model_monitor_errors_total")[("data",)] == 1.0
    assert "model_scalar" not in {family.metric.name for family in monitor.collector.families()}


def test_a_wrong_number_is_left_out_and_counted_once_others_fitted(monitor: ModelMonitor) -> None:
    monitor.step(loss=1.0)
    monitor.step(loss=2.0, entropy="high")
    assert values(monitor, "model_steps_total")[("train",)] == 2.0
    assert values(monitor, "model_loss") == {("train",): 2.0}
    assert values(monitor, "model_monitor_errors_total")[("data",)] == 1.0


def test_a_run_that_ended_takes_no_further_steps() -> None:
    with ModelMonitor("m", delivery=[]) as monitor:
        monitor.step(loss=1.0)
        monitor.step(loss=1.0)
    with pytest.raises(ClosedError):
        monitor.step(loss=1.0)


def test_the_step_of_a_subclass_is_its_own() -> None:
    class Doubling(ModelMonitor):
        def step(self, loss: float) -> None:
            super().step(loss=2 * loss)

    with Doubling("m", delivery=[]) as monitor:
        monitor.step(1.0)
        monitor.step(loss=3.0)
        assert values(monitor, "model_loss") == {("train",): 6.0}


def test_it_looks_like_the_method_that_it_shortens(monitor: ModelMonitor) -> None:
    assert inspect.signature(monitor.step) == inspect.signature(ModelMonitor.step.__get__(monitor))
    assert monitor.step.__doc__ == ModelMonitor.step.__doc__


def test_waiting_for_data_does_not_part_the_steps(
    monitor: ModelMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    drain = monitor.session.queue._drain
    monkeypatch.setattr(drain, "_on_batch", [lambda batch: batches.append(len(batch.at)), *drain._on_batch])
    for _ in monitor.watch(range(100)):
        monitor.step(loss=1.0)
    assert values(monitor, "model_steps_total")[("train",)] == 100.0
    assert batches[0] == 100


def test_training_drains_what_it_recorded_after_the_steps_of_digest_every() -> None:
    with ModelMonitor("m", digest_every=10, delivery=[]) as monitor:
        seen = monitor.session.self_metrics.nonfinite
        for step in range(9):
            monitor.step(loss=float("nan") if step == 4 else 1.0)
        assert seen["train", "loss"] == 0
        monitor.step(loss=1.0)
        assert seen["train", "loss"] == 1  # though nobody has scraped
        assert not monitor.session.queue.pending
    with pytest.raises(InvalidArgumentError, match="digest_every"):
        ModelMonitor("m", digest_every=0, delivery=[])
