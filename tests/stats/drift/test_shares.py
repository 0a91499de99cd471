"""Smoothed shares from counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from traingauge.stats.drift.shares import reference_shares, window_shares

COUNTS = hnp.arrays(np.int64, (3, 5), elements=st.integers(0, 1000))
USED = np.array([[True] * 5, [True, True, False, False, True], [False, True, True, False, False]])


@given(COUNTS, COUNTS)
def test_shares_sum_to_one_and_no_bin_in_use_is_empty(reference, window):
    p = reference_shares(reference * USED, 0.5 * USED)
    q = window_shares(window * USED, p, USED)
    for shares in (p, q):
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert ((shares > 0) == USED).all()


def test_an_empty_window_has_the_shares_of_the_reference():
    p = reference_shares(np.array([[3, 1]]), np.full((1, 2), 0.5))
    np.testing.assert_allclose(window_shares(np.zeros((1, 2)), p, np.ones((1, 2), bool)), p)


def test_shares_converge_to_the_proportions_of_the_counts():
    counts = np.array([[1000, 3000]])
    np.testing.assert_allclose(reference_shares(counts, np.full((1, 2), 0.5)), [[0.25, 0.75]], atol=1e-3)
