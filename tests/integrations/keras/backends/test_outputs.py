"""Several outputs on PyTorch and JAX have the same values as on TensorFlow: those of scikit-learn."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.integrations.keras.several import BATCH, CROSS_ENTROPY, LOSSES, by_hand, given, labelled, model_of
from tests.integrations.keras.watched import evaluate, fit

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def data(digits):
    return labelled(digits)


@pytest.mark.parametrize("form", [list, dict])
def test_scores_of_each_output_are_those_of_sklearn(session, data, form):
    x, y = data
    model = model_of(form)
    fit(model, x, given(form, y), session=session, batch_size=BATCH)
    evaluate(model, x, given(form, y), session=session, batch_size=30)
    for (name, output), value in by_hand(model, x, y).items():
        for metric, split in ((name, "test"), ("loss_window_mean" if name == "loss" else name, "train")):
            found = session.value(f"model_{metric}", split=split, output=output)
            assert found == pytest.approx(value, rel=1e-5), (metric, output, split)
    assert not session.errors


def test_the_whole_has_the_total_loss_with_its_weights_and_no_scores(session, data):
    x, y = data
    model = model_of(loss_weights=[1.0, 0.5, 2.0])
    evaluate(model, x, given(list, y), session=session, batch_size=BATCH)
    parts = {output: session.value("model_loss", split="test", output=output) for output in LOSSES}
    expected = parts["digit"] + parts["parity"] / 2 + 2 * parts["ink"]
    assert session.value("model_loss", split="test") == pytest.approx(expected, rel=1e-5)
    assert session.value("model_accuracy", split="test") is None


def test_an_output_without_a_loss_has_neither_loss_nor_scores_and_the_others_have(session, data):
    x, y = data
    model = model_of(dict, {"digit": CROSS_ENTROPY, "ink": "mse"})
    evaluate(model, x, y, session=session, batch_size=BATCH)
    assert session.value("model_accuracy", split="test", output="digit") is not None
    assert session.value("model_mean_absolute_error", split="test", output="ink") is not None
    assert session.value("model_loss", split="test", output="parity") is None
    assert not session.errors


def test_an_output_that_cannot_be_scored_is_named_once_and_has_a_loss(session, data, caplog):
    x, y = data
    losses = {**LOSSES, "ink": lambda true, predicted: keras.ops.mean(keras.ops.abs(true - predicted))}
    fit(model_of(dict, losses), x, y, session=session, batch_size=BATCH, epochs=2)
    assert sum("scores of its output 'ink' are not recorded" in message for message in caplog.messages) == 1
    assert session.value("model_loss", split="train", output="ink") is not None


def test_watching_leaves_the_weights_as_they_would_be_without(session, data):
    x, y = data
    watched, alone = model_of(dict, learning="adam"), model_of(dict, learning="adam")
    fit(watched, x, y, session=session, batch_size=BATCH)
    alone.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    for one, other in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
