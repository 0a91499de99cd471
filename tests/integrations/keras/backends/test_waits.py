"""What ``fit`` hides: how long it waits for each batch, on PyTorch and JAX."""

from __future__ import annotations

import time
import weakref

import keras
import numpy as np
import pytest

from tests.integrations.keras.slow import BATCH, Batches, Slow, train_by_hand
from tests.integrations.keras.watched import dense, fit
from traingauge.core.events import DataWaits
from traingauge.integrations.keras import MonitorCallback

pytestmark = pytest.mark.keras

TOGETHER = [1, 4, 7] if keras.backend.backend() == "jax" else [1]


def regression(**options):
    model = dense(1, inputs=3)
    model.compile("sgd", "mse", **options)
    return model


def waits(session):
    return [seconds for event in session.of(DataWaits) for seconds in event.seconds]


class Failing(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise RuntimeError("mine")


@pytest.mark.parametrize("together", TOGETHER)
def test_each_step_has_the_time_that_it_waited_for_its_batch(session, together):
    data, slow = Batches(9), Slow()
    model = regression(steps_per_execution=together)
    began = time.perf_counter()
    fit(model, data, session=session, callbacks=[slow], epochs=2)
    lasted = time.perf_counter() - began
    found = waits(session)
    assert len(found) == 18
    took = data.took[-18:]  # Keras has asked for some before, to look at them
    assert all(waited >= batch for waited, batch in zip(found, took, strict=True))
    assert sum(found) < lasted - slow.took
    assert session.value("model_data_wait_seconds_count", split="train") == 18
    assert session.value("model_data_wait_seconds_sum", split="train") == pytest.approx(sum(found))


@pytest.mark.parametrize("together", TOGETHER)
def test_a_generator_without_an_end_is_waited_for_as_often_as_there_are_steps(session, together):
    data = Batches(5)
    model = regression(steps_per_execution=together)
    fit(model, data.endless(), session=session, epochs=2, steps_per_epoch=28)
    assert len(waits(session)) == session.published()["steps_total", "train"] == 56


def test_waits_of_a_validation_are_none_of_training(session):
    data, validation = Batches(3), Batches(8)
    fit(regression(), data, session=session, epochs=2, validation_data=validation)
    assert session.published()["steps_total", "validation"] == 16
    assert len(waits(session)) == 6


def test_the_waits_of_a_fit_that_fails_are_recorded_and_those_of_the_next(session):
    model = regression()
    with pytest.raises(RuntimeError, match="mine"):
        fit(model, Batches(3), session=session, callbacks=[Failing()], epochs=2)
    fit(model, Batches(4), session=session)
    assert len(waits(session)) == session.published()["steps_total", "train"] == 7


def test_a_fit_without_the_callback_is_not_timed(session):
    model = regression()
    fit(model, Batches(3), session=session)
    model.fit(Batches(3), verbose=0)
    fit(model, Batches(3), session=session)
    assert len(waits(session)) == 6


def test_two_monitors_of_one_fit_time_the_same_batches(session):
    from tests.integrations.keras.watched import KerasSession

    other = KerasSession()
    fit(regression(), Batches(3), session=session, callbacks=[MonitorCallback(other)])
    assert len(waits(session)) == len(waits(other)) == 3


def test_arrays_are_waited_for_too(session):
    x = np.zeros((5 * BATCH, 3), np.float32)
    fit(regression(), x, x[:, :1], session=session, batch_size=BATCH, shuffle=True)
    assert len(waits(session)) == 5


def test_a_loop_of_one_s_own_has_no_waits(session):
    model, part = regression(), Batches(1)[0]
    train_by_hand(model, part, MonitorCallback(session))
    assert session.published()["steps_total", "train"] == 2
    assert not waits(session)


def test_data_are_released_when_fit_ends(session):
    data = Batches(3)
    gone = weakref.ref(data)
    fit(regression(), data, session=session)
    del data
    assert gone() is None
