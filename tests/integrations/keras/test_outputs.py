"""A model with several outputs has a loss and scores of each, next to the total loss, whatever form they are given in."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from tests.integrations.keras.several import BATCH, CROSS_ENTROPY, LOSSES, by_hand, given, labelled, model_of
from tests.integrations.keras.watched import KerasSession, evaluate, fit, frozen

#: What Keras says of an output without a loss.
WITHOUT_GRADIENTS = pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning")


@pytest.fixture(scope="module")
def data(digits):
    return labelled(digits)


@pytest.mark.parametrize("form", [list, dict])
def test_scores_of_each_output_are_those_of_sklearn(data, form):
    x, y = data
    model, session = model_of(form), KerasSession()
    fit(model, x, given(form, y), session=session, batch_size=BATCH)
    evaluate(model, x, given(form, y), session=session, batch_size=30)
    expected = by_hand(model, x, y)
    for (name, output), value in expected.items():
        assert session.value(f"model_{name}", split="test", output=output) == pytest.approx(value, rel=1e-5)
        if name != "roc_auc":  # which a graph keeps no scores of single steps for
            metric = {"loss": "loss_window_mean"}.get(name, name)
            found = session.value(f"model_{metric}", split="train", output=output)
            assert found == pytest.approx(value, rel=1e-5), (metric, output)
    assert not session.errors


def test_the_whole_has_the_total_loss_with_its_weights_and_no_scores(data):
    x, y = data
    model, session = model_of(loss_weights=[1.0, 0.5, 2.0]), KerasSession()
    total = fit(model, x, given(list, y), session=session, batch_size=BATCH).history["loss"]
    evaluate(model, x, given(list, y), session=session, batch_size=BATCH)
    parts = {output: session.value("model_loss", split="test", output=output) for output in LOSSES}
    assert session.value("model_loss", split="test") == pytest.approx(total[0], rel=1e-5)
    assert total[0] == pytest.approx(parts["digit"] + parts["parity"] / 2 + 2 * parts["ink"], rel=1e-5)
    assert session.value("model_accuracy", split="test") is None


@WITHOUT_GRADIENTS
def test_an_output_without_a_loss_has_neither_loss_nor_scores_and_the_others_have(data):
    x, y = data
    model, session = model_of(dict, {"digit": CROSS_ENTROPY, "ink": "mse"}), KerasSession()
    fit(
        model,
        x,
        {"digit": y["digit"], "ink": y["ink"], "parity": y["parity"]},
        session=session,
        batch_size=BATCH,
    )
    assert session.value("model_accuracy", split="train", output="digit") is not None
    assert session.value("model_mean_absolute_error", split="train", output="ink") is not None
    assert session.value("model_loss", split="train", output="parity") is None
    assert not session.errors


@WITHOUT_GRADIENTS
def test_a_single_loss_among_several_outputs_is_that_of_its_output(data):
    x, y = data
    model, session = model_of(dict, {"digit": CROSS_ENTROPY}), KerasSession()
    fit(model, x, y, session=session, batch_size=BATCH)
    assert session.value("model_accuracy", split="train", output="digit") is not None
    whole, digit = (
        session.value("model_loss", split="train", **labels) for labels in ({}, {"output": "digit"})
    )
    assert whole == digit


def test_a_single_output_in_a_dictionary_is_the_whole(data):
    x, y = data
    inputs = keras.Input((64,))
    model = keras.Model(inputs, {"digit": keras.layers.Dense(10, "softmax")(inputs)})
    model.compile(frozen(), {"digit": CROSS_ENTROPY})
    session = KerasSession()
    fit(model, x, {"digit": y["digit"]}, session=session, batch_size=BATCH)
    expected = accuracy_score(y["digit"], model.predict(x, verbose=0)["digit"].argmax(1))
    assert session.value("model_accuracy", split="train") == pytest.approx(expected)


def test_outputs_without_names_of_their_own_have_the_names_of_their_places(data):
    x, y = data

    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = keras.layers.Dense(1), keras.layers.Dense(1)

        def call(self, inputs):
            return [self.left(inputs), self.right(inputs)]

    model, session = Two(), KerasSession()
    model.compile(frozen(), ["mse", "mse"])
    fit(model, x, [y["ink"], y["parity"]], session=session, batch_size=BATCH)
    found = [
        session.value("model_root_mean_squared_error", split="train", output=name) for name in ("0", "1")
    ]
    assert np.square(found).sum() == pytest.approx(
        session.value("model_loss_window_mean", split="train"), rel=1e-4
    )


def test_weights_of_each_output_weigh_its_scores(data):
    x, y = data
    weights = {name: np.linspace(0.5, 2, len(x)) ** power for power, name in enumerate(LOSSES)}
    model, session = model_of(dict), KerasSession()
    evaluate(model, x, y, session=session, batch_size=BATCH, sample_weight=weights)
    parity = model.predict(x, verbose=0)["parity"][:, 0] > 0.5
    expected = accuracy_score(y["parity"], parity, sample_weight=weights["parity"])
    assert session.value("model_accuracy", split="test", output="parity") == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("together", [3, 4])
def test_steps_of_an_execution_are_all_counted_for_each_output(data, together):
    x, y = data
    model, session = model_of(dict, learning="sgd", steps_per_execution=together), KerasSession()
    fit(model, x, y, session=session, batch_size=BATCH)
    losses = np.concatenate(
        [one.losses for steps in session.steps for one in steps.outputs if one.name == "digit"]
    )
    assert len(losses) == 10
    assert len(set(losses)) == 10


def test_micro_batches_of_a_step_are_one_for_each_output(data):
    x, y = data

    class Halves(keras.Model):
        def train_step(self, batch):
            inputs, labels = batch
            for half in (slice(None, BATCH // 2), slice(BATCH // 2, None)):
                part = {name: values[half] for name, values in labels.items()}
                loss = self.compute_loss(inputs[half], part, self(inputs[half], training=True))
            return {"loss": loss}

    inputs = keras.Input((64,))
    outputs = {"digit": keras.layers.Dense(10, "softmax")(inputs), "ink": keras.layers.Dense(1)(inputs)}
    model, session = Halves(inputs, outputs), KerasSession()
    model.compile(frozen(), {"digit": CROSS_ENTROPY, "ink": "mse"})
    labels = {name: y[name] for name in outputs}
    fit(model, x, labels, session=session, batch_size=BATCH)
    expected = accuracy_score(y["digit"], model.predict(x, verbose=0)["digit"].argmax(1))
    assert session.value("model_accuracy", split="train", output="digit") == pytest.approx(expected)


def test_an_output_that_cannot_be_scored_is_named_once_and_has_a_loss(data, caplog):
    x, y = data
    losses = {**LOSSES, "ink": lambda true, predicted: keras.ops.mean(keras.ops.abs(true - predicted))}
    model, session = model_of(dict, losses), KerasSession()
    fit(model, x, y, session=session, batch_size=BATCH, epochs=2)
    assert sum("scores of its output 'ink' are not recorded" in message for message in caplog.messages) == 1
    assert session.value("model_loss", split="train", output="ink") is not None
    assert session.value("model_accuracy", split="train", output="digit") is not None


def test_a_task_that_was_given_is_not_that_of_each_output_and_the_log_says_so(data, caplog):
    x, y = data
    model, session = model_of(dict), KerasSession(task="multiclass")
    fit(model, x, y, session=session, batch_size=BATCH)
    assert sum("has the task that its loss" in message for message in caplog.messages) == 1
    assert session.value("model_mean_absolute_error", split="train", output="ink") is not None
    assert not session.errors


def test_predictions_of_an_output_that_are_not_finite_are_counted(data):
    x, y = data
    model, session = model_of(dict), KerasSession()
    model.get_layer("ink").set_weights([np.full((64, 1), np.nan), np.zeros(1)])
    evaluate(model, x, y, session=session, batch_size=BATCH)
    assert session.value("model_nonfinite_total", split="test", signal="prediction") == len(x)
    assert session.value("model_loss_nonfinite", split="test", output="ink") == 1
    assert session.value("model_loss_nonfinite", split="test", output="digit") == 0


def test_watching_leaves_the_weights_as_they_would_be_without(data):
    x, y = data
    watched, alone = model_of(dict, learning="adam"), model_of(dict, learning="adam")
    fit(watched, x, y, session=KerasSession(), batch_size=BATCH)
    alone.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    for one, other in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
