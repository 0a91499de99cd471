"""How many samples a training step has, and when that has changed: what a step is expected to take changes with it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from traingauge.core.step_batch import StepBatch
from traingauge.stats.streaming import RingBuffer

#: Last steps whose median counts, so that the short batch at the end of an epoch is no change.
OVER = 16

#: Ratio from which a size is another one: sequences of different lengths, packed together, vary by less.
CHANGED = 1.25


class StepSize:
    """Notices when the steps of a run have become larger or smaller for good.

    Attributes:
        usual: Samples in a step; NaN until enough steps are known.
        changed: Clock reading of the step at which the last change was noticed; ``None`` before the first.

    >>> size = StepSize(); size.add(np.full(40, 32.0), 1.0), size.add(np.full(40, 128.0), 2.0)
    (False, True)
    >>> size.usual, size.changed
    (128.0, 2.0)
    """

    def __init__(self) -> None:
        self.usual = math.nan
        self.changed: float | None = None
        self._last = RingBuffer(OVER)

    def add(self, samples: NDArray[np.float64], at: float) -> bool:
        """Take the samples of steps, shape (n,), the last of which ended at a clock reading.

        Returns:
            Whether the size has changed. Steps whose samples are not known, 0 or NaN, change nothing.
        """
        known = samples[samples > 0]
        if math.isnan(self.usual):
            first = np.concatenate((self._last.values(), known))[:OVER]
            self.usual = float(np.median(first)) if len(first) == OVER else math.nan
        self._last.extend(known)
        if len(self._last) < OVER:
            return False
        now = float(np.median(self._last.values()))
        if self.usual / CHANGED <= now <= self.usual * CHANGED:
            return False
        self.usual, self.changed = now, at
        return True


def samples_of_steps(batch: StepBatch) -> NDArray[np.float64]:
    """Samples in each step of a batch, shape (at most n,): an entry may stand for many steps, or belong to the one before.

    >>> once = np.ones(4)
    >>> samples_of_steps(StepBatch(once, once, once, np.array([8, 8, 8, 64]), {}, steps=np.array([0, 1, 0, 2])))
    array([16., 32.])
    """
    if batch.steps is None:
        return batch.samples.astype(np.float64)
    step = (batch.steps > 0).cumsum()  # which each entry belongs to; 0: a step of the batch before
    totals = np.bincount(step, batch.samples)[1:]
    return np.asarray(totals / batch.steps[batch.steps > 0], dtype=np.float64)
