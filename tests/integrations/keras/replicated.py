"""Trains in two replicas and undivided, in a process of its own: devices are divided before TensorFlow starts.

:func:`main` pickles what was recorded, for the tests.
"""

from __future__ import annotations

import functools
import logging
import pickle
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from sklearn import datasets, preprocessing

from tests.integrations.keras.noted import noted_executions
from tests.integrations.keras.several import model_of
from tests.integrations.keras.slow import waited
from tests.integrations.keras.watched import KerasSession, frozen
from tests.waiting import wait_until
from traingauge.core.events import DataWaits
from traingauge.integrations.keras import MonitorCallback
from traingauge.reference import Reference

BATCH = 100
VALIDATES = 160


class Recorded(NamedTuple):
    """What one training left.

    Attributes:
        published: By metric and label values.
        losses: Of each step.
        outputs: Losses of each step, by output of a model with several.
        norms: Of each step's gradients.
        logged: What Keras says of the loss at the end of each execution.
        errors: Inside monitoring.
        waits: Of the steps for their batches.
        weights: Of the model in the end.
        said: Warnings.
    """

    published: dict[tuple[str, ...], float]
    losses: np.ndarray
    outputs: dict[str, np.ndarray]
    norms: np.ndarray
    logged: list[float]
    errors: dict[str, int]
    waits: list[float]
    weights: list[np.ndarray]
    said: list[str]


@functools.cache
def two_replicas() -> tf.distribute.Strategy:
    """The strategy: one, as those of a process take each other's collective operations for their own."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@functools.cache
def two_calculators() -> tf.distribute.Strategy:
    """Another strategy, whose variables are in one place."""
    return tf.distribute.experimental.CentralStorageStrategy(["CPU:0", "CPU:1"], "CPU:0")


class Said(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.messages.append(record.getMessage())


def digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    """So many of the digits, by class."""
    x, y = datasets.load_digits(return_X_y=True)
    order = np.argsort(y[:count], kind="stable")
    return (x / 16).astype("float32")[order], y.astype("int32")[order]


def tumours(count: int) -> tuple[np.ndarray, np.ndarray]:
    """So many of the tumours."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    return preprocessing.scale(x).astype("float32")[:count], y.astype("int32")[:count]


def diabetes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """So many of the patients."""
    x, y = datasets.load_diabetes(return_X_y=True)
    return (x * 20).astype("float32")[:count], (y / 100).astype("float32")[:count]


def several(count: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """So many of the digits, and what each output of a model with three is to say of them."""
    x, y = digits(count)
    return x, {"digit": y, "parity": y % 2, "ink": x.mean(axis=1)}


def train(
    data: tuple[np.ndarray, np.ndarray],
    outputs: int,
    activation: str | None,
    loss: Any,
    *,
    optimizer: Callable[[], Any] = frozen,
    zeros: bool = False,
    **how: Any,
) -> Recorded:
    """Train a layer; see :func:`train_model`."""

    def layer(**options: Any) -> keras.Model:
        dense = keras.layers.Dense(outputs, activation, kernel_initializer="zeros" if zeros else None)
        model = keras.Sequential([keras.Input(data[0].shape[1:]), dense])
        model.compile(optimizer(), loss, **options)
        return model

    return train_model(layer, data, **how)


def train_model(
    build: Callable[..., keras.Model],
    data: tuple[np.ndarray, Any],
    *,
    replicas: bool,
    weighted: bool = False,
    watched: bool = True,
    strategy: Callable[[], tf.distribute.Strategy] = two_replicas,
    **options: Any,
) -> Recorded:
    """Train a model for an epoch, and validate it on the first samples."""
    keras.utils.set_random_seed(3)
    session, logged = KerasSession(reference=Reference.from_data(data[0].astype(float))), []
    with strategy().scope() if replicas else nullcontext():
        model = build(**options)
    said = Said()
    logging.getLogger("traingauge").addHandler(said)
    model.fit(
        *data,
        batch_size=BATCH,
        sample_weight=np.random.default_rng(0).uniform(0, 2, len(data[0])) if weighted else None,
        validation_data=keras.tree.map_structure(lambda part: part[:VALIDATES], data),
        shuffle=False,
        verbose=0,
        callbacks=[
            *([MonitorCallback(session, gradient_norm=True)] if watched else []),
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: logged.append(logs["loss"])
            ),
        ],
    )
    logging.getLogger("traingauge").removeHandler(said)
    losses = [steps.losses for steps in session.steps if steps.losses is not None]
    return Recorded(
        session.published(),
        np.concatenate([np.zeros(0), *losses]),
        _of_outputs(session),
        np.concatenate(
            [np.zeros(0), *(steps.scalars.get("gradient_norm", np.zeros(0)) for steps in session.steps)]
        ),
        [float(each) for each in logged],
        session.errors,
        waits_of(session),
        model.get_weights(),
        said.messages,
    )


def waits_of(session: KerasSession) -> list[float]:
    """Of all steps."""
    return [seconds for event in session.of(DataWaits) for seconds in event.seconds]


def waited_for(batches: int) -> tuple[list[float], list[float]]:
    """What the steps of a second epoch waited for their batches, and how long each was made, once it was asked for.

    In the first, batches are made ahead as the strategy wants.
    """
    session, took, epochs = KerasSession(), list[float](), list[int]()
    keras.utils.set_random_seed(3)
    with two_replicas().scope():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")

    def made() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for number in range(batches):
            if len(epochs) > 1:
                wait_until(lambda asked=batches + number + 1: noted_executions(model) >= asked)
            took.append(waited())
            yield np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)

    rows = tf.TensorSpec((8, 3)), tf.TensorSpec((8, 1))
    data = tf.data.Dataset.from_generator(made, output_signature=rows)
    data = data.apply(tf.data.experimental.assert_cardinality(batches))
    note = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    model.fit(data, epochs=2, verbose=0, callbacks=[MonitorCallback(session), note])
    return waits_of(session)[batches:], took[-batches:]


def _of_outputs(session: KerasSession) -> dict[str, np.ndarray]:
    """Losses of all steps, by output."""
    found: dict[str, list[np.ndarray]] = {}
    for steps in session.steps:
        for output in steps.outputs:
            found.setdefault(output.name, []).append(output.losses)
    return {name: np.concatenate(losses) for name, losses in found.items()}


SOFTMAX = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
SUM = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

#: Trained in both ways; where the last batch has 1, 3 or 60 samples, the second replica gets 0, 1 or 10 of them.
BOTH: dict[str, Callable[..., Recorded]] = {
    "classes": lambda **how: train(digits(201), 10, "softmax", "sparse_categorical_crossentropy", **how),
    "events": lambda **how: train(tumours(303), 1, "sigmoid", "binary_crossentropy", weighted=True, **how),
    "quantities": lambda **how: train(diabetes(360), 1, None, "mse", **how),
    "four steps an execution": lambda **how: train(
        digits(560), 10, None, SOFTMAX, **in_executions_of(4), **how
    ),
    "seven steps an execution": lambda **how: train(
        digits(560), 10, None, SOFTMAX, **in_executions_of(7), **how
    ),
    "several outputs": lambda **how: train_model(all_outputs, several(301), **how),
    "several outputs, four steps an execution": lambda **how: train_model(
        all_outputs, several(560), **in_executions_of(4), **how
    ),
}

#: Trained in replicas alone.
DIVIDED: dict[str, Callable[..., Recorded]] = {
    "learning": lambda: train(digits(560), 10, None, SOFTMAX, replicas=True, **learning()),
    "unwatched": lambda: train(digits(560), 10, None, SOFTMAX, replicas=True, watched=False, **learning()),
    "a sum": lambda: train(digits(160), 10, None, SUM, replicas=True),
    "another strategy": lambda: train(
        digits(560), 10, None, SOFTMAX, replicas=True, strategy=two_calculators
    ),
}


def outcome(*, watched: bool) -> tuple[str, int]:
    """How a compiled fit of several steps an execution ends in replicas, and how many steps the optimizer took by then."""
    keras.utils.set_random_seed(3)
    with two_replicas().scope():
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10)])
        model.compile("sgd", SOFTMAX, steps_per_execution=4)
    try:
        model.fit(
            *digits(560), BATCH, verbose=0, callbacks=[MonitorCallback(KerasSession())] if watched else []
        )
    except tf.errors.OpError as error:
        return type(error).__name__, int(keras.ops.convert_to_numpy(model.optimizer.iterations))
    return "trained", int(keras.ops.convert_to_numpy(model.optimizer.iterations))


def in_executions_of(steps: int) -> dict[str, Any]:
    """Eagerly, as Keras 3.15 cannot compile it for replicas: TensorFlow asks for a value of a placeholder."""
    return {"steps_per_execution": steps, "run_eagerly": True}


def all_outputs(**options: Any) -> keras.Model:
    """A model with three outputs in a dictionary, whose losses weigh differently."""
    return model_of(dict, loss_weights={"digit": 1.0, "parity": 0.5, "ink": 2.0}, **options)


def learning() -> dict[str, Any]:
    """From weights of 0, as a model is trained by hand."""
    return {"zeros": True, "optimizer": lambda: keras.optimizers.SGD(0.5)}


def main(path: str) -> None:
    """Train everything, and save what was recorded: undivided, unless that is left out, and in replicas."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    both = {name: [case(replicas=False), case(replicas=True)] for name, case in BOTH.items()}
    divided = {name: [case()] for name, case in DIVIDED.items()}
    compiled = {"several steps an execution, compiled": [outcome(watched=each) for each in (False, True)]}
    waits = {"waits": waited_for(5)}
    Path(path).write_bytes(pickle.dumps(both | divided | compiled | waits))
