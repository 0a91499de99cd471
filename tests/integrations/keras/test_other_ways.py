"""Ways to train that are not ``fit`` on arrays of numbers with one loss."""

from __future__ import annotations

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.integrations.keras.by_hand import softmax_regression
from tests.integrations.keras.watched import KerasSession, fit, frozen
from traingauge.integrations.keras import MonitorCallback

pytestmark = pytest.mark.keras

BATCH = 100
SOFTMAX = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def softmax(optimizer, **options):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, kernel_initializer="zeros")])
    model.compile(optimizer, SOFTMAX, **options)
    return model


@pytest.fixture
def session():
    return KerasSession(window=4)


@pytest.fixture(scope="module")
def batches(digits):
    return tuple(each[:400] for each in digits)


@pytest.mark.parametrize("said", [{}, {"epochs": 1, "steps": 4}], ids=["nothing said", "length said"])
def test_a_loop_over_batches_that_calls_callbacks_is_recorded_as_fit_is(session, batches, said):
    model = softmax(keras.optimizers.SGD(0.5))
    callbacks = keras.callbacks.CallbackList([MonitorCallback(session)], model=model, **said)
    parts = [tuple(each[start : start + BATCH] for each in batches) for start in range(0, 400, BATCH)]
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    for number, part in enumerate(parts):
        callbacks.on_train_batch_begin(number)
        callbacks.on_train_batch_end(number, model.train_on_batch(*part, return_dict=True))
    callbacks.on_test_begin()
    for number, part in enumerate(parts):
        callbacks.on_test_batch_begin(number)
        callbacks.on_test_batch_end(number, model.test_on_batch(*part, return_dict=True))
    callbacks.on_test_end()
    callbacks.on_epoch_end(0)
    callbacks.on_train_end()
    by_hand = softmax_regression(*batches, batch=BATCH, epochs=1, rate=0.5)
    np.testing.assert_allclose(session.losses, by_hand.losses, rtol=1e-5)
    published = session.published()
    assert published["accuracy", "train"] == np.mean(np.concatenate(by_hand.predicted) == batches[1])
    right = model.predict(batches[0], verbose=0).argmax(axis=1) == batches[1]
    assert published["accuracy", "validation"] == right.mean()
    assert published["epochs_total", "train"] == 1
    assert sum(session.guard.errors.values()) == 0
    assert session.errors == {}


def test_accumulated_gradients_leave_each_batch_a_step_with_its_loss_and_gradient(session, batches):
    model = softmax(keras.optimizers.SGD(0.5, gradient_accumulation_steps=2))
    fit(model, *batches, session=session, batch_size=BATCH, gradient_norm=True)
    expected = []
    for start in (0, BATCH):  # the weights move after the second
        part = [each[start : start + BATCH] for each in batches]
        expected.append(softmax_regression(*part, batch=BATCH, epochs=1, rate=0.0))
    np.testing.assert_allclose(session.losses[:2], [one.losses[0] for one in expected], rtol=1e-5)
    np.testing.assert_allclose(
        session.scalar("gradient_norm")[:2], [one.norms[0] for one in expected], rtol=1e-5
    )
    assert session.losses[2] < session.losses[0]
    assert session.published()["steps_total", "train"] == 4
    assert session.errors == {}


def test_a_weighted_loss_is_the_one_that_is_descended(session, batches):
    fit(softmax(frozen(), loss_weights=[2.0]), *batches, session=session, batch_size=BATCH)
    np.testing.assert_allclose(session.losses, 2 * np.log(10), rtol=1e-5)
    assert session.errors == {}


def test_sparse_inputs(session, batches):
    x, y = batches
    model = keras.Sequential([keras.Input((64,), sparse=True), keras.layers.Dense(10, "softmax")])
    model.compile(frozen(), "sparse_categorical_crossentropy")
    data = tf.data.Dataset.from_tensor_slices((tf.sparse.from_dense(x), y)).batch(BATCH)
    fit(model, data, session=session)
    kernel, bias = model.get_weights()
    published = session.published()
    assert published["samples_total", "train"] == 400
    assert published["accuracy", "train"] == np.mean((x @ kernel + bias).argmax(axis=1) == y)
    assert session.errors == {}


def test_ragged_inputs(session):
    words = tf.ragged.constant([[1, 2, 3], [4], [5, 6], [7, 8, 9, 1]] * 25, dtype=tf.int32)
    y = np.array([0, 1, 0, 1] * 25)
    layers = [keras.layers.Embedding(10, 4), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((None,), dtype="int32", ragged=True), *layers])
    model.compile(frozen(), SOFTMAX)
    fit(model, tf.data.Dataset.from_tensor_slices((words, y)).batch(40), session=session)
    published = session.published()
    assert published["samples_total", "train"] == 100
    assert sum(value for key, value in published.items() if key[:2] == ("confusion", "train")) == 100
    assert session.errors == {}


def test_a_loss_of_regions_has_a_value_and_says_that_scores_need_a_task(digits, caplog):
    """Such as that of a segmentation."""
    images = digits[0][:120].reshape(-1, 8, 8, 1)
    masks = (images > 0.5).astype("float32")
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")]
    )
    model.compile(frozen(), keras.losses.Dice())
    session, told = KerasSession(window=2), KerasSession(task="binary", window=2)
    with caplog.at_level(logging.WARNING, "traingauge"):
        history = fit(model, images, masks, session=session, batch_size=60).history
    assert session.losses.mean() == pytest.approx(history["loss"][0], rel=1e-5)
    assert not any(key[0] == "accuracy" for key in session.published())
    assert sum("pass scoring=Scoring(task=" in message for message in caplog.messages) == 1
    session.end("finished")
    fit(model, images, masks, session=told, batch_size=60)
    right = (model.predict(images, verbose=0) > 0.5) == (masks > 0.5)
    assert told.published()["accuracy", "train"] == pytest.approx(right.mean())
    assert told.errors == session.errors == {}


def test_losses_of_a_detection_are_one_by_their_weights(session, batches):
    x, y = batches
    inputs = keras.Input((64,))
    outputs = {
        "boxes": keras.layers.Dense(4, name="boxes")(inputs),
        "classes": keras.layers.Dense(10, "softmax", name="classes")(inputs),
    }
    model = keras.Model(inputs, outputs)
    losses = {"boxes": keras.losses.Huber(), "classes": keras.losses.CategoricalFocalCrossentropy()}
    model.compile(frozen(), losses, loss_weights={"boxes": 2.0, "classes": 0.5})
    truth = {"boxes": x[:, 20:24], "classes": np.eye(10, dtype="float32")[y]}
    fit(model, x, truth, session=session, batch_size=400)
    predicted = model.predict(x, verbose=0)
    apart = np.abs(predicted["boxes"].astype(float) - truth["boxes"])
    huber = np.where(apart <= 1, apart**2 / 2, apart - 0.5).mean()
    share = np.take_along_axis(predicted["classes"].astype(float), y[:, None], axis=1)
    focal = (-0.25 * (1 - share) ** 2 * np.log(share)).mean()
    assert session.losses == pytest.approx([2 * huber + 0.5 * focal], rel=1e-4)
    assert session.errors == {}


@pytest.mark.parametrize("compiled", [{}, {"run_eagerly": True}], ids=str)
def test_a_model_of_a_class_of_its_own_is_recorded(session, batches, compiled):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(10, kernel_initializer="zeros")

        def call(self, inputs, training=False):
            return self.inner(inputs)

    model = Own()
    model.compile(keras.optimizers.SGD(0.5), SOFTMAX, **compiled)
    fit(model, *batches, session=session, batch_size=BATCH)
    by_hand = softmax_regression(*batches, batch=BATCH, epochs=1, rate=0.5)
    np.testing.assert_allclose(session.losses, by_hand.losses, rtol=1e-5)
    assert session.errors == {}
