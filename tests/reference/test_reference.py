"""The reference as a training script sees it."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from traingauge import Reference
from traingauge.errors import InvalidArgumentError, ShapeError


def test_a_dataframe_gives_names_and_values():
    frame = load_breast_cancer(as_frame=True).data
    reference = Reference.from_data(frame)
    assert reference.names == tuple(frame.columns)
    assert reference.samples == 569
    np.testing.assert_array_equal(reference.edges, Reference.from_data(frame.to_numpy()).edges)


def test_it_says_when_it_was_made():
    before = time.time()
    assert before <= Reference.from_data([[1.0]]).created <= time.time()


def test_edges_are_ascending_and_padded_with_infinity():
    data = np.column_stack([np.arange(100.0), np.arange(100) % 2])
    edges = Reference.from_data(data).edges
    assert edges.dtype == np.float64
    assert edges.shape == (2, 11)
    assert (np.diff(edges[0]) > 0).all()
    np.testing.assert_array_equal(np.isfinite(edges[1]), [True] * 3 + [False] * 8)


def test_each_class_has_a_bin_of_its_own():
    reference = Reference.from_data(
        np.zeros((60, 1)), y_true=np.arange(60) % 20, y_pred=np.eye(20)[np.arange(60) % 20]
    )
    np.testing.assert_array_equal(reference.labels.counts[0, 1:21], 3)
    np.testing.assert_array_equal(reference.predictions.counts, reference.labels.counts)


@pytest.mark.parametrize("features", [np.zeros((0, 3)), np.zeros((3, 0)), pd.DataFrame()])
def test_it_needs_rows_and_features(features):
    with pytest.raises(InvalidArgumentError, match="needs rows and features"):
        Reference.from_data(features)


def test_labels_have_to_be_as_many_as_rows():
    with pytest.raises(ShapeError, match="y_true has 2 rows and features 3"):
        Reference.from_data(np.zeros((3, 1)), y_true=[0, 1])
