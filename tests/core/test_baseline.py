"""The scores that a run has to beat."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression

from traingauge import ModelMonitor
from traingauge.catalog import CATALOG
from traingauge.core.baseline import METRICS, parse
from traingauge.errors import InvalidArgumentError, InvalidTypeError, TrainGaugeError, UnknownNameError

Readings = Callable[[ModelMonitor], Mapping[tuple[str, frozenset[tuple[str, str]]], float]]


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (
            {"acuracy": 0.9},
            UnknownNameError,
            "unknown metric of a baseline 'acuracy': expected one of 'loss', 'accuracy'",
        ),
        ({"accuracy": "0.9"}, InvalidTypeError, "'accuracy' is '0.9': expected a number"),
        ({"accuracy": True}, InvalidTypeError, "True: expected a number"),
        ({"accuracy": {"warning": 0.9}}, InvalidTypeError, "expected a number"),
        ({"accuracy": math.nan}, InvalidArgumentError, "nan: expected a finite number"),
        ({"loss": math.inf}, InvalidArgumentError, "inf: expected a finite number"),
        ({"accuracy": 93}, InvalidArgumentError, "93.0: expected 0 to 1"),
        ({"cohen_kappa": -2}, InvalidArgumentError, "-2.0: expected -1 to 1"),
        ({"mean_absolute_error": -1}, InvalidArgumentError, "-1.0: expected at least 0"),
        ({"r2_score": 2}, InvalidArgumentError, "2.0: expected at most 1"),
        ([("accuracy", 0.9)], InvalidTypeError, "baseline is a list: expected a mapping"),
    ],
)
def test_what_does_not_fit_says_what_was_given_and_what_fits(given: Any, error: type, says: str) -> None:
    with pytest.raises(error, match=says) as raised:
        parse(given)
    assert isinstance(raised.value, TrainGaugeError)


def test_a_monitor_says_at_once_that_its_baseline_does_not_fit() -> None:
    with pytest.raises(UnknownNameError, match="'acuracy'"):
        ModelMonitor("m", baseline={"acuracy": 0.9}, delivery=[])


def test_a_loss_may_be_negative_and_a_fit_worse_than_the_mean() -> None:
    assert parse({"loss": -3, "r2_score": -0.5}) == {"loss": -3.0, "r2_score": -0.5}


def test_every_score_that_may_have_one_is_published_once_for_each_split() -> None:
    assert {CATALOG[f"model_{name}"].labels for name in METRICS} == {("split",)}


def test_which_way_is_better_is_what_the_best_so_far_goes_by(readings: Readings) -> None:
    """A pass of real data, then a perfect one: every best moves, up or down, unless it stood there already."""
    x, y = load_breast_cancer(return_X_y=True)
    scores = LogisticRegression(max_iter=10_000).fit(x[:, :2], y).predict_proba(x[:, :2])[:, 1]
    target = load_diabetes()
    predicted = LinearRegression().fit(target.data, target.target).predict(target.data)
    passes = (y, scores, y.astype(float)), (target.target, predicted, target.target)
    moved = set()
    for truth, first, second in passes:
        with ModelMonitor("m", delivery=[]) as monitor:
            monitor.evaluate("validation", y_true=truth, y_pred=first)
            before = _best(readings(monitor))
            monitor.evaluate("validation", y_true=truth, y_pred=second)
            after = _best(readings(monitor))
        for name in before.keys() & METRICS.keys():
            assert (after[name] > before[name]) == (METRICS[name].better == "higher"), name
            moved.add(name)
    assert moved == METRICS.keys() - {"loss"}


def _best(readings: Mapping[tuple[str, frozenset[tuple[str, str]]], float]) -> dict[str, float]:
    return {
        dict(labels)["metric"]: value
        for (name, labels), value in readings.items()
        if name == "model_score_best"
    }


def test_a_run_publishes_its_baseline_from_its_first_scrape_to_its_end(
    read: Callable[..., float | None],
) -> None:
    monitor = ModelMonitor("m", baseline={"accuracy": 0.93, "loss": 0.21}, delivery=[])
    with monitor:
        assert read(monitor, "model_baseline", metric="accuracy") == 0.93
        monitor.step(loss=0.5)
    assert read(monitor, "model_baseline", metric="loss") == 0.21


def test_a_run_without_a_baseline_publishes_none(readings: Readings) -> None:
    with ModelMonitor("m", delivery=[]) as monitor:
        assert not [name for name, _ in readings(monitor) if name == "model_baseline"]
