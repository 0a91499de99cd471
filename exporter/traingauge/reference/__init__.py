"""What later data, runs and models are compared with: a reference, a reference run, a canary.

``reference`` is the profile of the training data: ``tables`` and ``schema`` convert user input, ``summary`` reduces it in
one pass, ``profile`` divides it into bins, ``joint`` measures distances over all features together, and ``calibration``
sets thresholds. ``run`` records what a good run achieved, and ``canary`` the outputs of a trusted model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traingauge.reference.reference import Reference

__all__ = ["Reference"]


def __getattr__(name: str) -> object:
    """Load the profile of the data when it is first used: a run with a canary alone needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from traingauge.reference import reference

    return getattr(reference, name)
