"""Labels and predictions of a step, row by row, without ignored, unknown and non-finite rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.arrays import Array

#: Number of values up to which BLAS does not start threads.
_SMALL = 8192


class CleanBatch(NamedTuple):
    """Labels, predictions and weights of a step, row by row.

    Attributes:
        true: Shape (n,) or (n, K).
        predicted: Shape (n,) or (n, K).
        weight: Shape (n,); ``None`` weights every row 1.
        samples: Number of samples in the step as it was given.
        nonfinite: Number of rows left out because a label or a prediction was NaN or infinite.
        known: Whether each label is known, shape (n, K), in multi-label tasks; ``None`` if all are.
    """

    true: Array
    predicted: Array
    weight: NDArray[np.float64] | None
    samples: int
    nonfinite: int = 0
    known: NDArray[np.bool_] | None = None

    def without(self, label: int | str) -> CleanBatch:
        """The batch without the rows whose true label, in any column, is ``label``."""
        if isinstance(label, str) != (self.true.dtype.kind == "U"):
            return self
        return self.only(self.true != label)

    def only(self, cells: NDArray[np.bool_]) -> CleanBatch:
        """The batch with the rows whose cells, shape (n,) or (n, K), are all true."""
        return self._rows(cells if cells.ndim == 1 else np.asarray(cells.all(axis=1)))

    def by_label(self, known: NDArray[np.bool_]) -> CleanBatch:
        """The batch with the rows of which any label is known; the others of their labels become 0.

        Args:
            known: Whether each label is known, shape (n, K).
        """
        true = np.where(known, self.true, 0).astype(self.true.dtype, copy=False)
        return self._replace(true=true, known=known)._rows(np.asarray(known.any(axis=1)))

    def finite(self) -> CleanBatch:
        """The batch without its non-finite rows.

        A score of -inf counts as finite if another class has a finite score: this is how classes are masked.

        >>> CleanBatch(np.array([0, 1]), np.array([0.2, np.nan]), None, 2).finite().nonfinite
        1
        """
        kept = None if _all_finite(self.true) else _finite_rows(self.true)
        if not _all_finite(self.predicted):
            usable = (
                _finite_rows(self.predicted) if self.predicted.ndim == 1 else _usable_rows(self.predicted)
            )
            kept = usable if kept is None else kept & usable
        if kept is None:
            return self
        return self._rows(kept)._replace(nonfinite=int(len(kept) - np.count_nonzero(kept)))

    def _rows(self, kept: NDArray[np.bool_]) -> CleanBatch:
        weight = None if self.weight is None else self.weight[kept]
        known = None if self.known is None else self.known[kept]
        return self._replace(true=self.true[kept], predicted=self.predicted[kept], weight=weight, known=known)


def known_labels(
    true: Array, masked: NDArray[np.bool_] | None, ignored: int | str | None
) -> NDArray[np.bool_] | None:
    """Which cells of multi-label rows are known, neither masked, NaN nor ignored; ``None`` if all are.

    Args:
        true: Labels, shape (n, K), numbers.
        masked: Whether each is masked; ``None`` if none is.
        ignored: Label that is left out.
    """
    known = np.ones(true.shape, np.bool_) if masked is None else ~masked
    if true.dtype.kind == "f":
        known &= ~np.isnan(true)
    if ignored is not None and not isinstance(ignored, str):
        known &= true != ignored
    return None if known.all() else known


def _all_finite(values: Array) -> bool:
    dtype = values.dtype
    if dtype.kind != "f":
        return True
    # A finite sum of squares shows it in one pass of BLAS, without a warning; a sum that overflows shows nothing.
    if dtype.char in "fd" and values.size <= _SMALL and math.isfinite(np.vdot(values, values)):
        return True
    return bool(np.count_nonzero(np.isfinite(values)) == values.size)


def _finite_rows(values: Array) -> NDArray[np.bool_]:
    finite: NDArray[np.bool_] = np.isfinite(values).reshape(len(values), -1)
    return finite[:, 0] if finite.shape[1] == 1 else np.asarray(finite.all(axis=1))


def _usable_rows(scores: Array) -> NDArray[np.bool_]:
    if scores.ndim == 1:
        return _finite_rows(scores)
    return np.asarray((scores < math.inf).all(axis=1) & np.isfinite(scores).any(axis=1))
