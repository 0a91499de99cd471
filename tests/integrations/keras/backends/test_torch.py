"""A ``train_step`` of one's own on PyTorch."""

from __future__ import annotations

import functools
import logging

import keras
import numpy as np
import pytest
from sklearn import metrics

from tests.integrations.keras.watched import KerasSession, dense, evaluate, fit, frozen
from traingauge.core import deferred_scores
from traingauge.core.deferred_scores import Unencoded
from traingauge.core.events import Scored
from traingauge.integrations.keras.backends import array_scores

torch = pytest.importorskip("torch", reason="make test-integrations installs it")
if keras.backend.backend() != "torch":
    pytest.skip("Keras runs on another backend", allow_module_level=True)

pytestmark = pytest.mark.keras

CROSS_ENTROPY = "sparse_categorical_crossentropy"
SPLITS = ("train", "validation")


class Own(keras.Sequential):
    """A model with a step of its own that does not train: predictions stay the same."""

    def train_step(self, data):
        x, y = data
        with torch.no_grad():
            self.losses_of(x, y)
        return {}


class InMicroBatches(Own):
    def losses_of(self, x, y):
        for part in (slice(0, 50), slice(50, None)):
            self.compute_loss(x[part], y[part], self(x[part]), None)


class SharpnessAware(Own):
    def losses_of(self, x, y):
        outputs = self(x)
        self.compute_loss(x, y, outputs, None)
        self.compute_loss(x, y, 1 - outputs, None)


class Silent(Own):
    def losses_of(self, x, y):
        self(x)


def of(kind):
    keras.utils.set_random_seed(7)
    model = kind([keras.Input((64,)), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", CROSS_ENTROPY)
    return model


def losses(session):
    return [event.numbers.get("loss") for event in session.of(Scored)]


@pytest.mark.parametrize("kind", [InMicroBatches, SharpnessAware])
def test_a_step_of_one_s_own_has_the_loss_and_scores_of_its_batch(session, digits, kind):
    x, y = digits[0][:64], digits[1][:64]
    model = of(kind)
    fit(model, x, y, session=session, batch_size=64)
    outputs = model.predict(x, verbose=0)
    assert losses(session) == pytest.approx([metrics.log_loss(y, outputs, labels=range(10))], rel=1e-4)
    published = session.published()
    assert published["accuracy", "train"] == metrics.accuracy_score(y, outputs.argmax(axis=1))
    assert published["samples_total", "train"] == 64


class Logging(Own):
    """Returns logs of every kind, and never calls compute_loss."""

    def train_step(self, data):
        own = self(data[0]).mean()
        parts = {"critic": -own, "step": 3}
        return {"own_loss": own, "loss": own * 2, "parts": parts, "image": torch.zeros(2, 2), "half": 0.5}


def test_of_a_step_without_a_loss_the_numbers_of_its_logs_are_published(session, digits):
    fit(of(Logging), *digits, session=session, batch_size=599)
    rows = [dict(event.numbers) for event in session.of(Scored)]
    assert len(rows) == 3
    for row in rows:
        assert row.pop("learning_rate") == pytest.approx(0.01)
        own = row["own_loss"]
        assert own == pytest.approx(0.1)
        assert row == {
            "own_loss": own,
            "logged_loss": own * 2,
            "critic": -own,
            "logged_step": 3.0,
            "half": 0.5,
        }
    assert session.published()["scalar", "own_loss", "train"] == rows[-1]["own_loss"]
    assert not session.errors


def test_a_step_without_a_loss_is_counted_and_that_is_said_once(session, digits, caplog):
    with caplog.at_level(logging.WARNING, "traingauge"):
        fit(of(Silent), *digits, session=session)
    assert session.published()["steps_total", "train"] == 57
    assert losses(session) == [None] * 57
    assert len([record for record in caplog.records if "never calls compute_loss" in record.message]) == 1
    assert not session.errors


def test_nothing_of_a_step_is_kept_for_its_gradients(session, digits):
    fit(dense_model(), *digits, session=session)
    kept = [event.numbers["loss"] for event in session.of(Scored)]
    assert {type(loss) for loss in kept} == {float}


def dense_model():
    model = dense(10, inputs=64, last="softmax")
    model.compile("sgd", CROSS_ENTROPY)
    return model


def test_layers_of_pytorch_answer_a_canary_in_evaluation_mode_and_train_on(session, digits):
    from traingauge import Canary
    from traingauge.integrations.keras import MonitorCallback

    dropout = keras.layers.TorchModuleWrapper(torch.nn.Dropout(0.5))
    model = keras.Sequential([keras.Input((64,)), dropout, keras.layers.Dense(10, "softmax")])
    model.compile(keras.optimizers.SGD(0.0), CROSS_ENTROPY)
    canary = Canary.record("recorded", lambda batch: model.predict(batch, verbose=0), digits[0][:32])
    modes = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: modes.append(dropout.module.training)
    )
    watch = MonitorCallback(session, canary=canary, canary_every=1)
    model.fit(*digits, verbose=0, callbacks=[watch, note])
    assert session.value("model_canary_mismatches") == 0
    assert modes == [True] * 57
    assert np.isfinite(losses(session)).all()


def sequences(x):
    """Labels of seven positions, weights of each, and a model that masks some of them."""
    keras.utils.set_random_seed(7)
    tokens = (x[:, :7] * 16).astype("int32")
    layers = [keras.layers.Embedding(20, 3, mask_zero=True), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((7,)), *layers])
    model.compile(frozen(), CROSS_ENTROPY)
    return model, tokens, tokens % 3, (tokens % 5) / 4.0


def vectors(units, last, loss, labels):
    def of(x):
        model = dense(units, inputs=64, last=last)
        model.compile(frozen(), loss)
        return model, x, labels(x), None

    return of


def parity(x):
    return (x.sum(axis=1) % 2 > 1).astype("float32")


#: A model, its inputs, labels and weights, from the digits' pixels.
KINDS = {
    "one label": vectors(10, "softmax", CROSS_ENTROPY, lambda x: x[:, 20:30].argmax(axis=1)),
    "one-hot": vectors(
        10, "softmax", "categorical_crossentropy", lambda x: np.eye(10)[x[:, 20:30].argmax(axis=1)]
    ),
    "one output": vectors(1, "sigmoid", "binary_crossentropy", parity),
    "several labels": vectors(3, "sigmoid", "binary_crossentropy", lambda x: (x[:, 20:23] > 0.5) * 1.0),
    "hinge": vectors(1, None, "hinge", lambda x: 2 * parity(x)[:, None] - 1),
    "quantities": vectors(2, None, "mse", lambda x: x[:, 20:22]),
    "weighted, masked sequences": sequences,
}


@pytest.mark.parametrize("kind", KINDS)
def test_calls_that_wait_have_the_scores_of_calls_that_are_scored_at_once(digits, kind, monkeypatch):
    def published(*, waits):
        with monkeypatch.context() as here:
            if not waits:
                here.setattr(deferred_scores, "SMALL_BYTES", -1)
            session = KerasSession()
            model, x, y, weight = KINDS[kind](digits[0][:300])
            data = (x, y) if weight is None else (x, y, weight)
            fit(model, x, y, session=session, sample_weight=weight, batch_size=32, validation_data=data)
            waited = {isinstance(event.scored, Unencoded) for event in session.of(Scored)}
            assert waited == {waits}
            found = session.published()
            assert not session.errors
        return {key: value for key, value in found.items() if key[-1] in SPLITS and "seconds" not in str(key)}

    found, expected = published(waits=True), published(waits=False)
    assert len(found) > 20
    assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_what_a_model_is_scored_on_is_found_once_for_batches_of_every_size(session, digits, monkeypatch):
    found = []
    monkeypatch.setattr(
        array_scores,
        "find_plan",
        lambda *given, find=array_scores.find_plan: found.append(given) or find(*given),
    )
    fit(dense_model(), *digits, session=session, validation_split=0.1)
    assert len(found) == 1


def distance(true, predicted):
    return keras.ops.mean(keras.ops.abs(true - predicted), axis=-1)


def test_a_loss_that_says_nothing_is_asked_once(session, digits, monkeypatch):
    found = []
    monkeypatch.setattr(
        array_scores,
        "find_plan",
        lambda *given, find=array_scores.find_plan: found.append(given) or find(*given),
    )
    model = dense(1, inputs=64)
    model.compile("sgd", distance)
    fit(model, digits[0], digits[1].astype("float32"), session=session)
    assert len(found) == 1


def test_a_model_that_is_compiled_again_is_scored_by_its_new_loss(session, tumours):
    x, y = tumours
    model = dense(1, inputs=30, last="sigmoid")
    model.compile(frozen(), "hinge")  # decides by the sign
    evaluate(model, x, y, session=session)
    assert session.published()["recall", "test"] == 1.0
    model.compile(frozen(), "binary_crossentropy")
    evaluate(model, x, y, session=session)
    predicted = model.predict(x, verbose=0)[:, 0] > 0.5
    assert session.published()["accuracy", "test"] == pytest.approx(metrics.accuracy_score(y, predicted))


def test_labels_that_a_generator_overwrites_count_as_they_were(session):
    x, y = torch.eye(10), torch.arange(10)

    def overwritten():
        for _ in range(4):
            yield x, y
        y.fill_(0)
        yield x, y

    model = keras.Sequential(
        [keras.Input((10,)), keras.layers.Dense(10, "softmax", kernel_initializer="identity")]
    )
    model.compile(frozen(), CROSS_ENTROPY)
    fit(model, overwritten(), session=session, steps_per_epoch=5)
    assert session.published()["accuracy", "train"] == pytest.approx((4 * 10 + 1) / 50)


def test_the_optimizer_is_replaced_only_where_its_norm_is_wanted(digits):
    class Looking(keras.Sequential):
        def train_step(self, data):
            replaced.append("apply" in vars(self.optimizer))
            return super().train_step(data)

    for wanted in (False, True):
        replaced = []
        fit(of(Looking), *digits, session=KerasSession(), batch_size=599, gradient_norm=wanted)
        assert replaced == [wanted] * 3


def test_a_compiled_step_is_recorded_as_one_that_runs_eagerly(digits, monkeypatch):
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    rows = []
    for compiled in (False, True):
        session = KerasSession()
        model = of(keras.Sequential)
        model.compile("sgd", CROSS_ENTROPY, jit_compile=compiled)
        fit(model, *digits, session=session, batch_size=599, gradient_norm=True)
        rows.append([event.numbers for event in session.of(Scored)])
        assert session.published()["samples_total", "train"] == 1797
        assert not session.errors
    for mine, own in zip(*rows, strict=True):
        assert mine.keys() == {"loss", "learning_rate", "gradient_norm"}
        assert mine == pytest.approx(own, rel=1e-5)
