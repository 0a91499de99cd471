"""Weights that are no numbers, whatever the loss says."""

from __future__ import annotations

import time

import keras
import numpy as np
import pytest

from tests.integrations.keras.watched import KerasSession, dense, evaluate, fit
from tests.waiting import FOREVER, PATIENCE
from traingauge import ModelMonitor
from traingauge.integrations.keras import MonitorCallback, weight_check
from traingauge.integrations.keras import weights as module
from traingauge.integrations.keras.weights import Weights

pytestmark = pytest.mark.keras

BATCH = 100
SOFTMAX = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
#: An embedding of a thousand words, of which the data has ten.
WORDS = 1000


def seen(session: KerasSession) -> float:
    return session.published()["nonfinite_total", "train", "weight"]


@pytest.fixture
def reader():
    """A model whose row of an unused word can be destroyed without a trace in its loss."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Embedding(WORDS, 4), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    model.compile("sgd", SOFTMAX)
    return model


def destroy(model, value=np.nan):
    table = model.get_weights()[0]
    table[WORDS - 1] = value
    model.layers[0].set_weights([table])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_seen_though_the_loss_is_one(reader, digits, value):
    destroy(reader, value)
    session = KerasSession()
    fit(reader, digits[1][:, None], digits[1], session=session, batch_size=BATCH)
    published = session.published()
    assert np.isfinite(published["loss", "train"])
    assert published["nonfinite_total", "train", "loss"] == 0
    assert seen(session) >= 1
    assert not session.errors


def test_weights_that_are_numbers_are_not_counted(reader, digits):
    session = KerasSession()
    fit(reader, digits[1][:, None], digits[1], session=session, batch_size=BATCH, epochs=3)
    assert seen(session) == 0
    assert not session.errors


def test_health_is_failing_with_such_weights(reader, digits):
    destroy(reader)
    session = KerasSession()
    fit(reader, digits[1][:, None], digits[1], session=session, batch_size=BATCH, epochs=3)
    assert session.published()["health", "failing"] == 1


@pytest.fixture
def hardly_ever(monkeypatch):
    """No second look but the one when training ends."""
    monkeypatch.setattr(weight_check, "SHARE", 1e-12)


def test_what_the_last_step_destroys_is_seen_when_fit_ends(reader, digits, hardly_ever):
    last = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: destroy(reader))
    session = KerasSession()
    fit(reader, digits[1][:, None], digits[1], session=session, batch_size=BATCH, callbacks=[last])
    assert seen(session) == 1


def test_weights_are_looked_at_after_the_best_were_restored(reader, digits, hardly_ever):
    destroys = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epoch and destroy(reader))
    restores = keras.callbacks.EarlyStopping("loss", min_delta=10.0, patience=0, restore_best_weights=True)
    session = KerasSession()
    fit(
        *(reader, digits[1][:, None], digits[1]),
        session=session,
        batch_size=600,
        epochs=3,
        callbacks=[destroys, restores],
    )
    assert session.published()["epochs_total", "train"] == 2
    assert seen(session) == 0


def test_what_an_interrupted_fit_leaves_behind_is_seen_when_the_run_ends(reader, digits, hardly_ever):
    def interrupt(batch, logs):
        if batch == 9:
            destroy(reader)
            raise KeyboardInterrupt

    session = KerasSession()
    with pytest.raises(KeyboardInterrupt):
        fit(
            *(reader, digits[1][:, None], digits[1]),
            session=session,
            batch_size=BATCH,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=interrupt)],
        )
    session.end("interrupted")
    assert seen(session) == 1


def test_how_long_a_look_takes_is_no_part_of_a_step(clock, reader, digits, monkeypatch):
    def slowly(weights, *, now=False):
        clock.forward += FOREVER
        return 0

    monkeypatch.setattr(Weights, "look", slowly)
    with ModelMonitor("reader", delivery=[]) as run:
        reader.fit(
            digits[1][:, None], digits[1], batch_size=BATCH, verbose=0, callbacks=[MonitorCallback(run)]
        )
        assert run.rows()["seconds"].max() < FOREVER


def test_a_frozen_layer_is_not_looked_at_until_it_is_set_free(reader):
    destroy(reader)
    weights = Weights(reader)
    reader.layers[0].trainable = False
    assert weights.look(now=True) == 0
    reader.layers[0].trainable = True
    assert weights.look(now=True) == 1


def test_every_tensor_is_counted_once(reader):
    for layer in reader.layers:
        layer.set_weights([np.full_like(weight, np.nan) for weight in layer.get_weights()])
    assert Weights(reader).look() == 3


@pytest.mark.parametrize(
    ("dtype", "value"), [("float16", 1.0), ("bfloat16", 1e30), ("float32", 1e30), ("float64", 1e300)]
)
def test_finite_weights_of_every_type_are_finite(dtype, value):
    model = dense(10, inputs=7_000, dtype=dtype)
    model.layers[0].set_weights([np.full((7_000, 10), value), np.zeros(10)])
    weights = Weights(model)
    assert weights.look(now=True) == 0
    model.layers[0].set_weights([np.full((7_000, 10), np.inf), np.zeros(10)])
    assert weights.look(now=True) == 1


def test_a_model_without_weights_has_none_that_are_no_numbers():
    assert Weights(keras.Sequential([keras.layers.Flatten()])).look() == 0


def test_a_look_pays_for_the_time_until_the_next(reader, monkeypatch, hardly_ever):
    weights = Weights(reader)
    assert [weights.look() for _ in range(3)] == [0, None, None]
    monkeypatch.setattr(weight_check, "SHARE", 1.0)
    weights, deadline, looks = Weights(reader), time.monotonic() + PATIENCE, 0
    while looks < 5 and time.monotonic() < deadline:
        looks += weights.look() is not None
    assert looks == 5


def test_an_evaluation_alone_looks_at_no_weights(reader, digits):
    destroy(reader)
    session = KerasSession()
    evaluate(reader, digits[1][:, None], digits[1], session=session)
    assert seen(session) == 0


def test_looking_that_fails_is_counted_and_breaks_nothing_else(reader, digits, monkeypatch):
    def fail(tensors):
        raise RuntimeError("no such device")

    monkeypatch.setattr(module, "_nonfinite", fail)
    session = KerasSession()
    fit(reader, digits[1][:, None], digits[1], session=session, batch_size=BATCH, epochs=3)
    assert session.errors == {"integration": 2}  # once in two minutes, and as fit ended
    assert session.published()["steps_total", "train"] == 3 * 18
    assert session.published()["parameters", "true"] == WORDS * 4 + 50
