"""Selection of the classes that get series of their own when there are too many for all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.classification.counts import Counts
from traingauge.stats.classification.scores import recall

#: How much lower the recall of a class must be to replace one that is published.
MARGIN = 0.1


def lowest_recall(counts: Counts, size: int, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
    """Codes of the ``size`` classes with the lowest recall, ascending; classes without samples come last.

    A class that is already chosen stays unless the recall of another is lower by more than :data:`MARGIN`, so that series do
    not come and go with noise.

    Args:
        counts: Counts over K classes.
        size: Number of classes to choose, at most K.
        chosen: Codes of the classes that are chosen now.

    >>> from traingauge.stats.classification.counts import count_labels
    >>> counts = count_labels(np.array([0, 1, 2, 2]), np.array([0, 0, 2, 1]), 4)
    >>> lowest_recall(counts, 2, np.array([], dtype=np.intp))
    array([1, 2])
    """
    rank = recall(counts)
    rank[np.isnan(rank)] = np.inf
    rank[chosen] -= MARGIN
    newcomer = np.ones(len(rank), dtype=bool)
    newcomer[chosen] = False
    return np.sort(np.lexsort((newcomer, rank))[:size])
