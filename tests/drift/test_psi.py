"""The population stability index, and what chance adds to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import entropy

from traingauge.drift.psi import chance_psi, psi
from traingauge.drift.shares import reference_shares, window_shares

COUNTS = hnp.arrays(np.int64, 6, elements=st.integers(1, 1000))


@given(COUNTS, COUNTS)
def test_it_is_the_sum_of_both_relative_entropies(one, two):
    p, q = one / one.sum(), two / two.sum()
    assert psi(p, q) == pytest.approx(entropy(p, q) + entropy(q, p), rel=1e-10, abs=1e-12)


@given(COUNTS, COUNTS)
def test_it_is_symmetric(one, two):
    p, q = one / one.sum(), two / two.sum()
    assert psi(p, q) == pytest.approx(float(psi(q, p)), rel=1e-10, abs=1e-12)


def test_a_bin_empty_in_both_adds_nothing():
    assert psi(np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.5, 0.0])) == 0


def test_a_bin_empty_in_one_makes_it_infinite():
    assert psi(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == np.inf


@pytest.mark.parametrize("samples", [150, 500, 1000, 10_000])
@pytest.mark.parametrize("rows", [1000, 20_000])
def test_what_chance_adds_is_the_mean_without_drift(samples, rows):
    rng = np.random.default_rng(samples + rows)
    used = np.ones((1, 10), bool)
    share = np.full(10, 0.1)
    reference = reference_shares(rng.multinomial(rows, share, 2000)[:, None], used)
    scores = np.array(
        [
            psi(one, window_shares(counts[None], one, used))[0]
            for one, counts in zip(reference, rng.multinomial(samples, share, 2000), strict=True)
        ]
    )
    assert scores.mean() == pytest.approx(float(chance_psi(share, samples, rows)), rel=0.1)
