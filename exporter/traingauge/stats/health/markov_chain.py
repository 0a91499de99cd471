"""Finite Markov chains: long-run distribution, probability and expected time of reaching a state.

``P[i, j]`` is the probability of moving from state ``i`` to state ``j`` in one step. Chains need not be irreducible: states
may be absorbing or unreachable. Source of all formulas: Kemeny & Snell, "Finite Markov Chains" (1960).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import InvalidArgumentError, ShapeError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_TOLERANCE = 1e-9


def as_transition_matrix(matrix: object) -> Floats:
    """Validate a transition matrix and convert it to float64, shape (S, S).

    Raises:
        ShapeError: The matrix is not square.
        InvalidArgumentError: Entries are NaN or outside [0, 1], or rows do not sum to 1.

    >>> as_transition_matrix([[0.5, 0.5], [0, 1]]).shape
    (2, 2)
    """
    chain = np.asarray(matrix, dtype=np.float64)
    if chain.ndim != 2 or chain.shape[0] != chain.shape[1] or not chain.size:
        raise ShapeError(f"transition matrix has shape {chain.shape}: expected (S, S)")
    if not ((chain >= 0) & (chain <= 1 + _TOLERANCE)).all():
        raise InvalidArgumentError("transition matrix has entries outside [0, 1]")
    sums = chain.sum(axis=1)
    if not (np.abs(sums - 1) <= _TOLERANCE).all():
        raise InvalidArgumentError(f"rows of the transition matrix sum to {sums.tolist()}: expected 1 each")
    return chain


def reachable(chain: Floats) -> Mask:
    """Whether state ``j`` can be reached from state ``i`` in zero or more steps, as a mask ``[i, j]``, shape (S, S).

    >>> reachable(np.array([[0.5, 0.5], [0, 1]]))
    array([[ True,  True],
           [False,  True]])
    """
    reached: Mask = (chain > 0) | np.eye(len(chain), dtype=np.bool_)
    for _ in range(len(chain).bit_length()):
        reached = reached @ reached  # each squaring doubles the length of the paths
    return reached


def closed_classes(chain: Floats) -> list[NDArray[np.intp]]:
    """Closed communicating classes: sets of states that are never left once entered.

    Each is an array of ascending indices; classes are ordered by their first index.

    >>> [found.tolist() for found in closed_classes(np.array([[0.5, 0.25, 0.25], [0, 1, 0], [0, 0, 1]]))]
    [[1], [2]]
    """
    reached = reachable(chain)
    both_ways = reached & reached.T
    recurrent = (reached == both_ways).all(axis=1)  # every state that it reaches leads back
    firsts = [state for state in np.flatnonzero(recurrent) if both_ways[state].argmax() == state]
    return [np.flatnonzero(both_ways[first]) for first in firsts]


def stationary(chain: Floats, start: int) -> Floats:
    """Share of time that a chain starting in ``start`` spends in each state in the long run, shape (S,), summing to 1.

    Within a closed class it solves ``π P = π``, with ``Σ π = 1`` in place of the last equation, which the others imply. A
    chain with several closed classes ends in one of them: the result is the mean of their distributions, weighted by the
    probability of being absorbed in each. It depends on ``start`` only in that case.

    >>> stationary(np.array([[0.9, 0.1], [0.5, 0.5]]), 0).round(6)
    array([0.833333, 0.166667])
    """
    result = np.zeros(len(chain))
    for members in closed_classes(chain):
        inside = chain[np.ix_(members, members)]
        equations = inside.T - np.eye(len(members))
        equations[-1] = 1.0
        right = np.zeros(len(members))
        right[-1] = 1.0
        share = reach_probability(chain, members)[start]
        result[members] = share * np.linalg.solve(equations, right)
    return np.clip(result, 0.0, 1.0)


def reach_probability(chain: Floats, target: NDArray[np.intp]) -> Floats:
    """Probability of ever reaching one of the target states, from each state; shape (S,).

    ``h`` is 1 on the target, 0 where the target cannot be reached, and elsewhere solves ``h_i = Σ_j P_ij h_j``.

    Args:
        chain: Shape (S, S).
        target: Indices of the target states.

    >>> reach_probability(np.array([[0.5, 0.3, 0.2], [0, 1, 0], [0, 0, 1]]), np.array([1]))
    array([0.6, 1. , 0. ])
    """
    result = np.zeros(len(chain))
    result[target] = 1.0
    open_states: Mask = np.asarray(reachable(chain)[:, target].any(axis=1))
    open_states[target] = False
    unknown = np.flatnonzero(open_states)
    if len(unknown):
        inner = np.eye(len(unknown)) - chain[np.ix_(unknown, unknown)]
        result[unknown] = np.linalg.solve(inner, chain[np.ix_(unknown, target)].sum(axis=1))
    return np.clip(result, 0.0, 1.0)


def reach_probability_within(chain: Floats, target: int, steps: int) -> Floats:
    """Probability of reaching the target state within ``steps`` steps, from each state; shape (S,).

    It is the target's column of ``P^steps``, with the target made absorbing.

    Args:
        chain: Shape (S, S).
        target: Index of the target state, from which the probability is 1.
        steps: Number of steps, at least 0.

    >>> reach_probability_within(np.array([[0.9, 0.1], [0.5, 0.5]]), 1, 2).round(6)
    array([0.19, 1.  ])
    """
    absorbing = chain.copy()
    absorbing[target] = 0.0
    absorbing[target, target] = 1.0
    return np.asarray(np.clip(np.linalg.matrix_power(absorbing, steps)[:, target], 0.0, 1.0))


def expected_steps(chain: Floats, target: int) -> Floats:
    """Expected number of steps until the target state is first reached, from each state; shape (S,).

    It solves ``(I - Q) t = 1``, where ``Q`` are the transitions among the other states. It is 0 for the target itself, and
    infinite where the target may never be reached.

    Args:
        chain: Shape (S, S).
        target: Index of the target state.

    >>> expected_steps(np.array([[0.9, 0.1], [0.5, 0.5]]), 1).round(6)
    array([10.,  0.])
    """
    result = np.full(len(chain), math.inf)
    result[target] = 0.0
    without = chain.copy()
    without[target] = 0.0
    without[target, target] = 1.0
    reached = reachable(without)
    # Only from states that cannot reach a state from which the target is out of reach.
    certain: Mask = np.asarray(~(reached & ~reached[:, target]).any(axis=1))
    certain[target] = False
    unknown = np.flatnonzero(certain)
    if len(unknown):
        inner = np.eye(len(unknown)) - chain[np.ix_(unknown, unknown)]
        result[unknown] = np.linalg.solve(inner, np.ones(len(unknown)))
    return result
