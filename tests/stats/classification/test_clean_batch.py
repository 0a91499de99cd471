"""Rows without a usable label or prediction are left out, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge.stats.classification.clean_batch import CleanBatch

ROWS = (3, 4000)  # with and without the short cut for few values


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("rows", ROWS)
def test_scores_whose_squares_overflow_are_finite(dtype: type, rows: int) -> None:
    scores = np.full((rows, 3), np.finfo(dtype).max)
    batch = CleanBatch(np.zeros(rows, np.int64), scores, None, rows)
    with np.errstate(all="raise"):
        assert batch.finite() is batch


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("rows", ROWS)
def test_a_row_with_nan_or_infinity_is_left_out(value: float, dtype: type, rows: int) -> None:
    scores = np.zeros((rows, 3), dtype)
    scores[1, 2] = value
    batch = CleanBatch(np.arange(rows), scores, None, rows)
    with np.errstate(all="raise"):
        clean = batch.finite()
    assert clean.nonfinite == 1
    assert clean.true.tolist() == [0, *range(2, rows)]
