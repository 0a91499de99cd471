"""The same runs trained by Keras: ``fit`` with the monitor's callback, under the hand-moved clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from simulation.data import Batch
from simulation.network import Network
from simulation.session import EPOCH_STEPS, Session
from traingauge import ModelMonitor
from traingauge.integrations.keras import MonitorCallback


class KerasSession(Session):
    """Trains by ``fit``. Keras reads batches from a generator a few steps ahead, in a thread of its own.

    Gradients are computed inside the graph, so faults of gradients enter through the inputs here. Waits for data, hangs and
    resumed runs are left to :class:`Session`.
    """

    def _steps(self, network: Network, monitor: ModelMonitor) -> None:
        del network
        keras.utils.set_random_seed(int(self.setup.random.integers(2**31)))
        data = self.setup.data
        model = keras.Sequential(
            [
                keras.layers.Input((data.train.x.shape[1],)),
                keras.layers.Dense(self.setup.hidden, activation="relu"),
                keras.layers.Dense(data.classes, activation="softmax"),
            ]
        )
        optimizer = keras.optimizers.SGD(
            self.setup.rate(0), clipnorm=self.setup.clip, weight_decay=self.setup.decay
        )
        model.compile(optimizer, "sparse_categorical_crossentropy")
        model.fit(
            self._batches(int(self.setup.random.integers(2**31))),
            steps_per_epoch=EPOCH_STEPS,
            epochs=10**6,
            validation_data=_arrays(data.validation),
            shuffle=False,
            verbose=0,
            callbacks=[_Driver(self, monitor), MonitorCallback(monitor, gradient_norm=True)],
        )

    def begin_step(self) -> float:
        """Inject the faults that are due; returns the learning rate of the step."""
        self._inject_due()
        return self.setup.rate(self._step)

    def end_step(self, monitor: ModelMonitor) -> bool:
        """Let the time of a step pass; returns whether there is another one."""
        setup = self.setup
        self._pass(setup.step_seconds * setup.random.uniform(0.9, 1.1), lambda: self._look(monitor))
        self._step += 1
        return self._now < self.until and not setup.over(self._step)

    def _batches(self, seed: int) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        random, train = np.random.default_rng(seed), self.setup.data.train
        while True:
            chosen = random.integers(0, len(train.y), self.setup.batch)
            yield _arrays(self.setup.spoil(Batch(train.x[chosen], train.y[chosen])))


def _arrays(batch: Batch) -> tuple[NDArray[Any], NDArray[Any]]:
    return batch.x.astype(np.float32), batch.y.astype(np.int32)


class _Driver(keras.callbacks.Callback):  # type: ignore[misc] # Keras brings no types
    """Moves the clock, sets the learning rate, injects, and ends training."""

    def __init__(self, session: KerasSession, monitor: ModelMonitor) -> None:
        super().__init__()
        self._session, self._monitor = session, monitor

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        del batch, logs
        self.model.optimizer.learning_rate.assign(self._session.begin_step())

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        del batch, logs
        if not self._session.end_step(self._monitor):
            self.model.stop_training = True
