"""Online estimate of the transition probabilities between states of health."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.health.states import STATES

Floats = NDArray[np.float64]

#: Transition probabilities assumed before any observation: health mostly stays, changes by one state at a time, and recovers
#: more often than it worsens, but less so the worse it is.
PRIOR: Floats = np.array(
    [
        [0.98, 0.02, 0.00, 0.00],
        [0.30, 0.64, 0.06, 0.00],
        [0.00, 0.20, 0.70, 0.10],
        [0.00, 0.00, 0.10, 0.90],
    ]
)

#: Weight of the prior, as a number of transitions out of each state.
PRIOR_WEIGHT = 4.0

#: Age, in transitions, at which a transition counts half.
HALF_LIFE = 200.0


class Transitions:
    """Exponentially decayed transition counts, and the transition matrix estimated from them and a prior.

    A Dirichlet prior on each row gives the posterior mean ``P_ij = (C_ij + w A_ij) / (Σ_j C_ij + w)``, where ``A`` is
    :data:`PRIOR`, ``w`` is :data:`PRIOR_WEIGHT` and ``C`` are the counts. Each transition first multiplies all counts by
    ``2^(-1 / half-life)``, so that old behaviour is forgotten.

    Args:
        half_life: Age, in transitions, at which a transition counts half.

    Attributes:
        counts: Decayed counts, float64, shape (S, S).
        state: Index of the last state; ``None`` before the first.

    >>> transitions = Transitions()
    >>> for state in (0, 0, 1):
    ...     transitions.observe(state)
    >>> transitions.matrix()[0].round(3)
    array([0.82, 0.18, 0.  , 0.  ])
    """

    def __init__(self, half_life: float = HALF_LIFE) -> None:
        self._decay = 0.5 ** (1 / half_life)
        self.counts: Floats = np.zeros((len(STATES), len(STATES)))
        self.state: int | None = None

    def observe(self, state: int) -> None:
        """Count a transition to ``state``, an index; the first call only sets the state."""
        if self.state is not None:
            self.counts *= self._decay
            self.counts[self.state, state] += 1
        self.state = state

    def matrix(self) -> Floats:
        """The estimated transition matrix, shape (S, S); each row sums to 1."""
        weighted = self.counts + PRIOR_WEIGHT * PRIOR
        return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))
