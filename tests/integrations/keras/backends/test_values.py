"""What is published on PyTorch and JAX is what was computed: compared with numpy and scikit-learn, as on TensorFlow."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn import metrics

from tests.integrations.keras.by_hand import softmax_regression
from tests.integrations.keras.watched import KerasSession, dense, evaluate, fit, frozen, published_by
from traingauge.core.events import Scored
from traingauge.options import Drift
from traingauge.reference import Reference
from traingauge.testing import RecordingSession

pytestmark = pytest.mark.keras

BATCH = 64
CROSS_ENTROPY = "sparse_categorical_crossentropy"


def linear(rate=0.5, last="softmax", optimizer=None, loss=CROSS_ENTROPY):
    """Softmax regression from weights of 0."""
    model = dense(10, inputs=64, last=last, kernel_initializer="zeros")
    model.compile(optimizer or keras.optimizers.SGD(rate), loss)
    return model


def history(session: RecordingSession) -> dict[str, list[float]]:
    """Numbers of each step."""
    rows = [event.numbers for event in session.of(Scored)]
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def test_each_step_has_its_own_loss_rate_and_norm(session, digits):
    by_hand = softmax_regression(*digits, batch=BATCH, epochs=2, rate=0.5)
    fit(linear(), *digits, session=session, batch_size=BATCH, epochs=2, gradient_norm=True)
    rows = history(session)
    np.testing.assert_allclose(rows["loss"], by_hand.losses, rtol=1e-5)
    np.testing.assert_allclose(rows["gradient_norm"], by_hand.norms, rtol=1e-4)
    np.testing.assert_allclose(rows["learning_rate"], 0.5)
    published = session.published()
    assert published["steps_total", "train"] == published["steps_planned",] == 58
    assert published["samples_total", "train"] == 2 * 1797
    assert published["epochs_total", "train"] == 2
    assert not session.errors


def test_a_schedule_shows_the_rate_that_a_step_was_taken_with(session, digits):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    x, y = digits
    model = linear(optimizer=keras.optimizers.SGD(schedule))
    fit(model, x[: 4 * BATCH], y[: 4 * BATCH], session=session, batch_size=BATCH)
    np.testing.assert_allclose(history(session)["learning_rate"], [0.1, 0.05, 0.025, 0.0125], rtol=1e-5)


def test_a_rate_that_a_callback_sets_is_that_of_the_steps_after_it(session, digits):
    class Halving(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.optimizer.learning_rate = 0.5**batch

    x, y = digits
    fit(linear(), x[: 3 * BATCH], y[: 3 * BATCH], session=session, batch_size=BATCH, callbacks=[Halving()])
    np.testing.assert_allclose(history(session)["learning_rate"], [1.0, 0.5, 0.25])


def test_a_script_that_has_numpy_raise_trains_and_is_recorded(diabetes):
    x, y = diabetes
    y = np.where(np.arange(len(y)) % 7, y, np.nan)
    with np.errstate(all="raise"):
        session = KerasSession(Reference.from_data(x, y_true=np.nan_to_num(y)))
        model = dense(1, inputs=10)
        model.compile(frozen(), "mse")
        fit(model, np.where(x > 0.1, np.nan, x), y, session=session, batch_size=BATCH, validation_data=(x, y))
    assert session.published()["steps_total", "train"] == 7
    assert session.published()["samples_total", "validation"] == len(y)
    assert not session.errors


def test_the_window_is_scored_on_what_the_steps_predicted(session, digits):
    by_hand = softmax_regression(*digits, batch=BATCH, epochs=1, rate=0.5)
    fit(linear(), *digits, session=session, batch_size=BATCH)
    published, predicted = session.published(), np.concatenate(by_hand.predicted)
    assert published["accuracy", "train"] == pytest.approx(metrics.accuracy_score(digits[1], predicted))
    assert published["f1", "train"] == pytest.approx(metrics.f1_score(digits[1], predicted, average="macro"))


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("one_hot", [False, True])
def test_a_pass_equals_scikit_learn_on_its_predictions(session, digits, logits, one_hot):
    x, y = digits
    kind = "Categorical" if one_hot else "SparseCategorical"
    loss = getattr(keras.losses, f"{kind}Crossentropy")(from_logits=logits)
    model = linear(last=None if logits else "softmax", loss=loss)
    labels = np.eye(10, dtype="float32")[y] if one_hot else y
    fit(model, x, labels, session=session, validation_split=0.2)
    evaluate(model, x[:500], labels[:500], session=session)
    outputs = model.predict(x[:500], verbose=0)
    chances = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True) if logits else outputs
    published = session.published()
    assert published["loss", "test"] == pytest.approx(metrics.log_loss(y[:500], chances), rel=1e-4)
    assert published["log_loss", "test"] == pytest.approx(metrics.log_loss(y[:500], chances), rel=1e-4)
    assert published["accuracy", "test"] == metrics.accuracy_score(y[:500], outputs.argmax(axis=1))
    area = metrics.roc_auc_score(y[:500], chances.astype("float64"), multi_class="ovr", labels=range(10))
    assert published["roc_auc", "test"] == pytest.approx(area, rel=1e-4)
    assert published["samples_total", "validation"] == 360
    assert not session.errors


def test_binary_outputs_are_weighed_by_class(session, tumours):
    x, y = tumours
    model = dense(1, inputs=30, last="sigmoid")
    model.compile(frozen(), "binary_crossentropy")
    fit(model, x, y, session=session, class_weight={0: 2.0, 1: 0.5}, batch_size=BATCH)
    predicted = model.predict(x, verbose=0)[:, 0] > 0.5
    weights = np.where(y == 0, 2.0, 0.5)
    published = session.published()
    assert published["accuracy", "train"] == pytest.approx(
        metrics.accuracy_score(y, predicted, sample_weight=weights)
    )
    assert published["recall", "train"] == pytest.approx(metrics.recall_score(y, predicted))


def test_a_hinge_loss_decides_by_the_sign(session, tumours):
    x, y = tumours
    model = dense(1, inputs=30)
    model.compile(frozen(), "hinge")
    fit(model, x, 2.0 * y[:, None] - 1, session=session)
    predicted = model.predict(x, verbose=0)[:, 0] > 0
    published = session.published()
    assert published["accuracy", "train"] == pytest.approx(metrics.accuracy_score(y, predicted))
    assert ("log_loss", "train") not in published


def test_several_labels_a_sample_are_multilabel(session, digits):
    x, y = digits
    labels = np.stack([y % 2 == 0, y > 4, y % 3 == 0], axis=1).astype("float32")
    model = dense(3, inputs=64, last="sigmoid")
    model.compile(frozen(), "binary_crossentropy")
    fit(model, x, labels, session=session)
    predicted = model.predict(x, verbose=0) > 0.5
    published = session.published()
    assert published["accuracy", "train"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert published["f1", "train"] == pytest.approx(metrics.f1_score(labels, predicted, average="macro"))


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_quantities_are_a_regression(session, diabetes, shape):
    x, y = diabetes
    model = dense(1, inputs=10)
    model.compile(frozen(), "mse")
    fit(model, x, y.reshape(shape), session=session)
    error = model.predict(x, verbose=0)[:, 0] - y
    published = session.published()
    assert published["mean_absolute_error", "train"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert published["bias", "train"] == pytest.approx(error.mean(), rel=1e-4)


def test_masked_positions_are_left_out(session):
    random = np.random.default_rng(0)
    x = random.integers(1, 20, (64, 7))
    x[:, 5:] = np.where(random.random((64, 2)) < 0.5, 0, x[:, 5:])
    y, known = x % 3, x != 0
    layers = [keras.layers.Embedding(20, 3, mask_zero=True), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((7,)), *layers])
    model.compile(frozen(), CROSS_ENTROPY)
    fit(model, x, y, session=session, batch_size=32, validation_data=(x, y))
    chances = model.predict(x, verbose=0)
    published = session.published()
    right = metrics.accuracy_score(y[known], chances.argmax(axis=2)[known])
    loss = -np.log(np.take_along_axis(chances, y[..., None], axis=2)[..., 0][known]).mean()
    for split in ("train", "validation"):
        assert published["accuracy", split] == pytest.approx(right)
        assert published["log_loss", split] == pytest.approx(loss, rel=1e-4)


def test_features_labels_and_predictions_are_compared_with_the_reference(digits):
    x, y = digits
    reference = Reference.from_data(x, y_true=y, y_pred=y)
    session, by_hand = KerasSession(reference), RecordingSession(Drift(reference, window=10_000))
    model = linear(optimizer=frozen())
    fit(model, x[:900], y[:900], session=session, batch_size=BATCH)
    by_hand.step(1.0, y[:900], model.predict(x[:900], verbose=0).argmax(axis=1), x[:900], None, 900, {})
    expected = {
        sample: value
        for sample, value in by_hand.samples().items()
        if sample[0].startswith("model_feature_drift") or "label" in sample[0]
    }
    found = session.samples()
    assert len(expected) > 64
    assert {sample: found.get(sample) for sample in expected} == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("of", "sampling"), [("images", 1.0), ("tokens", 1.0), ("images", 0.25), ("table", 0.25)]
)
def test_images_and_tokens_are_reduced_as_the_reference_reduces_them(digits, of, sampling):
    x, y = digits
    samples = {"images": x.reshape(-1, 8, 8, 1), "tokens": (x * 16).astype("int32"), "table": x}[of]
    settings = Drift(Reference.from_data(samples, y_true=y, of=of), window=10_000, sampling=sampling)
    session, by_hand = KerasSession(settings), RecordingSession(settings)
    inputs = keras.Input(samples.shape[1:], dtype=samples.dtype)
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 16)(inputs) if of == "tokens" else inputs)
    model = keras.Model(inputs, keras.layers.Dense(10, "softmax")(flat))
    model.compile("sgd", CROSS_ENTROPY)
    shown = samples[:700] // 2 if of == "tokens" else samples[:700] / 2
    fit(model, shown, y[:700], session=session, batch_size=BATCH)
    for start in range(0, 700, BATCH):
        batch = slice(start, min(700, start + BATCH))
        by_hand.drift.add([by_hand.drift.encode(shown[batch], y[batch])])
    expected = {
        key: value
        for key, value in published_by(by_hand).items()
        if key[0].startswith(("feature", "drift", "label_drift"))
    }
    found = session.published()
    assert {key: found.get(key) for key in expected} == pytest.approx(expected, nan_ok=True)
    assert found["drift_window_samples",] == len(shown) * sampling
    assert not session.errors


def test_weights_are_the_same_to_the_bit_as_without_the_callback(session, digits):
    def trained(*callbacks):
        model = dense(16, 10, inputs=64, last="softmax")
        model.compile("adam", CROSS_ENTROPY)
        model.fit(*digits, epochs=2, shuffle=False, verbose=0, validation_split=0.2, callbacks=callbacks)
        return model.get_weights()

    from traingauge.integrations.keras import MonitorCallback

    watched = trained(MonitorCallback(session, gradient_norm=True))
    for mine, own in zip(watched, trained(), strict=True):
        np.testing.assert_array_equal(mine, own)
