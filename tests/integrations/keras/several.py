"""A model with three outputs of different tasks, and what is to be published of it."""

from __future__ import annotations

import keras
import numpy as np
from sklearn.metrics import accuracy_score, f1_score, log_loss, mean_absolute_error, r2_score, roc_auc_score

from tests.integrations.keras.watched import frozen

BATCH = 40
CROSS_ENTROPY = "sparse_categorical_crossentropy"
LOSSES = {"digit": CROSS_ENTROPY, "parity": "binary_crossentropy", "ink": "mse"}


def labelled(digits):
    """Images, and what a model is to say of each: which digit, whether it is odd, and how much ink."""
    x, y = digits[0][:400], digits[1][:400]
    return x, {"digit": y, "parity": y % 2, "ink": x.mean(axis=1)}


def model_of(form=list, losses=LOSSES, learning=None, **options):
    """A model with three outputs, in a list or a dictionary."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((64,))
    outputs = {
        "digit": keras.layers.Dense(10, "softmax", name="digit")(inputs),
        "parity": keras.layers.Dense(1, "sigmoid", name="parity")(inputs),
        "ink": keras.layers.Dense(1, name="ink")(inputs),
    }
    model = keras.Model(inputs, outputs if form is dict else list(outputs.values()))
    model.compile(learning or frozen(), losses if form is dict else list(losses.values()), **options)
    return model


def given(form, y):
    """Labels in a list or a dictionary."""
    return y if form is dict else list(y.values())


def by_hand(model, x, y):
    """Scores and losses by their names and outputs."""
    predicted = model.predict(x, verbose=0)
    digit, parity, ink = (predicted[name] for name in LOSSES) if isinstance(predicted, dict) else predicted
    return {
        ("accuracy", "digit"): accuracy_score(y["digit"], digit.argmax(1)),
        ("f1", "digit"): f1_score(y["digit"], digit.argmax(1), average="macro", zero_division=0),
        ("accuracy", "parity"): accuracy_score(y["parity"], parity[:, 0] > 0.5),
        ("roc_auc", "parity"): roc_auc_score(y["parity"], parity[:, 0]),
        ("mean_absolute_error", "ink"): mean_absolute_error(y["ink"], ink[:, 0]),
        ("r2_score", "ink"): r2_score(y["ink"], ink[:, 0]),
        ("loss", "digit"): log_loss(y["digit"], digit, labels=range(10)),
        ("loss", "parity"): log_loss(y["parity"], parity[:, 0].astype(float)),
        ("loss", "ink"): np.mean((y["ink"] - ink[:, 0]) ** 2),
    }  # fmt: skip
