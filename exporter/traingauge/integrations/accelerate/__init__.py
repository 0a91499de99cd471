"""Accelerate: :class:`MonitorTracker`, which records what a script logs with its ``Accelerator``.

Nothing here imports Accelerate until it is used. A loop of Accelerate is one of PyTorch, so that integration watches it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from traingauge.extras import require

if TYPE_CHECKING:
    from traingauge.integrations.accelerate.tracker import MonitorTracker

__all__ = ["MonitorTracker"]


def __getattr__(name: str) -> object:
    if name != "MonitorTracker":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("accelerate", "accelerate")
    from traingauge.integrations.accelerate import tracker

    return tracker.MonitorTracker
