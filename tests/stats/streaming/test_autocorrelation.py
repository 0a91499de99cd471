"""How far values depend on the ones before."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from traingauge.stats.streaming.autocorrelation import GUARD, MEMORY, Autocorrelation


def estimate(values):
    dependence = Autocorrelation()
    for value in np.asarray(values).tolist():
        dependence.add(value)
    return dependence


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8])
def test_it_is_the_share_of_the_one_before_in_a_value(share):
    rng = np.random.default_rng(0)
    found = [
        estimate(signal.lfilter([1.0], [1.0, -share], rng.normal(size=500))).correlation for _ in range(40)
    ]
    assert np.mean(found) == pytest.approx(share, abs=0.05)


def test_it_is_made_of_the_last_values_but_the_very_last():
    values = np.random.default_rng(1).normal(size=1000)
    values[-GUARD:] = 50.0
    window = values[-GUARD - MEMORY : -GUARD]
    expected = max(0.0, window[1:] @ window[:-1] / (window @ window))
    assert estimate(values).correlation == pytest.approx(expected, abs=1e-9)


def test_values_that_alternate_count_as_independent_and_few_or_constant_zero_ones_too():
    assert estimate([1.0, -1.0] * 100).correlation == 0
    assert estimate([1.0] * 30).correlation == 0
    assert estimate([0.0] * 300).correlation == 0


def test_what_was_saved_goes_on_the_same():
    values = np.random.default_rng(2).normal(size=700)
    whole, part = estimate(values), Autocorrelation()
    part.restore(estimate(values[:500]).save())
    for value in values[500:].tolist():
        part.add(value)
    assert part.save() == whole.save()
