"""Keras on its TensorFlow backend: :class:`MonitorCallback`, and ``fit`` with everything recorded.

Nothing here imports Keras until a name is asked for, so that a model may be described on any backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traingauge.integrations.keras.callback import MonitorCallback, fit

__all__ = ["MonitorCallback", "fit"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from traingauge.integrations.keras import callback

    return getattr(callback, name)
