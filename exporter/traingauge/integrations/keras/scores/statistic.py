"""What scores are made of inside a TensorFlow graph: a vector a step, and for a pass a histogram and rows as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.run_scores import Measured


class Reduced(NamedTuple):
    """A batch inside of the graph.

    Attributes:
        vector: Shape (width,), float64.
        nonfinite: How many of its rows were not finite, a scalar; these are left out.
        place: Gives the cells of the histogram that the batch falls into, and their weights; ``None`` if there is none.
        rows: Gives what to keep of each row, shape (n, kept); ``None`` if nothing is.
    """

    vector: Any
    nonfinite: Any
    place: Callable[[], tuple[Any, Any]] | None = None
    rows: Callable[[], Any] | None = None


class ScoreStatistic(Protocol):
    """What scores are made of.

    Attributes:
        width: Length of the vector.
        bins: Length of the histogram, which only a pass has; 0 if there is none.
        kept: Length of what a short pass keeps of each of its rows; 0 if it keeps nothing.
        most_kept: Number of rows that it keeps at most.
    """

    width: int
    bins: int
    kept: int
    most_kept: int

    def measure(self, y: Any, y_pred: Any, sample_weight: Any) -> Reduced:
        """Inside the graph: reduce a batch.

        Args:
            y: Labels or true values, shape (n,), (n, 1), (n, …) or (n, …, K).
            y_pred: Outputs, shape (n,), (n, 1) or (n, …, K).
            sample_weight: Shape (n,) or (n, …); 1 each if ``None``.
        """

    def merge(self, whole: Any, part: Any) -> Any:
        """Inside the graph: the vector of two parts together."""

    def join(self, replicas: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Outside of the graph: the vectors of a step's replicas together, shape (n, …) each, to be decoded."""

    def decode(
        self,
        rows: NDArray[np.float64],
        histogram: NDArray[np.float64] | None = None,
        kept: NDArray[np.float64] | None = None,
    ) -> list[Measured]:
        """Outside of the graph: what vectors hold, shape (n, width).

        Or what the only one holds, with its histogram, and what was kept of its rows if that are all of them.
        """
