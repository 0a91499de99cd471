"""States as trees."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from traingauge.core.collectors.scores import RECORDS
from traingauge.state.tree import flatten, unflatten
from traingauge.stats.classification.counts import count_labels

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    arrays.arrays(
        st.sampled_from(["<f8", "<i8", "|u1", "|b1", "<f4"]), arrays.array_shapes(min_dims=0, min_side=0)
    ),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_characters="$")), inner),
)


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    return type(one) is type(other) and one == other


@given(tree=TREES)
def test_a_tree_survives_json(tree):
    plain, data = flatten(tree)
    assert same(tree, unflatten(json.loads(json.dumps(plain)), data))


def test_records_of_the_named_types_are_made_again_and_no_others():
    counts = count_labels(np.array([0, 1]), np.array([0, 0]), 2)
    plain, data = flatten({"counts": [counts]})
    found = unflatten(plain, data, RECORDS)["counts"][0]
    assert type(found) is type(counts)
    np.testing.assert_array_equal(found.confusion, counts.confusion)
    with pytest.raises(KeyError, match="Counts"):
        unflatten(plain, data)


def test_what_is_no_tree_is_refused():
    with pytest.raises(TypeError, match="set"):
        flatten({"a": {1, 2}})


def test_numpy_scalars_become_plain_and_tuples_lists():
    class Pair(NamedTuple):
        one: int
        two: object

    plain, data = flatten([np.float32(0.5), (1, 2), Pair(1, np.arange(2))])
    assert plain[:2] == [0.5, [1, 2]]
    assert unflatten(plain, data, [Pair])[2].two.tolist() == [0, 1]
