"""Every fault: what it does to a run, and the alerts that name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.alerts.data import CLASSIFICATIONS, REGRESSIONS, TABLES, Array, Batch, Data
from benchmarks.alerts.session import Setup, TrainingCrashed

MINUTE = 60.0

ALL = (*CLASSIFICATIONS, *REGRESSIONS)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a run goes wrong.

    Attributes:
        what: In words.
        own: Names of the alerts that name it; none for a clean end.
        inject: Does it to a run.
        on: Names of the data sets that it can befall, and on which it can be told.
        at: Seconds into the run; 0 if the run is sick from its start.
        watched: Seconds from there for which the run is looked at.
    """

    what: str
    own: frozenset[str]
    inject: Callable[[Setup], None]
    on: tuple[str, ...] = ALL
    at: float = 30 * MINUTE
    watched: float = 30 * MINUTE


def _not_a_number(setup: Setup) -> None:
    def once(gradient: list[Array]) -> list[Array]:
        setup.gradient = lambda gradient: gradient
        return [slope * np.nan for slope in gradient]

    setup.gradient = once


def _bad_batch(setup: Setup) -> None:
    def once(batch: Batch) -> Batch:
        setup.spoil = lambda batch: batch
        return Batch(np.where(np.arange(len(batch.y))[:, None] == 0, np.nan, batch.x), batch.y)

    setup.spoil = once


def _exploding(setup: Setup) -> None:
    setup.gradient = lambda gradient: [1024.0 * slope for slope in gradient]


def _vanishing(setup: Setup) -> None:
    def underflown(gradient: list[Array]) -> list[Array]:
        scaled = [(slope * 2.0**-26).astype(np.float16) for slope in gradient]
        return [slope.astype(float) * 2.0**26 for slope in scaled]

    setup.gradient = underflown


def _rate_times(factor: float) -> Callable[[Setup], None]:
    def inject(setup: Setup) -> None:
        rate = setup.rate
        setup.rate = lambda step: factor * rate(step)
        setup.clip = np.inf

    return inject


def _labels_corrupted(setup: Setup) -> None:
    def spoil(batch: Batch) -> Batch:
        wrong = setup.random.integers(0, setup.data.classes, len(batch.y))
        return Batch(batch.x, np.where(setup.random.random(len(batch.y)) < 0.6, wrong, batch.y))

    setup.spoil = spoil


def _class_dropped(setup: Setup) -> None:
    dropped = setup.random.integers(0, setup.data.classes)

    def spoil(batch: Batch) -> Batch:
        kept = batch.y != dropped
        return Batch(batch.x[kept], batch.y[kept])

    setup.spoil = spoil


def _labels_constant(setup: Setup) -> None:
    only = float(setup.random.integers(0, setup.data.classes))
    setup.spoil = lambda batch: Batch(batch.x, np.full_like(batch.y, only))


def _one_shifted(setup: Setup) -> None:
    _shift(setup, [_varying(setup)])


def _many_shifted(setup: Setup) -> None:
    _shift(setup, range(setup.data.train.x.shape[1]))


def _shift(setup: Setup, columns: range | list[int]) -> None:
    x = setup.data.train.x
    by = np.zeros(x.shape[1])
    by[columns] = 1.5 * x.std(axis=0)[columns]
    setup.spoil = lambda batch: Batch(batch.x + by, batch.y)


def _missing(setup: Setup) -> None:
    column = _varying(setup)

    def spoil(batch: Batch) -> Batch:
        x = batch.x.copy()
        x[:, column] = np.nan
        return Batch(x, batch.y)

    setup.spoil = spoil


def _leaking(setup: Setup) -> None:
    data = setup.data

    def leaking(batch: Batch) -> Batch:
        codes = np.eye(data.classes)[batch.y.astype(int)]
        return Batch(np.hstack([batch.x, 5.0 * codes]), batch.y)

    setup.data = Data(data.name, leaking(data.train), leaking(data.validation), data.classes)


def _overfitting(setup: Setup) -> None:
    setup.data = setup.data.only(40)
    wrong = setup.random.integers(0, setup.data.classes, 40)
    train = setup.data.train
    flipped = Batch(train.x, np.where(np.arange(40) % 4 == 0, wrong, train.y))
    setup.data = Data(setup.data.name, flipped, setup.data.validation, setup.data.classes)
    setup.hidden, setup.batch, setup.decay = 128, 32, 0.0


def _starved(setup: Setup) -> None:
    setup.wait_seconds = 5 * setup.step_seconds


def _hung(setup: Setup) -> None:
    setup.hung = True


def _slow(setup: Setup) -> None:
    setup.step_seconds *= 4


def _killed(setup: Setup) -> None:
    setup.killed = True


def _crashed(setup: Setup) -> None:
    def crash(step: int) -> bool:
        raise TrainingCrashed(f"at step {step}")

    setup.over = crash


def _ended(setup: Setup) -> None:
    setup.over = lambda step: True


def _unreachable(setup: Setup) -> None:
    setup.answers = False


def _varying(setup: Setup) -> int:
    """A random column of the data that is not always the same."""
    spread = setup.data.train.x.std(axis=0)
    return int(setup.random.choice(np.flatnonzero(spread > 0.5 * spread.max())))


def _own(*names: str) -> frozenset[str]:
    return frozenset(f"Model{name}" for name in names)


#: Every fault by its name.
FAULTS: Mapping[str, Fault] = {
    "nan": Fault("one gradient is NaN, and the weights with it", _own("LossNonFinite"), _not_a_number),
    "exploding-gradient": Fault(
        "gradients are not unscaled: 1024 times too large, clipped", _own("GradientExploding"), _exploding
    ),
    "vanishing-gradient": Fault(
        "gradients underflow in half precision", _own("GradientVanishing"), _vanishing
    ),
    "rate-too-high": Fault(
        "the learning rate is 1000 times too high, unclipped",
        _own("LossDiverging", "LossNonFinite", "PredictionsCollapsed"),
        _rate_times(1000.0),
    ),
    "rate-zero": Fault(
        "the learning rate is 0 from the start",
        _own("LearningRateZero"),
        _rate_times(0.0),
        at=0.0,
        watched=60 * MINUTE,
    ),
    "labels-corrupted": Fault(
        "six of ten training labels are drawn at random",
        _own("ScoreBelowThreshold", "ScoreBelowBest", "LabelDrift"),
        _labels_corrupted,
        on=CLASSIFICATIONS,
        watched=40 * MINUTE,
    ),
    "class-dropped": Fault(
        "one class no longer comes in training",
        _own("LabelDrift", "ClassRecallCollapsed", "PredictionsCollapsed"),
        _class_dropped,
        on=("digits", "wine"),
        watched=60 * MINUTE,
    ),
    "class-collapse": Fault(
        "every label has become the same, and so does every answer",
        _own("PredictionsCollapsed", "LabelDrift"),
        _labels_constant,
        on=CLASSIFICATIONS,
    ),
    "feature-shift": Fault(
        "one feature is 1.5 deviations higher (not on wine, which is too small a reference)",
        _own("FeatureDrift", "FeatureOutOfRange"),
        _one_shifted,
        # Wine is too small a reference to tell the drift of a feature from chance, which the run says when it begins.
        on=("digits", "breast_cancer", *REGRESSIONS),
    ),
    "features-shift": Fault(
        "every feature is 1.5 deviations higher",
        _own("FeaturesDrifted", "FeatureOutOfRange"),
        _many_shifted,
    ),
    "missing-feature": Fault("one feature is missing", _own("FeatureMissing"), _missing),
    "leakage": Fault(
        "the label is among the features",
        _own("ScoreImplausible"),
        _leaking,
        on=("digits", "breast_cancer"),
        at=0.0,
    ),
    "overfitting": Fault(
        "40 training samples, a quarter of them with random labels",
        _own("Overfitting"),
        _overfitting,
        on=("digits", "breast_cancer"),
        at=0.0,
        watched=80 * MINUTE,
    ),
    "loader-stall": Fault("a step waits five times as long as it takes", _own("DataStarvation"), _starved),
    "hang": Fault("no further step", _own("Stuck"), _hung),
    "slow-node": Fault("a step takes four times as long", _own("ThroughputDrop"), _slow),
    "oom-kill": Fault("SIGKILL", _own("RunVanished"), _killed),
    "crash": Fault("an exception ends training", _own("RunFailed"), _crashed),
    "port-lost": Fault(
        "the run trains on, and its endpoint cannot be reached",
        _own("RunVanished", "ExporterDown"),
        _unreachable,
    ),
    "keras-nan": Fault(
        "Keras: one sample of one batch is NaN, and the weights with it",
        _own("LossNonFinite", "WeightsNonFinite"),
        _bad_batch,
        on=TABLES,
        at=20 * MINUTE,
        watched=20 * MINUTE,
    ),
    "keras-class-collapse": Fault(
        "Keras: every label has become the same, and so does every answer",
        _own("PredictionsCollapsed", "LabelDrift"),
        _labels_constant,
        on=TABLES,
        at=20 * MINUTE,
        watched=20 * MINUTE,
    ),
    "clean-end": Fault("training ends as it should: nothing may be told", frozenset(), _ended),
}
