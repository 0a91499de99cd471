"""A ``fit`` that an exception leaves, which a tool catches that copies the callbacks for the next one, as tuners do."""

from __future__ import annotations

import contextlib
import copy
import gc
import os
import signal
import threading

import keras
import numpy as np
import pytest

from tests.waiting import PATIENCE, wait_until
from traingauge import ModelMonitor
from traingauge.integrations.keras import left_call
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


class FailingAtEnd(keras.callbacks.Callback):
    """Raises when fit has trained, as one that saves the model does on a full disk."""

    def on_train_end(self, logs=None):
        raise OSError("no space left on device")


def test_a_fit_whose_exception_is_in_a_cycle_has_all_its_steps_and_has_failed(opened):
    def fails():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        try:
            model.fit(X, Y, batch_size=4, verbose=0, callbacks=[MonitorCallback("tuned"), Failing()])
        except ZeroDivisionError as error:
            error.error = error

    fails()
    gc.collect()
    (run,) = opened
    wait_until(lambda: run.state == "failed")
    assert len(run.rows()["loss"]) == 7


def test_a_fit_that_a_later_callback_fails_at_its_end_has_failed_at_once(opened, uncollected):
    trial(MonitorCallback("tuned"), FailingAtEnd())
    (run,) = opened
    assert run.state == "failed"


def test_a_fit_that_failed_keeps_the_steps_that_were_planned(opened):
    trial(MonitorCallback("tuned"), Failing())
    trial(MonitorCallback("tuned"))
    planned = [
        sample.value
        for family in opened[0].collector.collect()
        for sample in family.samples
        if sample.name == "model_steps_planned"
    ]
    assert planned == [8.0]


def test_a_forked_child_does_not_wait_for_a_thread_that_ends_a_run_of_its_parent():
    with left_call._left.settling:
        child = os.fork()
        if not child:
            settling = threading.Thread(target=left_call.settle, daemon=True)
            settling.start()
            settling.join(PATIENCE)
            os._exit(settling.is_alive())
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
