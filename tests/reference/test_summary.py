"""Summary of a table from one pass in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge.reference import summary as module
from traingauge.reference.schema import Schema
from traingauge.reference.summary import merge_summaries


def table(rows=1000, seed=0):
    values = np.random.default_rng(seed).normal(size=(rows, 3))
    values[::9, 1] = np.nan
    values[::11, 2] = -np.inf
    return values


def summarise(values, first_row=0):
    return module.summarise(
        Schema(tuple("abc"[: values.shape[1]]), (None,) * values.shape[1]), values, first_row
    )


def assert_same(one, two):
    assert one.samples == two.samples
    for name in ("missing", "infinite", "low", "high", "rows", "priorities"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    for name in ("mean", "deviation"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-12)


@pytest.mark.parametrize("limit", [50, 20_000])
def test_merged_parts_equal_the_whole_in_any_order(monkeypatch, limit):
    monkeypatch.setattr(module, "MAX_ROWS", limit)
    monkeypatch.setattr(module, "MIN_ROWS", 1)
    values = table()
    parts = [summarise(values[at : at + 170], at) for at in range(0, 1000, 170)]
    forwards, backwards = parts[0], parts[-1]
    for part in parts[1:]:
        forwards = forwards + part
    for part in parts[-2::-1]:
        backwards = part + backwards
    assert_same(forwards, summarise(values))
    assert_same(backwards, summarise(values))
    assert_same(merge_summaries(parts), summarise(values))


def test_the_kept_rows_are_a_uniform_sample(monkeypatch):
    """Each tenth of the data contributes about a tenth of the rows, by a chi-square test."""
    monkeypatch.setattr(module, "MAX_ROWS", 1000)
    rows = summarise(np.arange(50_000.0).reshape(-1, 1)).rows
    counts = np.histogram(rows, bins=10, range=(0, 50_000))[0]
    assert ((counts - 100) ** 2 / 100).sum() < 28  # the 99.9 % quantile with 9 degrees of freedom


def test_non_finite_values_are_missing_and_do_not_affect_the_range():
    summary = summarise(np.array([[np.nan, 1.0], [np.inf, 2.0]]))
    np.testing.assert_array_equal(summary.missing, [2, 0])
    np.testing.assert_array_equal(summary.infinite, [1, 0])
    np.testing.assert_array_equal(summary.low, [np.nan, 1.0])
    np.testing.assert_array_equal(summary.high, [np.nan, 2.0])


def test_moments_are_those_of_the_finite_values():
    values = table()
    summary = summarise(values)
    finite = np.where(np.isfinite(values), values, np.nan)
    np.testing.assert_allclose(summary.mean, np.nanmean(finite, axis=0), rtol=1e-12)
    np.testing.assert_allclose(summary.deviation, np.nanstd(finite, axis=0, ddof=1), rtol=1e-12)


def test_a_part_without_finite_values_does_not_change_the_moments():
    values = table()
    empty = np.full((5, 3), np.nan)
    assert_moments = (summarise(values) + summarise(empty), summarise(empty) + summarise(values))
    for both in assert_moments:
        np.testing.assert_allclose(both.mean, summarise(values).mean)
        np.testing.assert_allclose(both.deviation, summarise(values).deviation)
