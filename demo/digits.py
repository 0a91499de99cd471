"""The demo's training: an input pipeline that faults can change while training runs, and a small network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from simulation.data import Batch, load

BATCH = 32
SIDE = 8
LEARNING_RATE = 2e-3


class Split(NamedTuple):
    """Images, shape (n, 8, 8, 1) in [0, 1], and their digits, shape (n,)."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]


def splits() -> tuple[Split, Split, Split]:
    """Training, validation and test split of scikit-learn's digits."""
    data = load("digits").with_test()
    assert data.test is not None
    return _split(data.train), _split(data.validation), _split(data.test)


def _split(batch: Batch) -> Split:
    return Split(batch.x.astype(np.float32).reshape(-1, SIDE, SIDE, 1), batch.y.astype(np.int64))


def _unchanged(batch: Batch) -> Batch:
    return batch


class Pipeline(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Delivers random batches.

    Attributes:
        spoil: Changes each batch, its images as rows of 64 pixels; a fault sets it.
    """

    def __init__(self, split: Split) -> None:
        super().__init__()
        self._split = split
        self._random = np.random.default_rng(0)
        self.spoil: Callable[[Batch], Batch] = _unchanged

    def mend(self) -> None:
        """Deliver batches unchanged again."""
        self.spoil = _unchanged

    def __len__(self) -> int:
        return len(self._split.labels) // BATCH

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        chosen = self._random.choice(len(self._split.labels), BATCH, replace=False)
        images, labels = self._split.images[chosen], self._split.labels[chosen]
        return tuple(_split(self.spoil(Batch(images.reshape(BATCH, -1), labels))))


def make_model() -> Any:
    """A convolutional network of about 20 000 weights; its outputs are logits.

    NaN passes through each of its layers. On some processors TensorFlow's ReLU and maximum turn NaN into a number, and an
    exploding learning rate would raise another alert.
    """
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((SIDE, SIDE, 1)),
            keras.layers.Conv2D(16, 3, activation="gelu", padding="same"),
            keras.layers.Conv2D(32, 3, activation="gelu", padding="same"),
            keras.layers.AveragePooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="gelu"),
            keras.layers.Dense(10),
        ],
        name="digits-cnn",
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), loss)
    return model
