"""Real runs, and what they published while they went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from demo import judging
from traingauge import ModelMonitor
from traingauge.catalog import CATALOG
from traingauge.stats.health.states import STATES

Floats = NDArray[np.float64]

#: A metric with its own labels in the catalogue's order, ``model_`` left out.
Series = tuple[str, ...]

#: The step at which one batch is learnt with a learning rate that is fifteen times as high.
SPIKE_AT = 900

#: Steps for which a trusted network learns on, and the one after which the bit flips.
LEARN_ON, FLIP_AT = 400, 250


@dataclass(frozen=True)
class Course:
    """What a run published.

    Attributes:
        steps: Training steps at which it was read.
        series: Values there, NaN where there was none.
    """

    steps: Floats
    series: Mapping[Series, Floats]

    def __getitem__(self, series: Series) -> Floats:
        return self.series[series]


def spike() -> Course:
    """A healthy run in which one batch is learnt with far too high a learning rate, read every step."""
    limits = [("signal_control_limit", "loss", "train", limit) for limit in ("lower", "upper")]
    mean = ("signal_mean", "loss", "train", "window")
    scores = [(f"signal_{kind}", "loss", "train") for kind in ("zscore", "robust_zscore")]
    with judging.watched() as monitor:
        training = judging.train(monitor, 102, rate=lambda step: 1.5 if step == SPIKE_AT else 0.1, every=1)
        return _course(
            monitor,
            (one.step for one in training),
            [("loss", "train"), mean, *scores, *limits],
            SPIKE_AT + 200,
        )


def expected() -> tuple[Course, Course]:
    """A good run and one with a tenth of its labels wrong, each beside what three good runs had reached."""
    reference = judging.reference()
    series = [(name, "loss", "train") for name in ("expected", "expected_stddev", "deviation")]
    found = []
    for seed, wrong in ((300, 0.0), (100, 0.1)):
        with judging.watched(reference) as monitor:
            training = judging.train(monitor, seed, wrong_labels=wrong)
            found.append(_course(monitor, (one.step for one in training), series))
    good, worse = found
    return good, worse


def out_of_hand() -> Course:
    """A run whose learning rate grows from step 700."""
    series: list[Series] = [("loss_window_mean", "train"), ("health_failing_probability", "1000")]
    series += [(name, state) for name in ("health", "health_stationary_probability") for state in STATES]
    with judging.watched() as monitor:
        return _course(
            monitor, (one.step for one in judging.train(monitor, 101, rate=judging.growing)), series
        )


def canary() -> Course:
    """A trusted network that learns on, until a bit of one weight flips; the canary is asked every five steps."""
    network, recorded = judging.trusted()
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(1)
    with judging.watched() as monitor:
        probe = monitor.canary(recorded, network.predict, every=5)

        def steps() -> Iterable[int]:
            for step in range(1, LEARN_ON + 1):
                batch = rng.integers(0, len(x), judging.BATCH)
                loss, given, _ = network.learn(x[batch] / 16, y[batch], 0.005)
                monitor.step(loss, y[batch], given)
                if step == FLIP_AT:
                    judging.flip(network, recorded, bit=31)
                probe.step()
                if step % 5 == 0:
                    yield step

        return _course(monitor, steps(), [("canary_distance",), ("canary_mismatches",), ("loss", "train")])


def _course(
    monitor: ModelMonitor, steps: Iterable[int], series: list[Series], until: int = judging.STEPS
) -> Course:
    assert all(f"model_{name}" in CATALOG for name, *_ in series)
    at: list[float] = []
    found: dict[Series, list[float]] = defaultdict(list)
    for step in steps:
        value: Callable[..., float] = judging.published(monitor)
        at.append(step)
        for one in series:
            found[one].append(value(*one))
        if step >= until:
            break
    return Course(np.array(at), {one: np.array(values) for one, values in found.items()})
