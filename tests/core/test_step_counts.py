"""Counts and names that a step gives: samples, the steps that a call stands for, and names of scalars."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge import ModelMonitor, Scoring
from traingauge.core.collectors.scalars import NAME_CAP
from traingauge.core.events import Scored
from traingauge.core.families import Key
from traingauge.core.scalar_names import RESERVED
from traingauge.errors import InvalidArgumentError, InvalidTypeError, TrainGaugeError


@pytest.fixture
def monitor():
    with ModelMonitor("m", delivery=[]) as monitor:
        yield monitor


def values(monitor, name):
    return {
        key.labels: value
        for family in monitor.collector.families()
        if family.metric.name == name
        for key, value in zip(family.keys, family.values, strict=True)
    }


def errors(monitor):
    return {
        labels[0]: count for labels, count in values(monitor, "model_monitor_errors_total").items() if count
    }


@pytest.mark.parametrize("samples", [32, 32.0, np.int16(32), np.float32(32), np.array([32])])
@pytest.mark.parametrize("before", [0, 1])
def test_samples_of_every_type_of_number_are_counted(monitor, samples, before):
    for _ in range(before):
        monitor.step(loss=0.5)
    for _ in range(10):
        monitor.step(loss=0.5, samples=samples)
    assert values(monitor, "model_samples_total")[("train",)] == 320
    assert values(monitor, "model_scalar") == {}
    assert monitor.rows()["samples"].tolist() == [0.0] * before + [32.0] * 10


@pytest.mark.parametrize("name", ["samples", "steps"])
@pytest.mark.parametrize(
    "odd", [-5, 0.5, float("nan"), float("inf"), 2**70, 10**400, "32", None, [1, 2], object()]
)
def test_a_count_that_is_no_count_raises_at_first_and_is_counted_later(monitor, name, odd):
    with pytest.raises(TrainGaugeError, match=f"{name} is .*expected a whole number of at least 0"):
        monitor.step(loss=0.5, **{name: odd})
    for _ in range(200):
        monitor.step(loss=0.5)
    monitor.step(loss=0.5, **{name: odd})
    assert values(monitor, "model_steps_total")[("train",)] == 201
    assert values(monitor, "model_samples_total")[("train",)] == 0
    assert errors(monitor) == {"data": 1}


@pytest.mark.parametrize("odd", [-5, -5.0])
def test_a_count_that_is_no_count_raises_always_if_the_monitor_is_strict(odd):
    with ModelMonitor("m", delivery=[], strict=True) as monitor:
        monitor.step(loss=0.5)
        with pytest.raises(TrainGaugeError, match="samples is -5"):
            monitor.step(loss=0.5, samples=odd)


@pytest.mark.parametrize(
    "name", ["step", "time", "attempt", "seconds", "top_k_accuracy", "loss_best", "split"]
)
def test_a_reserved_name_of_a_scalar_is_refused(monitor, name):
    with pytest.raises(InvalidArgumentError, match=f"scalar '{name}' .* as my_{name}="):
        monitor.step(loss=0.5, **{name: 7.0})
    if name != "split":
        with pytest.raises(InvalidArgumentError, match=f"scalar '{name}'"):
            monitor.evaluate("validation", loss=0.5, **{name: 7.0})
    assert values(monitor, "model_steps_total")[("train",)] == 0


@pytest.mark.parametrize("name", sorted(RESERVED - {"samples", "steps"}))
def test_a_reserved_name_that_comes_later_changes_no_column(monitor, name):
    monitor.step(loss=0.5)
    monitor.step(loss=0.25, **{name: 7.0})
    rows = monitor.rows()
    assert rows["step"].tolist() == [1.0, 2.0]
    assert rows["loss"].tolist() == [0.5, 0.25]
    assert name not in rows or 7.0 not in rows[name].tolist()
    assert errors(monitor) == {"data": 1}
    assert values(monitor, "model_scalar") == {}


def test_a_call_can_stand_for_many_steps(monitor):
    monitor.step(loss=0.5, steps=50)
    monitor.step(loss=0.25, steps=50, samples=1600)
    assert values(monitor, "model_steps_total")[("train",)] == 100
    assert values(monitor, "model_step")[()] == 100
    assert values(monitor, "model_samples_total")[("train",)] == 1600
    assert monitor.rows()["step"].tolist() == [50.0, 100.0]


def test_the_duration_of_many_steps_is_shared_among_them(monitor):
    monitor.session.record((1000.0, {"loss": 0.5}))
    monitor.session.record(Scored(1100.0, {"loss": 0.25}, None, None, 0, steps=50))
    monitor.session.record(Scored(1101.0, {"entropy": 2.0}, None, None, 0, steps=0))
    monitor.session.record((1102.0, {"loss": 0.25}))
    assert monitor.rows()["seconds"].tolist() == [None, 2.0, None, 2.0]
    (family,) = [
        one for one in monitor.collector.families() if one.metric.name == "model_step_duration_seconds"
    ]
    found = dict(zip(family.keys, family.values, strict=True))
    assert found[Key("_count", ("train",))] == 51
    assert found[Key("_sum", ("train",))] == 102.0


@pytest.mark.parametrize("as_float", [False, True])
def test_a_call_can_belong_to_the_step_before(monitor, as_float):
    zero, one = (0.0, 1.0) if as_float else (0, 1)
    for _ in range(3):
        monitor.step(loss=0.5, steps=one)
        monitor.step(entropy=2.0, steps=zero)
    assert values(monitor, "model_steps_total")[("train",)] == 3
    assert values(monitor, "model_scalar") == {("entropy", "train"): 2.0}
    assert monitor.rows()["step"].tolist() == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    assert errors(monitor) == {}


def test_predictions_of_a_further_micro_batch_are_scored_and_count_no_step(monitor):
    monitor.step(loss=0.5, y_true=[0, 1], y_pred=[0, 1])
    monitor.step(y_true=[0, 1], y_pred=[1, 0], steps=0)
    assert values(monitor, "model_accuracy")[("train",)] == 0.5
    assert values(monitor, "model_samples_total")[("train",)] == 4
    assert values(monitor, "model_steps_total")[("train",)] == 1


def test_a_name_a_step_keeps_the_columns_and_the_series_bounded(monitor):
    for at in range(9000):
        monitor.step(loss=0.5, **{f"loss_{at}": 1.0})
    rows = monitor.rows()
    assert len(rows["step"]) == 9000
    assert len(values(monitor, "model_scalar")) == NAME_CAP
    assert len([name for name in rows if name.startswith("loss_")]) == NAME_CAP


def test_a_name_a_pass_keeps_the_columns_bounded(monitor):
    for at in range(200):
        monitor.evaluate("validation", loss=0.5, **{f"loss_{at}": 1.0})
    assert len([name for name in monitor.rows("validation") if name.startswith("loss_")]) == NAME_CAP


def test_a_text_is_no_count(monitor):
    with pytest.raises(InvalidTypeError):
        monitor.step(loss=0.5, samples="many")


def test_an_interval_of_further_micro_batches_alone_breaks_no_scrape():
    with ModelMonitor("m", scoring=Scoring(window=1), delivery=[]) as monitor:
        for _ in range(3):
            monitor.evaluate("validation", loss=0.5)
            monitor.step(loss=0.5, steps=0)
        assert values(monitor, "model_monitor_errors_total")["scrape",] == 0
        assert values(monitor, "model_monitor_errors_total")["scrape",] == 0
