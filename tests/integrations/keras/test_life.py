"""What Keras does between steps is a sign of life."""

from __future__ import annotations

from itertools import pairwise

import keras
import numpy as np
import pytest

from tests.integrations.keras.watched import KerasSession, dense
from traingauge.integrations.keras.callback import MonitorCallback

pytestmark = pytest.mark.keras

X, Y = np.zeros((32, 4), np.float32), np.zeros((32, 1), np.float32)


class Look(keras.callbacks.Callback):
    """Reads when the session last gave a sign of life, at each batch of a pass."""

    def __init__(self, session):
        super().__init__()
        self.session, self.seen = session, []

    def on_test_batch_begin(self, batch, logs=None):
        self.seen.append(self.session.value("model_last_activity_timestamp_seconds"))

    on_predict_batch_begin = on_test_batch_begin


@pytest.fixture
def session():
    return KerasSession()


@pytest.fixture
def look(session):
    return Look(session)


@pytest.fixture
def model():
    model = dense(1, inputs=4)
    model.compile("sgd", "mse")
    return model


def rises(values):
    return len(values) == 4 and all(before < after for before, after in pairwise(values))


def test_each_batch_of_the_validation_in_fit_is_a_sign_of_life(session, look, model):
    callbacks = [MonitorCallback(session), look]
    model.fit(X, Y, 32, validation_data=(X, Y), validation_batch_size=8, callbacks=callbacks, verbose=0)
    assert rises(look.seen)


def test_each_batch_of_an_evaluation_is_a_sign_of_life(session, look, model):
    model.evaluate(X, Y, 8, callbacks=[MonitorCallback(session), look], verbose=0)
    assert rises(look.seen)


def test_each_batch_of_a_prediction_in_fit_is_a_sign_of_life(session, look, model):
    monitoring = MonitorCallback(session)

    class Predicts(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.predict(X, 8, callbacks=[monitoring, look], verbose=0)

    model.fit(X, Y, 32, callbacks=[monitoring, Predicts()], verbose=0)
    assert rises(look.seen)


def test_batches_of_passes_are_still_dispatched_while_the_one_before_runs(session):
    monitoring = MonitorCallback(session)
    assert keras.src.utils.is_default(monitoring.on_test_batch_end)
    assert keras.src.utils.is_default(monitoring.on_predict_batch_end)
