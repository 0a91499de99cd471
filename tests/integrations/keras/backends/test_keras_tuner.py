"""KerasTuner, which copies the callback for each execution of a trial, and catches what a trial raises."""

from __future__ import annotations

from typing import ClassVar

import keras
import keras_tuner
import numpy as np
import pytest

from traingauge.integrations.keras import MonitorCallback

pytestmark = pytest.mark.keras

TUNERS = {
    keras_tuner.RandomSearch: {"max_trials": 2, "executions_per_trial": 2},
    keras_tuner.BayesianOptimization: {"max_trials": 2},
    keras_tuner.Hyperband: {"max_epochs": 2, "factor": 2},
}


class Trial(keras.callbacks.Callback):
    """Notes the loss of each epoch of each execution, as the tuner sees it; the given execution fails after an epoch."""

    losses: ClassVar[list[list[float]]] = []
    fails = -1

    def on_train_begin(self, logs=None):
        self.losses.append([])

    def on_epoch_end(self, epoch, logs=None):
        self.losses[-1].append(logs["loss"])
        if len(self.losses) - 1 == Trial.fails:
            raise keras_tuner.errors.FailedTrialError


@pytest.fixture
def search(digits, tmp_path, monkeypatch):
    """Searches with a tuner for a good model of the digits."""
    monkeypatch.setattr(Trial, "losses", [])

    def build(hyperparameters):
        units = hyperparameters.Int("units", 4, 12)
        model = keras.Sequential(
            [keras.Input((64,)), keras.layers.Dense(units), keras.layers.Dense(10, "softmax")]
        )
        model.compile(
            keras.optimizers.SGD(hyperparameters.Float("rate", 0.1, 0.5)), "sparse_categorical_crossentropy"
        )
        return model

    def run(tuner, **options):
        tuner = tuner(build, objective="loss", directory=tmp_path, seed=1, **options)
        callback = MonitorCallback("digits")
        x, y = (part[:512] for part in digits)
        tuner.search(x, y, batch_size=128, epochs=2, shuffle=False, verbose=0, callbacks=[callback, Trial()])
        return callback, tuner

    return run


@pytest.mark.parametrize("tuner", TUNERS)
def test_each_execution_of_a_trial_is_a_run_with_its_own_numbers(search, opened, tuner):
    search(tuner, **TUNERS[tuner])
    assert len(opened) == len(Trial.losses) > 1
    assert len({run.run for run in opened}) == len(opened)
    for run, losses in zip(opened, Trial.losses, strict=True):
        assert run.state == "finished"
        of_epochs = list(np.reshape(run.rows()["loss"], (len(losses), 4)).mean(axis=1))
        assert of_epochs == pytest.approx(losses, rel=1e-5)


def test_a_trial_that_fails_is_a_run_that_failed_and_the_search_continues(search, opened, monkeypatch):
    monkeypatch.setattr(Trial, "fails", 1)
    callback, tuner = search(keras_tuner.RandomSearch, max_trials=3)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert [(run.state, len(run.rows()["loss"])) for run in opened] == [
        ("finished", 8),
        ("failed", 4),
        ("finished", 8),
    ]
    fresh = tuner.hypermodel.build(tuner.get_best_hyperparameters()[0])
    fresh.fit(np.zeros((8, 64)), np.zeros(8), verbose=0, callbacks=[callback])
    assert (opened[-1].state, len(opened[-1].rows()["loss"])) == ("finished", 1)
