"""The events of a run: entries of the recorder's queue, in order.

Times are readings of ``time.perf_counter``, which never jumps, so that differences are durations. They become Unix time when
the queue is drained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from traingauge.core.deferred_scores import Unencoded
    from traingauge.reference.canary import CanaryResult
    from traingauge.stats.classification.encoding import Encoded
    from traingauge.stats.drift.binning import Binned
    from traingauge.stats.run_scores import Measured

#: One training step with nothing but named numbers, as the hot path appends it: clock reading and numbers. It is a plain
#: tuple, because a named one would double the cost of recording a step.
Numbers: TypeAlias = "tuple[float, Mapping[str, float]]"


class OfOutput(NamedTuple):
    """What one output of a model with several has of training steps, or of a pass.

    Attributes:
        name: Of the output.
        losses: Its losses, one a step or that of the pass; none if unknown. Numbers on a device are brought over first.
        scored: Labels and predictions, encoded or not yet.
        measured: Totals that were computed elsewhere, one a step that was scored, or those of the pass.
    """

    name: str
    losses: Any = ()
    scored: Sequence[Encoded | Unencoded] = ()
    measured: Sequence[Measured] = ()


class Scored(NamedTuple):
    """One training step with more than floats: labels, predictions, features, counts, or numbers on a device.

    Attributes:
        at: Clock reading.
        numbers: Numbers by name, including the loss.
        scored: Labels and predictions, encoded or not yet; ``None`` without them.
        binned: Binned features; ``None`` without them.
        samples: Number of samples in the step.
        steps: Number of steps that it stands for; 0 if it belongs to the step before.
        more: Encoded labels and predictions of further micro-batches.
        outputs: Each output of a model with several.
    """

    at: float
    numbers: Mapping[str, Any]
    scored: Encoded | Unencoded | None
    binned: Binned | None
    samples: int
    steps: int = 1
    more: Sequence[Encoded | Unencoded] = ()
    outputs: Sequence[OfOutput] = ()


class Steps(NamedTuple):
    """Training steps whose values were computed elsewhere, such as in a framework's graph.

    Attributes:
        at: Clock readings of the n steps, shape (n,).
        losses: Losses, shape (n,); ``None`` if unknown.
        samples: Number of samples in all steps.
        measured: Totals of each step that was scored.
        binned: Binned features of all steps; ``None`` without a reference.
        nonfinite: Number of predictions that were NaN or infinite.
        scalars: Further scalars by name, each of shape (n,).
        outputs: Each output of a model with several, whose losses are those of the last steps.
    """

    at: NDArray[np.float64]
    losses: NDArray[np.float64] | None
    samples: int
    measured: Sequence[Measured] = ()
    binned: Binned | None = None
    nonfinite: int = 0
    scalars: Mapping[str, NDArray[np.float64]] = {}
    outputs: Sequence[OfOutput] = ()


class Pass(NamedTuple):
    """One whole pass over a split.

    Attributes:
        split: Split that was evaluated.
        at: Clock reading of the end of the pass.
        loss: Mean loss per sample, a number or a tensor; ``None`` if unknown.
        steps: Number of batches.
        samples: Number of samples.
        scored: Labels and predictions of the batches, encoded or, until the pass is drained, not yet.
        measured: Totals that were computed elsewhere, instead of ``scored``.
        nonfinite: Number of predictions that were NaN or infinite, in addition to those in ``scored``.
        scalars: Further scalars by name.
        outputs: Each output of a model with several.
    """

    split: str
    at: float
    loss: Any
    steps: int
    samples: int
    scored: Sequence[Any] = ()
    measured: Measured | None = None
    nonfinite: int = 0
    scalars: Mapping[str, Any] = {}
    outputs: Sequence[OfOutput] = ()


class DataWaits(NamedTuple):
    """Times, in seconds, that training steps waited for their data."""

    seconds: Sequence[float]


class FeaturesSeen(NamedTuple):
    """Features of a watched batch, recorded separately from the training step on it."""

    binned: Binned


class EpochEnd(NamedTuple):
    """One pass over the training data is complete."""

    at: float


class Checkpointed(NamedTuple):
    """The script saved a checkpoint of the model; the next step starts at this clock reading."""

    at: float


class WasBusy(NamedTuple):
    """The script did something else for long, between these clock readings; the next step starts at the second."""

    began: float
    at: float


class Resumed(NamedTuple):
    """Training begins or continues; the next step starts at this clock reading.

    Attributes:
        at: Clock reading.
        planned: Number of training steps that are planned to follow; ``None`` if unknown.
    """

    at: float
    planned: int | None = None


class RolledBack(NamedTuple):
    """The model was restored, and training continues after this earlier step."""

    step: int


class OptimizerCounted(NamedTuple):
    """The model's optimizer has counted these steps so far."""

    steps: int


class CanaryChecked(NamedTuple):
    """A model was checked with a canary: clock reading and result."""

    at: float
    result: CanaryResult


class WeightsChecked(NamedTuple):
    """The weights of the model were checked: clock reading, and number of tensors with NaN or infinite values."""

    at: float
    nonfinite: int


#: Events that are one training step each.
SINGLE_STEPS = frozenset([tuple, Scored])

#: Events that may be taken before the training steps that came before them: they must not part a batch of steps.
UNORDERED = frozenset([DataWaits, FeaturesSeen])

Event: TypeAlias = (
    "Numbers | Scored | Steps | Pass | DataWaits | FeaturesSeen | EpochEnd | Checkpointed | WasBusy | Resumed | "
    "RolledBack | OptimizerCounted | CanaryChecked | WeightsChecked"
)
