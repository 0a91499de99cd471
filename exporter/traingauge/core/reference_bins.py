"""The reference's bins, for integrations that count values where these are: inside of a framework's graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import ReferenceMismatchError
from traingauge.stats.arrays import as_array

if TYPE_CHECKING:
    from traingauge.core.collectors.drift import FeatureDrift
    from traingauge.stats.drift.binning import Binned

Counts = NDArray[np.int64]


class ReferenceBins:
    """Edges to count by, and the way back for the counts.

    Args:
        drift: Whose reference it is.

    Attributes:
        features: Shape (F, E), edges of the features' bins.
        of: What they are features of: ``table``, or ``images`` or ``tokens``, which are reduced before they are counted.
        targets: Shape (1, E) each, edges of ``labels`` and ``predictions``, those that the reference has.
        every: Rows are counted in steps of this many.
    """

    def __init__(self, drift: FeatureDrift) -> None:
        self._drift = drift
        self.features, self.targets = drift.reference.edges, drift.target_edges
        self.of, self.every = drift.reference.of, drift.every

    def table(self, samples: Any) -> NDArray[Any]:
        """Samples as the table that is counted, shape (n, F).

        Args:
            samples: Array or tensor, shape (n, …), of which one row of :attr:`every` is taken.

        Raises:
            ReferenceMismatchError: Not as many values a sample as the reference has features.
            ShapeError: The shape is not that of images or tokens.
            InvalidTypeError: Images or tokens that hold text.
        """
        features, shape = len(self.features), tuple(samples.shape)
        table: NDArray[Any] = as_array(samples if self.every == 1 else samples[:: self.every], "features")
        if self.of != "table":
            table = self._drift.reference.reduce(table)
        if np.prod(table.shape[1:]) != features:
            raise ReferenceMismatchError(mismatch(shape, features, self.of))
        return table.reshape(-1, features)

    def binned(self, counts: Counts | None, infinite: Counts | None, targets: Mapping[str, Counts]) -> Binned:
        """What was counted, as an event carries it.

        Args:
            counts: Shape (F, E + 2), the last column of missing and infinite values; ``None`` if features were not counted.
            infinite: Shape (F,), infinite values.
            targets: Counts of labels and predictions, shape (1, E + 2) each.
        """
        if counts is None:
            found = self._drift.encode()
        else:
            found = self._drift.from_counts(counts[:, :-1], int(counts[0].sum()), counts[:, -1])
        return replace(found, infinite=infinite if counts is not None else found.infinite, others=targets)


def mismatch(shape: Sequence[int | None], features: int, of: str = "table") -> str:
    """What is said of a model's input whose samples are not those of the reference.

    >>> mismatch((None, 3), 4)
    "the model's input has shape (None, 3) and the reference 4 features: expected (n, …) with 4 values a sample"
    """
    what = f"{features} features" if of == "table" else f"{features} features of {of}"
    expected = (
        f"expected (n, …) with {features} values a sample"
        if of == "table"
        else f"expected {of} as it was made of"
    )
    return f"the model's input has shape {tuple(shape)} and the reference {what}: {expected}"
