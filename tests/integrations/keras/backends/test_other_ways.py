"""Ways to train that are not one ``fit`` on arrays, on PyTorch and JAX as on TensorFlow."""

from __future__ import annotations

from itertools import pairwise

import keras
import numpy as np
import pytest

from tests.integrations.keras.by_hand import softmax_regression
from tests.integrations.keras.watched import KerasSession, dense, fit
from traingauge import ModelMonitor, State
from traingauge.core.events import Scored, WeightsChecked
from traingauge.integrations.keras import MonitorCallback

pytestmark = pytest.mark.keras

BATCH = 100
CROSS_ENTROPY = "sparse_categorical_crossentropy"


@pytest.fixture(scope="module")
def batches(digits):
    return [tuple(each[start : start + BATCH] for each in digits) for start in range(0, 400, BATCH)]


def linear(rate=0.5, **options):
    """Softmax regression from weights of 0."""
    model = dense(10, inputs=64, last="softmax", kernel_initializer="zeros")
    model.compile(keras.optimizers.SGD(rate, **options), CROSS_ENTROPY)
    return model


def numbers(session, name):
    return [event.numbers[name] for event in session.of(Scored)]


def test_a_loop_over_batches_that_calls_callbacks_is_recorded_as_fit_is(session, digits, batches):
    model = linear()
    callbacks = keras.callbacks.CallbackList([MonitorCallback(session)], model=model, epochs=1, steps=4)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    for number, batch in enumerate(batches):
        callbacks.on_train_batch_begin(number)
        callbacks.on_train_batch_end(number, model.train_on_batch(*batch, return_dict=True))
    callbacks.on_test_begin()
    for number, batch in enumerate(batches):
        callbacks.on_test_batch_begin(number)
        callbacks.on_test_batch_end(number, model.test_on_batch(*batch, return_dict=True))
    callbacks.on_test_end()
    callbacks.on_epoch_end(0)
    callbacks.on_train_end()
    x, y = (part[:400] for part in digits)
    by_hand = softmax_regression(x, y, batch=BATCH, epochs=1, rate=0.5)
    np.testing.assert_allclose(numbers(session, "loss"), by_hand.losses, rtol=1e-5)
    published = session.published()
    assert published["accuracy", "train"] == np.mean(np.concatenate(by_hand.predicted) == y)
    assert published["accuracy", "validation"] == np.mean(model.predict(x, verbose=0).argmax(axis=1) == y)
    assert published["epochs_total", "train"] == 1
    assert not session.errors


def test_accumulated_gradients_leave_each_batch_a_step_with_its_loss_and_gradient(session, digits, batches):
    x, y = (part[:400] for part in digits)
    fit(linear(gradient_accumulation_steps=2), x, y, session=session, batch_size=BATCH, gradient_norm=True)
    expected = [softmax_regression(*batch, batch=BATCH, epochs=1, rate=0.0) for batch in batches[:2]]
    losses = numbers(session, "loss")  # the weights move after the second
    np.testing.assert_allclose(losses[:2], [one.losses[0] for one in expected], rtol=1e-5)
    norms = numbers(session, "gradient_norm")
    np.testing.assert_allclose(norms[:2], [one.norms[0] for one in expected], rtol=1e-4)
    assert losses[2] < losses[0]
    assert session.published()["steps_total", "train"] == 4
    assert not session.errors


@pytest.mark.filterwarnings("ignore:Your input ran out of data:UserWarning")
def test_data_of_unknown_length_are_counted_to_their_end(session, digits, batches):
    by_hand = softmax_regression(*(part[:400] for part in digits), batch=BATCH, epochs=1, rate=0.5)
    fit(linear(), (batch for batch in batches), session=session)
    np.testing.assert_allclose(numbers(session, "loss"), by_hand.losses, rtol=1e-5)
    published = session.published()
    assert published["samples_total", "train"] == 400


def test_each_batch_of_the_validation_in_fit_is_a_sign_of_life(session, digits):
    seen = []

    class Look(keras.callbacks.Callback):
        def on_test_batch_begin(self, batch, logs=None):
            seen.append(session.value("model_last_activity_timestamp_seconds"))

    x, y = (part[:BATCH] for part in digits)
    callbacks = [MonitorCallback(session), Look()]
    linear().fit(x, y, validation_data=(x, y), validation_batch_size=25, callbacks=callbacks, verbose=0)
    assert len(seen) == 4
    assert all(before < after for before, after in pairwise(seen))


def test_a_run_goes_back_with_the_model_that_was_backed_up(digits, tmp_path):
    class Crash(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == (2, 2):
                raise RuntimeError("power cut")

    def train(*more):
        with ModelMonitor("digits", delivery=[], state=State(tmp_path / "state")) as run:
            backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
            callbacks = [MonitorCallback(run), backup, *more]
            x, y = (part[:400] for part in digits)
            linear().fit(x, y, batch_size=BATCH, epochs=3, shuffle=False, verbose=0, callbacks=callbacks)
            return run

    with pytest.raises(RuntimeError, match="power cut"):
        train(Crash())
    run = train()
    assert run.rows()["step"].tolist() == list(range(1, 13))
    by_hand = softmax_regression(*(part[:400] for part in digits), batch=BATCH, epochs=3, rate=0.5)
    np.testing.assert_allclose(run.rows()["loss"], by_hand.losses, rtol=1e-5)


def test_weights_are_looked_at_after_the_best_were_restored(session, digits):
    class Destroys(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.set_weights([np.full_like(one, np.nan) for one in self.model.get_weights()])

    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)
    callbacks = [MonitorCallback(session), Destroys(), stop]
    linear().fit(*digits, epochs=4, batch_size=600, validation_split=0.2, verbose=0, callbacks=callbacks)
    assert session.of(WeightsChecked)[-1].nonfinite == 0
    published = session.published()
    assert published["steps_planned",] == published["steps_total", "train"] == 2 * 3


def test_a_model_that_was_loaded_or_compiled_again_continues_its_run(session, digits, tmp_path):
    model = linear()
    fit(model, *digits, session=session, batch_size=BATCH)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    fit(loaded, *digits, session=session, batch_size=BATCH)
    loaded.compile(keras.optimizers.SGD(0.5), "categorical_crossentropy")
    fit(loaded, digits[0], np.eye(10)[digits[1]], session=session, batch_size=BATCH)
    by_hand = softmax_regression(*digits, batch=BATCH, epochs=3, rate=0.5)
    np.testing.assert_allclose(numbers(session, "loss"), by_hand.losses, rtol=1e-5)
    assert not session.errors


def test_layers_with_a_state_and_chance_train_as_they_do_unwatched(digits):
    def trained(*callbacks):
        keras.utils.set_random_seed(5)
        layers = [
            keras.layers.Dense(32, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
        ]
        model = keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(10, "softmax")])
        model.compile("adam", CROSS_ENTROPY, metrics=["accuracy"])
        history = model.fit(*digits, batch_size=600, epochs=3, verbose=0, callbacks=list(callbacks)).history
        return model.get_weights(), history

    (mine, logged), (own, alone) = trained(MonitorCallback(KerasSession(), gradient_norm=True)), trained()
    assert logged == alone
    for one, other in zip(mine, own, strict=True):
        np.testing.assert_array_equal(one, other)
