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


#: What a decision goes back to.
DecisionMark = tuple[bool | None, bool, bool]


class Decision:
    """Compares scores with a threshold, and remembers whether they are logits.

    Scores in [0, 1] may be either, so they are compared as probabilities until the first score outside shows that all are
    logits.

    Args:
        threshold: Probability above which a prediction is positive, in (0, 1); ``None`` is 0.5.
        from_logits: Whether scores are logits; ``None`` infers it.

    Attributes:
        logits: Whether scores are logits; ``None`` while that is open.
        wrong: Whether scores that turned out to be logits have been compared as probabilities; for the caller to reset.

    Raises:
        InvalidArgumentError: The threshold is not in (0, 1).

    >>> decision = Decision(); decision.above(np.array([0.0, 0.7])), decision.logits
    (array([False,  True]), None)
    >>> decision.above(np.array([0.0, 3.0])), decision.logits, decision.wrong
    (array([False,  True]), True, True)
    """

    def __init__(self, threshold: float | None = None, from_logits: bool | None = None) -> None:
        if threshold is not None and not 0 < threshold < 1:
            raise InvalidArgumentError(f"threshold={threshold!r}: expected a probability between 0 and 1")
        self._threshold = threshold
        self.logits = self._given = from_logits
        self.wrong = False
        self._assumed = False  # whether scores were compared as probabilities for want of evidence

    def mark(self) -> DecisionMark:
        """What :meth:`undo` goes back to."""
        return self.logits, self.wrong, self._assumed

    def undo(self, mark: DecisionMark) -> None:
        """Forget what scores showed since."""
        self.logits, self.wrong, self._assumed = mark

    def forget(self) -> None:
        """Start again, with what the user said."""
        self.undo((self._given, False, False))

    def found(self, logits: bool) -> None:
        """Take what a framework knows, unless the user or earlier scores have said it."""
        if self.logits is None:
            self.logits = self._given = logits

    def above(self, scores: Array) -> NDArray[np.bool_]:
        """Whether each score is above the threshold, same shape.

        Args:
            scores: Any shape, finite.

        Raises:
            InvalidArgumentError: Scores outside [0, 1], although the user said that they are probabilities.
        """
        self.check(scores)
        return np.greater(scores, self._cut())

    def of_two(self, scores: Array) -> NDArray[np.bool_]:
        """Whether the second of two classes is predicted, shape (n,); without a threshold, the one with the higher score.

        Args:
            scores: Shape (n, 2), the scores of both classes.

        Raises:
            InvalidArgumentError: Scores outside [0, 1], although the user said that they are probabilities.
        """
        if self._threshold is None:
            return np.greater(scores[:, 1], scores[:, 0])
        self.check(scores)
        positive = scores[:, 1] - scores[:, 0] if self.logits else scores[:, 1]
        return np.asarray(positive > self._cut())

    def guess(self, scores: Iterable[Array]) -> bool:
        """Whether scores are logits, as a guess that later scores may revise, for use where either is valid."""
        if self.logits is None and any(_outside(each) for each in scores):
            self.logits, self.wrong = True, self._assumed
        return bool(self.logits)

    def check(self, scores: Array) -> None:
        """Take note of what scores show, unless the user said whether they are logits.

        Raises:
            InvalidArgumentError: Scores outside [0, 1], although the user said that they are probabilities.
        """
        if self.logits or not scores.size:
            return
        if not _outside(scores):
            self._assumed = True
        elif self.logits is None:
            self.logits, self.wrong = True, self._assumed
        else:
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
