"""The states of a run's health, and which of them a strain means."""

from __future__ import annotations

#: From best to worst.
STATES = ("healthy", "warning", "degraded", "failing")

#: Strains, in standard deviations, from which a run is in warning, degraded, failing.
LEVELS = (3.0, 6.0, 12.0)

FAILING = STATES.index("failing")


def state_of(strain: float, nonfinite: bool = False) -> int:
    """Index into :data:`STATES`.

    Args:
        strain: That of the signal that is worst off; NaN as long as nothing can be told.
        nonfinite: Whether a loss or a gradient was NaN or infinite.

    >>> [STATES[state_of(strain)] for strain in (0.0, 3.0, 7.5, 100.0, float("nan"))]
    ['healthy', 'warning', 'degraded', 'failing', 'healthy']
    >>> STATES[state_of(0.0, nonfinite=True)]
    'failing'
    """
    if nonfinite:
        return FAILING
    return sum(strain >= level for level in LEVELS)
