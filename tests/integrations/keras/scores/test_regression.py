"""Regression models: loss and scores of steps and passes, measured in the graph."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn import metrics

from tests.integrations.keras.watched import KerasSession, dense, evaluate, fit, frozen

pytestmark = pytest.mark.keras

BATCH = 50


def expected(true, predicted, weight=None):
    true, predicted = true.astype(np.float64), predicted.astype(np.float64)
    return {
        "mean_absolute_error": metrics.mean_absolute_error(true, predicted, sample_weight=weight),
        "root_mean_squared_error": metrics.root_mean_squared_error(true, predicted, sample_weight=weight),
        "r2_score": metrics.r2_score(true, predicted, sample_weight=weight),
        "bias": np.average(predicted - true, axis=0, weights=weight).mean(),
    }


def assert_published(session, split, scores):
    published = session.published()
    for name, score in scores.items():
        assert published[name, split] == pytest.approx(score, rel=1e-6), (name, split)  # outputs are float32


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}, {"steps_per_execution": 3}])
def test_scores_equal_those_of_scikit_learn(diabetes, options):
    x, y = diabetes
    model = dense(8, 1, inputs=10)
    model.compile(frozen(), "mse", **options)
    predicted = model.predict(x, verbose=0)[:, 0]
    session = KerasSession(window=4)
    history = fit(
        model, x[:400], y[:400], session=session, batch_size=BATCH, validation_data=(x[300:400], y[300:400])
    ).history
    evaluate(model, x[:400], y[:400], session=session, batch_size=BATCH)
    assert session.scores.task == "regression"
    assert_published(session, "train", expected(y[200:400], predicted[200:400]))
    assert_published(session, "validation", expected(y[300:400], predicted[300:400]))
    assert_published(session, "test", expected(y[:400], predicted[:400]))
    assert session.losses.mean() == pytest.approx(history["loss"][0], rel=1e-5)
    assert not session.errors


def test_a_model_that_learns_publishes_the_losses_of_its_steps(diabetes):
    x, y = diabetes
    model, session = dense(8, 1, inputs=10), KerasSession()
    model.compile("adam", "mse")
    losses = []

    class Before(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            part = slice(batch * BATCH, (batch + 1) * BATCH)
            weights = [weight.astype(np.float64) for weight in self.model.get_weights()]
            hidden = np.maximum(x[part] @ weights[0] + weights[1], 0)
            losses.append(np.mean((hidden @ weights[2] + weights[3] - y[part, None]) ** 2))

    fit(model, x, y, session=session, callbacks=[Before()], batch_size=BATCH, epochs=3)
    np.testing.assert_allclose(session.losses, losses, rtol=1e-5)


def test_several_quantities_weighted(diabetes):
    x, y = diabetes
    targets = np.stack([y, x[:, 2], np.zeros_like(y)], axis=1)  # the third never varies: it has no R²
    weight = np.random.default_rng(0).uniform(0, 2, len(x)).astype("float32")
    model = dense(8, 3, inputs=10)
    model.compile(frozen(), "mae")
    predicted = model.predict(x, verbose=0)
    session = KerasSession()
    evaluate(model, x, targets, session=session, sample_weight=weight, batch_size=BATCH)
    scores = expected(targets, predicted, weight)
    scores["r2_score"] = metrics.r2_score(targets[:, :2], predicted[:, :2], sample_weight=weight)
    assert_published(session, "test", scores)


def test_values_far_from_zero_keep_their_spread(diabetes):
    x, y = diabetes
    y = y + 1000
    model = dense(1, inputs=10, bias_initializer=keras.initializers.Constant(1001.5))
    model.compile(frozen(), "mse")
    predicted = model.predict(x, verbose=0)[:, 0]
    session = KerasSession()
    evaluate(model, x, y, session=session, batch_size=BATCH)
    assert_published(session, "test", expected(y, predicted))


def test_what_is_not_finite_is_counted_and_left_out(diabetes):
    x, y = diabetes
    y = y.copy()
    y[[3, 5, 7]] = np.nan
    model = dense(8, 1, inputs=10)
    model.compile(frozen(), "mse")
    predicted = model.predict(x, verbose=0)[:, 0]
    session = KerasSession()
    evaluate(model, x, y, session=session)
    finite = np.isfinite(y)
    assert_published(session, "test", expected(y[finite], predicted[finite]))
    assert session.published()["nonfinite_total", "test", "prediction"] == 3


def test_a_loss_that_says_nothing_leaves_it_to_the_user(diabetes, caplog):
    x, y = diabetes

    def own(y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 1.5, axis=-1)

    model = dense(8, 1, inputs=10)
    model.compile(frozen(), own)
    predicted = model.predict(x, verbose=0)[:, 0]
    silent, told = KerasSession(), KerasSession(task="regression")
    evaluate(model, x, y, session=silent)
    evaluate(model, x, y, session=told)
    assert ("r2_score", "test") not in silent.published()
    assert any("pass scoring=Scoring(task=" in message for message in caplog.messages)
    assert_published(told, "test", expected(y, predicted))


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}, {"run_eagerly": True}], ids=str)
def test_percentiles_of_residuals_are_exact_in_training_and_rounded_to_8_bits_in_a_pass(diabetes, options):
    x, y = diabetes
    model = dense(8, 1, inputs=10)
    model.compile(frozen(), "mse", **options)
    session = KerasSession()
    fit(model, x, y, session=session, batch_size=BATCH, validation_data=(x, y))
    residuals = (model.predict(x, verbose=0)[:, 0] - y).astype(np.float64)
    published = session.published()
    for percentile in (5, 50, 95):
        exact = np.quantile(residuals, percentile / 100, method="inverted_cdf")
        found = published["residual_percentile", "train", str(percentile)]
        assert found == pytest.approx(exact, abs=1e-6)
        found = published["residual_percentile", "validation", str(percentile)]
        assert found == pytest.approx(exact, rel=2**-8 + 1e-5)
    assert not session.errors


def test_of_a_large_step_a_sample_of_residuals_tells_the_percentiles(diabetes):
    x, y = np.tile(diabetes[0], (10, 1)), np.tile(diabetes[1], 10)
    model, session = dense(8, 1, inputs=10), KerasSession()
    model.compile(frozen(), "mse")
    fit(model, x, y, session=session, batch_size=1000)
    residuals = model.predict(x, verbose=0)[:, 0] - y
    found = session.published()["residual_percentile", "train", "50"]
    assert abs(np.mean(residuals <= found) - 0.5) < 0.1
