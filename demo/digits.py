"""Real images, the input pipeline that delivers them, and a small network that learns them."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

Images = NDArray[np.float32]
Labels = NDArray[np.int64]

BATCH = 32
SIDE = 8


class Split(NamedTuple):
    """Images, shape (n, 8, 8, 1) in [0, 1], and their digits, shape (n,)."""

    images: Images
    labels: Labels


def load() -> tuple[Split, Split, Split]:
    """Training, validation and test split of scikit-learn's digits, with the same share of every digit."""
    pixels, digits = load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, SIDE, SIDE, 1)
    held_out = 800
    train_x, rest_x, train_y, rest_y = train_test_split(
        images, digits, test_size=held_out, stratify=digits, random_state=0
    )
    validation_x, test_x, validation_y, test_y = train_test_split(
        rest_x, rest_y, test_size=held_out // 2, stratify=rest_y, random_state=0
    )
    return Split(train_x, train_y), Split(validation_x, validation_y), Split(test_x, test_y)


class Pipeline(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Delivers shuffled batches, and has two faults that can be switched on and off while training runs.

    Attributes:
        shifted: One of two loader workers moves its images two pixels to the right.
        mislabelled: Digits that are delivered under another digit's label.
    """

    def __init__(self, split: Split) -> None:
        super().__init__()
        self._split = split
        self._random = np.random.default_rng(0)
        self.shifted = False
        self.mislabelled: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._split.labels) // BATCH

    def __getitem__(self, index: int) -> tuple[Images, Labels]:
        chosen = self._random.choice(len(self._split.labels), BATCH, replace=False)
        images, labels = self._split.images[chosen], self._split.labels[chosen]
        if self.shifted:
            images[::2] = np.roll(images[::2], 2, axis=2)
        for digit, wrong in self.mislabelled.items():
            labels[self._split.labels[chosen] == digit] = wrong
        return images, labels


def make_model() -> keras.Model:
    """A convolutional network of about 20 000 weights; its outputs are logits.

    NaN goes through each of its layers. On some processors TensorFlow's ReLU and maximum make a number of it, and another
    alert would tell that the learning rate exploded.
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


LEARNING_RATE = 2e-3
