"""Bins: their edges, and how batches are counted into them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from traingauge.stats.drift.binning import ALL_CELLS, BLOCK, Binner, column_edges, count_bins, pad_edges

VALUES = st.floats(width=64, allow_nan=False, allow_infinity=False)


def edges_of(values, bins=10):
    values = np.asarray(values, np.float64)
    return column_edges(values, values.min(), values.max(), bins)


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(0, 30), st.integers(1, 4)), elements=st.floats(width=64)),
    st.data(),
)
def test_a_bin_is_the_number_of_edges_strictly_below_the_value(values, data):
    edges = pad_edges(
        [np.sort(data.draw(hnp.arrays(np.float64, st.integers(0, 6), elements=VALUES))) for _ in values.T]
    )
    expected = np.zeros((len(edges), edges.shape[1] + 2), int)
    for row in values:
        for feature, value in enumerate(row):
            where = int(np.sum(value > edges[feature])) if np.isfinite(value) else edges.shape[1] + 1
            expected[feature, where] += 1
    np.testing.assert_array_equal(count_bins(values, edges), expected)


@given(hnp.arrays(np.float64, st.integers(1, 200), elements=VALUES), st.integers(1, 12))
def test_every_value_of_the_reference_is_within_its_range(values, bins):
    edges = edges_of(values, bins)
    (counts,) = count_bins(values[:, None], edges[None])
    assert counts[0] == counts[len(edges)] == 0
    assert counts.sum() == len(values)


@given(hnp.arrays(np.float64, st.integers(1, 200), elements=VALUES), st.integers(1, 12))
def test_no_bin_within_the_range_is_empty_and_there_are_at_most_as_many_as_requested(values, bins):
    edges = edges_of(values, bins)
    (counts,) = count_bins(values[:, None], edges[None])
    assert (counts[1 : len(edges)] > 0).all()
    assert len(edges) - 1 <= bins


@given(hnp.arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e30, 1e30)))
def test_values_rounded_to_float32_stay_within_the_range(values):
    edges = edges_of(values)
    rounded = values.astype(np.float32)
    for given_edges in (edges, edges.astype(np.float32)):
        (counts,) = count_bins(rounded[:, None], given_edges[None])
        assert counts[0] == counts[len(edges)] == 0


def test_the_edge_below_zero_is_not_flushed_to_zero():
    assert edges_of([0.0, 1.0])[0] <= -np.finfo(np.float32).tiny


@pytest.mark.parametrize("values", [[3.0], [0.0, 1.0], [0.1, 0.2, 0.3], np.arange(10.0)])
def test_few_distinct_values_get_a_bin_each(values):
    edges = edges_of(np.repeat(values, 7))
    (counts,) = count_bins(np.repeat(values, 7)[:, None], edges[None])
    np.testing.assert_array_equal(counts[1:-2], [7] * len(values))


def test_a_continuous_feature_is_cut_into_equal_shares():
    values = np.random.default_rng(0).normal(size=1000)
    (counts,) = count_bins(values[:, None], edges_of(values)[None])
    np.testing.assert_array_equal(counts, [0, *[100] * 10, 0, 0])


def test_the_zero_of_a_zero_inflated_feature_has_a_bin_of_its_own():
    values = np.random.default_rng(0).normal(size=1000)
    values[:600] = 0.0
    edges = edges_of(values)
    (counts,) = count_bins(values[:, None], edges[None])
    alone = int(np.sum(edges < 0.0))
    assert counts[alone] == 600
    assert edges[alone - 1] < 0.0 <= edges[alone]


def test_a_poisson_feature_fills_every_bin():
    values = np.random.default_rng(0).poisson(4, 5000).astype(float)
    (counts,) = count_bins(values[:, None], edges_of(values)[None])
    assert (counts[1:-2] > 0).all()
    assert len(counts) - 3 >= 8


def test_a_value_beyond_the_range_is_below_or_above_it():
    edges = edges_of([1.0, 2.0])
    np.testing.assert_array_equal(count_bins(np.array([[0.5], [2.5]]), edges[None]), [[1, 0, 0, 1, 0]])


def test_a_feature_without_a_finite_value_has_no_edges():
    assert not len(column_edges(np.empty(0), np.nan, np.nan, 10))


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float16, np.float32])
def test_every_real_dtype_is_counted(dtype):
    np.testing.assert_array_equal(
        count_bins(np.array([[0], [1], [1]], dtype), edges_of([0.0, 1.0])[None]), [[0, 1, 2, 0, 0]]
    )


def test_many_edges_are_counted_exactly():
    values = np.arange(1000.0)
    edges = edges_of(values, 1000)
    np.testing.assert_array_equal(count_bins(values[:, None], edges[None])[0, 1:-2], 1)


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(0, 30), st.integers(1, 4)), elements=st.floats(width=64)),
    st.data(),
)
def test_table_lookup_equals_comparison_for_any_edges(values, data):
    """Including values at, just below and just above each edge."""
    sorted_edges = hnp.arrays(np.float64, st.integers(0, 8), elements=VALUES, unique=True)
    edges = pad_edges([np.sort(data.draw(sorted_edges)) for _ in values.T])
    with np.errstate(over="ignore"):
        near = [edges.T, np.nextafter(edges.T, -np.inf), np.nextafter(edges.T, np.inf)]
    values = np.concatenate([values, *near])
    np.testing.assert_array_equal(Binner(edges).count(values), count_bins(values, edges))


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float16, np.float32])
@pytest.mark.parametrize(
    "name", ["normal", "lognormal", "cauchy", "zero_inflated", "binary", "constant", "poisson"]
)
def test_table_lookup_equals_comparison_for_every_distribution_and_dtype(name, dtype):
    rng = np.random.default_rng(0)
    make = {
        "normal": lambda size: rng.normal(size=size) * 20,
        "lognormal": lambda size: rng.lognormal(size=size),
        "cauchy": rng.standard_cauchy,
        "zero_inflated": lambda size: np.where(rng.random(size) < 0.7, 0, rng.normal(size=size)),
        "binary": lambda size: rng.integers(0, 2, size),
        "constant": lambda size: np.full(size, 3),
        "poisson": lambda size: rng.poisson(4, size),
    }[name]
    edges = edges_of(make(5000))[None]
    values = np.clip(make((20_000, 1)), -1e4, 1e4).astype(dtype)
    np.testing.assert_array_equal(Binner(edges).count(values), count_bins(values, edges))


def test_more_values_than_a_block_are_all_counted():
    edges = np.array([[0.0, 1.0]] * 7)
    values = np.random.default_rng(0).normal(size=(BLOCK // 3, 7))
    np.testing.assert_array_equal(Binner(edges).count(values), count_bins(values, edges))


def test_edges_too_close_for_a_table_are_counted_by_comparison():
    edges = np.array([[0.0, 1e-12, 1e-11, 1.0, 2.0], [0.0, 1.0, 2.0, 3.0, 4.0]])
    values = np.array([[5e-12, 0.5], [0.5, 3.5], [np.nan, np.inf]])
    binner = Binner(edges)
    np.testing.assert_array_equal(binner._slow, [0])
    np.testing.assert_array_equal(binner.count(values), count_bins(values, edges))


def test_thousands_of_wide_features_are_counted_right_in_bounded_memory():
    edges = np.tile(
        [0.0, 1.0, 2.0, 3600.0, 3601.0], (6000, 1)
    )  # 4003 cells each: more than float32 can number
    values = np.random.default_rng(0).choice([-1.0, 0.5, 1.5, 2.5, 3600.5, 4000.0, np.nan], (20, 6000))
    binner = Binner(edges)
    np.testing.assert_array_equal(binner.count(values), count_bins(values, edges))
    assert len(binner._edge) <= ALL_CELLS
