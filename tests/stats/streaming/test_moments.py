"""Mean and variance in three numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traingauge.stats.streaming import Moments

FINITE = st.floats(-1e6, 1e6)
ANY = st.one_of(FINITE, st.sampled_from([math.nan, math.inf, -math.inf]))


@given(pieces=st.lists(st.lists(ANY, max_size=20), min_size=1, max_size=6))
def test_merging_pieces_gives_the_moments_of_the_whole_stream(pieces):
    merged = sum((Moments.of(np.array(piece, dtype=float)) for piece in pieces), start=Moments())
    whole = np.array([value for piece in pieces for value in piece if math.isfinite(value)])
    assert merged.count == len(whole)
    if len(whole):
        assert merged.mean == pytest.approx(whole.mean(), rel=1e-9, abs=1e-6)
        assert (merged.minimum, merged.maximum) == (whole.min(), whole.max())
    if len(whole) > 1:
        assert merged.variance == pytest.approx(whole.var(ddof=1), rel=1e-9, abs=1e-6)


def test_a_small_spread_on_a_large_mean_does_not_cancel():
    rng = np.random.default_rng(0)
    values = 1e9 + rng.normal(size=10_000)
    merged = Moments()
    for value in values:
        merged += Moments.of(np.array([value]))
    assert merged.stddev == pytest.approx(values.std(ddof=1), rel=1e-6)


def test_moments_of_no_values_are_nan_and_not_0():
    nothing = Moments.of(np.array([math.nan]))
    assert nothing.count == 0
    assert math.isnan(nothing.mean)
    assert math.isnan(nothing.stddev)
    assert math.isnan(Moments.of(np.array([1.0])).stddev)


def test_the_largest_floats_have_an_infinite_stddev():
    assert Moments.of(np.array([1e308, -1e308])).stddev == math.inf
