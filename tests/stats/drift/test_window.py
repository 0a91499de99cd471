"""Sliding, tumbling and decaying windows of counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traingauge.stats.drift.window import BLOCKS, WINDOWS, DecayingWindow, SlidingWindow, TumblingWindow


def batch(value, samples):
    counts = np.zeros((1, 8), np.uint8)
    counts[0, value] = samples
    return counts, samples


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 40)), max_size=80), st.integers(1, 200))
def test_a_sliding_window_counts_the_last_samples_and_nothing_else(batches, size):
    """Batches are dropped whole; the rest are the last samples, at least ``size`` of them."""
    window, stream = SlidingWindow((1, 8), size), []
    for value, samples in batches:
        window.add(*batch(value, samples))
        stream += [value] * samples
        kept = stream[len(stream) - window.samples :]
        np.testing.assert_array_equal(window.counts[0], np.bincount(kept, minlength=8))
        assert window.samples >= min(size, len(stream))


def test_single_samples_are_kept_in_few_blocks():
    window = SlidingWindow((1, 8), 3200)
    for step in range(10_000):
        window.add(*batch(step % 8, 1))
    assert len(window._blocks) <= BLOCKS + 1
    assert 3200 <= window.samples <= 3200 + 3200 // BLOCKS


@pytest.mark.parametrize("samples", [1, 7, 64])
def test_batches_larger_than_the_window_replace_it(samples):
    window = SlidingWindow((1, 8), 1)
    window.add(*batch(0, samples))
    window.add(*batch(1, samples))
    np.testing.assert_array_equal(window.counts[0], [0, samples, 0, 0, 0, 0, 0, 0])


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 40)), max_size=80), st.integers(1, 200))
def test_a_tumbling_window_counts_the_last_complete_one(batches, size):
    window, stretch, whole = TumblingWindow((1, 8), size), [], []
    for value, samples in batches:
        window.add(*batch(value, samples))
        stretch += [value] * samples
        if len(stretch) >= size:
            whole, stretch = stretch, []
        np.testing.assert_array_equal(window.counts[0], np.bincount(whole, minlength=8))
        assert window.samples == len(whole)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(1, 40)), min_size=1, max_size=80), st.integers(2, 200)
)
def test_a_decaying_window_has_weighted_shares_and_kishs_sample_size(batches, size):
    window, keep = DecayingWindow((1, 8), size), (size - 1) / (size + 1)
    weights, values = np.empty(0), np.empty(0, int)
    for value, samples in batches:
        window.add(*batch(value, samples))
        weights = np.concatenate([weights * keep**samples, np.ones(samples)])
        values = np.concatenate([values, np.full(samples, value)])
    effective = weights.sum() ** 2 / (weights**2).sum()
    assert window.samples == pytest.approx(effective)
    shares = np.bincount(values, weights, 8) / weights.sum()
    np.testing.assert_allclose(window.counts[0], shares * effective, atol=1e-9)


@pytest.mark.parametrize("kind", WINDOWS.values(), ids=WINDOWS)
def test_an_empty_batch_changes_nothing(kind):
    window = kind((1, 8), 10)
    window.add(*batch(3, 20))
    before = window.counts.copy(), window.samples
    window.add(*batch(0, 0))
    np.testing.assert_array_equal(window.counts, before[0])
    assert window.samples == before[1]
