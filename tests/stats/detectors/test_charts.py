"""Average run lengths, formulas and validation of each detector."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge.errors import InvalidArgumentError
from traingauge.stats.detectors.adwin import Adwin
from traingauge.stats.detectors.baseline import Baseline
from traingauge.stats.detectors.cusum import Cusum
from traingauge.stats.detectors.ewma import Ewma
from traingauge.stats.detectors.page_hinkley import PageHinkley
from traingauge.stats.detectors.robust_z import RobustZ

#: Of which the average run lengths are stated.
LIMITS = {Ewma: 2.814, Cusum: 5.0}


def known(chart):
    return lambda: chart(limit=LIMITS[chart], mean=0.0, deviation=1.0)


def run_length(make, values):
    detector = make()
    for value in values:
        detector.update(value)
    return len(values) / detector.alarms


@pytest.mark.parametrize(
    ("make", "stated"),
    [(known(Ewma), 480), (known(Cusum), 465), (lambda: RobustZ(limit=3.5), 750)],
    ids=["ewma", "cusum", "robust_z"],
)
def test_the_average_run_length_without_change_is_the_documented_one(make, stated):
    """Within 35 % over 50 000 values, more than three standard errors of a mean over some seventy alarms."""
    values = np.random.default_rng(0).normal(size=50_000).tolist()
    assert run_length(make, values) == pytest.approx(stated, rel=0.35)


@pytest.mark.parametrize(
    ("make", "before", "stated"),
    [(known(Ewma), 60, 10), (known(Cusum), 60, 10), (lambda: PageHinkley(deviation=1.0), 500, 17)],
    ids=["ewma", "cusum", "page_hinkley"],
)
def test_a_shift_by_one_deviation_is_detected_after_the_documented_number_of_values(make, before, stated):
    rng, delays = np.random.default_rng(0), []
    for _ in range(200):
        detector = make()
        for value in rng.normal(size=before).tolist():
            detector.update(value)
        after = rng.normal(1, 1, 500).tolist()
        delays.append(next((count for count, value in enumerate(after, 1) if detector.update(value)), 500))
    assert np.mean(np.sort(delays)[:-4]) == pytest.approx(
        stated, rel=0.15
    )  # without the few that it never finds


@pytest.mark.parametrize("chart", [Ewma, Cusum])
def test_a_chart_raises_an_alarm_for_shifts_in_either_direction(chart):
    for sign in (1, -1):
        detector = known(chart)()
        assert any(detector.update(3.0 * sign) for _ in range(10))


def test_page_hinkley_raises_an_alarm_only_for_a_rise():
    values = np.r_[np.zeros(300), np.full(100, -5.0)] + np.random.default_rng(0).normal(size=400)
    assert not any(map(PageHinkley(deviation=1.0).update, values.tolist()))


def test_the_ewma_follows_its_recursion():
    values = np.random.default_rng(0).normal(size=50)
    chart, average = Ewma(0.3, 100.0, mean=1.0, deviation=2.0), 0.0
    for value in values.tolist():
        chart.update(value)
        average = 0.7 * average + 0.3 * (value - 1.0) / 2.0
        assert chart.statistic == pytest.approx(average)


def test_a_learnt_baseline_is_the_mean_and_deviation_of_the_first_values():
    values = np.random.default_rng(0).normal(5, 3, 40)
    baseline = Baseline(warmup=40)
    assert all(baseline.learn(value) for value in values.tolist())
    assert not baseline.learn(0.0)
    assert baseline.mean == pytest.approx(values.mean())
    assert baseline.deviation == pytest.approx(values.std(ddof=1))


def test_a_spike_does_not_mask_the_next_one():
    score = RobustZ(window=50)
    values = [*np.random.default_rng(0).normal(size=50).tolist(), 50.0, 0.1, 50.0]
    assert [score.update(value) for value in values][-3:] == [True, False, True]


def test_the_robust_score_is_the_distance_from_the_median_in_scaled_mads():
    values = np.random.default_rng(0).normal(size=21)
    score = RobustZ(window=20)
    for value in values.tolist():
        score.update(value)
    median = np.median(values[:20])
    expected = (values[20] - median) / (1.482602218505602 * np.median(np.abs(values[:20] - median)))
    assert score.statistic == pytest.approx(expected)


def test_adwin_keeps_all_values_of_one_mean_in_logarithmic_memory():
    window = Adwin()
    values = np.random.default_rng(0).random(5000)
    assert not any(map(window.update, values.tolist()))
    assert window.width == 5000
    assert window.mean == pytest.approx(values.mean())
    assert sum(map(len, window._rows)) < 6 * 13
    whole = window._rows[-1][0]
    assert whole.squares == pytest.approx(((values[: whole.size] - values[: whole.size].mean()) ** 2).sum())


def test_adwin_drops_the_values_before_a_shift():
    window = Adwin()
    values = np.random.default_rng(0).random(4000)
    values[2000:] += 0.5
    alarms = [at for at, value in enumerate(values.tolist()) if window.update(value)]
    assert 2000 <= alarms[0] < 2150
    assert window.mean == pytest.approx(1.0, abs=0.02)
    assert window.width < 2300


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ewma(0.0),
        lambda: Ewma(limit=0.0),
        lambda: Cusum(-1.0),
        lambda: Cusum(mean=1.0),
        lambda: Cusum(mean=1.0, deviation=0.0),
        lambda: PageHinkley(limit=-1.0),
        lambda: PageHinkley(warmup=1),
        lambda: RobustZ(window=4),
        lambda: Adwin(1.0),
    ],
)
def test_invalid_arguments_raise(make):
    with pytest.raises(InvalidArgumentError, match="expected"):
        make()
