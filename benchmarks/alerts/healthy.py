"""Healthy runs, each of a kind that a careless rule takes for a fault."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from simulation.data import Batch
from simulation.session import EPOCH_STEPS
from simulation.setup import Setup


def _plain(setup: Setup) -> None:
    del setup


def _noisy(setup: Setup) -> None:
    """A fifth of the labels is wrong from the beginning, as labels are."""
    classes, random = setup.data.classes, setup.random

    def spoil(batch: Batch) -> Batch:
        flipped = random.random(len(batch.y)) < 0.2
        y = batch.y.copy()
        y[flipped] = (
            random.integers(0, classes, flipped.sum()) if classes else random.normal(size=flipped.sum())
        )
        return Batch(batch.x, y)

    setup.spoil = spoil


def _warm_restarts(setup: Setup) -> None:
    """The learning rate falls along a cosine to a hundredth, and jumps up again, every 15 epochs."""
    high, period = 2 * setup.rate(0), 15 * EPOCH_STEPS
    setup.rate = lambda step: high * (0.505 + 0.495 * math.cos(math.pi * (step % period) / period))


def _small_batches(setup: Setup) -> None:
    setup.batch = 4
    rate = 0.3 * setup.rate(0)
    setup.rate = lambda step: rate


def _early_stopping(setup: Setup) -> None:
    end = int(setup.random.integers(10, 25)) * EPOCH_STEPS
    setup.over = lambda step: step >= end


def _resumed(setup: Setup) -> None:
    """Interrupted twice, and resumed two minutes later in another process."""
    left = [int(end) for end in setup.random.integers(8, 20, 2) * EPOCH_STEPS]
    ends = [left[0], left[0] + left[1]]

    def pause(step: int) -> float:
        if ends and step >= ends[0]:
            ends.pop(0)
            setup.resumes = True
        return 0.0

    setup.saves, setup.pause = True, pause


def _checkpoints(setup: Setup) -> None:
    """A checkpoint of two minutes every ten epochs."""
    setup.pause = lambda step: 120.0 if step and step % (10 * EPOCH_STEPS) == 0 else 0.0


def _decayed(setup: Setup) -> None:
    """The learning rate falls to almost nothing; the run has converged and continues."""
    rate = setup.rate(0)
    setup.rate = lambda step: rate * 0.998**step


def _imbalanced(setup: Setup) -> None:
    """One class is ten times rarer than the others, in the reference as in training."""
    data, random = setup.data, setup.random
    if data.classes:
        rare = random.integers(0, data.classes)
        x, y = data.train
        kept = (y != rare) | (random.random(len(y)) < 0.1)
        setup.data = replace(data, train=Batch(x[kept], y[kept]))


#: Every kind by its name.
HEALTHY: Mapping[str, Callable[[Setup], None]] = {
    "plain": _plain,
    "noisy-loss": _noisy,
    "warm-restarts": _warm_restarts,
    "small-batches": _small_batches,
    "early-stopping": _early_stopping,
    "resumed": _resumed,
    "checkpoints": _checkpoints,
    "decayed-rate": _decayed,
    "imbalanced": _imbalanced,
    "keras-plain": _plain,
}
