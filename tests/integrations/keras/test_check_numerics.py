"""A script may let TensorFlow raise on every NaN and infinity: ``tf.debugging.enable_check_numerics()``."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from traingauge import ModelMonitor, Reference
from traingauge.integrations.keras import MonitorCallback

pytestmark = pytest.mark.keras

rng = np.random.default_rng(0)
X = rng.random((64, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 2).astype(np.int32)


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


def test_the_check_still_sees_the_model(model):
    odd = np.full_like(X, np.nan)
    with (
        ModelMonitor("m", delivery=[]) as monitor,
        pytest.raises(tf.errors.InvalidArgumentError, match="NaN"),
    ):
        model.fit(odd, Y, batch_size=16, callbacks=[MonitorCallback(monitor)], verbose=0)
