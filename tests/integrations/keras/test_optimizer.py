"""What the optimizer does: learning rate and the norm of the gradients."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.integrations.keras.by_hand import softmax_regression
from tests.integrations.keras.watched import KerasSession, dense, fit
from traingauge.stats.streaming.not_given import is_given, not_given

pytestmark = pytest.mark.keras

BATCH = 100
SOFTMAX = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def softmax(optimizer, **options):
    layer = keras.layers.Dense(10, kernel_initializer="zeros", dtype=options.pop("dtype", None))
    model = keras.Sequential([keras.Input((64,)), layer])
    model.compile(optimizer, SOFTMAX, **options)
    return model


def test_the_learning_rate_of_every_step_under_a_schedule(digits):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=1, decay_rate=0.9)
    session = KerasSession()
    fit(
        softmax(keras.optimizers.SGD(schedule), steps_per_execution=4),
        *digits,
        session=session,
        batch_size=BATCH,
    )
    np.testing.assert_allclose(session.scalar("learning_rate"), 0.5 * 0.9 ** np.arange(18), rtol=1e-5)
    assert session.published()["learning_rate",] == pytest.approx(0.5 * 0.9**17, rel=1e-5)


def test_the_learning_rate_that_a_callback_sets(digits):
    session = KerasSession()
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
    fit(softmax("sgd"), *digits, session=session, callbacks=[scheduler], batch_size=600, epochs=2)
    np.testing.assert_allclose(session.scalar("learning_rate"), [0.1] * 3 + [0.05] * 3, rtol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        pytest.param({}, {}, id="plain"),
        pytest.param({"global_clipnorm": 0.01}, {}, id="clipped afterwards"),
        pytest.param({"loss_scale_factor": 8.0}, {}, id="scaled loss"),
        pytest.param({}, {"jit_compile": True, "steps_per_execution": 4}, id="XLA"),
    ],
)
def test_the_norm_of_every_steps_gradient(digits, optimizer, options):
    session = KerasSession()
    model = softmax(keras.optimizers.SGD(0.0, **optimizer), **options)
    fit(model, *digits, session=session, batch_size=BATCH, gradient_norm=True)
    expected = softmax_regression(*digits, batch=BATCH, epochs=1, rate=0.0).norms
    np.testing.assert_allclose(session.scalar("gradient_norm"), expected, rtol=1e-5)
    assert session.published()["gradient_norm",] == pytest.approx(expected[-1], rel=1e-5)
    assert "apply" not in model.optimizer.__dict__


def test_the_norm_is_free_of_the_loss_scale_of_mixed_precision(digits):
    session = KerasSession()
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.0))
    fit(
        softmax(optimizer, dtype="mixed_float16"),
        *digits,
        session=session,
        batch_size=BATCH,
        gradient_norm=True,
    )
    expected = softmax_regression(*digits, batch=BATCH, epochs=1, rate=0.0).norms
    np.testing.assert_allclose(session.scalar("gradient_norm"), expected, rtol=1e-2)  # float16 has 11 bits


def test_a_step_that_mixed_precision_leaves_out_has_no_norm_and_is_no_failure(digits):
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0**24)
    session = KerasSession()
    model = softmax(optimizer, dtype="mixed_float16")
    fit(model, *digits, session=session, batch_size=BATCH, gradient_norm=True)
    left_out = 18 - int(optimizer.iterations)
    assert 0 < left_out < 18
    none = [not_given(len(steps.at)) for steps in session.steps]
    norms = np.concatenate(
        [steps.scalars.get("gradient_norm", gap) for steps, gap in zip(session.steps, none, strict=True)]
    )
    assert np.count_nonzero(~is_given(norms)) == left_out
    assert np.isfinite(norms[is_given(norms)]).all()
    published = session.published()
    assert published["nonfinite_total", "train", "gradient"] == 0
    assert not published.get(("health", "failing"))
    assert published["steps_total", "train"] == 18


def test_the_gradient_of_an_embedding_counts_rows_that_occur_twice_once(digits):
    words, y = (digits[0] * 16).astype("int32"), digits[1]
    layers = [keras.layers.Embedding(17, 4), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(10)]
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((64,), dtype="int32"), *layers])
    model.compile(keras.optimizers.SGD(0.0), SOFTMAX)
    session = KerasSession()
    fit(model, words, y, session=session, batch_size=2000, gradient_norm=True)
    with tf.GradientTape() as tape:
        loss = SOFTMAX(y, model(words))
    gradients = [tf.convert_to_tensor(each) for each in tape.gradient(loss, model.trainable_variables)]
    expected = np.sqrt(sum(float(tf.reduce_sum(each**2)) for each in gradients))
    assert session.published()["gradient_norm",] == pytest.approx(expected, rel=1e-5)


def test_every_gradient_that_is_not_finite_is_counted(digits):
    x, y = digits[0].copy(), digits[1]
    x[BATCH * 3] = np.inf
    session = KerasSession()
    fit(softmax("sgd"), x, y, session=session, batch_size=BATCH, gradient_norm=True)
    assert session.published()["nonfinite_total", "train", "gradient"] == 15
    assert not session.errors


def test_no_norm_is_published_unless_it_was_asked_for(digits):
    session = KerasSession()
    fit(softmax("sgd"), *digits, session=session, batch_size=600)
    assert ("gradient_norm",) not in session.published()
    fit(softmax("sgd"), *digits, session=session, batch_size=600, gradient_norm=True)
    assert session.published()["gradient_norm",] > 0


def test_asking_for_the_norm_later_watches_the_model_again(digits):
    model, session = dense(10, inputs=64), KerasSession()
    model.compile("sgd", SOFTMAX)
    fit(model, *digits, session=session, batch_size=600)
    fit(model, *digits, session=session, batch_size=600, gradient_norm=True)
    assert session.published()["gradient_norm",] > 0
    assert session.published()["steps_total", "train"] == 6
