"""Steps and runs of every kind on PyTorch and JAX."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.integrations.keras.watched import dense, fit
from traingauge import Canary, ModelMonitor
from traingauge.core.events import CanaryChecked, WeightsChecked
from traingauge.errors import ShapeError
from traingauge.integrations.keras import MonitorCallback

pytestmark = pytest.mark.keras

CROSS_ENTROPY = "sparse_categorical_crossentropy"


def classifier(optimizer="sgd", **options):
    model = dense(10, inputs=64, last="softmax")
    model.compile(optimizer, CROSS_ENTROPY, **options)
    return model


def size_of_outputs(true, out):
    return keras.ops.mean(keras.ops.square(out), axis=-1)


class Failing(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise RuntimeError("mine")


def test_other_callbacks_keep_their_asynchronous_dispatch(session):
    callbacks = keras.callbacks.CallbackList([MonitorCallback(session)])
    assert callbacks._async_train
    assert callbacks._async_test


def test_a_fit_that_fails_and_one_that_follows_are_recorded_step_by_step(session, digits):
    x, y = digits[0][:256], digits[1][:256]
    model = classifier()
    with pytest.raises(RuntimeError, match="mine"):
        fit(model, x, y, session=session, callbacks=[Failing()], epochs=3)
    fit(model, x, y, session=session)
    assert session.published()["steps_total", "train"] == 16
    assert not session.errors


def test_the_end_of_the_run_gives_the_model_its_own_steps_back(digits):
    model = classifier()
    with ModelMonitor("digits", delivery=[]) as monitor:
        model.fit(*digits, verbose=0, callbacks=[MonitorCallback(monitor)])
        assert "train_step" in model.__dict__
    assert not {"train_step", "test_step", "compute_loss"} & model.__dict__.keys()
    model.fit(*digits, verbose=0)


def test_a_fit_after_the_run_trains(session, digits):
    model, watch = classifier(), MonitorCallback(session)
    model.fit(*digits, verbose=0, callbacks=[watch])
    session.close()
    history = model.fit(*digits, verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize("every", [None, 7])
def test_a_canary_is_asked_of_the_model_as_it_is(session, digits, every):
    x, y = digits
    model = classifier(keras.optimizers.SGD(0.0))
    canary = Canary.record("recorded", lambda batch: model.predict(batch, verbose=0), x[:32])
    watch = MonitorCallback(session, canary=canary, canary_every=every)
    model.fit(x, y, verbose=0, epochs=2, callbacks=[watch])
    asked = session.of(CanaryChecked)
    assert len(asked) == 1 + (2 if every is None else 2 * 57 // 7)
    assert session.value("model_canary_mismatches") == 0
    assert not session.errors


def test_a_canary_of_another_shape_is_refused(session, digits):
    model = classifier()
    canary = Canary.record("recorded", lambda batch: np.zeros((len(batch), 10)), np.zeros((4, 3)))
    watch = MonitorCallback(session, canary=canary)
    with pytest.raises(ShapeError, match="does not take the canary"):
        model.fit(*digits, verbose=0, callbacks=[watch])


def test_weights_that_are_no_numbers_are_counted(session, digits):
    model = classifier(keras.optimizers.SGD(0.0))
    fit(model, *digits, session=session)
    assert session.of(WeightsChecked)[-1].nonfinite == 0
    model.layers[0].set_weights([np.full((64, 10), np.nan), np.zeros(10)])
    fit(model, *digits, session=session)
    assert session.of(WeightsChecked)[-1].nonfinite == 2


def test_a_step_that_mixed_precision_leaves_out_has_no_norm_and_is_no_failure(session, digits):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, dtype="mixed_float16")])
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0**24)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(model, *digits, session=session, batch_size=100, gradient_norm=True)
    published = session.published()
    assert int(optimizer.iterations) < published["steps_total", "train"] == 18
    assert published["gradient_norm",] > 0
    assert published["nonfinite_total", "train", "gradient"] == 0
    assert not session.errors


def test_labels_that_fit_no_class_are_counted_and_training_continues(session, digits):
    x, y = digits
    model = dense(10, inputs=64)
    model.compile("sgd", size_of_outputs)
    fit(model, x, y + 5, session=session, batch_size=256)
    assert session.published()["steps_total", "train"] == 8
    assert session.errors == {"data": 8}


WIDE = [] if keras.backend.backend() == "jax" else ["float64"]  # which JAX has only if it is asked for


@pytest.mark.parametrize("policy", ["mixed_bfloat16", *WIDE])
def test_outputs_of_every_type_are_scored(session, digits, policy):
    x, y = digits
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, "softmax", dtype=policy)])
    model.compile("sgd", CROSS_ENTROPY)
    fit(model, x, y, session=session, validation_data=(x, y))
    published = session.published()
    assert 0 < published["accuracy", "train"] < 1
    assert published["loss", "validation"] == pytest.approx(published["log_loss", "validation"], rel=1e-2)
    assert not session.errors
