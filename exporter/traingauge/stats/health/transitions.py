"""How states of health follow each other, estimated while they do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.health.states import STATES

Floats = NDArray[np.float64]

#: What is assumed before anything was seen: health changes by one state at a time, mostly stays, and rather recovers than
#: gets worse, the less so the worse it is.
PRIOR: Floats = np.array(
    [
        [0.98, 0.02, 0.00, 0.00],
        [0.30, 0.64, 0.06, 0.00],
        [0.00, 0.20, 0.70, 0.10],
        [0.00, 0.00, 0.10, 0.90],
    ]
)

#: Transitions out of a state that the prior weighs as much as.
PRIOR_WEIGHT = 4.0

#: Transitions after which one counts half.
HALF_LIFE = 200.0


class Transitions:
    """Counts of transitions that fade, and the matrix they make together with the prior.

    A Dirichlet prior on each row gives the posterior mean ``P_ij = (C_ij + w A_ij) / (Σ_j C_ij + w)``, where ``A`` is
    :data:`PRIOR`, ``w`` is :data:`PRIOR_WEIGHT` and ``C`` are the counts; at every transition all counts are multiplied with
    ``2^(-1 / half-life)`` first, so that an old habit is forgotten.

    Args:
        half_life: Transitions after which one counts half.

    Attributes:
        state: Index of the last state, ``None`` before the first.

    >>> transitions = Transitions()
    >>> for state in (0, 0, 1):
    ...     transitions.observe(state)
    >>> transitions.matrix()[0].round(3)
    array([0.82, 0.18, 0.  , 0.  ])
    """

    def __init__(self, half_life: float = HALF_LIFE) -> None:
        self._kept = 0.5 ** (1 / half_life)
        self.counts: Floats = np.zeros((len(STATES), len(STATES)))
        self.state: int | None = None

    def observe(self, state: int) -> None:
        """The run is now in this state."""
        if self.state is not None:
            self.counts *= self._kept
            self.counts[self.state, state] += 1
        self.state = state

    def matrix(self) -> Floats:
        """The estimate, shape (S, S); its rows add up to 1."""
        weighted = self.counts + PRIOR_WEIGHT * PRIOR
        return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))
