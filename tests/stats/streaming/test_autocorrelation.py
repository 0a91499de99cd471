"""Lag-1 autocorrelation of a stream."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from traingauge.stats.streaming.autocorrelation import HELD_OUT, WINDOW, Autocorrelation


def estimate(values):
    autocorrelation = Autocorrelation()
    for value in np.asarray(values).tolist():
        autocorrelation.add(value)
    return autocorrelation


@pytest.mark.parametrize("rho", [0.0, 0.4, 0.8])
def test_it_estimates_the_coefficient_of_an_autoregressive_stream(rho):
    rng = np.random.default_rng(0)
    found = [
        estimate(signal.lfilter([1.0], [1.0, -rho], rng.normal(size=500))).correlation for _ in range(40)
    ]
    assert np.mean(found) == pytest.approx(rho, abs=0.05)


def test_it_covers_the_window_before_the_values_held_out():
    values = np.random.default_rng(1).normal(size=1000)
    values[-HELD_OUT:] = 50.0
    window = values[-HELD_OUT - WINDOW : -HELD_OUT]
    expected = max(0.0, window[1:] @ window[:-1] / (window @ window))
    assert estimate(values).correlation == pytest.approx(expected, abs=1e-9)


def test_it_is_0_for_alternating_few_and_constant_zero_values():
    assert estimate([1.0, -1.0] * 100).correlation == 0
    assert estimate([1.0] * 30).correlation == 0
    assert estimate([0.0] * 300).correlation == 0


def test_a_restored_estimate_continues_as_the_saved_one():
    values = np.random.default_rng(2).normal(size=700)
    whole, part = estimate(values), Autocorrelation()
    part.restore(estimate(values[:500]).save())
    for value in values[500:].tolist():
        part.add(value)
    assert part.save() == whole.save()
