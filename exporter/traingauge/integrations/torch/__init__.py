"""PyTorch: :func:`watch`, which records a training loop that stays as it is.

Nothing here imports PyTorch until it is used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from traingauge.extras import require

if TYPE_CHECKING:
    from traingauge.core.model_description import ModelDescription
    from traingauge.integrations.torch.loop import Watch, watch

__all__ = ["Watch", "describe", "name_of", "recognises", "watch"]


def recognises(model: Any) -> bool:
    """Whether it is a module of PyTorch."""
    return all(hasattr(model, name) for name in ("forward", "parameters", "state_dict"))


def name_of(model: Any) -> str:
    """The name of its class, in the form of names: ``ResNet`` is ``res_net``."""
    from traingauge.integrations.torch import structure

    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(structure.unwrapped(model)).__name__)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words).lower()


def describe(model: Any) -> ModelDescription:
    """Structure of a module; see :func:`traingauge.integrations.torch.structure.describe`."""
    from traingauge.integrations.torch import structure

    return structure.describe(model)


def __getattr__(name: str) -> object:
    if name not in ("watch", "Watch"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("torch", "torch")
    from traingauge.integrations.torch import loop

    return getattr(loop, name)
