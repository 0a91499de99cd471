"""The data that runs train on: real data sets that scikit-learn ships, and a synthetic regression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

Array = NDArray[np.floating[Any]]

#: Names of the data sets.
CLASSIFICATIONS = ("digits", "breast_cancer", "wine")
REGRESSIONS = ("diabetes", "synthetic")

#: Classifications that monitor every input of the model for drift.
TABLES = ("breast_cancer", "wine")


class Batch(NamedTuple):
    """Inputs, shape (n, F), and targets, shape (n,): class codes, or values of a regression."""

    x: Array
    y: Array


@dataclass(frozen=True, slots=True)
class Data:
    """A data set, standardised, in a fixed random order, split.

    Attributes:
        name: Name of the data set.
        train: Seven tenths of it.
        validation: The rest, or half of the rest if there is a test split.
        classes: Number of classes; 0 for a regression.
        test: The other half of the rest.
    """

    name: str
    train: Batch
    validation: Batch
    classes: int
    test: Batch | None = None

    def watched(self, x: Array) -> Array:
        """The features monitored for drift, shape (n, ≤ 30): for images the mean brightness of blocks."""
        return brightness(x[:, :64].astype(np.float32)) if self.name == "digits" else x

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the monitored features."""
        if self.name == "digits":
            return BLOCKS
        return tuple(f"feature_{number}" for number in range(self.train.x.shape[1]))

    def only(self, samples: int) -> Data:
        """The same data with the first few training samples alone."""
        return replace(self, train=Batch(self.train.x[:samples], self.train.y[:samples]))

    def with_test(self) -> Data:
        """The same data with the second half of the validation split as test split."""
        half = len(self.validation.y) // 2
        first, second = (
            Batch(self.validation.x[rows], self.validation.y[rows])
            for rows in (slice(None, half), slice(half, None))
        )
        return replace(self, validation=first, test=second)


@cache
def load(name: str) -> Data:
    """A data set by its name."""
    x, y = _raw(name)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order].astype(float), y[order].astype(float)
    cut = round(0.7 * len(y))
    # Images have one scale for all pixels, so that those that are always dark stay dark.
    x = x / 16.0 if name == "digits" else (x - x[:cut].mean(axis=0)) / x[:cut].std(axis=0)
    if name in REGRESSIONS:
        y = (y - y[:cut].mean()) / y[:cut].std()
    classes = len(np.unique(y)) if name in CLASSIFICATIONS else 0
    return Data(name, Batch(x[:cut], y[:cut]), Batch(x[cut:], y[cut:]), classes)


def _raw(name: str) -> tuple[Array, Array]:
    if name == "synthetic":
        x, y = datasets.make_regression(
            n_samples=1500, n_features=12, n_informative=8, noise=20.0, random_state=0
        )
        return x, y
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return x, y


def brightness(images: Array) -> Array:
    """Mean brightness of each 2×2 block of 8×8 images, shape (n, 16)."""
    return images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)


#: Names of :func:`brightness`, by row and column.
BLOCKS = tuple(f"block_{row}_{column}" for row in range(4) for column in range(4))
