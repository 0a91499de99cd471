"""A ``fit`` that an exception leaves, which a tool catches that copies the callbacks for the next one, as tuners do."""

from __future__ import annotations

import contextlib
import copy
import gc
import os
import signal

import keras
import numpy as np
import pytest

from tests.waiting import wait_until
from traingauge import ModelMonitor
from traingauge.integrations.keras.callback import MonitorCallback

pytestmark = pytest.mark.keras

X, Y = np.ones((32, 2), "float32"), np.ones((32, 1), "float32")


class Failing(keras.callbacks.Callback):
    """Raises once eight batches have come, in which fit takes seven steps."""

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 7:
            raise ZeroDivisionError


class Interrupting(keras.callbacks.Callback):
    """Ctrl-C, once the given batch begins."""

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 7:
            os.kill(os.getpid(), signal.SIGINT)
            wait_until(lambda: False)  # the interpreter calls the handler meanwhile


class Pruning(keras.callbacks.Callback):
    """Raises what Optuna prunes trials by."""

    def on_epoch_end(self, epoch, logs=None):
        raise type("TrialPruned", (Exception,), {"__module__": "optuna.exceptions"})


def trial(*callbacks, rate=0.1):
    """One trial of a tuner, whose failures end with it."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    with contextlib.suppress(Exception, KeyboardInterrupt):
        model.fit(X, Y, batch_size=4, verbose=0, callbacks=copy.deepcopy(list(callbacks)))


@pytest.fixture
def uncollected():
    """Nothing ends a run because the garbage collector found it."""
    gc.disable()
    yield
    gc.enable()


def test_a_trial_that_fails_has_all_its_steps_and_has_failed_when_the_next_begins(opened, uncollected):
    states = []
    looking = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: states.append(opened[0].state))
    for others in ([Failing()], [looking]):
        trial(MonitorCallback("m"), *others)
    assert states == ["failed"]
    assert [(run.state, len(run.rows()["loss"])) for run in opened] == [("failed", 7), ("finished", 8)]


def test_a_trial_that_fails_ends_though_no_other_follows(opened, uncollected):
    trial(MonitorCallback("m"), Failing())
    wait_until(lambda: opened[0].state == "failed")
    assert len(opened[0].rows()["loss"]) == 7


def test_a_trial_that_a_callback_prunes_after_an_epoch_is_interrupted_at_once(opened):
    trial(MonitorCallback("m"), Pruning())
    assert [(run.state, len(run.rows()["loss"])) for run in opened] == [("interrupted", 8)]


def test_in_one_run_the_steps_of_a_trial_that_fails_come_before_those_of_the_next(uncollected):
    with ModelMonitor("m", delivery=[]) as run:
        for rate, others in ((0.1, [Failing()]), (0.0, [])):
            trial(MonitorCallback(run), *others, rate=rate)
        losses = run.rows()["loss"]
        assert run.state == "running"
    assert len(losses) == 7 + 8
    assert list(losses[7:]) == [losses[0]] * 8


def test_a_fit_that_ctrl_c_ends_is_interrupted_though_the_script_continues(
    opened, uncollected, default_handlers
):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for others in ([Interrupting()], [Failing()]):
        trial(MonitorCallback("m"), *others)
    wait_until(lambda: opened[1].state != "running")
    assert [(run.state, len(run.rows()["loss"])) for run in opened] == [("interrupted", 7), ("failed", 7)]


def test_of_two_runs_of_one_fit_both_are_interrupted(opened):
    trial(MonitorCallback("m"), MonitorCallback("n"), Pruning())
    assert [run.state for run in opened] == ["interrupted"] * 2
