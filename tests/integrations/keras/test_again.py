"""Several models in one process, and callbacks that tools copy."""

from __future__ import annotations

import copy
import gc
import logging
import pickle
import weakref

import keras
import numpy as np
import pytest

import traingauge
from traingauge import Canary, ModelMonitor, State, monitor
from traingauge.integrations.keras import name_of
from traingauge.integrations.keras.callback import MonitorCallback

pytestmark = pytest.mark.keras

X, Y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
COPIES = [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]


def regression(**named):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], **named)
    model.compile("sgd", "mse")
    return model


def train(model, *callbacks, **options):
    model.fit(X, Y, batch_size=4, verbose=0, callbacks=list(callbacks), **options)


@pytest.fixture
def opened(monkeypatch):
    """Runs that callbacks opened by name."""
    runs = []

    def open_run(model):
        runs.append(monitor.ModelMonitor(model, delivery=[]))
        return runs[-1]

    monkeypatch.setattr(traingauge, "ModelMonitor", open_run)
    return runs


class MyNet2D(keras.Model):
    pass


@pytest.mark.parametrize(
    ("make", "name"),
    [(regression, "sequential"), (MyNet2D, "my_net2d"), (lambda: MyNet2D(name="a_1"), "a_1")],
)
def test_a_model_has_the_same_name_however_many_were_made_before(make, name):
    assert [name_of(make()) for _ in range(3)] == [name] * 3


def test_an_unnamed_model_continues_its_run_though_another_one_was_made_before(tmp_path):
    for _ in range(2):
        with ModelMonitor(regression(), state=State(tmp_path), delivery=[]) as run:
            run.step(loss=1.0)
    assert len(run.rows()["loss"]) == 2


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_of_a_callback_with_a_monitor_records_its_run(copied):
    with ModelMonitor("m", delivery=[]) as run:
        train(regression(), copied(MonitorCallback(run)))
        assert len(run.rows()["loss"]) == 2


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_of_a_callback_with_a_name_opens_runs_of_its_own(copied, opened):
    callback = MonitorCallback("m")
    for _ in range(2):
        train(regression(), copied(callback))
    assert [len(run.rows()["loss"]) for run in opened] == [2, 2]


def test_a_callback_can_be_copied_after_a_fit_too(opened):
    callback = MonitorCallback("m")
    train(regression(), callback)
    train(regression(), copy.deepcopy(callback))
    assert [run.state for run in opened] == ["finished", "finished"]


def test_a_model_that_was_trained_is_freed_when_nothing_refers_to_it(opened):
    model = regression()
    train(model, MonitorCallback("m"))
    freed = weakref.ref(model)
    del model
    gc.collect()
    assert freed() is None


def test_a_copy_has_every_setting():
    canary = Canary.record("m", lambda x: x, [1.0, 2.0])
    made = MonitorCallback("m", "validation", gradient_norm=True, canary=canary, canary_every=3)
    again = copy.copy(made)
    for name in ("_split", "_gradient_norm", "_canary", "_canary_every"):
        assert getattr(again, name) == getattr(made, name)


ANOTHER = "this run has trained another model before"


def test_a_second_model_that_begins_from_nothing_in_one_run_is_said_once(caplog):
    with caplog.at_level(logging.WARNING, "traingauge"), ModelMonitor("m", delivery=[]) as run:
        train(regression(), MonitorCallback(run))
        assert ANOTHER not in caplog.text
        for _ in range(3):
            train(regression(), MonitorCallback(run))
    assert caplog.text.count(ANOTHER) == 1


def test_a_model_that_continues_in_the_same_run_is_nothing_to_speak_of(caplog, tmp_path):
    with caplog.at_level(logging.WARNING, "traingauge"), ModelMonitor("m", delivery=[]) as run:
        model = regression()
        train(model, MonitorCallback(run))
        train(model, MonitorCallback(run))
        model.evaluate(X, Y, verbose=0, callbacks=[MonitorCallback(run)])
        model.save(tmp_path / "m.keras")
        train(keras.models.load_model(tmp_path / "m.keras"), MonitorCallback(run))
    assert ANOTHER not in caplog.text


def test_a_run_for_each_fold_says_nothing(caplog, opened):
    with caplog.at_level(logging.WARNING, "traingauge"):
        for _ in range(3):
            train(regression(), MonitorCallback("m"))
    assert ANOTHER not in caplog.text
