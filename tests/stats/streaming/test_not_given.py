"""Values that were not given, distinct from NaN that was."""

from __future__ import annotations

import io
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traingauge.stats.streaming.not_given import NOT_GIVEN, is_given, masked, not_given


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)))
def test_every_float_of_a_script_counts_as_given(values):
    assert is_given(np.array(values)).all()


def test_joining_indexing_saving_and_python_floats_keep_the_marker():
    column = np.concatenate([not_given(2), np.array([0.5, math.nan])])[::-1]
    file = io.BytesIO()
    np.save(file, column)
    file.seek(0)
    for kept in (column, np.load(file), np.array(column.tolist()), column.copy()[[0, 1, 2, 3]]):
        assert is_given(kept).tolist() == [True, True, False, False]


def test_the_marker_is_a_nan():
    assert math.isnan(NOT_GIVEN)
    assert np.isnan(not_given(3)).all()


def test_a_masked_column_computes_over_the_given_values():
    column = masked(np.array([1.0, NOT_GIVEN, 3.0]))
    assert column.mean() == 2.0
    np.testing.assert_array_equal(column.filled(), [1.0, math.nan, 3.0])
