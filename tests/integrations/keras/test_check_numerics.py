"""A script may let TensorFlow raise on every NaN and infinity: ``tf.debugging.enable_check_numerics()``."""

from __future__ import annotations

from contextlib import contextmanager

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.integrations.keras.watched import KerasSession, fit
from traingauge import ModelMonitor, Reference
from traingauge.integrations.keras import MonitorCallback

pytestmark = pytest.mark.keras

rng = np.random.default_rng(0)
X = rng.random((64, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 2).astype(np.int32)


@pytest.fixture
def checked():
    """Something in which the check is on."""

    @contextmanager
    def checking():
        tf.debugging.enable_check_numerics()
        try:
            yield
        finally:
            tf.debugging.disable_check_numerics()

    return checking()


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    tf.debugging.enable_check_numerics()
    yield model
    tf.debugging.disable_check_numerics()


def test_the_check_sees_nothing_of_monitoring(model):
    reference = Reference.from_data(X, y_true=Y)
    with ModelMonitor("m", delivery=[], reference=reference) as monitor:
        callback = MonitorCallback(monitor, gradient_norm=True)
        model.fit(X, Y, batch_size=16, epochs=2, validation_data=(X, Y), callbacks=[callback], verbose=0)
        assert len(monitor.rows()["loss"]) == 8
        assert len(monitor.history["val_accuracy"]) == 2
        assert not any(monitor.session.guard.errors.values())


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}], ids=str)
def test_the_check_sees_nothing_of_outputs_whose_steps_have_no_learning_rate(checked, options):
    inputs = keras.Input((4,))
    outputs = {"odd": keras.layers.Dense(1, "sigmoid")(inputs), "size": keras.layers.Dense(1)(inputs)}
    model = keras.Model(inputs, outputs)
    model.compile("adam", {"odd": "binary_crossentropy", "size": "mse"}, **options)
    labels = {"odd": Y, "size": X.sum(axis=1)}
    session = KerasSession()
    with checked:
        fit(model, X, labels, session=session, batch_size=16, validation_data=(X, labels), gradient_norm=True)
    assert session.value("model_loss", split="train", output="size") > 0
    assert session.value("model_accuracy", split="validation", output="odd") is not None
    assert not session.errors


def test_the_check_sees_nothing_of_token_ids_that_are_reduced(checked):
    tokens = np.arange(64 * 4).reshape(64, 4) % 9
    tokens[3] = 0  # a sequence of padding alone, of which ratios are not defined
    session = KerasSession(Reference.from_data(tokens, of="tokens"))
    layers = [keras.layers.Embedding(9, 2), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((4,), dtype="int32"), *layers])
    model.compile("adam", "binary_crossentropy")
    with checked:
        fit(model, tokens, Y, session=session, batch_size=16)
    assert session.published()["drift_window_samples",] == 64
    assert not session.errors


def test_the_check_still_sees_the_model(model):
    odd = np.full_like(X, np.nan)
    with (
        ModelMonitor("m", delivery=[]) as monitor,
        pytest.raises(tf.errors.InvalidArgumentError, match="NaN"),
    ):
        model.fit(odd, Y, batch_size=16, callbacks=[MonitorCallback(monitor)], verbose=0)
