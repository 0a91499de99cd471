"""Decisions from scores: which probabilities or logits are above the threshold."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import InvalidArgumentError
from traingauge.stats.arrays import Array

#: Tolerance for probabilities outside [0, 1], for rounding errors.
OUTSIDE = 1e-3


class Decision:
    """Compares scores with a threshold, and remembers whether they are logits.

    Args:
        threshold: Probability above which a prediction is positive, in (0, 1); ``None`` is 0.5.
        from_logits: Whether scores are logits; ``None`` infers it from whether the first scores are in [0, 1].

    Attributes:
        logits: Whether scores are logits; ``None`` while unknown.

    Raises:
        InvalidArgumentError: The threshold is not in (0, 1).

    >>> decision = Decision(); decision.above(np.array([-2.0, 3.0])), decision.logits
    (array([False,  True]), True)
    """

    def __init__(self, threshold: float | None = None, from_logits: bool | None = None) -> None:
        if threshold is not None and not 0 < threshold < 1:
            raise InvalidArgumentError(f"threshold={threshold!r}: expected a probability between 0 and 1")
        self._threshold = threshold
        self.logits = from_logits
        self._from_logits_given = from_logits is not None

    def above(self, scores: Array) -> NDArray[np.bool_]:
        """Whether each score is above the threshold, same shape.

        Args:
            scores: Any shape, finite.

        Raises:
            InvalidArgumentError: Scores outside [0, 1] although probabilities are expected.
        """
        self.check(scores)
        return np.greater(scores, self._cut())

    def of_two(self, scores: Array) -> NDArray[np.bool_]:
        """Whether the second of two classes is predicted, shape (n,); without a threshold, the one with the higher score.

        Args:
            scores: Shape (n, 2), the scores of both classes.

        Raises:
            InvalidArgumentError: Scores outside [0, 1] although probabilities are expected.
        """
        if self._threshold is None:
            return np.greater(scores[:, 1], scores[:, 0])
        self.check(scores)
        positive = scores[:, 1] - scores[:, 0] if self.logits else scores[:, 1]
        return np.asarray(positive > self._cut())

    def guess(self, scores: Iterable[Array]) -> bool:
        """Whether scores are logits, as a guess that later scores may revise, for use where either is valid."""
        if not self.logits and not self._from_logits_given:
            self.logits = any(_outside(each) for each in scores) or self.logits
        return bool(self.logits)

    def check(self, scores: Array) -> None:
        """Infer from the first scores whether they are logits, and validate later ones.

        Raises:
            InvalidArgumentError: Scores outside [0, 1] although probabilities are expected.
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
