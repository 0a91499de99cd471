"""Every fault that is tried, and the alerts that have to name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulation import faults
from simulation.clock import MINUTE
from simulation.data import CLASSIFICATIONS, REGRESSIONS, TABLES

ALL = (*CLASSIFICATIONS, *REGRESSIONS)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a run goes wrong.

    Attributes:
        what: In words.
        own: Names of the alerts that name it; none for a clean end.
        inject: Changes a run.
        on: Names of the data sets on which it can happen and can be detected.
        at: Seconds into the run; 0 for a fault from the start.
        watched: Seconds after that for which alerts count.
    """

    what: str
    own: frozenset[str]
    inject: faults.Injection
    on: tuple[str, ...] = ALL
    at: float = 30 * MINUTE
    watched: float = 30 * MINUTE


def _own(*names: str) -> frozenset[str]:
    return frozenset(f"Model{name}" for name in names)


#: Every fault by its name.
FAULTS: Mapping[str, Fault] = {
    "nan": Fault(
        "one gradient is NaN, and the weights with it", _own("LossNonFinite"), faults.one_gradient_nan
    ),
    "exploding-gradient": Fault(
        "gradients are not unscaled: 1024 times too large, clipped",
        _own("GradientExploding"),
        faults.gradients_exploding,
    ),
    "vanishing-gradient": Fault(
        "gradients underflow in half precision", _own("GradientVanishing"), faults.gradients_vanishing
    ),
    "rate-too-high": Fault(
        "the learning rate is 1000 times too high, unclipped",
        _own("LossDiverging", "LossNonFinite", "PredictionsCollapsed"),
        faults.rate_times(1000.0),
    ),
    "rate-zero": Fault(
        "the learning rate is 0 from the start",
        _own("LearningRateZero"),
        faults.rate_times(0.0),
        at=0.0,
        watched=60 * MINUTE,
    ),
    "labels-corrupted": Fault(
        "six of ten training labels are drawn at random",
        _own("ScoreBelowThreshold", "ScoreBelowBest", "LabelDrift"),
        faults.labels_drawn,
        on=CLASSIFICATIONS,
        watched=40 * MINUTE,
    ),
    "class-dropped": Fault(
        "one class is missing from the training data",
        _own("LabelDrift", "ClassRecallCollapsed", "PredictionsCollapsed"),
        faults.class_dropped,
        on=("digits", "wine"),
        watched=60 * MINUTE,
    ),
    "class-collapse": Fault(
        "every label has become the same, and so does every answer",
        _own("PredictionsCollapsed", "LabelDrift"),
        faults.labels_constant,
        on=CLASSIFICATIONS,
    ),
    "feature-shift": Fault(
        "one feature is 1.5 deviations higher (not on wine, which is too small a reference)",
        _own("FeatureDrift", "FeatureOutOfRange"),
        faults.one_feature_shifted,
        # Wine is too small a reference to tell the drift of a feature from chance, which the run says when it begins.
        on=("digits", "breast_cancer", *REGRESSIONS),
    ),
    "features-shift": Fault(
        "every feature is 1.5 deviations higher",
        _own("FeaturesDrifted", "FeatureOutOfRange"),
        faults.all_features_shifted,
    ),
    "missing-feature": Fault("one feature is missing", _own("FeatureMissing"), faults.feature_missing),
    "leakage": Fault(
        "the label is among the features",
        _own("ScoreImplausible"),
        faults.label_leaked,
        on=("digits", "breast_cancer"),
        at=0.0,
    ),
    "overfitting": Fault(
        "40 training samples, a quarter of them with random labels",
        _own("Overfitting"),
        faults.overfitting,
        on=("digits", "breast_cancer"),
        at=0.0,
        watched=80 * MINUTE,
    ),
    "loader-stall": Fault(
        "a step waits five times as long as it takes", _own("DataStarvation"), faults.loader_stalled
    ),
    "hang": Fault("no further step", _own("Stuck"), faults.hung, watched=60 * MINUTE),
    "slow-node": Fault("a step takes four times as long", _own("ThroughputDrop"), faults.slowed),
    "oom-kill": Fault("SIGKILL", _own("RunVanished"), faults.killed),
    "crash": Fault("an exception ends training", _own("RunFailed"), faults.crashed),
    "port-lost": Fault(
        "the run trains on, and its endpoint cannot be reached",
        _own("RunVanished", "ExporterDown"),
        faults.unreachable,
    ),
    "keras-nan": Fault(
        "Keras: one sample of one batch is NaN, and the weights with it",
        _own("LossNonFinite", "WeightsNonFinite"),
        faults.one_sample_nan,
        on=TABLES,
        at=20 * MINUTE,
        watched=20 * MINUTE,
    ),
    "keras-class-collapse": Fault(
        "Keras: every label has become the same, and so does every answer",
        _own("PredictionsCollapsed", "LabelDrift"),
        faults.labels_constant,
        on=TABLES,
        at=20 * MINUTE,
        watched=20 * MINUTE,
    ),
    "clean-end": Fault("training ends as it should: nothing may be sent", frozenset(), faults.ended),
}
