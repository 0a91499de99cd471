"""The states of a run's health, and the severities at which they begin."""

from __future__ import annotations

#: From best to worst.
STATES = ("healthy", "warning", "degraded", "failing")

#: Severities, in standard deviations, at which warning, degraded and failing begin.
LEVELS = (3.0, 6.0, 12.0)

FAILING = STATES.index("failing")


def state_of(severity: float, nonfinite: bool = False) -> int:
    """State of a run, as an index into :data:`STATES`.

    Args:
        severity: Severity of the run's worst signal; NaN, while none is known, counts as healthy.
        nonfinite: Whether a loss or a gradient was NaN or infinite.

    >>> [STATES[state_of(severity)] for severity in (0.0, 3.0, 7.5, 100.0, float("nan"))]
    ['healthy', 'warning', 'degraded', 'failing', 'healthy']
    >>> STATES[state_of(0.0, nonfinite=True)]
    'failing'
    """
    if nonfinite:
        return FAILING
    return sum(severity >= level for level in LEVELS)
