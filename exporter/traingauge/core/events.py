"""What happens in training, in its order: the entries of the recorder's queue.

Clock readings are ``time.perf_counter``: it never jumps, so differences are durations. The recorder turns them into Unix
time when it drains them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from traingauge.reference.canary import CanaryResult
    from traingauge.stats.classification.encoding import Encoded
    from traingauge.stats.drift.binning import Binned
    from traingauge.stats.run_scores import Measured

#: One training step that gave numbers by name, as the hot path appends it: clock reading, numbers. A bare tuple: to give its
#: fields names would cost as much again as all the rest of a step.
Numbers: TypeAlias = "tuple[float, Mapping[str, Any]]"


class Scored(NamedTuple):
    """One training step that gave more than numbers.

    Attributes:
        at: Clock reading.
        numbers: By name, the loss among them.
        scored: Encoded scores.
        binned: Binned features.
        samples: Samples in it.
    """

    at: float
    numbers: Mapping[str, Any]
    scored: Encoded | None
    binned: Binned | None
    samples: int


class Steps(NamedTuple):
    """Training steps whose values were computed elsewhere: inside a framework's graph.

    Attributes:
        at: Clock reading of each, shape (n,).
        losses: Shape (n,); ``None`` if they are unknown.
        samples: Samples in all of them.
        measured: What scores are made of, one a step that was scored.
        binned: Binned features; ``None`` without a reference.
        nonfinite: Predictions that were not finite.
        scalars: Further scalars by name, shape (n,) each.
    """

    at: NDArray[np.float64]
    losses: NDArray[np.float64] | None
    samples: int
    measured: Sequence[Measured] = ()
    binned: Binned | None = None
    nonfinite: int = 0
    scalars: Mapping[str, NDArray[np.float64]] = {}


class Pass(NamedTuple):
    """One whole pass over a split.

    Attributes:
        split: Where it belongs.
        at: Clock reading of its end.
        loss: Mean loss a sample; ``None`` if unknown.
        steps: Batches in it.
        samples: Samples in it.
        scored: Encoded scores of its batches.
        measured: What scores are made of if that was computed elsewhere, instead of ``scored``.
        nonfinite: Predictions that were not finite, in addition to those of ``scored``.
        scalars: Further scalars.
    """

    split: str
    at: float
    loss: float | None
    steps: int
    samples: int
    scored: Sequence[Encoded] = ()
    measured: Measured | None = None
    nonfinite: int = 0
    scalars: Mapping[str, Any] = {}


class DataWaits(NamedTuple):
    """Times, in seconds, that training steps waited for their data."""

    seconds: Sequence[float]


class FeaturesSeen(NamedTuple):
    """Features of a batch that was watched, apart from the step that it is trained on."""

    binned: Binned


class EpochEnd(NamedTuple):
    """One pass over the training data is complete."""

    at: float


class Checkpointed(NamedTuple):
    """The script saved a checkpoint of the model; what follows is no part of a step before this clock reading."""

    at: float


class Resumed(NamedTuple):
    """Training begins or continues: what came before is no part of the next step.

    Attributes:
        at: Clock reading.
        planned: Training steps that are meant to follow; ``None`` if unknown.
    """

    at: float
    planned: int | None = None


class RolledBack(NamedTuple):
    """The model was restored: training continues after an earlier step, whose number this is."""

    step: int


class CanaryChecked(NamedTuple):
    """A canary was asked: the clock reading, and how far the answer was from the expected one."""

    at: float
    reading: CanaryResult


class WeightsChecked(NamedTuple):
    """The model's weights were looked at: the clock reading, and how many tensors of them held NaN or infinite values."""

    at: float
    nonfinite: int


#: Events that are one training step each.
SINGLE_STEPS = frozenset([tuple, Scored])

#: Events that may be taken before the training steps that came before them: they must not part a batch of steps.
UNORDERED = frozenset([DataWaits, FeaturesSeen])

Event: TypeAlias = (
    "Numbers | Scored | Steps | Pass | DataWaits | FeaturesSeen | EpochEnd | Checkpointed | Resumed | RolledBack "
    "| CanaryChecked | WeightsChecked"
)
