"""The reference: a profile of the training data."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from traingauge import Reference
from traingauge.errors import InvalidArgumentError, ShapeError
from traingauge.reference import reference as module
from traingauge.reference import summary


def test_a_dataframe_gives_names_and_values():
    frame = load_breast_cancer(as_frame=True).data
    reference = Reference.from_data(frame)
    assert reference.names == tuple(frame.columns)
    assert reference.samples == 569
    np.testing.assert_array_equal(reference.edges, Reference.from_data(frame.to_numpy()).edges)


def test_a_reference_has_the_time_of_its_creation():
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
    np.testing.assert_array_equal(reference.profiles["labels"].counts[0, 1:21], 3)
    np.testing.assert_array_equal(
        reference.profiles["predictions"].counts, reference.profiles["labels"].counts
    )


@pytest.mark.parametrize("features", [np.zeros((0, 3)), np.zeros((3, 0)), pd.DataFrame()])
def test_a_reference_needs_rows_and_features(features):
    with pytest.raises(InvalidArgumentError, match="at least one row and one feature"):
        Reference.from_data(features)


def mixed(rows=900):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=rows), "colour": rng.choice(list("abc"), rows)})
    frame.loc[::7, "size"] = np.nan
    frame.loc[::50, "colour"] = None
    return frame


def assert_same(one, two):
    assert one.names == two.names
    assert one.samples == two.samples
    for part in ("features", "labels"):
        first, second = one.profiles[part], two.profiles[part]
        assert first.summary.schema == second.summary.schema
        for name in (
            "edges",
            "discrete",
            "counts",
            "rows",
            "priorities",
            "low",
            "high",
            "missing",
            "infinite",
        ):
            arrays = [
                getattr(each if hasattr(each, name) else each.summary, name) for each in (first, second)
            ]
            np.testing.assert_array_equal(*arrays)


@pytest.mark.parametrize("limit", [200, 20_000])
def test_the_sum_of_references_of_parts_is_the_reference_of_the_whole(monkeypatch, limit):
    """Also if a part lacks some categories, and if only some rows are kept."""
    monkeypatch.setattr(summary, "MAX_ROWS", limit)
    monkeypatch.setattr(summary, "MIN_ROWS", 1)
    frame = mixed().sort_values("colour")
    labels = np.arange(900) % 5
    whole = Reference.from_data(frame, y_true=labels)
    parts = [
        Reference.from_data(frame[at : at + 300], y_true=labels[at : at + 300], first_row=at)
        for at in (0, 300, 600)
    ]
    assert_same(parts[2] + parts[0] + parts[1], whole)


@pytest.mark.parametrize("waiting", [100, 8192])
def test_batches_give_the_reference_of_the_whole(monkeypatch, waiting):
    monkeypatch.setattr(module, "MERGE_ROWS", waiting)
    frame = mixed()
    labels = np.arange(900) % 5
    batches = ((frame[at : at + 64], labels[at : at + 64]) for at in range(0, 900, 64))
    assert_same(Reference.from_batches(batches), Reference.from_data(frame, y_true=labels))


def test_memory_is_bounded_for_a_long_stream(monkeypatch):
    monkeypatch.setattr(summary, "MAX_ROWS", 1000)
    reference = Reference.from_batches(np.full((500, 2), float(at)) for at in range(100))
    assert reference.samples == 50_000
    assert reference.features.summary.rows.shape == (1000, 2)


def test_a_function_maps_batches_to_features():
    images = np.random.default_rng(0).random((64, 8, 8))
    reference = Reference.from_batches(
        [images[:32], images[32:]], features=lambda batch: batch.mean(axis=(1, 2))
    )
    assert reference.samples == 64
    assert reference.names == ("f0",)


@pytest.mark.keras
def test_a_tensorflow_data_set_is_a_stream_of_batches():
    import tensorflow as tf

    values = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    labels = np.arange(500) % 2
    dataset = tf.data.Dataset.from_tensor_slices((values, labels)).batch(64)
    assert_same(Reference.from_batches(dataset), Reference.from_data(values, y_true=labels))


def test_references_of_different_features_cannot_be_added():
    with pytest.raises(
        InvalidArgumentError, match="cannot add references of different features: 'f0' and 'f0', 'f1'"
    ):
        Reference.from_data(np.zeros((3, 1))) + Reference.from_data(np.zeros((3, 2)))


def test_numeric_features_can_be_declared_categorical():
    reference = Reference.from_data([[3, 0.5], [7, 0.25]], categorical=["f0"])
    assert reference.features.summary.schema.categories == (("3", "7"), None)


def test_labels_of_another_length_raise():
    with pytest.raises(ShapeError, match="y_true has 2 rows and features have 3"):
        Reference.from_data(np.zeros((3, 1)), y_true=[0, 1])
