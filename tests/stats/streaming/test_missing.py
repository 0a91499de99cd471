"""Values that were not given, told from NaN that was."""

from __future__ import annotations

import io
import math

import numpy as np
from hypothesis import given as generated
from hypothesis import strategies as st

from traingauge.stats.streaming.missing import NOT_GIVEN, absent, given, masked


@generated(st.lists(st.floats(allow_nan=True, allow_infinity=True)))
def test_whatever_a_script_gives_counts_as_given(values):
    assert given(np.array(values)).all()


def test_joining_indexing_saving_and_python_floats_keep_what_was_not_given():
    column = np.concatenate([absent(2), np.array([0.5, math.nan])])[::-1]
    file = io.BytesIO()
    np.save(file, column)
    file.seek(0)
    for kept in (column, np.load(file), np.array(column.tolist()), column.copy()[[0, 1, 2, 3]]):
        assert given(kept).tolist() == [True, True, False, False]


def test_it_is_a_nan_to_all_who_do_not_ask():
    assert math.isnan(NOT_GIVEN)
    assert np.isnan(absent(3)).all()


def test_a_masked_column_calculates_with_what_was_given():
    column = masked(np.array([1.0, NOT_GIVEN, 3.0]))
    assert column.mean() == 2.0
    np.testing.assert_array_equal(column.filled(), [1.0, math.nan, 3.0])
