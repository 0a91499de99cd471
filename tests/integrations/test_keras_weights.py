"""Weights that are no numbers, whatever the loss says."""

from __future__ import annotations

import time

import keras
import numpy as np
import pytest

from tests.integrations.watched import Kept, dense, evaluate, fit
from traingauge.integrations import keras_weights
from traingauge.integrations.keras_weights import Weights

pytestmark = pytest.mark.keras

BATCH = 100
SOFTMAX = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
#: An embedding of a thousand words, of which the data has ten.
WORDS = 1000


def seen(recorder: Kept) -> float:
    return recorder.published()["nonfinite_total", "train", "weight"]


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
    recorder = Kept()
    fit(reader, digits[1][:, None], digits[1], recorder=recorder, batch_size=BATCH)
    published = recorder.published()
    assert np.isfinite(published["loss", "train"])
    assert published["nonfinite_total", "train", "loss"] == 0
    assert seen(recorder) >= 1
    assert not recorder.errors


def test_weights_that_are_numbers_are_not_counted(reader, digits):
    recorder = Kept()
    fit(reader, digits[1][:, None], digits[1], recorder=recorder, batch_size=BATCH, epochs=3)
    assert seen(recorder) == 0


def test_what_the_last_step_destroys_is_seen_before_the_model_is_saved(reader, digits, monkeypatch):
    monkeypatch.setattr(keras_weights, "SHARE", 1e-12)
    last = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: destroy(reader))
    recorder = Kept()
    fit(reader, digits[1][:, None], digits[1], recorder=recorder, batch_size=BATCH, callbacks=[last])
    assert seen(recorder) == 1


def test_a_frozen_layer_is_not_looked_at(reader):
    destroy(reader)
    reader.layers[0].trainable = False
    assert Weights(reader).count() == 0


def test_every_tensor_is_counted_once(reader):
    for layer in reader.layers:
        layer.set_weights([np.full_like(weight, np.nan) for weight in layer.get_weights()])
    assert Weights(reader).count() == 3


def test_half_precision_is_summed_up_without_overflow():
    model = dense(10, inputs=70_000, dtype="float16")
    model.layers[0].set_weights([np.ones((70_000, 10)), np.zeros(10)])
    assert Weights(model).count() == 0


def test_a_model_without_weights_has_none_that_are_no_numbers():
    assert Weights(keras.Sequential([keras.layers.Flatten()])).count() == 0


def test_it_looks_at_once_and_then_takes_its_share_of_the_time(reader, monkeypatch):
    destroy(reader)
    monkeypatch.setattr(keras_weights, "SHARE", 1e-12)
    weights = Weights(reader)
    assert [weights.look() for _ in range(4)] == [1, 1, 0, 0]
    monkeypatch.setattr(keras_weights, "SHARE", 1.0)
    weights, deadline, found = Weights(reader), time.monotonic() + 10, 0
    while found < 5 and time.monotonic() < deadline:
        found += weights.look()
    assert found == 5


def test_an_evaluation_alone_looks_at_no_weights(reader, digits):
    destroy(reader)
    recorder = Kept()
    evaluate(reader, digits[1][:, None], digits[1], recorder=recorder)
    assert seen(recorder) == 0


def test_looking_that_fails_is_counted_once_and_breaks_nothing_else(reader, digits, monkeypatch):
    def fail(weights):
        raise RuntimeError("no such device")

    monkeypatch.setattr(Weights, "count", fail)
    recorder = Kept()
    fit(reader, digits[1][:, None], digits[1], recorder=recorder, batch_size=BATCH, epochs=3)
    assert recorder.errors == {"integration": 2}  # the other one as fit ended
    assert recorder.published()["steps_total", "train"] == 3 * 18
    assert recorder.published()["parameters", "true"] == WORDS * 4 + 50
