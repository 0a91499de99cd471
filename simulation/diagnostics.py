"""Runs on scikit-learn's digits that diagnostics find something in: a worse run, one that diverges, and a flipped bit.

They are trained by a plain loop on the real clock. The demo prints what was found, and the documentation draws it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from simulation.data import Batch, load
from simulation.faults import draw_labels
from simulation.network import Network
from traingauge import Canary, ModelMonitor, ReferenceRun

STEPS, BATCH = 1500, 32

#: Thresholds that an engineer would set: the highest loss, and the lowest validation accuracy.
LOSS_ABOVE, ACCURACY_BELOW = 1.0, 0.85

#: The thresholds of the shipped alert rules for a deviation and for the probability of failing.
DEVIATION, RISK = 4.0, 0.3

#: Steps between two readings.
EVERY = 25

#: Seed of :func:`diverging`: one whose health passes through every state.
DIVERGES = 109

#: Step from which the learning rate of :func:`growing` grows.
GROWS_FROM = 700


@dataclass(frozen=True, slots=True)
class Reading:
    """What a run published at a step."""

    step: int
    loss: float
    accuracy: float
    deviation: float
    risk: float


def train(
    monitor: ModelMonitor,
    seed: int,
    *,
    wrong_labels: float = 0.0,
    rate: Callable[[int], float] = lambda step: 0.1,
    every: int = EVERY,
) -> Iterator[Reading]:
    """Train on the digits, and read what the monitor publishes every few steps.

    Args:
        monitor: The monitor of the run.
        seed: Seed of weights and batches.
        wrong_labels: Share of the training labels that are drawn at random.
        rate: Learning rate at each step.
        every: Steps between two readings.
    """
    random, data = np.random.default_rng(seed), load("digits")
    x, held_out = data.train.x, data.validation
    y = draw_labels(data.train.y, wrong_labels, data.classes, random).astype(int)
    network = Network(x.shape[1], data.classes, 48, random)
    for step in range(1, STEPS + 1):
        chosen = random.integers(0, len(y), BATCH)
        loss, given, norm = network.learn(Batch(x[chosen], y[chosen]), rate(step))
        monitor.step(loss, y[chosen], given, gradient_norm=norm, learning_rate=rate(step))
        if step % 100 == 0:
            monitor.evaluate("validation", y_true=held_out.y.astype(int), y_pred=network.predict(held_out.x))
        if step % every == 0:
            yield _reading(monitor, step)


def reference(runs: int = 3) -> ReferenceRun:
    """What good runs of the network reach."""
    good = []
    for seed in range(runs):
        with watched() as monitor:
            for _ in train(monitor, seed, every=STEPS):
                pass
        good.append(monitor)
    return ReferenceRun.record(*good)


def worse_than_expected(expected: ReferenceRun) -> list[Reading]:
    """A run with a tenth of its labels drawn at random."""
    with watched(expected) as monitor:
        return list(train(monitor, 100, wrong_labels=0.1))


def diverging() -> list[Reading]:
    """A run whose learning rate grows until its loss climbs."""
    with watched() as monitor:
        return list(train(monitor, DIVERGES, rate=growing))


def growing(step: int) -> float:
    """A learning rate that grows by 1 % a step from :data:`GROWS_FROM` on."""
    return 0.1 * 1.01 ** max(0, step - GROWS_FROM)


def flipped_bit() -> tuple[int, int]:
    """Samples of the canary with another output: from the network as it was recorded, and with one bit flipped."""
    network, canary = trusted()
    with watched() as monitor:
        probe = monitor.canary(canary, network.predict)
        before = probe.check().mismatches
        flip(network, canary)
        return before, probe.check().mismatches


def trusted() -> tuple[Network, Canary]:
    """A trained network, and a canary of it."""
    random, (x, y) = np.random.default_rng(0), load("digits").train
    network = Network(x.shape[1], 10, 48, random)
    for _ in range(STEPS):
        chosen = random.integers(0, len(y), BATCH)
        network.learn(Batch(x[chosen], y[chosen]), 0.1)
    return network, Canary.record("digits", network.predict, x[:64])


def flip(network: Network, canary: Canary, bit: int = 30) -> None:
    """Flip one bit of one weight of the output, at the hidden unit that the canary's samples use most."""
    busiest = int(network.hidden(canary.inputs).sum(axis=0).argmax())
    network.weights[2].view(np.uint32)[busiest, 3] ^= np.uint32(1 << bit)


def watched(expected: ReferenceRun | None = None) -> ModelMonitor:
    """A monitor of a run of the network."""
    limits = {"loss": LOSS_ABOVE, "accuracy": ACCURACY_BELOW}
    return ModelMonitor("digits", reference_run=expected, thresholds=limits, delivery=[])


def published(monitor: ModelMonitor) -> Callable[..., float]:
    """What a monitor publishes now, by name and own labels in their order; NaN where there is nothing."""
    found = {}
    for family in monitor.collector.collect():
        for sample in family.samples:
            own = tuple(value for name, value in sample.labels.items() if name not in ("model", "run"))
            found[sample.name, own] = sample.value
    return lambda name, *labels: found.get((f"model_{name}", labels), math.nan)


def _reading(monitor: ModelMonitor, step: int) -> Reading:
    value = published(monitor)
    return Reading(
        step,
        value("loss_window_mean", "train"),
        value("accuracy", "validation"),
        value("deviation", "loss", "train"),
        value("health_failing_probability", "1000"),
    )
