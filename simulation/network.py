"""A small network that really trains: one hidden layer, by stochastic gradient descent, in numpy.

Its weights are plain arrays, so that any bit of them can be changed.
"""

from __future__ import annotations

import numpy as np

from simulation.data import Array, Batch


class Network:
    """Inputs, a hidden layer of rectified units, and class probabilities or one value.

    Args:
        features: Number of inputs.
        classes: Number of classes; 0 for a regression.
        hidden: Number of hidden units.
        random: Source of the initial weights.

    Attributes:
        classes: As given.
        weights: Of the hidden layer, its biases, of the output layer, its biases; in float32, as usual in training.
    """

    def __init__(self, features: int, classes: int, hidden: int, random: np.random.Generator) -> None:
        self.classes = classes
        outputs = classes or 1
        self.weights = [
            (random.normal(0, (2 / features) ** 0.5, (features, hidden))).astype(np.float32),
            np.zeros(hidden, np.float32),
            (random.normal(0, hidden**-0.5, (hidden, outputs))).astype(np.float32),
            np.zeros(outputs, np.float32),
        ]

    # Some trainings are meant to explode: overflow is expected.
    @np.errstate(over="ignore", invalid="ignore")
    def predict(self, x: Array) -> Array:
        """Class probabilities, shape (n, K), or values, shape (n,)."""
        return self._outputs(self.hidden(x))

    @np.errstate(over="ignore", invalid="ignore")
    def loss(self, predicted: Array, y: Array) -> float:
        """Mean cross-entropy, or half the mean squared error."""
        if not self.classes:
            return float(0.5 * np.mean((predicted - y) ** 2))
        right = predicted[np.arange(len(y)), y.astype(int)]
        return float(-np.log(np.maximum(right, 1e-30)).mean()) if np.isfinite(right).all() else float("nan")

    @np.errstate(over="ignore", invalid="ignore")
    def gradient(self, batch: Batch, decay: float = 0.0) -> list[Array]:
        """Gradient of the loss on a batch and of the weight decay, one array for each of the weights."""
        hidden = self.hidden(batch.x)
        predicted = self._outputs(hidden)
        if self.classes:
            error = predicted.copy()
            error[np.arange(len(batch.y)), batch.y.astype(int)] -= 1.0
        else:
            error = (predicted - batch.y)[:, None]
        error /= len(batch.y)
        back = (error @ self.weights[2].T) * (hidden > 0)
        return [
            batch.x.T @ back + decay * self.weights[0],
            back.sum(axis=0),
            hidden.T @ error + decay * self.weights[2],
            error.sum(axis=0),
        ]

    @np.errstate(over="ignore", invalid="ignore")
    def descend(self, gradient: list[Array], rate: float) -> None:
        """Take one step against a gradient."""
        self.weights = [
            weights - (rate * slope).astype(np.float32)
            for weights, slope in zip(self.weights, gradient, strict=True)
        ]

    def learn(self, batch: Batch, rate: float) -> tuple[float, Array, float]:
        """One step of training; returns loss and predictions before it, and the norm of its gradient."""
        predicted, gradient = self.predict(batch.x), self.gradient(batch)
        self.descend(gradient, rate)
        return self.loss(predicted, batch.y), predicted, norm(gradient)

    @np.errstate(over="ignore", invalid="ignore")
    def hidden(self, x: Array) -> Array:
        """Outputs of the hidden layer."""
        return np.maximum(x @ self.weights[0] + self.weights[1], 0.0)

    def _outputs(self, hidden: Array) -> Array:
        outputs = hidden @ self.weights[2] + self.weights[3]
        if not self.classes:
            return outputs[:, 0]
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


@np.errstate(over="ignore", invalid="ignore")
def norm(gradient: list[Array]) -> float:
    """The global norm of a gradient."""
    return float(np.sqrt(sum(float((slope**2).sum()) for slope in gradient)))
