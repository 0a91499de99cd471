"""Features are compared with the reference from inside of the graph."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.integrations.keras.watched import KerasSession, dense, fit, frozen, published_by
from traingauge.errors import ReferenceMismatchError
from traingauge.integrations.keras.bins import Bins
from traingauge.integrations.keras.extracted import EXTRACTED
from traingauge.options import Drift
from traingauge.reference import Reference
from traingauge.stats.drift.binning import count_bins
from traingauge.stats.drift.extractors import EXTRACTORS
from traingauge.testing import RecordingSession

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


def drift_of(published):
    """What says how features and labels drift."""
    return {
        key: value
        for key, value in published.items()
        if key[0].startswith(("feature", "drift", "label_drift"))
    }


def assert_counted(session, samples, y):
    """The features of all samples and their labels are compared as a loop that gives them to a step compares them."""
    by_hand = RecordingSession(session.settings)
    for start in range(0, len(samples), 64):
        batch = slice(start, start + 64)
        by_hand.drift.add([by_hand.drift.encode(samples[batch], y[batch])])
    theirs = drift_of(published_by(by_hand))
    assert len(theirs) > 20
    assert drift_of(session.published()) == pytest.approx(theirs, nan_ok=True)
    assert not session.errors


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((8, 8), {}),
        ((8, 8, 1), {"jit_compile": True}),
        ((1, 8, 8), {"steps_per_execution": 4}),
        ((4, 4, 4), {"run_eagerly": True}),
    ],
    ids=str,
)
def test_images_are_reduced_in_the_graph_as_the_reference_reduces_them(digits, shape, options):
    images, y = digits[0].reshape(-1, *shape), digits[1]
    session = KerasSession(reference=Reference.from_data(images, y_true=y, of="images"))
    shown = images[:700] / 2
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", **options)
    fit(model, shown, y[:700], session=session, batch_size=64)
    assert_counted(session, shown, y[:700])


def bag_of_words(length, **options):
    layers = [
        keras.layers.Embedding(17, 4),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(10, "softmax"),
    ]
    model = keras.Sequential([keras.Input((length,), dtype="int32"), *layers])
    model.compile("sgd", "sparse_categorical_crossentropy", **options)
    return model


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}, {"steps_per_execution": 4}], ids=str)
def test_token_ids_are_reduced_in_the_graph_as_the_reference_reduces_them(digits, options):
    tokens, y = (digits[0] * 16).astype("int32"), digits[1]
    session = KerasSession(reference=Reference.from_data(tokens, y_true=y, of="tokens"))
    shown = tokens[:700].copy()
    shown[:, 30:] = 0
    shown[5] = 0
    fit(bag_of_words(64, **options), shown, y[:700], session=session, batch_size=64)
    assert_counted(session, shown, y[:700])


def test_sequences_of_any_length_are_reduced_too(digits):
    tokens, y = (digits[0] * 16).astype("int32"), digits[1]
    session = KerasSession(reference=Reference.from_data(tokens, y_true=y, of="tokens"))
    lengths = [64, 32, 64, 20]
    parts = [
        (tokens[64 * at : 64 * at + 64, :length], y[64 * at : 64 * at + 64])
        for at, length in enumerate(lengths)
    ]
    shapes = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)
    data = tf.data.Dataset.from_generator(lambda: iter(parts), output_signature=shapes)
    fit(bag_of_words(None), data, session=session, steps_per_epoch=4)
    padded = np.concatenate([np.pad(part, [(0, 0), (0, 64 - part.shape[1])]) for part, _ in parts])
    assert_counted(session, padded, y[:256])


def test_ragged_sequences_are_reduced_as_padded_ones(digits):
    tokens, y = (digits[0][:256] * 16).astype("int32"), digits[1][:256]
    tokens[tokens == 0] = 3
    tokens[:, 40:] = 0
    session = KerasSession(reference=Reference.from_data(tokens, y_true=y, of="tokens"))
    layers = [keras.layers.Embedding(17, 4), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((None,), dtype="int32", ragged=True), *layers])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ragged = tf.RaggedTensor.from_tensor(tokens, padding=0)
    fit(model, tf.data.Dataset.from_tensor_slices((ragged, y)).batch(64), session=session)
    assert_counted(session, tokens, y)


def test_sparse_features_are_compared_with_their_zeros(digits):
    x, y = digits[0][:400], digits[1][:400]
    session = KerasSession(reference=Reference.from_data(x, y_true=y))
    model = keras.Sequential([keras.Input((64,), sparse=True), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    fit(model, tf.data.Dataset.from_tensor_slices((tf.sparse.from_dense(x), y)).batch(64), session=session)
    assert_counted(session, x, y)


def test_a_share_of_the_rows_is_compared_where_the_settings_say_so(digits):
    x, y = digits[0][:700], digits[1][:700]
    settings = Drift(Reference.from_data(x, y_true=y), window=10_000, sampling=0.25)
    session = KerasSession(settings)
    model = dense(10, inputs=64, last="softmax")
    model.compile("sgd", "sparse_categorical_crossentropy")
    fit(model, x, y, session=session, batch_size=64)
    assert_counted(session, x, y)
    assert session.published()["drift_window_samples",] == 175


@pytest.mark.parametrize("shape", [(64,), (8, 8, 1), (4, 16)], ids=str)
def test_what_is_no_image_of_the_reference_is_refused_at_the_first_step(digits, shape):
    x, y = digits
    session = KerasSession(reference=Reference.from_data(x.reshape(-1, 4, 4, 4), of="images"))
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ReferenceMismatchError, match="features of images"):
        fit(model, x.reshape(-1, *shape), y, session=session)


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


def test_whatever_a_reference_is_of_can_be_reduced_in_a_graph():
    assert EXTRACTED.keys() == {"table", *EXTRACTORS}
