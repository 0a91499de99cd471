"""Three things that no threshold tells, on real data: ``python -m demo.judging``.

A small network learns scikit-learn's handwritten digits. A run that is worse than good runs were at the same point is told
by its deviation, while everything is still within its thresholds; a flipped bit in one weight is told by the canary; and a
run that gets out of hand is at risk before its loss crosses the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from traingauge import Canary, ModelMonitor, ReferenceRun

Floats = NDArray[np.float64]

STEPS, BATCH, HELD_OUT = 1500, 32, 360

#: What would be set as thresholds: a loss above, or a validation accuracy below, is an alert.
LOSS_ABOVE, ACCURACY_BELOW = 1.0, 0.85

#: What the shipped alert rules call a deviation and a risk.
DEVIATION, RISK = 4.0, 0.3

#: A reading every so many steps.
EVERY = 25


class Network:
    """One hidden layer, softmax, plain SGD: float32 and numpy, so that every bit of it can be touched."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.hidden = rng.normal(scale=0.1, size=(65, 48)).astype(np.float32)
        self.output = rng.normal(scale=0.1, size=(49, 10)).astype(np.float32)

    def predict(self, x: Floats) -> Floats:
        """Probabilities, shape (n, 10)."""
        return self._forward(x)[1]

    def learn(self, x: Floats, y: NDArray[np.int64], rate: float) -> tuple[float, Floats, float]:
        """One step; loss and probabilities before it, and the norm of its gradients."""
        inner, given = self._forward(x)
        rows = np.arange(len(y))
        loss = float(-np.log(np.maximum(given[rows, y], 1e-12)).mean())
        slope = given.copy()
        slope[rows, y] -= 1
        slope /= len(y)
        back = (slope @ self.output[:-1].T) * (inner > 0)
        gradients = _with_ones(x).T @ back, _with_ones(inner).T @ slope
        self.hidden -= (rate * gradients[0]).astype(np.float32)
        self.output -= (rate * gradients[1]).astype(np.float32)
        return loss, given, math.sqrt(sum(float(np.square(one).sum()) for one in gradients))

    def _forward(self, x: Floats) -> tuple[Floats, Floats]:
        with np.errstate(over="ignore", invalid="ignore"):  # a flipped bit makes numbers of any size
            inner = np.maximum(_with_ones(x) @ self.hidden, 0)
            scores = _with_ones(inner) @ self.output
            odds = np.exp(scores - scores.max(axis=1, keepdims=True))
            return inner, odds / odds.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Reading:
    """What a run published after so many steps."""

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
        monitor: Of the run.
        seed: Of weights and batches.
        wrong_labels: Share of the training labels that are drawn at random.
        rate: Learning rate at each step.
        every: Steps between two readings.
    """
    rng = np.random.default_rng(seed)
    x, y = load_digits(return_X_y=True)
    x, held_out = np.split(x / 16, [-HELD_OUT])
    y, expected = np.split(y, [-HELD_OUT])
    y = np.where(rng.random(len(y)) < wrong_labels, rng.integers(0, 10, len(y)), y)
    network = Network(rng)
    for step in range(1, STEPS + 1):
        batch = rng.integers(0, len(x), BATCH)
        loss, given, norm = network.learn(x[batch], y[batch], rate(step))
        monitor.step(loss, y[batch], given, gradient_norm=norm, learning_rate=rate(step))
        if step % 100 == 0:
            monitor.evaluate("validation", y_true=expected, y_pred=network.predict(held_out))
        if step % every == 0:
            yield _reading(monitor, step)


def reference(runs: int = 3) -> ReferenceRun:
    """What good runs of the network do."""
    good = []
    for seed in range(runs):
        with watched() as monitor:
            for _ in train(monitor, seed):
                pass
        good.append(monitor)
    return ReferenceRun.record(*good)


def worse_than_expected(expected: ReferenceRun) -> list[Reading]:
    """A run with a tenth of its labels drawn at random."""
    with watched(expected) as monitor:
        return list(train(monitor, 100, wrong_labels=0.1))


def out_of_hand() -> list[Reading]:
    """A run whose learning rate grows until it climbs out of where it was."""
    with watched() as monitor:
        return list(train(monitor, 101, rate=growing))


def growing(step: int) -> float:
    """A learning rate that grows by 1 % a step from step 700."""
    return 0.1 if step < 700 else 0.1 * 1.01 ** (step - 700)


def flipped_bit() -> tuple[int, int]:
    """Samples of the canary that are answered otherwise: by the network as it was recorded, and with one bit flipped."""
    network, canary = trusted()
    with watched() as monitor:
        probe = monitor.canary(canary, network.predict)
        before = probe.check().mismatches
        flip(network, canary)
        return before, probe.check().mismatches


def trusted() -> tuple[Network, Canary]:
    """A network that has learnt, and a canary of it."""
    rng = np.random.default_rng(0)
    x, y = load_digits(return_X_y=True)
    network = Network(rng)
    for _ in range(STEPS):
        batch = rng.integers(0, len(x), BATCH)
        network.learn(x[batch] / 16, y[batch], 0.1)
    return network, Canary.record("digits", network.predict, x[:64] / 16)


def flip(network: Network, canary: Canary, bit: int = 30) -> None:
    """Flip one bit of one weight, out of the hidden unit that the canary's samples use most."""
    busiest = int(np.abs(network._forward(canary.inputs)[0]).sum(axis=0).argmax())
    network.output.view(np.uint32)[busiest, 3] ^= np.uint32(1 << bit)


def main() -> None:
    """Print what was found."""
    worse = worse_than_expected(reference())
    told = next(one for one in worse if one.deviation > DEVIATION)
    calm = (
        all(one.loss < LOSS_ABOVE for one in worse[STEPS // EVERY // 2 :])
        and worse[-1].accuracy > ACCURACY_BELOW
    )
    print("A tenth of the labels is wrong")
    print(f"  deviation above {DEVIATION:g} first at step {told.step} (loss {told.loss:.2f})")
    print(
        f"  at the end: validation accuracy {worse[-1].accuracy:.3f}, all thresholds hold: {'yes' if calm else 'no'}"
    )
    before, after = flipped_bit()
    print("One bit of one weight is flipped")
    print(f"  samples of the canary answered otherwise: {before} before, {after} after")
    wild = out_of_hand()
    at_risk = next(one for one in wild if one.risk > RISK)
    crossed = next((one for one in wild if one.step > at_risk.step and one.loss > LOSS_ABOVE), None)
    print("The learning rate grows from step 700")
    print(f"  probability to fail above {RISK:g} first at step {at_risk.step} (loss {at_risk.loss:.2f})")
    print(f"  loss above {LOSS_ABOVE:g} first at step {'-' if crossed is None else crossed.step}")


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


def _with_ones(x: Floats) -> Floats:
    return np.hstack([x, np.ones((len(x), 1))])


if __name__ == "__main__":
    main()
