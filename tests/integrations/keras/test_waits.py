"""What ``fit`` hides: how long a step waits for its batch, on TensorFlow."""

from __future__ import annotations

import itertools
import time
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.integrations.keras.noted import noted_steps
from tests.integrations.keras.slow import BATCH, Batches, InTurn, Slow, train_by_hand
from tests.integrations.keras.watched import KerasSession, dense, fit
from tests.waiting import wait_until
from traingauge.core.events import DataWaits
from traingauge.integrations.keras import MonitorCallback
from traingauge.integrations.keras.graph_hook import GraphHook
from traingauge.integrations.keras.graph_waits import SLOTS, GraphWaits, Notes, WaitsRead

pytestmark = pytest.mark.keras


@pytest.fixture
def session():
    return KerasSession()


def regression(**options):
    model = dense(1, inputs=3)
    model.compile("sgd", "mse", **options)
    return model


def on_demand(data):
    """A dataset that makes a batch when it is asked for, and none ahead."""
    rows = tf.TensorSpec((BATCH, 3)), tf.TensorSpec((BATCH, 1))
    dataset = tf.data.Dataset.from_generator(
        lambda: map(data.__getitem__, range(len(data))), output_signature=rows
    )
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    return dataset.apply(tf.data.experimental.assert_cardinality(len(data))).with_options(options)


def waits(session):
    return [seconds for event in session.of(DataWaits) for seconds in event.seconds]


class Failing(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise RuntimeError("mine")


def of_unknown_length(dataset):
    return dataset.filter(lambda x, y: True)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize(
    ("together", "eager", "given"),
    [(1, False, None), (1, True, None), (4, True, None), (4, False, None), (7, False, of_unknown_length)],
)
def test_each_step_has_the_time_that_it_waited_for_its_batch(session, together, eager, given):
    model = regression(steps_per_execution=together, run_eagerly=eager)
    data, slow = InTurn(9, lambda: noted_steps(model)), Slow()
    began = time.perf_counter()
    dataset = on_demand(data) if given is None else given(on_demand(data))
    fit(model, dataset, session=session, callbacks=[slow], epochs=2)
    lasted = time.perf_counter() - began
    found = waits(session)
    assert len(found) == len(data.took) == 18
    # Two clocks: one may be slowed down or sped up while the other runs, by 500 ppm.
    assert all(waited >= 0.999 * batch - 1e-5 for waited, batch in zip(found, data.took, strict=True))
    assert sum(found) < lasted - slow.took
    assert session.value("model_data_wait_seconds_count", split="train") == 18
    assert session.value("model_data_wait_seconds_sum", split="train") == pytest.approx(sum(found))
    assert not session.errors


def test_what_was_fetched_ahead_is_not_waited_for(session):
    made = tf.data.Dataset.range(6).map(lambda _: (tf.zeros((BATCH, 3)), tf.zeros((BATCH, 1))))
    fit(regression(), made.prefetch(6), session=session, epochs=2)
    assert len(waits(session)) == 12
    assert min(waits(session)) >= 0


class Holding(keras.Sequential):
    """A model whose step lasts until the next batch of its execution has been made; it notes when each began and ended."""

    def __init__(self, data, together):
        super().__init__([keras.Input((3,)), keras.layers.Dense(1)])
        self.compile("sgd", "mse", steps_per_execution=together, jit_compile=False)
        self.data, self.spans = data, []

    def train_step(self, data):
        with tf.control_dependencies([tf.py_function(self.hold, [], [])]):
            return super().train_step(tf.nest.map_structure(tf.identity, data))

    def hold(self):
        began, number = time.time(), len(self.spans) + 1
        together = self.steps_per_execution
        ahead = number if number % together == 0 or number == len(self.data) else number + 1
        wait_until(lambda: len(self.data.took) >= ahead)
        self.spans.append((began, time.time()))


def test_what_is_fetched_while_a_step_runs_is_not_waited_for(session):
    data = Batches(7)
    model = Holding(data, together=4)
    fit(model, on_demand(data), session=session)
    found, spans = waits(session), np.array(model.spans)
    assert len(found) == 7
    for step in (1, 2, 3, 5, 6):  # the others are the first of an execution
        assert (
            found[step] <= spans[step, 0] - spans[step - 1, 1] + 1e-5
        )  # TensorFlow's clock has whole microseconds
        assert found[step] >= 0


def test_an_execution_of_more_steps_than_there_was_room_for_has_a_wait_for_each(session):
    steps = 2 * SLOTS + 100
    made = tf.data.Dataset.from_tensors((tf.zeros((BATCH, 3)), tf.zeros((BATCH, 1)))).repeat(steps)
    model = regression()
    fit(model, made.take(3), session=session)
    model.compile("sgd", "mse", steps_per_execution=steps)
    fit(model, made, session=session)
    assert len(waits(session)) == session.published()["steps_total", "train"] == steps + 3


def test_a_model_compiled_for_more_steps_an_execution_has_waits_before_and_after(session):
    model = regression()
    for batches, together in ((3, 1), (4, 2), (5, 1)):
        model.compile("sgd", "mse", steps_per_execution=together)
        fit(model, on_demand(Batches(batches)), session=session)
    assert len(waits(session)) == session.published()["steps_total", "train"] == 12


def waits_of(*pairs, room=3):
    """What is read of pairs that are noted, some at a time."""
    noted = GraphWaits(lambda work: work())
    noted.notes, read = Notes(room), []
    reader = WaitsRead(noted)
    for some in pairs:
        for pair in some:
            noted.notes.write(*(tf.constant(each, tf.float64) for each in pair))
        read.append(reader.take())
    return read


NONE = float("nan")


def test_a_wait_begins_where_the_step_before_ended_or_the_execution_asked():
    assert waits_of([(NONE, 10.0), (12.0, 13.0)], [(13.5, 14.0), (NONE, 20.0), (21.0, 22.0)]) == [
        [2.0],
        [0.5, 1.0],
    ]


def test_what_was_overwritten_before_it_was_read_takes_no_wait_from_what_came_long_before():
    many = [(number + 0.25, number + 1.0) for number in range(10)]
    assert waits_of([(NONE, 0.0), (1.0, 2.0)], many) == [[1.0], [0.25] * 5]


def test_a_clock_that_is_set_back_leaves_no_wait_below_zero():
    assert waits_of([(NONE, 10.0), (12.0, 13.0), (11.0, 14.0)]) == [[2.0, 0.0]]


def test_waits_of_a_validation_are_none_of_training(session):
    validation = on_demand(Batches(8))
    fit(regression(), on_demand(Batches(3)), session=session, epochs=2, validation_data=validation)
    assert session.published()["steps_total", "validation"] == 16
    assert len(waits(session)) == 6


def test_the_waits_of_a_fit_that_fails_are_recorded_and_those_of_the_next(session):
    model = regression()
    with pytest.raises(RuntimeError, match="mine"):
        fit(model, on_demand(Batches(3)), session=session, callbacks=[Failing()], epochs=2)
    fit(model, on_demand(Batches(4)), session=session)
    assert len(waits(session)) == session.published()["steps_total", "train"] == 7


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_the_end_of_data_of_unknown_length_is_no_wait(session):
    fit(regression(), of_unknown_length(on_demand(Batches(3))), session=session, epochs=2)
    assert len(waits(session)) == session.published()["steps_total", "train"] == 6


def test_batches_that_a_script_hands_over_have_no_waits(session):
    model, part = regression(), Batches(1)[0]
    fit(model, on_demand(Batches(3)), session=session)
    train_by_hand(model, part, MonitorCallback(session))
    assert session.published()["steps_total", "train"] == 5
    assert len(waits(session)) == 3


def test_a_fit_without_the_callback_is_not_timed_and_traces_nothing_again(session):
    traced = []

    class Traced(keras.layers.Layer):
        def call(self, inputs):
            traced.append(1)
            return inputs

    model = keras.Sequential([keras.Input((3,)), Traced(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = on_demand(Batches(3))
    fit(model, data, session=session)
    before = len(traced)
    model.fit(data, verbose=0, shuffle=False)
    fit(model, data, session=session)
    assert len(traced) == before
    assert len(waits(session)) == 6


def test_two_monitors_of_one_fit_time_the_same_batches(session):
    other = KerasSession()
    fit(regression(), on_demand(Batches(3)), session=session, callbacks=[MonitorCallback(other)])
    assert waits(session) == waits(other)
    assert len(waits(session)) == 3


def test_the_end_of_the_run_leaves_the_model_as_it_was(session):
    model = regression()
    fit(model, on_demand(Batches(2)), session=session)
    assert "make_train_function" in model.__dict__
    session.end("finished")
    assert "make_train_function" not in model.__dict__
    model.fit(on_demand(Batches(2)), verbose=0, shuffle=False)


def test_an_iterator_is_released_when_fit_ends(session):
    kept = []

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.extend(map(weakref.ref, GraphHook.of(self.model).waits._twins))

    fit(regression(), on_demand(Batches(2)), session=session, callbacks=[Keep()])
    assert len(kept) == 2
    assert {each() for each in kept} == {None}


@pytest.mark.parametrize("kind", ["ragged", "nested", "missing"])
def test_data_of_every_structure_are_timed(session, kind):
    x, y = np.ones((4, 3), np.float32), np.ones((4, 1), np.float32)
    if kind == "ragged":
        data = tf.data.Dataset.from_tensors((tf.RaggedTensor.from_tensor(x), y)).repeat(3)
        model = keras.Sequential(
            [keras.layers.Lambda(lambda each: each.to_tensor(shape=(None, 3))), keras.layers.Dense(1)]
        )
    else:
        left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
        model = keras.Model({"left": left, "right": right}, keras.layers.Dense(1)(left + right))
        inputs = {"left": x, "right": x}
        data = tf.data.Dataset.from_tensors((inputs, y) if kind == "nested" else (inputs, y, y[:, 0])).repeat(
            3
        )
    model.compile("sgd", "mse")
    fit(model, data, session=session)
    assert len(waits(session)) == 3
    assert not session.errors


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize(
    ("optimizer", "kind", "together"),
    [
        *itertools.product(["sgd", "adam"], ["of known length", "of unknown length"], [1]),
        ("adam", "of known length", 4),
        ("adam", "of unknown length", 7),
    ],
)
def test_a_model_that_is_timed_learns_the_same_to_the_bit(session, optimizer, kind, together):
    """Where data end unforeseen, Keras counts one iteration more, as that does not wait for the batch."""

    def learned(*callbacks):
        model = dense(1, inputs=3)
        model.compile(optimizer, "mse", steps_per_execution=together)
        data = on_demand(Batches(5))
        if kind == "of unknown length":
            data = of_unknown_length(data)
        model.fit(data, epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
        return [int(model.optimizer.iterations), *model.get_weights()]

    for mine, own in zip(learned(MonitorCallback(session)), learned(), strict=True):
        np.testing.assert_array_equal(mine, own)
    assert len(waits(session)) == 10
