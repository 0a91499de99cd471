"""Data, and steps, that training has to wait for; each notes how long it lasted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import keras
import numpy as np

from tests.waiting import wait_until

BATCH = 4


def waited() -> float:
    """Wait until the clock shows a little later, and return the seconds that passed."""
    began = time.perf_counter()
    wait_until(lambda: time.perf_counter() > began + 0.005)
    return time.perf_counter() - began


class Batches(keras.utils.PyDataset):
    """Batches, each of which comes only after a while.

    Attributes:
        took: Seconds that each batch lasted which was asked for.
    """

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.batches, self.took = batches, list[float]()

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        self.took.append(waited())
        values = np.random.default_rng(index).random((BATCH, 4), np.float32)
        return values[:, :3], values[:, 3:]

    def endless(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches, over and over."""
        while True:
            yield from map(self.__getitem__, range(self.batches))


class InTurn(Batches):
    """Batches of which each begins only once as many steps have ended as there were batches before it.

    Args:
        batches: How many there are.
        ended: Says how many steps have ended.
    """

    def __init__(self, batches: int, ended: Callable[[], int]) -> None:
        super().__init__(batches)
        self.ended = ended

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        before = len(self.took)
        wait_until(lambda: self.ended() >= before)
        return super().__getitem__(index)


class Slow(keras.callbacks.Callback):
    """What is between the steps, and no wait for data.

    Attributes:
        took: Seconds in all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.took = 0.0

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        self.took += waited()


def train_by_hand(model, batch, callback):
    """Two steps on a batch that no iterator of Keras' has given."""
    callbacks = keras.callbacks.CallbackList([callback], model=model, epochs=1, steps=2)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    for number in range(2):
        callbacks.on_train_batch_begin(number)
        callbacks.on_train_batch_end(number, model.train_on_batch(*batch, return_dict=True))
    callbacks.on_epoch_end(0)
    callbacks.on_train_end()
