"""One-step forecasts and their rank-scored residuals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal, stats

from traingauge.stats.streaming.residual import WARM_UP, Forecaster

NOISES = pytest.mark.parametrize(
    "noise",
    [
        lambda rng, size: rng.normal(size=size),
        lambda rng, size: rng.lognormal(size=size),
        lambda rng, size: rng.standard_t(3, size),
        lambda rng, size: rng.integers(0, 5, size).astype(float),
    ],
    ids=["normal", "lognormal", "heavy tails", "few distinct values"],
)


def scores(values):
    forecast = Forecaster()
    found = [forecast.update(value) for value in np.asarray(values).tolist()]
    return np.array([one.rank_z for one in found if one is not None])


@NOISES
def test_scores_are_standard_normal_for_any_noise(noise):
    found = scores(noise(np.random.default_rng(0), 5000))
    assert found.mean() == pytest.approx(0, abs=0.1)
    assert found.std() == pytest.approx(1, abs=0.1)
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.3


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.9, 1.0])
def test_scores_of_autocorrelated_values_are_independent(rho):
    values = signal.lfilter([1.0], [1.0, -rho], np.random.default_rng(6).normal(size=5000))
    found = scores(values)[1000:]
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.12
    assert found.std() == pytest.approx(1, abs=0.15)


def test_scores_of_normal_noise_have_the_quantiles_of_a_normal_distribution():
    found = scores(np.random.default_rng(1).normal(size=5000))
    shares = [0.05, 0.25, 0.5, 0.75, 0.95]
    assert np.quantile(found, shares) == pytest.approx(stats.norm.ppf(shares), abs=0.12)


@pytest.mark.parametrize(("scale", "shift"), [(1e-9, 0.0), (1e9, 0.0), (1.0, 1e6)])
def test_scores_depend_on_neither_unit_nor_level(scale, shift):
    values = np.random.default_rng(2).normal(size=300)
    assert scores(values * scale + shift) == pytest.approx(scores(values), abs=1e-6)


def test_a_trend_is_forecast():
    rng = np.random.default_rng(3)
    values = 2.0 - 0.01 * np.arange(1000) + 0.02 * rng.normal(size=1000)
    assert scores(values)[500:].mean() == pytest.approx(0, abs=0.2)


def test_the_values_of_the_warm_up_have_no_score():
    forecast = Forecaster()
    assert [forecast.update(float(value)) is None for value in range(WARM_UP + 2)] == [True] * (
        WARM_UP + 1
    ) + [False]


def test_a_spike_does_not_become_the_level():
    values = [0.1 * (at % 5) for at in range(100)]
    clean, spiked = Forecaster(), Forecaster()
    for at, value in enumerate(values):
        clean.update(value)
        spiked.update(1e6 if at == 80 else value)
    assert spiked.update(0.0).residual == pytest.approx(clean.update(0.0).residual, abs=0.2)


def test_memory_is_bounded_and_a_restored_forecaster_continues_as_the_saved_one():
    values = np.random.default_rng(4).normal(size=700).tolist()
    whole, part = Forecaster(), Forecaster()
    for value in values[:600]:
        whole.update(value)
        part.update(value)
    saved = part.save()
    assert len(saved) == len(whole.save()) < 400
    restored = Forecaster()
    restored.restore(saved)
    assert [restored.update(value) for value in values[600:]] == [
        whole.update(value) for value in values[600:]
    ]
