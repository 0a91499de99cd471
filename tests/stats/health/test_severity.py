"""Strain of single signals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from traingauge.stats.health.severity import BURST_CAP, Drawdown, Spike


def strains(strain, readings):
    found = []
    for reading in readings:
        strain.add(float(reading))
        found.append(strain.strain)
    return np.array(found)


def noisy_descent(seed, count=400):
    rng = np.random.default_rng(seed)
    return 2.3 * np.exp(-np.arange(count) / 60) + 0.3 + rng.normal(scale=0.03, size=count)


def test_nothing_is_judged_before_eight_readings():
    found = strains(Drawdown(1, 1), range(9))
    assert np.isnan(found[:7]).all()
    assert np.isfinite(found[7:]).all()


def test_a_noisy_descent_is_hardly_ever_a_warning():
    found = np.concatenate([strains(Drawdown(4, 1), noisy_descent(seed))[7:] for seed in range(20)])
    assert (found >= 3).mean() < 0.02
    assert (found >= 6).mean() == 0


def test_a_loss_that_climbs_back_is_noticed_long_before_it_is_where_it_began():
    calm = noisy_descent(0)
    climbing = calm[-1] + np.linspace(0, 2, 100)
    found = strains(Drawdown(4, 1), [*calm, *climbing])[len(calm) :]
    assert climbing[np.argmax(found >= 6)] < 0.8
    assert found[-1] > 12


def test_a_level_that_stays_bad_stays_a_strain():
    found = strains(Drawdown(4, 1), [*noisy_descent(1), *[5.0] * 200])
    assert found[-1] > 12


def test_a_score_is_worse_when_it_is_low():
    rising = 1 - noisy_descent(2) / 3
    assert strains(Drawdown(4, -1), rising)[-1] < 3
    assert strains(Drawdown(4, -1), [*rising, 0.2, 0.2, 0.2, 0.2])[-1] > 12


def test_a_value_that_is_not_finite_changes_nothing():
    relapse, other = Drawdown(4, 1), Drawdown(4, 1)
    strains(relapse, noisy_descent(3, 50))
    strains(other, [*noisy_descent(3, 50), math.nan, math.inf])
    assert relapse.strain == other.strain


def test_a_constant_signal_is_under_no_strain():
    assert strains(Drawdown(4, 1), [0.5] * 20)[-1] == 0
    assert strains(Spike(), [0.0] * 20)[-1] == 0


def test_a_burst_is_capped_and_soon_over():
    rng = np.random.default_rng(4)
    found = strains(Spike(), [*rng.lognormal(sigma=0.2, size=100), 1e6, *rng.lognormal(sigma=0.2, size=10)])
    assert found[100] == BURST_CAP
    assert found[102] < 6
    assert (found[32:100] >= 6).mean() < 0.02


@pytest.mark.parametrize("make", [lambda: Drawdown(4, 1), Spike])
def test_what_is_restored_goes_on_the_same(make):
    one, other = make(), make()
    strains(one, noisy_descent(5, 60))
    other.restore(one.save())
    assert strains(one, [0.4, 0.5, 0.9]).tolist() == strains(other, [0.4, 0.5, 0.9]).tolist()
