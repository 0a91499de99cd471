"""The scores of one split, before they are published."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import cast

from traingauge.stats.classification.encoding import Encoded
from traingauge.stats.run_scores import Measured, remember_best


class ScoredSplit:
    """One split: the steps in the window, or the last pass, and the scores that the script computed itself.

    Args:
        window: Number of steps in the window.

    Attributes:
        recent: Steps in the window.
        measured: Cached totals of ``recent``, or those of the last pass.
        scores: Cached scores of ``measured``.
        given: Scores that the script computed since.
        unread: Names of those that were given since scores were last read.
        best: The best value of each score.
    """

    def __init__(self, window: int) -> None:
        self.recent: deque[Encoded] = deque(maxlen=window)
        self.measured: Measured | None = None
        self.scores: dict[str, float] | None = None
        self.given: dict[str, float] = {}
        self.unread: frozenset[str] = frozenset()
        self.best: dict[str, float] = {}

    def add_steps(self, steps: Sequence[Encoded]) -> None:
        """Add steps to the window; they count instead of what the script computed before."""
        self.recent.extend(steps)
        self.measured = self.scores = None
        self.given = {}

    def replace(self, measured: Measured | None) -> None:
        """Replace everything by a pass; ``None`` if the script computed the scores of that pass."""
        self.recent.clear()
        self.measured, self.scores = measured, None
        self.given = {}

    def give(self, given: Mapping[str, float]) -> None:
        """Take scores that the script computed."""
        self.given.update(given)
        self.unread |= given.keys()
        remember_best(self.best, given)

    def only_given(self) -> ScoredSplit:
        """What the script computed, without what was computed from its labels."""
        kept = ScoredSplit(cast("int", self.recent.maxlen))
        kept.give(self.given)
        kept.best = {name: best for name, best in self.best.items() if name in self.given}
        return kept

    @property
    def empty(self) -> bool:
        """Whether nothing has been computed from labels."""
        return self.measured is None and not self.recent

    @property
    def complete(self) -> bool:
        """Whether the scores may become the best ones: those of a window that is not full are too noisy."""
        return not self.recent or len(self.recent) == self.recent.maxlen
