"""Scores that a script computed itself are published as scores."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

from traingauge import ModelMonitor, State
from traingauge.core.families import Identity
from traingauge.core.scalar_names import SCORES
from traingauge.errors import InvalidArgumentError
from traingauge.export import write_openmetrics
from traingauge.testing import InMemory


@pytest.fixture
def published() -> InMemory:
    return InMemory()


def splits(published: InMemory, metric: str) -> set[str]:
    """The splits of which a metric is published."""
    return {dict(labels)["split"] for name, labels in published.samples() if name == metric}


@pytest.fixture
def monitor(published: InMemory):
    with ModelMonitor("m", run="r", delivery=[published]) as monitor:
        yield monitor


@pytest.mark.parametrize("name", sorted(SCORES))
def test_a_number_with_the_name_of_a_score_is_that_score(monitor, published, name):
    monitor.step(loss=1.0, **{name: 0.25})
    monitor.evaluate("validation", **{name: 0.5})
    assert published.value(f"model_{name}", split="train") == 0.25
    assert published.value(f"model_{name}", split="validation") == 0.5
    assert not splits(published, "model_scalar")


def test_other_numbers_are_scalars(monitor, published):
    monitor.step(perplexity=20.0)
    assert published.value("model_scalar", name="perplexity", split="train") == 20.0


def test_the_best_of_all_given_values_is_published_whichever_were_scraped(monitor, published):
    for value in (0.5, 0.875, math.nan, 0.75):
        monitor.step(accuracy=value, log_loss=1 - value)
    assert published.value("model_accuracy", split="train") == 0.75
    assert published.value("model_score_best", metric="accuracy", split="train") == 0.875
    assert published.value("model_score_best", metric="log_loss", split="train") == 0.125


def test_the_history_has_what_was_given_at_each_step_and_epoch(monitor):
    for value in (0.5, None, 0.75):
        monitor.step(loss=1.0, accuracy=value)
    monitor.end_epoch()
    monitor.evaluate("validation", loss=1.0, accuracy=0.25)
    assert monitor.rows()["accuracy"].tolist() == [0.5, None, 0.75]
    assert monitor.rows("validation")["accuracy"].tolist() == [0.25]
    assert (monitor.history["accuracy"], monitor.history["val_accuracy"]) == ([0.75], [0.25])


def test_it_is_exported_as_the_score(monitor):
    monitor.step(accuracy=0.5)
    file = io.StringIO()
    rows = {name: column.filled() for name, column in monitor.rows().items()}
    write_openmetrics(Identity("m", "r"), {"train": rows}, file)
    (line,) = (line for line in file.getvalue().splitlines() if line.startswith("model_accuracy"))
    assert line.startswith('model_accuracy{model="m",run="r",split="train"} 0.5 ')


def test_a_pass_in_batches_has_the_mean_over_its_samples(monitor, published):
    with monitor.evaluation("validation") as evaluation:
        evaluation.update(accuracy=1.0, samples=30)
        evaluation.update(accuracy=0.5, samples=10)
    assert published.value("model_accuracy", split="validation") == 0.875


def test_a_score_and_what_it_follows_from_are_refused_together(monitor, published):
    for _ in range(2):  # in later steps, too: it cannot be meant
        with pytest.raises(InvalidArgumentError, match="accuracy was given along with y_true and y_pred"):
            monitor.step(accuracy=0.5, y_true=[0, 1], y_pred=[0, 1])
        with pytest.raises(InvalidArgumentError, match="f1 was given along with y_true"):
            monitor.evaluate("test", f1=0.5, y_true=[0, 1], y_pred=[0, 1])
        monitor.step(loss=1.0, y_true=[0, 1], y_pred=[0, 1])
    assert published.value("model_steps_total", split="train") == 2


def test_one_pass_takes_its_scores_from_one_source(monitor):
    computed = {"accuracy": 0.5}
    labels = {"y_true": [0, 1], "y_pred": [0, 1]}
    for first, second in ((computed, labels), (labels, computed)):
        evaluation = monitor.evaluation("test")
        evaluation.update(**first)
        with pytest.raises(InvalidArgumentError, match="one or the other"):
            evaluation.update(**second)


@pytest.mark.parametrize("wrong", [{"accuracy": 95.0}, {"log_loss": -0.1}, {"r2_score": 2}, {"f1": math.inf}])
def test_a_value_that_a_score_cannot_have_is_refused_at_first_and_counted_later(published, wrong):
    for record in ("step", "evaluate"):
        with ModelMonitor("m", delivery=[published]) as monitor:
            split = () if record == "step" else ("validation",)
            with pytest.raises(InvalidArgumentError, match="expected"):
                getattr(monitor, record)(*split, **wrong)
            for given in ({"loss": 1.0}, {"loss": 1.0, **wrong}):
                getattr(monitor, record)(*split, **given)
            assert not splits(published, "model_scalar")
            assert not any(splits(published, f"model_{name}") for name in wrong)
            assert not wrong.keys() & monitor.rows(*split).keys()
            assert published.value("model_monitor_errors_total", reason="data") == 1


def test_one_value_out_of_range_takes_no_other_with_it(monitor):
    for value in (0.5, 0.25, 50.0, 0.75):
        monitor.step(accuracy=value)
    assert monitor.rows()["accuracy"].tolist() == [0.5, 0.25, None, 0.75]


def test_what_came_last_counts(monitor, published):
    def train() -> float:
        return published.value("model_accuracy", split="train")

    monitor.step(accuracy=0.25)
    monitor.step(y_true=[0, 1], y_pred=[0, 1])
    assert train() == 1.0
    monitor.step(accuracy=0.5)
    assert train() == 0.5
    monitor.step(y_true=[0, 1, 1, 1], y_pred=[1, 1, 1, 1])
    monitor.step(accuracy=0.125)
    monitor.step(y_true=[0, 1], y_pred=[0, 1])
    assert train() == 7 / 8
    assert published.value("model_score_best", metric="accuracy", split="train") == 0.5


def test_a_pass_with_scores_of_its_own_replaces_all_of_the_pass_before(monitor, published):
    monitor.evaluate("validation", y_true=[0, 1], y_pred=[0, 1])
    monitor.evaluate("validation", accuracy=0.5)
    assert published.value("model_accuracy", split="validation") == 0.5
    assert not splits(published, "model_recall")
    monitor.evaluate("validation", y_true=[0, 1], y_pred=[0, 1])
    assert published.value("model_accuracy", split="validation") == 1.0


def test_a_changed_guess_about_labels_leaves_what_the_script_computed(monitor, published):
    monitor.step(y_true=[0, 1], y_pred=[0.25, 0.75])
    monitor.evaluate("validation", accuracy=0.5)
    monitor.step(y_true=[0.0, 2.0], y_pred=[0.3, 1.7])
    assert published.value("model_accuracy", split="validation") == 0.5
    assert published.value("model_score_best", metric="accuracy", split="validation") == 0.5
    assert splits(published, "model_accuracy") == {"validation"}


def test_it_survives_the_process(tmp_path, published):
    with ModelMonitor("m", run="r", delivery=[], state=State(tmp_path)) as monitor:
        monitor.step(accuracy=0.75)
        monitor.step(accuracy=0.5)
    with ModelMonitor("m", run="r", delivery=[published], state=State(tmp_path)):
        assert published.value("model_accuracy", split="train") == 0.5
        assert published.value("model_score_best", metric="accuracy", split="train") == 0.75


def test_learning_curves_have_one_reading_for_each_interval_that_gave_a_value(monitor):
    for value in np.linspace(0, 1, 64):
        monitor.step(loss=1.0, accuracy=float(value))
    for _ in range(640):
        monitor.step(loss=1.0)
    curves = {metric: curve.table for (metric, _), curve in monitor.curves.items()}
    assert 0 < len(curves["accuracy"]) < len(curves["loss"])
