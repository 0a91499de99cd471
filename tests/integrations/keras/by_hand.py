"""Softmax regression trained with numpy alone, in float64: what Keras must have computed, step by step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Trained(NamedTuple):
    """Of every step: its loss, its predictions before the update, and the norm of its gradient."""

    losses: np.ndarray
    predicted: list[np.ndarray]
    norms: np.ndarray


def softmax_regression(
    x, y, *, batch: int, epochs: int, rate: float, l2: float = 0.0, classes: int = 10
) -> Trained:
    """Gradient descent from weights of 0, on the mean cross-entropy and ``l2`` times the sum of squared weights."""
    x, one_hot = x.astype(np.float64), np.eye(classes)[y]
    weights, bias = np.zeros((x.shape[1], classes)), np.zeros(classes)
    losses, predicted, norms = [], [], []
    for _ in range(epochs):
        for start in range(0, len(x), batch):
            part, target = x[start : start + batch], one_hot[start : start + batch]
            logits = part @ weights + bias
            shifted = logits - logits.max(axis=1, keepdims=True)
            log_shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
            losses.append(-(target * log_shares).sum(axis=1).mean() + l2 * (weights**2).sum())
            predicted.append(logits.argmax(axis=1))
            slope = (np.exp(log_shares) - target) / len(part)
            down, across = part.T @ slope + 2 * l2 * weights, slope.sum(axis=0)
            norms.append(np.sqrt((down**2).sum() + (across**2).sum()))
            weights -= rate * down
            bias -= rate * across
    return Trained(np.array(losses), predicted, np.array(norms))
