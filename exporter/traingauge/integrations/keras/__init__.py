"""Keras, on TensorFlow, PyTorch or JAX: :class:`MonitorCallback`, and ``fit`` with everything recorded.

Nothing here imports Keras until it is used, and a model is described on any backend.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from traingauge.extras import require

if TYPE_CHECKING:
    from traingauge.core.model_description import ModelDescription
    from traingauge.integrations.base import Monitor
    from traingauge.integrations.keras.callback import MonitorCallback

__all__ = ["MonitorCallback", "describe", "fit", "name_of", "recognises"]


def recognises(model: Any) -> bool:
    """Whether it is a Keras model."""
    return all(hasattr(model, name) for name in ("fit", "compute_loss", "name"))


def name_of(model: Any) -> str:
    """The name that the user gave the model; without the number by which Keras tells unnamed models apart.

    That number depends on what else the process has made, and a run that is resumed must find its name again.
    """
    name = str(model.name)
    unnamed, _, number = name.rpartition("_")
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(model).__name__)
    kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()  # as Keras names it
    return kind if number.isdecimal() and unnamed == kind else name


def describe(model: Any) -> ModelDescription:
    """Structure of a model; see :func:`traingauge.integrations.keras.structure.describe`."""
    from traingauge.integrations.keras import structure

    return structure.describe(model)


def fit(model: Any, monitor: Monitor, *args: Any, **kwargs: Any) -> None:
    """Train a model with everything recorded; see :func:`traingauge.integrations.keras.training.fit`."""
    from traingauge.integrations.keras import training

    training.fit(model, monitor, *args, **kwargs)


def __getattr__(name: str) -> object:
    if name != "MonitorCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("keras", "keras")
    from traingauge.integrations.keras import callback

    return callback.MonitorCallback
