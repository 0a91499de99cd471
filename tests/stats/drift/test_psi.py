"""The population stability index and its bias."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import entropy

from traingauge.stats.drift.psi import psi, psi_bias
from traingauge.stats.drift.shares import reference_shares, window_shares

COUNTS = hnp.arrays(np.int64, 6, elements=st.integers(1, 1000))


@given(COUNTS, COUNTS)
def test_psi_is_the_sum_of_both_relative_entropies(one, two):
    p, q = one / one.sum(), two / two.sum()
    assert psi(p, q) == pytest.approx(entropy(p, q) + entropy(q, p), rel=1e-10, abs=1e-12)


@given(COUNTS, COUNTS)
def test_psi_is_symmetric(one, two):
    p, q = one / one.sum(), two / two.sum()
    assert psi(p, q) == pytest.approx(float(psi(q, p)), rel=1e-10, abs=1e-12)


def test_a_bin_empty_in_both_contributes_nothing():
    assert psi(np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.5, 0.0])) == 0


def test_a_bin_empty_in_one_makes_the_psi_infinite():
    assert psi(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == np.inf


SHARES = {
    "ten equal bins": np.full(10, 0.1),
    "one rare bin": np.array([0.999, 0.001]),
    "many bins": np.full(300, 1 / 300),
    "many bins, most of them rare": (1 / np.arange(1, 301) ** 1.2) / np.sum(1 / np.arange(1, 301) ** 1.2),
}


@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES)
@pytest.mark.parametrize("samples", [150, 500, 1000, 10_000])
def test_the_bias_is_the_mean_psi_without_drift(shares, samples):
    """Within 6 %, over 500 windows and as many large references."""
    rng, used, rows = np.random.default_rng(samples), np.ones((1, len(shares)), bool), 20_000
    reference = reference_shares(rng.multinomial(rows, shares, 500)[:, None], 0.5 * used)
    window = window_shares(rng.multinomial(samples, shares, 500)[:, None], reference, used)
    expected = psi_bias(reference, used, samples, rows).mean()
    assert psi(reference, window).mean() == pytest.approx(expected, rel=0.06, abs=4e-4)
