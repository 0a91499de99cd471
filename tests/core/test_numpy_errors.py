"""A script may let numpy raise on every overflow and division: ``numpy.seterr(all="raise")``."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge import Adwin, Cusum, Drift, Ewma, ModelMonitor, PageHinkley, Reference, ReferenceRun, RobustZ
from traingauge.stats.drift.statistics import STATISTICS

rng = np.random.default_rng(0)
TARGETS = {
    "binary": ((rng.random(1000) > 0.5).astype(int), rng.random(1000)),
    "multiclass": (rng.integers(0, 4, 1000), rng.dirichlet(np.full(4, 0.01), 1000)),
    "regression": (rng.normal(size=1000), rng.normal(size=1000) * 1e200),
}
ODD = [1e-320, 1e308, float("nan"), float("inf"), 0.0, 1.0]


@pytest.mark.parametrize("task", TARGETS)
def test_numpy_that_raises_neither_stops_training_nor_loses_anything(task):
    y_true, y_pred = TARGETS[task]
    features = rng.normal(size=(1000, 4))
    features[:, 1] = 1e-300
    features[0, 2], features[1, 2], features[2, 3] = 1e300, np.nan, np.inf
    with np.errstate(all="raise"):
        reference = Reference.from_data(features, y_true=y_true, y_pred=y_pred)
        reference = (reference + reference).calibrate(window=200, false_alarm_rate=0.1, resamples=100)
        detectors = [Adwin(), Cusum(), Ewma(), PageHinkley(), RobustZ()]
        drift = Drift(reference, statistics=[*STATISTICS])
        with ModelMonitor("m", delivery=[], drift=drift, detectors=detectors) as monitor:
            for at in range(0, 1000, 5):
                piece = slice(at, at + 5)
                monitor.step(
                    loss=ODD[at // 5 % 6],
                    gradient_norm=1e-310 if at % 10 else 1e300,
                    y_true=y_true[piece],
                    y_pred=y_pred[piece],
                    features=features[piece] * (1e10 if at > 500 else 1.0),
                )
            monitor.evaluate("validation", loss=1e-310, y_true=y_true, y_pred=y_pred)
            errors = [
                value
                for family in monitor.collector.families()
                if family.metric.name == "model_monitor_errors_total"
                for value in family.values
            ]
            assert len(monitor.rows()["loss"]) == 200
            assert len(monitor.rows("validation")["loss"]) == 1
        assert sum(errors) == 0
        ReferenceRun.record(monitor)
