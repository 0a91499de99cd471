"""Thresholds that keep a false-alarm rate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from traingauge import Reference
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.errors import InvalidArgumentError, ReferenceMismatchError
from traingauge.options import Drift
from traingauge.reference.calibration import CALIBRATED, Calibration, _poisson_quantile
from traingauge.stats.drift.comparison import Comparison
from traingauge.stats.drift.statistics import STATISTICS


def data(rng, rows, features=8):
    """Numeric features of several kinds, two of them correlated, and a categorical one."""
    values = rng.normal(size=(rows, features))
    values[:, 1] = values[:, 0] + 0.1 * values[:, 1]
    values[:, 2] = rng.poisson(4, rows)
    values[:, 3] = rng.random(rows) < 0.3
    values[rng.random(rows) < 0.1, 4] = np.nan
    frame = pd.DataFrame(values, columns=[f"f{at}" for at in range(features)])
    return frame.assign(colour=rng.choice(list("abcde"), rows))


def drifted(drift, window):
    drift.add([drift.encode(window)])
    return {family.metric.name: family.values for family in drift.families()}["model_features_drifted"][0] > 0


def test_the_false_alarm_rate_is_the_requested_one():
    """20 % over 300 windows and 15 references, within the 99.9 % interval of the binomial."""
    rng = np.random.default_rng(0)
    alarms = 0
    for seed in range(15):
        reference = Reference.from_data(data(rng, 2000)).calibrate(
            window=400, false_alarm_rate=0.2, resamples=300, seed=seed
        )
        for _ in range(20):
            alarms += drifted(FeatureDrift(Drift(reference)), data(rng, 400))
    low, high = stats.binom.ppf([0.0005, 0.9995], 300, 0.2)
    assert low <= alarms <= high


def test_the_false_alarm_rate_of_a_coin_is_the_requested_one():
    """1 %, computed exactly over all windows of 500 tosses, as the mean of 25 references."""
    rates = []
    for seed in range(25):
        tosses = np.random.default_rng(seed).random((5000, 1)) < 0.5
        reference = Reference.from_data(tosses.astype(float)).calibrate(window=500, resamples=1000, seed=seed)
        heads = np.arange(180, 321)
        profile, calibration = reference.features, reference.calibration
        tail, head = (profile.count(np.array([[side]])).astype(int) for side in (0.0, 1.0))
        windows = heads[:, None, None] * head + (500 - heads)[:, None, None] * tail
        counts = np.broadcast_to(profile.counts, windows.shape)
        comparison = Comparison(counts, windows, profile.prior, profile.positions)
        excess = calibration.excess(
            {name: STATISTICS[name].score(comparison) for name in calibration.thresholds}
        )
        rates.append(stats.binom.pmf(heads, 500, 0.5)[excess[:, 0] > 1].sum())
    assert 0.007 < np.mean(rates) < 0.014


@pytest.fixture(scope="module")
def reference():
    return Reference.from_data(data(np.random.default_rng(1), 2000)).calibrate(
        window=500, false_alarm_rate=0.05, resamples=400
    )


@pytest.mark.parametrize(
    "shift",
    [
        lambda frame: frame.assign(f5=frame.f5 + 0.5),
        lambda frame: frame.assign(f5=frame.f5 * 1.5),
        lambda frame: frame.assign(f5=frame.f5.where(frame.index % 20 > 0)),
        lambda frame: frame.assign(colour=frame.colour.replace("b", "a")),
        lambda frame: frame.assign(colour=frame.colour.replace("b", "z")),
    ],
    ids=["mean", "scale", "missing", "doubled", "new"],
)
def test_calibrated_thresholds_find_shifts_that_conventional_ones_miss(reference, shift):
    drift = FeatureDrift(Drift(reference))
    assert drifted(drift, shift(data(np.random.default_rng(2), 500)))


def test_the_calibrated_statistic_of_a_drifted_feature_is_above_1(reference):
    window = data(np.random.default_rng(2), 500)
    drift = FeatureDrift(Drift(reference, statistics=["psi"]))
    drifted(drift, window.assign(f5=window.f5 + 1))
    (family,) = [family for family in drift.families() if family.metric.name == "model_feature_drift"]
    scores = dict(zip((key.labels for key in family.keys), family.values, strict=True))
    assert scores["f5", "calibrated"] > 1
    assert (
        max(
            score for (name, statistic), score in scores.items() if statistic == "calibrated" and name != "f5"
        )
        <= 1
    )
    assert scores["f5", "psi"] > drift.thresholds()["f5"]


def test_a_window_that_is_not_full_is_not_scored(reference):
    drift = FeatureDrift(Drift(reference))
    drift.add([drift.encode(data(np.random.default_rng(2), 400))])
    assert "model_features_drifted" not in {family.metric.name for family in drift.families()}


def test_the_window_defaults_to_the_calibrated_size_and_no_other_is_accepted(reference):
    with pytest.raises(ReferenceMismatchError, match="expected 500, which the reference is calibrated for"):
        FeatureDrift(Drift(reference, window=1000))


def test_thresholds_given_in_code_replace_the_calibrated_ones(reference):
    assert FeatureDrift(Drift(reference), thresholds=0.3).thresholds() == {}
    assert set(FeatureDrift(Drift(reference)).thresholds()) == {*reference.names}


def test_a_saved_reference_keeps_its_calibration(reference, tmp_path):
    reference.save(tmp_path / "a.ref")
    loaded = Reference.load(tmp_path / "a.ref").calibration
    assert (loaded.window, loaded.false_alarm_rate) == (500, 0.05)
    assert tuple(loaded.thresholds) == CALIBRATED
    for name, thresholds in reference.calibration.thresholds.items():
        np.testing.assert_array_equal(loaded.thresholds[name], thresholds)


def test_ordered_statistics_have_no_threshold_for_categories(reference):
    thresholds = reference.calibration.thresholds
    assert np.isfinite(thresholds["psi"]).all()
    np.testing.assert_array_equal(np.isnan(thresholds["ks"]), [False] * 8 + [True])


def test_the_same_seed_gives_the_same_thresholds():
    reference = Reference.from_data(data(np.random.default_rng(1), 500))
    one, two, other = (
        reference.calibrate(window=100, false_alarm_rate=0.1, resamples=100, seed=seed).calibration
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.thresholds["psi"], two.thresholds["psi"])
    assert (one.thresholds["psi"] != other.thresholds["psi"]).any()


def test_a_few_new_values_of_a_constant_feature_are_not_drift():
    reference = Reference.from_data(np.zeros((1000, 1))).calibrate(window=1000)
    assert not drifted(FeatureDrift(Drift(reference)), np.r_[np.ones((2, 1)), np.zeros((998, 1))])
    assert drifted(FeatureDrift(Drift(reference)), np.r_[np.ones((20, 1)), np.zeros((980, 1))])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 0}, "window is 0"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate is 0"),
        ({"false_alarm_rate": 1e-4}, "too few for a false-alarm rate of 0.0001: expected at least 100000"),
    ],
)
def test_arguments_out_of_range_raise(arguments, message):
    with pytest.raises(InvalidArgumentError, match=message):
        Reference.from_data([[0.0], [1.0]]).calibrate(**arguments)


def test_a_statistic_without_a_score_does_not_decide():
    calibration = Calibration(10, 0.1, {"psi": np.array([0.1]), "ks": np.array([np.nan])})
    assert calibration.excess({"psi": np.array([0.2]), "ks": np.array([np.nan])}) == 2.0


@pytest.mark.parametrize("mean", [0.01, 0.2, 3.0, 50.0])
@pytest.mark.parametrize("probability", [0.5, 0.99, 0.9999])
def test_the_poisson_quantile_equals_scipys(mean, probability):
    assert _poisson_quantile(mean, probability) == stats.poisson.ppf(probability, mean)
