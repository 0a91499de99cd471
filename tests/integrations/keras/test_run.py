"""A run that ends while Keras trains, and monitoring that fails: training goes on, and what was done is published."""

from __future__ import annotations

import re
from contextlib import nullcontext

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.integrations.keras.watched import KerasSession, dense, fit
from traingauge import ModelMonitor
from traingauge.errors import (
    ClosedError,
    InvalidArgumentError,
    LabelError,
    ReferenceMismatchError,
    UnsupportedBackendError,
)
from traingauge.integrations.keras import graph_hook, probe, tables
from traingauge.integrations.keras.callback import MonitorCallback
from traingauge.reference import Reference

pytestmark = pytest.mark.keras

BATCH = 64
CROSS_ENTROPY = "sparse_categorical_crossentropy"
OWN = {"train_step", "test_step", "compute_loss"}


def classifier(activation="relu", **options):
    model = dense(16, 10, inputs=64, activation=activation, last="softmax")
    model.compile("adam", CROSS_ENTROPY, **options)
    return model


def at_batch(number, act):
    def end(batch, logs):
        if batch == number:
            act()

    return keras.callbacks.LambdaCallback(on_train_batch_end=end)


def value(monitor, name, **labels):
    for metric in monitor.collector.collect():
        for sample in metric.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


# The end


@pytest.mark.parametrize(
    ("error", "state"), [(KeyboardInterrupt, "interrupted"), (ZeroDivisionError, "failed")]
)
def test_the_last_steps_before_an_exception_are_published(digits, error, state):
    def stop():
        raise error

    model = classifier()
    with pytest.raises(error), ModelMonitor("m", delivery=[]) as monitor:
        model.fit(
            *digits, batch_size=BATCH, verbose=0, callbacks=[MonitorCallback(monitor), at_batch(9, stop)]
        )
    assert monitor.state == state
    assert value(monitor, "model_steps_total", split="train") == 10
    assert value(monitor, "model_loss", split="train") > 0
    assert not OWN & set(model.__dict__)


def test_a_step_whose_end_was_not_seen_is_published_too(digits):
    class Interrupted(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                raise KeyboardInterrupt

    session = KerasSession()
    model = classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*digits, batch_size=BATCH, verbose=0, callbacks=[Interrupted(), MonitorCallback(session)])
    session.end("interrupted")
    assert session.published()["steps_total", "train"] == 4
    assert len(session.losses) == 4


def test_a_monitor_closed_while_fit_runs_lets_it_continue(digits):
    model = classifier()
    monitor = ModelMonitor("m", delivery=[])
    history = model.fit(
        *digits,
        batch_size=BATCH,
        epochs=2,
        validation_split=0.2,
        verbose=0,
        callbacks=[MonitorCallback(monitor), at_batch(4, monitor.close)],
    )
    assert len(history.history["val_loss"]) == 2
    assert value(monitor, "model_steps_total", split="train") == 5
    assert not OWN & set(model.__dict__)
    assert value(monitor, "model_monitor_errors_total", reason="integration") == 0


def test_a_run_that_has_ended_is_not_trained_for(digits):
    monitor = ModelMonitor("m", delivery=[])
    callback = MonitorCallback(monitor)
    monitor.close()
    with pytest.raises(ClosedError, match="finished"):
        classifier().fit(*digits, verbose=0, callbacks=[callback])


def test_the_end_of_the_run_gives_back_steps_that_were_the_users_own(digits):
    model = classifier()
    model.train_step = own = lambda data: type(model).train_step(model, data)
    session = KerasSession()
    fit(model, *digits, session=session, batch_size=600)
    session.end("finished")
    assert model.train_step is own
    model.fit(*digits, batch_size=600, verbose=0)
    assert len(session.losses) == 3


# Failures


def fails(*_, **__):
    raise ZeroDivisionError("inside monitoring")


@pytest.mark.parametrize(
    ("where", "name", "known"),
    [
        pytest.param(probe, "statistic_of", True, id="scores"),
        pytest.param(probe, "_samples", True, id="samples"),
        pytest.param(tables.StepRing, "write", False, id="writing"),
        pytest.param(tables.StepRing, "read", False, id="reading"),
        pytest.param(graph_hook.GraphHook, "_rate", True, id="learning rate"),
    ],
)
def test_an_error_inside_monitoring_is_counted_and_training_continues(
    digits, monkeypatch, where, name, known
):
    monkeypatch.setattr(where, name, fails)
    model, session = classifier(), KerasSession()
    history = fit(model, *digits, session=session, batch_size=BATCH, validation_split=0.2).history
    assert len(history["val_loss"]) == 1
    assert session.errors["integration"]
    assert (("loss", "train") in session.published()) == known
    if name != "read":
        assert session.published()["steps_total", "train"] == 23
    session.end("finished")
    assert not OWN & set(model.__dict__)


def test_a_model_that_cannot_be_tapped_trains_unwatched(digits, monkeypatch):
    monkeypatch.setattr(graph_hook.GraphHook, "attach", fails)
    session = KerasSession()
    assert fit(classifier(), *digits, session=session, batch_size=600).history["loss"]
    assert session.errors == {"integration": 1}


def test_a_loss_that_is_not_finite_is_counted_every_step(digits):
    x, y = digits
    x = x.copy()
    x[BATCH * 3] = np.nan  # from the fourth step on the weights are NaN
    model, session = classifier("tanh"), KerasSession()  # a ReLU may make 0 of NaN
    fit(model, x, y, session=session, batch_size=BATCH, validation_data=(x[:BATCH], y[:BATCH]))
    published = session.published()
    assert np.isnan(published["loss", "train"])
    assert np.isnan(published["loss", "validation"])
    assert published["nonfinite_total", "train", "loss"] == 26
    assert published["nonfinite_total", "train", "prediction"] == 1 + (len(x) - 4 * BATCH)
    assert published["nonfinite_total", "validation", "prediction"] == BATCH
    assert not session.errors


# Wrong arguments


@pytest.mark.parametrize(
    ("told", "error", "message"),
    [
        ({"classes": 12}, LabelError, "predictions have 10 classes, but 12 are known"),
        ({"task": "binary"}, InvalidArgumentError, "the model has 10 outputs"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_at_the_first_step(digits, told, error, message):
    with pytest.raises(error, match=message):
        fit(classifier(), *digits, session=KerasSession(**told))


def test_a_reference_of_other_features_is_refused_at_the_first_step(digits):
    reference = Reference.from_data(digits[0][:, :60].astype(float))
    with pytest.raises(ReferenceMismatchError, match=r"shape \(None, 64\) and the reference 60 features"):
        fit(classifier(), *digits, session=KerasSession(reference=reference), batch_size=BATCH)


def test_a_strategy_of_one_replica_is_recorded_as_none_is(digits):
    """As a machine with a single GPU, or none, has it."""
    published = []
    for scope in (nullcontext(), tf.distribute.MirroredStrategy(["/cpu:0"]).scope()):
        with scope:
            model = classifier("tanh")
        session = KerasSession(reference=Reference.from_data(digits[0].astype(float)))
        fit(
            *(model, *digits),
            session=session,
            batch_size=BATCH,
            validation_data=digits,
            gradient_norm=True,
        )
        assert not session.errors
        values = session.published().items()
        published.append({key: value for key, value in values if not re.search("seconds|info", str(key))})
    assert published[1].keys() == published[0].keys()
    assert published[1] == pytest.approx(published[0], rel=1e-3, abs=1e-5, nan_ok=True)


def test_another_backend_is_refused_and_the_other_way_is_named(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")
    with (
        ModelMonitor("m", delivery=[]) as monitor,
        pytest.raises(UnsupportedBackendError, match=r"'openvino'.*monitor\.step"),
    ):
        MonitorCallback(monitor)


# Runs opened by name


def interrupt(after):
    """A callback that is interrupted at the end of a step."""

    def stop(batch, logs):
        if batch == after:
            raise KeyboardInterrupt

    return keras.callbacks.LambdaCallback(on_train_batch_end=stop)


def test_a_name_opens_a_run_for_each_fit_and_each_evaluate(digits, opened):
    model, callback = classifier(), MonitorCallback("digits")
    for _ in range(2):
        model.fit(*digits, batch_size=600, validation_split=0.2, verbose=0, callbacks=[callback])
    model.evaluate(*digits, verbose=0, callbacks=[callback])
    model.predict(digits[0], verbose=0, callbacks=[callback])
    assert [run.state for run in opened] == ["finished"] * 3
    assert [sorted(run.history) != [] for run in opened] == [True] * 3
    assert "val_loss" in opened[0].history
    assert "test_loss" in opened[2].history


def test_a_fit_that_raises_leaves_a_failed_run_with_all_its_steps_when_the_next_begins(digits, opened):
    model, callback = classifier(), MonitorCallback("digits")
    with pytest.raises(KeyboardInterrupt):
        model.fit(*digits, batch_size=64, verbose=0, callbacks=[callback, interrupt(after=10)])
    model.fit(*digits, batch_size=600, verbose=0, callbacks=[callback])
    assert [run.state for run in opened] == ["failed", "finished"]
    assert [len(run.rows()["step"]) for run in opened] == [11, 3]
    assert not any(opened[0].session.guard.errors.values())


def test_one_callback_given_twice_records_one_run(digits, opened):
    callback = MonitorCallback("digits")
    classifier().fit(*digits, batch_size=600, verbose=0, callbacks=[callback, callback])
    assert [run.state for run in opened] == ["finished"]


def test_the_steps_of_an_interrupted_fit_are_recorded_before_those_of_the_next(digits):
    model, session = classifier(), KerasSession()
    callback = MonitorCallback(session)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*digits, batch_size=64, verbose=0, callbacks=[callback, interrupt(after=10)])
    model.evaluate(*digits, verbose=0, callbacks=[callback])
    model.fit(*digits, batch_size=600, verbose=0, callbacks=[callback])
    assert len(session.losses) == 11 + 3
    assert [done.split for done in session.passes] == ["test"]
    assert session.errors == {}


def test_an_evaluation_inside_of_fit_leaves_the_fit_as_it_was(digits, opened):
    model, callback = classifier(), MonitorCallback("digits")

    def evaluate(epoch, logs):
        model.evaluate(*digits, verbose=0, callbacks=[callback])

    inside = keras.callbacks.LambdaCallback(on_epoch_end=evaluate)
    model.fit(
        *digits, batch_size=600, epochs=2, validation_data=digits, verbose=0, callbacks=[callback, inside]
    )
    assert [run.state for run in opened] == ["finished"]
    assert len(opened[0].history["val_loss"]) == 4
    assert "test_loss" not in opened[0].history
    assert len(opened[0].rows()["step"]) == 6


def test_a_model_is_left_as_it_is_where_monitoring_is_switched_off(digits, monkeypatch):
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    model = classifier()
    with ModelMonitor("m") as run:
        model.fit(*digits, batch_size=600, verbose=0, callbacks=[MonitorCallback(run)])
        assert "train_step" not in model.__dict__
