"""Features are compared with the reference from inside of the graph."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.integrations.keras.watched import KerasSession, dense, fit, frozen
from traingauge.integrations.keras.bins import Bins
from traingauge.reference import Reference
from traingauge.stats.drift.binning import count_bins

pytestmark = pytest.mark.keras

NORMAL = st.floats(width=32, allow_subnormal=False)  # TensorFlow flushes subnormal numbers to 0


@pytest.fixture(scope="module")
def reference(tumours):
    return Reference.from_data(tumours[0].astype(float))


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}, {"steps_per_execution": 4}])
def test_bins_counted_in_the_graph_are_those_of_the_part(tumours, reference, options):
    x, y = tumours[0].copy(), tumours[1]
    x[100:, 3] += 4  # drifted
    x[::5, 7] = np.nan  # missing
    x[::6, 8] = -np.inf
    model = dense(1, inputs=30, last="sigmoid")
    model.compile("sgd", "binary_crossentropy", **options)
    session, other = KerasSession(reference=reference), KerasSession(reference=reference)
    fit(model, x, y, session=session, batch_size=64, epochs=2)
    for _ in range(2):
        other.drift.add([other.drift.encode(x)])
    mine, theirs = session.published(), other.published()
    names = [key for key in theirs if key[0].startswith(("feature", "drift"))]
    assert ("feature_drift", *reference.names[3:4], "psi") in names
    assert {key: mine[key] for key in names} == pytest.approx(
        {key: theirs[key] for key in names}, nan_ok=True
    )
    assert mine["nonfinite_total", "train", "feature"] == 2 * (len(x[::5]) + len(x[::6]))
    assert mine["feature_infinite_ratio", reference.names[8]] == len(x[::6]) / len(x)
    assert mine["drift_window_samples",] == 2 * len(x)
    assert not session.errors


LOSSES = {
    "sparse_categorical_crossentropy": (10, "softmax", lambda y: y),
    "categorical_crossentropy": (10, "softmax", lambda y: np.eye(10)[y]),
    "binary_crossentropy": (1, "sigmoid", lambda y: (y > 4).astype(int)),
    "mean_squared_error": (1, None, lambda y: y.astype(float)),
}


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}, {"jit_compile": True}])
@pytest.mark.parametrize("loss", LOSSES)
def test_labels_and_predictions_are_counted_in_the_graph_as_a_step_counts_them(digits, loss, options):
    x, y = digits
    x = x.reshape(len(x), -1)
    width, last, encode = LOSSES[loss]
    y = encode(y)
    model = dense(width, inputs=64, last=last)
    model.compile(frozen(), loss, **options)
    predicted = model.predict(x, verbose=0)
    reference = Reference.from_data(x, y_true=y, y_pred=predicted)
    session, other = KerasSession(reference=reference), KerasSession(reference=reference)
    shown = slice(0, 700)
    fit(model, x[shown], y[shown], session=session, batch_size=64, sample_weight=np.linspace(0, 1, 700))
    other.drift.add([other.drift.encode(x[shown], y[shown], predicted[shown])])
    mine, theirs = session.published(), other.published()
    names = [key for key in theirs if key[0] in ("label_drift", "prediction_drift")]
    assert {key[0] for key in names} == {"label_drift", "prediction_drift"}
    assert {key: mine[key] for key in names} == pytest.approx(
        {key: theirs[key] for key in names}, nan_ok=True
    )
    assert not session.errors


def test_the_labels_of_images_are_compared_where_their_pixels_are_not(digits):
    x, y = digits
    images = x.reshape(-1, 8, 8)
    reference = Reference.from_data(images, y_true=y, of="images")
    model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    session = KerasSession(reference=reference)
    fit(model, images[y < 5], y[y < 5], session=session)
    assert session.published()["label_drift", "psi"] > 1
    assert not session.errors


def test_several_quantities_have_no_label_drift_and_no_error(digits):
    x, y = digits
    x = x.reshape(len(x), -1)
    reference = Reference.from_data(x, y_true=y.astype(float))
    model = dense(2, inputs=64)
    model.compile("sgd", "mean_squared_error")
    session = KerasSession(reference=reference)
    fit(model, x, np.column_stack([y, y]).astype(float), session=session)
    assert not [key for key in session.published() if key[0] == "label_drift"]
    assert not session.errors


def test_images_are_compared_pixel_by_pixel(digits):
    x, y = digits
    reference = Reference.from_data(x.astype(float))
    layers = [keras.layers.Conv2D(2, 3), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    model.compile("sgd", "sparse_categorical_crossentropy")
    session = KerasSession(reference=reference)
    fit(model, np.roll(x.reshape(-1, 8, 8, 1), 3, axis=2), y, session=session, batch_size=600)
    published = session.published()
    assert published["features_monitored",] == 64
    assert published["features_drifted",] > 30


def test_validation_is_no_part_of_the_window(tumours, reference):
    x, y = tumours
    model = dense(1, inputs=30, last="sigmoid")
    model.compile("sgd", "binary_crossentropy")
    session = KerasSession(reference=reference)
    fit(model, x[:200], y[:200], session=session, batch_size=100, validation_data=(x, y))
    assert session.published()["drift_window_samples",] == 200


@settings(max_examples=50, deadline=None)
@given(
    values=arrays.arrays(np.float32, (7, 3), elements=NORMAL | st.sampled_from([0.0, 1.0, -1.0])),
    edges=st.lists(
        st.lists(st.floats(-2, 2, allow_subnormal=False) | st.just(np.inf), min_size=4, max_size=4),
        min_size=3,
        max_size=3,
    ),
)
def test_any_value_falls_in_the_bin_where_numpy_puts_it(values, edges):
    edges = np.sort(np.array(edges), axis=1)
    bins = Bins(edges)
    bins.add(tf.constant(values))
    counts, infinite = bins.read()
    np.testing.assert_array_equal(counts, count_bins(values, edges))
    np.testing.assert_array_equal(infinite, np.isinf(values).sum(axis=0))
