"""A step that computes its loss more than once is one step, with the loss and the samples of all of it."""

from __future__ import annotations

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.integrations.keras.by_hand import softmax_regression
from tests.integrations.keras.watched import KerasSession, evaluate, fit

pytestmark = pytest.mark.keras

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
OPTIONS = [{}, {"run_eagerly": True}, {"jit_compile": True}, {"steps_per_execution": 3}]


class Accumulating(keras.Sequential):
    """Computes the gradient of a batch in micro-batches of other sizes."""

    parts = ((0, 30), (30, 90), (90, 100))

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        total = None
        for start, end in self.parts:
            piece = None if weight is None else weight[start:end]
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y[start:end], y_pred=self(x[start:end]), sample_weight=piece)
            gradients = tape.gradient(loss, self.trainable_variables)
            share = (end - start) / 100
            added = [share * gradient for gradient in gradients]
            total = added if total is None else [a + b for a, b in zip(total, added, strict=True)]
        self.optimizer.apply(total, self.trainable_variables)
        return {"loss": loss}

    def test_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        for start, end in self.parts:
            loss = self.compute_loss(y=y[start:end], y_pred=self(x[start:end]))
        return {"loss": loss}


class SharpnessAware(keras.Sequential):
    """Takes the gradient at weights that are perturbed towards a higher loss."""

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)

        def gradients():
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            return loss, tape.gradient(loss, self.trainable_variables)

        loss, slopes = gradients()
        for variable, slope in zip(self.trainable_variables, slopes, strict=True):
            variable.assign_add(slope)
        _, perturbed = gradients()
        for variable, slope in zip(self.trainable_variables, slopes, strict=True):
            variable.assign_sub(slope)
        self.optimizer.apply(perturbed, self.trainable_variables)
        return {"loss": loss}


class Looping(keras.Sequential):
    """Computes its loss inside a loop of the graph."""

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        losses = tf.map_fn(
            lambda at: self.compute_loss(y=y[at : at + 1], y_pred=self(x[at : at + 1])),
            tf.range(2),
            fn_output_signature=tf.float32,
        )
        return {"loss": tf.reduce_mean(losses)}


def model(kind, rate, **options):
    made = kind([keras.Input((64,)), keras.layers.Dense(10, kernel_initializer="zeros")])
    made.compile(keras.optimizers.SGD(rate), LOSS, **options)
    return made


@pytest.fixture(scope="module")
def batches(digits):
    return tuple(each[:600] for each in digits)


@pytest.fixture(scope="module")
def by_hand(batches):
    return softmax_regression(*batches, batch=100, epochs=1, rate=0.5)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_loss_and_scores_of_a_step_are_those_of_all_its_micro_batches(batches, by_hand, options):
    session = KerasSession(window=6)
    fit(model(Accumulating, 0.5, **options), *batches, session=session, batch_size=100)
    np.testing.assert_allclose(session.losses, by_hand.losses, rtol=1e-5)
    published = session.published()
    assert published["samples_total", "train"] == 600
    assert published["steps_total", "train"] == 6
    right = np.concatenate(by_hand.predicted) == batches[1]
    assert published["accuracy", "train"] == pytest.approx(right.mean())
    assert not session.errors


def test_the_weights_of_samples_count_in_every_micro_batch(batches, by_hand):
    session = KerasSession(window=6)
    weight = np.random.default_rng(0).uniform(0, 2, 600).astype("float32")
    frozen = model(Accumulating, 0.0)
    fit(frozen, *batches, session=session, batch_size=100, sample_weight=weight)
    right = frozen.predict(batches[0], verbose=0).argmax(axis=1) == batches[1]
    assert session.published()["accuracy", "train"] == pytest.approx(np.average(right, weights=weight))


def test_a_pass_counts_all_micro_batches_of_its_steps(batches):
    session, frozen = KerasSession(), model(Accumulating, 0.0)
    evaluate(frozen, *batches, session=session, batch_size=100)
    right = frozen.predict(batches[0], verbose=0).argmax(axis=1) == batches[1]
    published = session.published()
    assert published["accuracy", "test"] == pytest.approx(right.mean())
    assert published["loss", "test"] == pytest.approx(np.log(10), rel=1e-5)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_loss_of_a_step_is_not_that_at_perturbed_weights(batches, options):
    session = KerasSession(window=6)
    fit(model(SharpnessAware, 0.0, **options), *batches, session=session, batch_size=100)
    np.testing.assert_allclose(session.losses, np.log(10), rtol=1e-5)
    assert session.published()["samples_total", "train"] == 600
    assert not session.errors


def test_a_loss_inside_a_loop_of_the_graph_is_not_known_and_its_steps_count(batches, caplog):
    session = KerasSession()
    with caplog.at_level(logging.WARNING, "traingauge"):
        fit(model(Looping, 0.0), *batches, session=session, batch_size=100)
    assert session.published()["steps_total", "train"] == 6
    assert sum("inside a loop" in message for message in caplog.messages) == 1
    assert not session.errors


def test_masked_positions_do_not_count_in_any_micro_batch(digits):
    images = digits[0].reshape(-1, 8, 8)[:200].copy()
    images[::2, 5:] = 0
    labels = np.repeat(digits[1][:200, None], 8, axis=1)
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Masking(), keras.layers.Dense(10)]
    made = Accumulating([keras.Input((8, 8)), *layers])
    made.compile(keras.optimizers.SGD(0.0), LOSS)
    session = KerasSession(window=2)
    fit(made, images, labels, session=session, batch_size=100)
    real = (images != 0).any(axis=2)
    right = made.predict(images, verbose=0).argmax(axis=2) == labels
    published = session.published()
    assert sum(value for key, value in published.items() if key[:2] == ("confusion", "train")) == real.sum()
    assert published["accuracy", "train"] == pytest.approx(right[real].mean())
