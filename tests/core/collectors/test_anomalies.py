"""Detectors that watch the signals of training."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal

from traingauge import Adwin, Cusum, Ewma, ModelMonitor, Scoring, State
from traingauge.core.collectors.anomalies import Anomalies, parse
from traingauge.errors import InvalidArgumentError, InvalidTypeError
from traingauge.stats.detectors.catalog import DETECTORS
from traingauge.stats.detectors.detector import Detector

EVERY = [make() for make in DETECTORS.values()]
CHARTS = [one for one in EVERY if one.name != "robust_z"]


def watch(values, signal="loss", detectors=None):
    anomalies = Anomalies(parse(detectors))
    for step, value in enumerate(np.asarray(values).tolist()):
        anomalies.read(signal, value, step)
    return anomalies


def counts(anomalies):
    found = {family.metric.name: family for family in anomalies.families()}["model_anomalies_total"]
    return {key.labels: value for key, value in zip(found.keys, found.values, strict=True)}


def noise(count=400, seed=0):
    return np.random.default_rng(seed).normal(size=count)


@pytest.mark.parametrize(
    ("make", "detectors"),
    [
        (lambda rng, size: rng.normal(size=size), EVERY),
        (lambda rng, size: rng.lognormal(size=size), CHARTS),
        (lambda rng, size: rng.standard_t(3, size), CHARTS),
        (lambda rng, size: signal.lfilter([1.0], [1.0, -0.5], rng.normal(size=size)), EVERY),
        (lambda rng, size: rng.normal(size=size).cumsum(), [Cusum()]),
    ],
    ids=["normal", "lognormal", "heavy tails", "depending on the one before", "a random walk"],
)
def test_the_mean_distance_between_false_alarms_is_above_five_thousand_readings_for_any_noise(
    make, detectors
):
    """Of robust_z for normal noise alone, as documented; at 5000, more than ten in 20 000 have a chance of 1 in 350."""
    found = counts(watch(make(np.random.default_rng(5), 20_000), "bias", detectors))
    assert {key: value for key, value in found.items() if value > 10} == {}


def test_adwin_finds_changes_so_slow_that_a_forecast_follows_them():
    values = noise(1500)
    values[500:] += np.linspace(0, 5, 1000)
    assert counts(watch(values, detectors=[Adwin(), Cusum()])) == {
        ("loss", "adwin"): pytest.approx(5, abs=4),
        ("loss", "cusum"): 0,
    }
    assert counts(watch(-values, detectors=[Adwin()]))["loss", "adwin"] == 0


@pytest.mark.parametrize("detector", ["ewma", "cusum", "page_hinkley", "robust_z"])
def test_a_large_change_for_the_worse_is_found_within_fifteen_readings(detector):
    values = noise()
    values[300:] += 10
    anomalies = watch(values[:315], detectors=[DETECTORS[detector]()])
    assert counts(anomalies)["loss", detector] >= 1
    last = {family.metric.name: family.values for family in anomalies.families()}["model_anomaly_last_step"]
    assert 300 <= last[0] < 315


@pytest.mark.parametrize(
    ("signal", "change", "told"),
    [
        ("loss", 10, True),
        ("loss", -10, False),
        ("accuracy", -10, True),
        ("accuracy", 10, False),
        ("step_seconds", 10, True),
        ("gradient_norm", 10, True),
        ("gradient_norm", -10, False),
        ("bias", 10, True),
        ("bias", -10, True),
        ("root_mean_squared_error", 10, True),
    ],
)
def test_changes_count_on_the_worse_side_of_a_signal_or_on_both_if_it_has_none(signal, change, told):
    values = noise()
    values[300:] += change
    assert (counts(watch(values, signal))[signal, "cusum"] > 0) == told


@pytest.mark.parametrize("pace", [2, 5, 10, 20, 50, 200])
@pytest.mark.parametrize("spread", [0.02, 0.1])
def test_a_loss_that_falls_more_slowly_than_before_is_not_an_anomaly(pace, spread):
    for seed in range(3):
        loss = (0.2 + 2 * np.exp(-np.arange(300) / pace)) * (1 + spread * noise(300, seed))
        assert counts(watch(loss)) == {("loss", "cusum"): 0}


@pytest.mark.parametrize(("before", "soon"), [(60, 10), (100, 6), (200, 6)])
def test_a_jump_of_a_loss_that_had_fallen_is_found(before, soon):
    for seed in range(12):
        loss = (0.25 + 1.5 * np.exp(-np.arange(before + soon) / 4)) * (1 + 0.02 * noise(before + soon, seed))
        assert counts(watch(loss[:before])) == {("loss", "cusum"): 0}
        loss[before:] += 1
        assert counts(watch(loss))["loss", "cusum"] >= 1


def test_non_finite_readings_change_nothing():
    clean = noise()
    clean[300:] += 10
    dirty = np.insert(clean, np.arange(0, 400, 7), [math.nan, math.inf, -math.inf] * 19 + [math.nan])
    assert counts(watch(dirty, detectors=EVERY)) == counts(watch(clean, detectors=EVERY))
    assert not list(watch([math.nan] * 5).families())


def test_a_constant_signal_raises_no_alarm_until_it_changes():
    anomalies = watch([3.0] * 200)
    assert counts(anomalies)["loss", "cusum"] == 0
    for step in range(20):
        anomalies.read("loss", 4.0, step)
    assert counts(anomalies)["loss", "cusum"] >= 1


def test_what_was_saved_continues_as_if_it_had_never_stopped():
    """Except for ADWIN, whose window was longer than the saved values."""
    values, detectors = noise(600, seed=3), [one for one in EVERY if one.name != "adwin"]
    values[450:] += 3
    whole, first = watch(values, detectors=detectors), watch(values[:449], detectors=detectors)
    second = Anomalies(parse(detectors))
    second.restore(first.save())
    for step in range(449, 600):
        second.read("loss", float(values[step]), step)
    assert [family.values for family in second.families()] == [family.values for family in whole.families()]


def test_training_that_continues_from_elsewhere_is_not_compared_with_what_came_before():
    anomalies = watch(noise())
    anomalies.start_over()
    for step in range(100):
        anomalies.read("loss", 100.0 + step % 3, step)
    assert counts(anomalies) == {("loss", "cusum"): 0}


def used(detector):
    detector.update(0.5)
    return detector


@pytest.mark.parametrize(
    ("detectors", "error", "match"),
    [
        ("cusum", InvalidTypeError, r"detectors is a str: expected a list of detectors, as \[Cusum"),
        (
            memoryview(b"1234").cast("B", (2, 2)),
            InvalidTypeError,
            "detectors is a memoryview: expected a list",
        ),
        ({"cusum": {}}, InvalidTypeError, "detectors is a dict: expected a list"),
        (["cusum"], InvalidTypeError, r"detectors\[0\] is 'cusum': expected a detector, as Cusum\(\)"),
        ([Cusum], InvalidTypeError, r"detectors\[0\] is <class .*expected a detector"),
        ([Cusum(), Cusum(limit=3)], InvalidArgumentError, "has 'cusum' twice"),
        ([Cusum(mean=0.0, deviation=2.0)], InvalidArgumentError, "has a given baseline: expected none"),
        ([used(Cusum())], InvalidArgumentError, r"detectors\[0\] has seen 1 values: expected a new detector"),
    ],
)
def test_invalid_detectors_raise_at_the_start(detectors, error, match):
    with pytest.raises(error, match=match):
        ModelMonitor("m", detectors=detectors, delivery=[])


def train(run, steps, rng, *, loss=1.0):
    for _ in range(steps):
        right = rng.random(8) < 0.8
        run.step(loss + 0.1 * rng.normal(), right, np.ones(8, bool), gradient_norm=1 + 0.1 * rng.random())


def test_a_run_counts_alarms_for_every_signal_and_publishes_the_step_of_the_last_one(read, readings):
    rng = np.random.default_rng(0)
    with ModelMonitor("m", scoring=Scoring(window=8), delivery=[]) as run:
        train(run, 160, rng)
        assert read(run, "model_anomalies_total", signal="loss", detector="cusum") == 0
        assert read(run, "model_anomaly_last_step", signal="loss", detector="cusum") is None
        train(run, 40, rng, loss=2.0)
        assert read(run, "model_anomalies_total", signal="loss", detector="cusum") >= 1
        assert 160 < read(run, "model_anomaly_last_step", signal="loss", detector="cusum") <= 200
        signals = {
            dict(labels)["signal"] for name, labels in readings(run) if name == "model_anomalies_total"
        }
    assert signals == {"loss", "gradient_norm", "step_seconds", "accuracy", "precision", "recall", "f1"}


def test_each_signal_and_each_run_has_its_own_copy_of_a_detector(read):
    template = Cusum()
    for _ in range(2):
        with ModelMonitor("m", scoring=Scoring(window=4), detectors=[template], delivery=[]) as run:
            for step in range(200):
                run.step(float(step > 150), gradient_norm=1.0)
            assert read(run, "model_anomalies_total", signal="loss", detector="cusum") >= 1
            assert read(run, "model_anomalies_total", signal="gradient_norm", detector="cusum") == 0
    assert (template.seen, template.alarms) == (0, 0)


def test_a_custom_detector_needs_only_a_class(read):
    class Above(Detector):
        name, sees = "above", "value"

        def __init__(self, limit):
            super().__init__()
            self.limit, self.last = limit, math.nan

        @property
        def statistic(self):
            return self.last

        def _update(self, value):
            self.last = value
            return value > self.limit

    with ModelMonitor("m", scoring=Scoring(window=4), detectors=[Above(1.5)], delivery=[]) as run:
        for step in range(20):
            run.step(float(step))
        assert read(run, "model_anomalies_total", signal="loss", detector="above") > 0


def test_an_empty_list_of_detectors_raises_no_alarms(readings):
    with ModelMonitor("m", scoring=Scoring(window=4), detectors=[], delivery=[]) as run:
        for step in range(100):
            run.step(float(step > 50))
        assert not [name for name, _ in readings(run) if "anomal" in name]


def test_alarms_survive_the_process_and_a_step_back_in_training(tmp_path, read):
    rng = np.random.default_rng(0)

    def begin():
        return ModelMonitor("m", scoring=Scoring(window=8), delivery=[], state=State(tmp_path))

    with begin() as run:
        train(run, 160, rng)
        train(run, 40, rng, loss=2.0)
        before = read(run, "model_anomalies_total", signal="loss", detector="cusum")
        step = read(run, "model_anomaly_last_step", signal="loss", detector="cusum")
    with begin() as run:
        assert read(run, "model_anomalies_total", signal="loss", detector="cusum") == before >= 1
        assert read(run, "model_anomaly_last_step", signal="loss", detector="cusum") == step
        run.resume_at(160)
        train(run, 30, rng)
        assert read(run, "model_anomalies_total", signal="loss", detector="cusum") == before


def test_a_run_may_be_resumed_with_other_detectors(tmp_path, read):
    for detectors in ([Cusum()], [Ewma()], []):
        with ModelMonitor(
            "m", scoring=Scoring(window=4), detectors=detectors, delivery=[], state=State(tmp_path)
        ) as run:
            train(run, 40, np.random.default_rng(0))
            assert read(run, "model_monitor_errors_total", reason="state") == 0
            assert read(run, "model_anomalies_total", signal="loss", detector="cusum") == 0
