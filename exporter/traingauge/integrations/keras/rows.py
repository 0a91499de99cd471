"""What was read of the variables that a model's graph writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.integrations.keras.scores.statistic import ScoreStatistic
from traingauge.stats.run_scores import Measured
from traingauge.stats.streaming.not_given import NOT_GIVEN, Floats, is_given


class Vectors(NamedTuple):
    """What scores are made of.

    Attributes:
        statistic: What it was reduced by.
        rows: One a step that was scored, or one for the pass, shape (n, width).
        histogram: Of a pass; ``None`` if there is none.
        kept: Rows of a pass; ``None`` if these are not all.
    """

    statistic: ScoreStatistic
    rows: NDArray[np.float64]
    histogram: NDArray[np.float64] | None = None
    kept: NDArray[np.float64] | None = None


class Rows(NamedTuple):
    """What was read.

    Attributes:
        steps: How many.
        sizes: Samples of each step, or of the pass.
        losses: One a step, or one for the pass: its mean a sample. ``None`` if one is unknown.
        nonfinite: Predictions that were not finite.
        vectors: What scores are made of, by statistic.
        rates: Learning rates, NaN where unknown; of training steps.
        norms: Norms of the gradients, negative where unknown; of training steps.
        logs: Numbers of the logs of training steps by name, :data:`NOT_GIVEN` where a step has none.
    """

    steps: int
    sizes: NDArray[np.float64]
    losses: NDArray[np.float64] | None
    nonfinite: int
    vectors: list[Vectors]
    rates: NDArray[np.float64] = np.zeros(0)
    norms: NDArray[np.float64] = np.zeros(0)
    logs: Mapping[str, Floats] = {}

    @property
    def samples(self) -> int:
        """In all of them."""
        return int(self.sizes.sum())

    @property
    def scored(self) -> list[Measured]:
        """What scores are made of, one a step that was scored, or one for the pass."""
        return [
            measured
            for statistic, rows, histogram, kept in self.vectors
            for measured in statistic.decode(rows, histogram, kept)
        ]


def joined(replicas: Sequence[Rows]) -> Rows:
    """The same steps, or the same pass, of all replicas; the loss is the mean of theirs, weighted by samples."""
    if len(replicas) == 1:
        return replicas[0]
    sizes = np.array([rows.sizes for rows in replicas])
    return replicas[0]._replace(
        sizes=sizes.sum(axis=0),
        losses=_mean([rows.losses for rows in replicas], sizes),
        nonfinite=sum(rows.nonfinite for rows in replicas),
        logs={name: _mean_of_logs([rows.logs[name] for rows in replicas]) for name in replicas[0].logs},
        vectors=list(map(_together, zip(*(rows.vectors for rows in replicas), strict=True))),
    )


def _mean(
    losses: Sequence[NDArray[np.float64] | None], sizes: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """A replica that got no sample, as where the data end, has no loss."""
    known = [each for each in losses if each is not None]
    if len(known) < len(losses):
        return None
    weight = np.where(sizes.sum(axis=0) > 0, sizes, 1.0)
    mean: NDArray[np.float64] = np.average(np.where(weight > 0, known, 0.0), axis=0, weights=weight)
    return mean


def _mean_of_logs(numbers: Sequence[Floats]) -> Floats:
    """As Keras reduces the logs of replicas; a step that has the number has it in all of them."""
    return np.where(is_given(numbers[0]), np.mean(numbers, axis=0), NOT_GIVEN)


def _together(replicas: Sequence[Vectors]) -> Vectors:
    histograms = [each.histogram for each in replicas if each.histogram is not None]
    kept = [each.kept for each in replicas if each.kept is not None]
    return replicas[0]._replace(
        rows=replicas[0].statistic.join([each.rows for each in replicas]),
        histogram=np.sum(histograms, axis=0) if histograms else None,
        kept=np.concatenate(kept) if len(kept) == len(replicas) else None,
    )
