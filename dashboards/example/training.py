"""Two small real trainings by stochastic gradient descent: digits are told from their images, and a disease is foreseen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes, load_digits

Array = NDArray[np.float32]
Labels = NDArray[np.int64]

BATCH = 64

#: Samples of each split.
SIZES = {"train": 1200, "validation": 300, "test": 297}


class Batch(NamedTuple):
    """Images, shape (n, 64) in 0 … 1, and their digits, shape (n,)."""

    images: Array
    digits: Labels


@cache
def splits() -> dict[str, Batch]:
    """The digits of scikit-learn, in a fixed random order, split into train, validation and test."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = (digits.data[order] / 16.0).astype(np.float32)
    labels = digits.target[order].astype(np.int64)
    ends = np.cumsum(list(SIZES.values()))
    return {
        name: Batch(images[end - size : end], labels[end - size : end])
        for (name, size), end in zip(SIZES.items(), ends, strict=True)
    }


def brightness(images: Array) -> Array:
    """Mean brightness of each 2×2 block, shape (n, 16): the features whose drift is watched."""
    return images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)


#: Names of :func:`brightness`, by row and column.
BLOCKS = tuple(f"block_{row}_{column}" for row in range(4) for column in range(4))


def shifted(batch: Batch) -> Batch:
    """The same images, moved two pixels to the right: what a faulty input pipeline does."""
    moved = np.roll(batch.images.reshape(-1, 8, 8), 2, axis=2).reshape(-1, 64)
    return Batch(moved, batch.digits)


def mislabelled(batch: Batch) -> Batch:
    """The same images, with the 3s labelled as 8s and the 4s as 9s: what a faulty label job does."""
    wrong = batch.digits.copy()
    wrong[batch.digits == 3], wrong[batch.digits == 4] = 8, 9
    return Batch(batch.images, wrong)


@dataclass
class Softmax:
    """The model: logits ``images @ weights + bias``, in single precision as training usually is."""

    weights: Array
    bias: Array

    @classmethod
    def fresh(cls, seed: int) -> Softmax:
        """With small random weights."""
        weights = np.random.default_rng(seed).normal(0.0, 0.05, (64, 10))
        return cls(weights.astype(np.float32), np.zeros(10, np.float32))

    # A training that explodes is one of those to be recorded: overflow is no surprise.
    @np.errstate(over="ignore", invalid="ignore")
    def predict(self, images: Array) -> Array:
        """Class probabilities, shape (n, 10)."""
        logits = images @ self.weights + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def loss(self, probabilities: Array, digits: Labels) -> float:
        """Mean cross-entropy."""
        right = probabilities[np.arange(len(digits)), digits]
        return float(-np.log(np.maximum(right, 1e-12)).mean()) if np.isfinite(right).all() else float("nan")

    @np.errstate(over="ignore", invalid="ignore")
    def learn(self, batch: Batch, probabilities: Array, rate: float) -> float:
        """Take one step against the gradient and return the gradient's norm."""
        error = probabilities.copy()
        error[np.arange(len(batch.digits)), batch.digits] -= 1.0
        gradient = batch.images.T @ error / len(batch.digits)
        self.weights -= rate * gradient
        self.bias -= rate * error.mean(axis=0)
        return float(np.linalg.norm(gradient))

    @np.errstate(over="ignore", invalid="ignore")
    def norm(self) -> float:
        """Of the weights."""
        return float(np.linalg.norm(self.weights))


class Patients(NamedTuple):
    """Measurements, shape (n, 11) with a column of ones, and how the disease went on, shape (n,); in standard deviations."""

    measured: NDArray[np.float64]
    progress: NDArray[np.float64]


@cache
def patients() -> dict[str, Patients]:
    """The diabetes patients of scikit-learn, in a fixed random order, split into train and validation."""
    measured, progress = load_diabetes(return_X_y=True)
    scaled = np.column_stack([measured / measured.std(axis=0), np.ones(len(progress))])
    progress = progress / progress.std()
    order = np.random.default_rng(0).permutation(len(progress))
    train, validation = order[:342], order[342:]
    return {
        name: Patients(scaled[rows], progress[rows])
        for name, rows in (("train", train), ("validation", validation))
    }


@dataclass
class Line:
    """The model of a regression: ``measured @ weights``."""

    weights: NDArray[np.float64]

    def predict(self, measured: NDArray[np.float64]) -> NDArray[np.float64]:
        """How the disease goes on, shape (n,)."""
        return np.asarray(measured @ self.weights)

    def learn(self, batch: Patients, predicted: NDArray[np.float64], rate: float) -> float:
        """Take one step against the gradient of the squared error and return the gradient's norm."""
        gradient = 2 * batch.measured.T @ (predicted - batch.progress) / len(predicted)
        self.weights -= rate * gradient
        return float(np.linalg.norm(gradient))
