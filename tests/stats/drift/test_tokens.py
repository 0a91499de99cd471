"""Features of sequences of token ids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from traingauge.errors import ShapeError
from traingauge.stats.drift.tokens import TOKEN_FEATURE_NAMES, token_features


@given(hnp.arrays(np.int64, st.tuples(st.integers(0, 6), st.integers(1, 9)), elements=st.integers(0, 6)))
def test_features_ignore_the_padding(tokens):
    for row, features in zip(tokens, token_features(tokens), strict=True):
        real = row[row != 0]
        length, unknown, distinct, median = features
        assert length == len(real)
        if not len(real):
            assert np.isnan([unknown, distinct, median]).all()
            continue
        assert unknown == np.mean(real == 1)
        assert distinct == len(set(real.tolist())) / len(real)
        assert median == np.median(real)


def test_every_feature_has_a_name():
    assert token_features(np.zeros((3, 5), int)).shape == (3, len(TOKEN_FEATURE_NAMES))


def test_another_shape_raises():
    with pytest.raises(ShapeError, match="tokens have shape"):
        token_features(np.zeros(5))
