"""Severity of single signals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from traingauge.stats.health.severity import SPIKE_CAP, Drawdown, Spike


def severities(measure, values):
    found = []
    for value in values:
        measure.add(float(value))
        found.append(measure.severity)
    return np.array(found)


def noisy_descent(seed, count=400):
    rng = np.random.default_rng(seed)
    return 2.3 * np.exp(-np.arange(count) / 60) + 0.3 + rng.normal(scale=0.03, size=count)


def test_the_severity_is_unknown_before_eight_values():
    found = severities(Drawdown(1, 1), range(9))
    assert np.isnan(found[:7]).all()
    assert np.isfinite(found[7:]).all()


def test_a_noisy_descent_is_almost_never_a_warning():
    found = np.concatenate([severities(Drawdown(4, 1), noisy_descent(seed))[7:] for seed in range(20)])
    assert (found >= 3).mean() < 0.02
    assert (found >= 6).mean() == 0


def test_a_loss_that_climbs_back_is_degraded_long_before_it_reaches_its_start():
    calm = noisy_descent(0)
    climbing = calm[-1] + np.linspace(0, 2, 100)
    found = severities(Drawdown(4, 1), [*calm, *climbing])[len(calm) :]
    assert climbing[np.argmax(found >= 6)] < 0.8
    assert found[-1] > 12


def test_a_loss_that_stays_high_stays_failing():
    found = severities(Drawdown(4, 1), [*noisy_descent(1), *[5.0] * 200])
    assert found[-1] > 12


def test_a_score_is_severe_when_it_is_low():
    rising = 1 - noisy_descent(2) / 3
    assert severities(Drawdown(4, -1), rising)[-1] < 3
    assert severities(Drawdown(4, -1), [*rising, 0.2, 0.2, 0.2, 0.2])[-1] > 12


def test_nan_and_infinite_values_change_nothing():
    one, other = Drawdown(4, 1), Drawdown(4, 1)
    severities(one, noisy_descent(3, 50))
    severities(other, [*noisy_descent(3, 50), math.nan, math.inf])
    assert one.severity == other.severity


def test_a_constant_signal_has_severity_0():
    assert severities(Drawdown(4, 1), [0.5] * 20)[-1] == 0
    assert severities(Spike(), [0.0] * 20)[-1] == 0


def test_the_severity_of_a_spike_is_capped_and_passes_quickly():
    rng = np.random.default_rng(4)
    found = severities(
        Spike(), [*rng.lognormal(sigma=0.2, size=100), 1e6, *rng.lognormal(sigma=0.2, size=10)]
    )
    assert found[100] == SPIKE_CAP
    assert found[102] < 6
    assert (found[32:100] >= 6).mean() < 0.02


@pytest.mark.parametrize("make", [lambda: Drawdown(4, 1), Spike])
def test_a_restored_severity_continues_as_the_saved_one(make):
    one, other = make(), make()
    severities(one, noisy_descent(5, 60))
    other.restore(one.save())
    assert severities(one, [0.4, 0.5, 0.9]).tolist() == severities(other, [0.4, 0.5, 0.9]).tolist()
