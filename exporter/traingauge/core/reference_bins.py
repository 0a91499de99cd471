"""The reference's bins, for integrations that count values where these are: inside of a framework's graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from traingauge.core.collectors.drift import FeatureDrift
    from traingauge.stats.drift.binning import Binned

Counts = NDArray[np.int64]


class ReferenceBins:
    """Edges to count by, and the way back for the counts.

    Args:
        drift: Whose reference it is.

    Attributes:
        features: Shape (F, E), edges of the features' bins; ``None`` if features are made of something else, such as images:
            then they cannot be counted elsewhere.
        targets: Shape (1, E) each, edges of ``labels`` and ``predictions``, those that the reference has.
    """

    def __init__(self, drift: FeatureDrift) -> None:
        self._drift = drift
        self.features, self.targets = drift.edges, drift.target_edges

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
