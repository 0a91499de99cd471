"""Compiled steps on JAX: several an execution, traced once, and steps of one's own."""

from __future__ import annotations

import logging

import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn import metrics

from tests.integrations.keras.by_hand import softmax_regression
from tests.integrations.keras.watched import KerasSession, dense, fit
from traingauge.core.events import Scored
from traingauge.reference import Reference

if keras.backend.backend() != "jax":
    pytest.skip("Keras runs on another backend", allow_module_level=True)

import jax

from traingauge.integrations.keras.backends import jax as backend

pytestmark = pytest.mark.keras

BATCH = 64
CROSS_ENTROPY = "sparse_categorical_crossentropy"


def linear(kind=None, **options):
    """Softmax regression from weights of 0."""
    layers = [keras.Input((64,)), keras.layers.Dense(10, "softmax", kernel_initializer="zeros")]
    model = (kind or keras.Sequential)(layers)
    model.compile(keras.optimizers.SGD(0.5), CROSS_ENTROPY, **options)
    return model


def losses(session):
    return [event.numbers.get("loss") for event in session.of(Scored)]


class Counting(keras.Sequential):
    """Counts how often its steps are traced."""

    traced = 0

    def train_step(self, *given):
        type(self).traced += 1
        return super().train_step(*given)


class AsInTheGuide(keras.Sequential):
    """Keras' own guide to a ``train_step`` on JAX."""

    def losses_of(self, trainable, others, x, y):
        outputs, others = self.stateless_call(trainable, others, x, training=True)
        return self.compute_loss(x, y, outputs), (outputs, others)

    def train_step(self, state, data):
        trainable, others, optimizer, metric = state
        gradient = jax.value_and_grad(self.losses_of, has_aux=True)
        (loss, (_, others)), gradients = gradient(trainable, others, *data[:2])
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        return {"loss": loss}, (trainable, others, optimizer, metric)


class Logging(AsInTheGuide):
    """Returns logs of every kind, and never calls compute_loss."""

    def losses_of(self, trainable, others, x, y):
        outputs, others = self.stateless_call(trainable, others, x, training=True)
        return -keras.ops.mean(keras.ops.take_along_axis(outputs, y[:, None], 1)), (outputs, others)

    def train_step(self, state, data):
        logs, state = super().train_step(state, data)
        parts = {"critic": -logs["loss"], "step": 3}
        own = {"own_loss": logs["loss"], "parts": parts, "image": jax.numpy.zeros((2, 2)), "half": 0.5}
        return logs | own, state


class InMicroBatches(AsInTheGuide):
    """Computes its loss of two parts of a batch."""

    def losses_of(self, trainable, others, x, y):
        parts = [slice(0, 50), slice(50, None)]
        found = [AsInTheGuide.losses_of(self, trainable, others, x[part], y[part]) for part in parts]
        return sum(loss for loss, _ in found), (None, others)


class SharpnessAware(AsInTheGuide):
    """Computes its loss again where the weights would be a step uphill."""

    def train_step(self, state, data):
        trainable, *rest = state
        uphill = jax.grad(lambda *given: self.losses_of(*given)[0])(trainable, rest[0], *data[:2])
        moved = [weight + 0.1 * change for weight, change in zip(trainable, uphill, strict=True)]
        logs, (_, *rest) = super().train_step((moved, *rest), data)
        return logs, (trainable, *rest)


class InALoop(AsInTheGuide):
    """Computes its loss inside a loop that JAX traces apart."""

    def losses_of(self, trainable, others, x, y):
        def once(total, _):
            loss, _ = AsInTheGuide.losses_of(self, trainable, others, x, y)
            return total + loss, None

        total, _ = jax.lax.scan(once, 0.0, length=2)
        return total, (None, others)


@pytest.mark.parametrize("together", [1, 4, 7])
def test_no_step_is_lost_in_executions_of_several(session, digits, together):
    by_hand = softmax_regression(*digits, batch=BATCH, epochs=2, rate=0.5)
    model = linear(steps_per_execution=together)
    fit(model, *digits, session=session, batch_size=BATCH, epochs=2, validation_data=digits)
    np.testing.assert_allclose(losses(session), by_hand.losses, rtol=1e-5)
    published = session.published()
    assert published["steps_total", "train"] == published["steps_total", "validation"] == 58
    assert published["samples_total", "validation"] == 2 * 1797


def test_a_step_is_traced_once(session, digits):
    x, y = digits[0][: 4 * BATCH], digits[1][: 4 * BATCH]
    Counting.traced = 0
    model = linear(Counting)
    for _ in range(2):
        fit(model, x, y, session=session, batch_size=BATCH, epochs=2, validation_data=(x, y))
    assert Counting.traced == 1
    assert session.published()["steps_total", "train"] == 16


@pytest.mark.parametrize("eager", [False, True])
def test_a_step_of_one_s_own_has_its_loss_and_scores(session, digits, eager):
    by_hand = softmax_regression(*digits, batch=BATCH, epochs=1, rate=0.5)
    model = linear(AsInTheGuide, run_eagerly=eager)
    fit(model, *digits, session=session, batch_size=BATCH, gradient_norm=True)
    np.testing.assert_allclose(losses(session), by_hand.losses, rtol=1e-5)
    published, predicted = session.published(), np.concatenate(by_hand.predicted)
    assert published["accuracy", "train"] == pytest.approx(metrics.accuracy_score(digits[1], predicted))
    assert published["gradient_norm",] == pytest.approx(by_hand.norms[-1], rel=1e-4)


@pytest.mark.parametrize("kind", [InMicroBatches, SharpnessAware])
@pytest.mark.parametrize("eager", [False, True])
def test_a_step_with_several_losses_has_the_loss_and_scores_of_its_batch(session, digits, kind, eager):
    x, y = digits[0][:64], digits[1][:64]
    keras.utils.set_random_seed(7)
    model = kind([keras.Input((64,)), keras.layers.Dense(10, "softmax")])
    model.compile(keras.optimizers.SGD(0.0), CROSS_ENTROPY, run_eagerly=eager)
    fit(model, x, y, session=session, batch_size=64)
    outputs = model.predict(x, verbose=0)
    assert losses(session) == pytest.approx([metrics.log_loss(y, outputs, labels=range(10))], rel=1e-4)
    published = session.published()
    assert published["accuracy", "train"] == metrics.accuracy_score(y, outputs.argmax(axis=1))
    assert published["samples_total", "train"] == 64
    assert not session.errors


def test_sparse_features_are_compared_with_their_zeros(digits):
    x, y = digits[0][:400], digits[1][:400]
    reference = Reference.from_data(x)
    session, dense_session = KerasSession(reference), KerasSession(reference)
    model = keras.Sequential([keras.Input((64,), sparse=True), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", CROSS_ENTROPY)
    fit(model, sparse.csr_matrix(x), y, session=session, batch_size=BATCH)
    fit(linear(), x, y, session=dense_session, batch_size=BATCH)
    drift = {
        key: value
        for key, value in dense_session.published().items()
        if key[0].startswith(("feature", "drift"))
    }
    found = session.published()
    assert len(drift) > 64
    assert {key: found.get(key) for key in drift} == pytest.approx(drift, nan_ok=True)
    assert not session.errors


@pytest.mark.parametrize("options", [{}, {"steps_per_execution": 4}, {"run_eagerly": True}])
def test_of_steps_without_a_loss_the_numbers_of_their_logs_are_published(session, digits, options):
    fit(linear(Logging, **options), *digits, session=session, batch_size=300)
    rows = [dict(event.numbers) for event in session.of(Scored)]
    assert len({row["own_loss"] for row in rows}) == len(rows) == 6
    assert rows[0]["own_loss"] == pytest.approx(-0.1)  # less than 0, as a critic's may be
    for row in rows:
        assert row.pop("learning_rate") == pytest.approx(0.5)
        own = row["own_loss"]
        assert row == {"own_loss": own, "logged_loss": own, "critic": -own, "logged_step": 3, "half": 0.5}
    assert session.published()["scalar", "own_loss", "train"] == rows[-1]["own_loss"]
    assert not session.errors


def test_a_loss_that_cannot_leave_its_step_is_said_once(session, digits, caplog):
    with caplog.at_level(logging.WARNING, "traingauge"):
        fit(linear(InALoop), *digits, session=session, batch_size=BATCH)
    assert losses(session) == [None] * 29
    assert len([record for record in caplog.records if "never calls compute_loss" in record.message]) == 1
    assert not session.errors


def test_steps_that_wait_are_brought_over_before_they_fill_the_device(session, digits, monkeypatch):
    monkeypatch.setattr(backend, "MOST_WAITING", 10_000)
    waiting = []
    settle = backend.JaxWatch._settle

    def noting(watch):
        waiting.append(len(watch._waiting))
        settle(watch)

    monkeypatch.setattr(backend.JaxWatch, "_settle", noting)
    fit(linear(), *digits, session=session, batch_size=BATCH)
    assert max(waiting) < 5
    assert len(losses(session)) == 29


def test_of_many_classes_on_a_device_the_decisions_are_scored(session, digits, monkeypatch):
    x, y = digits
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    model = dense(30, inputs=64, last="softmax")
    model.compile(keras.optimizers.SGD(0.0), CROSS_ENTROPY)
    fit(model, x, y, session=session)
    published = session.published()
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    assert published["accuracy", "train"] == pytest.approx(metrics.accuracy_score(y, predicted))
    assert ("log_loss", "train") not in published
