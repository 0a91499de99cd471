"""A ``train_step`` of one's own on PyTorch."""

from __future__ import annotations

import logging

import keras
import numpy as np
import pytest
from sklearn import metrics

from tests.integrations.keras.watched import dense, fit
from traingauge.core.events import Scored

torch = pytest.importorskip("torch", reason="make test-integrations installs it")
if keras.backend.backend() != "torch":
    pytest.skip("Keras runs on another backend", allow_module_level=True)

pytestmark = pytest.mark.keras

CROSS_ENTROPY = "sparse_categorical_crossentropy"


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
