"""From scores to decisions: where a probability or a logit says yes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import InvalidArgumentError
from traingauge.stats.arrays import Array

#: How far rounding may carry a probability out of [0, 1].
OUTSIDE = 1e-3


class Decision:
    """Turns scores into yes or no. Remembers whether they are logits once it has found out.

    Args:
        threshold: Probability above which the answer is yes, between 0 and 1; ``None`` for 0.5.
        from_logits: Whether scores are logits; ``None`` to tell by whether the first ones lie in [0, 1].

    Attributes:
        logits: Whether scores are logits, ``None`` while that is unknown.

    Raises:
        InvalidArgumentError: A threshold that is no probability.

    >>> decision = Decision(); decision.above(np.array([-2.0, 3.0])), decision.logits
    (array([False,  True]), True)
    """

    def __init__(self, threshold: float | None = None, from_logits: bool | None = None) -> None:
        if threshold is not None and not 0 < threshold < 1:
            raise InvalidArgumentError(f"threshold={threshold!r}: expected a probability between 0 and 1")
        self._threshold = threshold
        self.logits = from_logits
        self._told = from_logits is not None

    def above(self, scores: Array) -> NDArray[np.bool_]:
        """Which scores are above the threshold.

        Args:
            scores: Any shape, finite.

        Raises:
            InvalidArgumentError: Scores outside of [0, 1] where probabilities were expected.
        """
        self.check(scores)
        return np.greater(scores, self._cut())

    def of_two(self, scores: Array) -> NDArray[np.bool_]:
        """Whether the second of two classes is predicted.

        Args:
            scores: Shape (n, 2), a score for either class.

        Raises:
            InvalidArgumentError: Scores outside of [0, 1] where probabilities were expected.
        """
        if self._threshold is None:
            return np.greater(scores[:, 1], scores[:, 0])
        self.check(scores)
        positive = scores[:, 1] - scores[:, 0] if self.logits else scores[:, 1]
        return np.asarray(positive > self._cut())

    def guess(self, scores: Iterable[Array]) -> bool:
        """Whether scores are logits, where either would do: those seen from now on may still tell otherwise."""
        if not self.logits and not self._told:
            self.logits = any(_outside(each) for each in scores) or self.logits
        return bool(self.logits)

    def check(self, scores: Array) -> None:
        """Find out whether scores are logits, and that later ones are the same.

        Raises:
            InvalidArgumentError: Scores outside of [0, 1] where probabilities were expected.
        """
        if self.logits or not scores.size:
            return
        outside = _outside(scores)
        if self.logits is None:
            self.logits = outside
        elif outside:
            wrong = max(scores.min(), scores.max(), key=lambda score: abs(score - 0.5)).item()
            raise InvalidArgumentError(
                f"y_pred holds {wrong:g}, but probabilities were expected: "
                "pass from_logits=True if these are logits, or task='regression' if they are quantities"
            )

    def _cut(self) -> float:
        threshold = 0.5 if self._threshold is None else self._threshold
        return math.log(threshold / (1 - threshold)) if self.logits else threshold


def _outside(scores: Array) -> bool:
    return bool(scores.size) and bool(scores.min() < -OUTSIDE or scores.max() > 1 + OUTSIDE)
