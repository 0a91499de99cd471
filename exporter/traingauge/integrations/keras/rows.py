"""What was read of the variables that a model's graph writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.run_scores import Measured


class Rows(NamedTuple):
    """What was read.

    Attributes:
        steps: How many.
        samples: In all of them.
        losses: One a step, or one for the pass: its mean a sample. ``None`` if one is unknown.
        nonfinite: Predictions that were not finite.
        scored: What scores are made of, one a step that was scored, or one for the pass.
        rates: Learning rates, NaN where unknown; of training steps.
        norms: Norms of the gradients, negative where unknown; of training steps.
    """

    steps: int
    samples: int
    losses: NDArray[np.float64] | None
    nonfinite: int
    scored: list[Measured]
    rates: NDArray[np.float64] = np.zeros(0)
    norms: NDArray[np.float64] = np.zeros(0)
