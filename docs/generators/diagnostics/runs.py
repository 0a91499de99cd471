"""Real runs, and what they published at each step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation import diagnostics
from simulation.data import Batch, load
from traingauge import ModelMonitor
from traingauge.catalog import CATALOG
from traingauge.stats.health.states import STATES

Floats = NDArray[np.float64]

#: A metric with its own labels in the catalogue's order, ``model_`` left out.
Series = tuple[str, ...]

#: The step at which one batch is learnt with a learning rate sixty times as high.
SPIKE_AT = 900

#: Steps for which a trusted network trains further, and the one after which the bit flips.
LEARN_ON, FLIP_AT = 400, 250


@dataclass(frozen=True)
class Curves:
    """What a run published.

    Attributes:
        steps: Training steps at which it was read.
        series: Values there, NaN where there was none.
    """

    steps: Floats
    series: Mapping[Series, Floats]

    def __getitem__(self, series: Series) -> Floats:
        return self.series[series]


def spike() -> Curves:
    """A healthy run in which one batch is learnt with far too high a learning rate, read every step."""
    limits = [("signal_control_limit", "loss", "train", limit) for limit in ("lower", "upper")]
    mean = ("signal_mean", "loss", "train", "window")
    scores = [(f"signal_{kind}", "loss", "train") for kind in ("zscore", "robust_zscore")]
    with diagnostics.watched() as monitor:
        training = diagnostics.train(
            monitor, 102, rate=lambda step: 6.0 if step == SPIKE_AT else 0.1, every=1
        )
        return _curves(
            monitor,
            (one.step for one in training),
            [("loss", "train"), mean, *scores, *limits],
            SPIKE_AT + 200,
        )


def expected() -> tuple[Curves, Curves]:
    """A good run and one with a tenth of its labels wrong, both compared with three good runs."""
    reference = diagnostics.reference()
    series = [(name, "loss", "train") for name in ("expected", "expected_stddev", "deviation")]
    found = []
    for seed, wrong in ((300, 0.0), (100, 0.1)):
        with diagnostics.watched(reference) as monitor:
            training = diagnostics.train(monitor, seed, wrong_labels=wrong)
            found.append(_curves(monitor, (one.step for one in training), series))
    good, worse = found
    return good, worse


def diverging() -> Curves:
    """A run whose learning rate grows."""
    series: list[Series] = [("loss_window_mean", "train"), ("health_failing_probability", "1000")]
    series += [(name, state) for name in ("health", "health_stationary_probability") for state in STATES]
    with diagnostics.watched() as monitor:
        return _curves(
            monitor,
            (one.step for one in diagnostics.train(monitor, diagnostics.DIVERGES, rate=diagnostics.growing)),
            series,
        )


def canary() -> Curves:
    """A trusted network that trains further, until a bit of one weight flips; the canary runs every five steps."""
    network, recorded = diagnostics.trusted()
    random, (x, y) = np.random.default_rng(1), load("digits").train
    with diagnostics.watched() as monitor:
        probe = monitor.canary(recorded, network.predict, every=5)

        def steps() -> Iterable[int]:
            for step in range(1, LEARN_ON + 1):
                chosen = random.integers(0, len(y), diagnostics.BATCH)
                batch = Batch(x[chosen], y[chosen])
                loss, given, _ = network.learn(batch, 0.005)
                monitor.step(loss, batch.y, given)
                if step == FLIP_AT:
                    diagnostics.flip(network, recorded, bit=31)
                probe.step()
                if step % 5 == 0:
                    yield step

        return _curves(monitor, steps(), [("canary_distance",), ("canary_mismatches",), ("loss", "train")])


def _curves(
    monitor: ModelMonitor, steps: Iterable[int], series: list[Series], until: int = diagnostics.STEPS
) -> Curves:
    assert all(f"model_{name}" in CATALOG for name, *_ in series)
    at: list[float] = []
    found: dict[Series, list[float]] = defaultdict(list)
    for step in steps:
        value: Callable[..., float] = diagnostics.published(monitor)
        at.append(step)
        for one in series:
            found[one].append(value(*one))
        if step >= until:
            break
    return Curves(np.array(at), {one: np.array(values) for one, values in found.items()})
