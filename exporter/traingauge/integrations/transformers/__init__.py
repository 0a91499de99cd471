"""Hugging Face Transformers: :class:`MonitorCallback`, which records what a ``Trainer`` does.

Nothing here imports Transformers until it is used. Its models are PyTorch's modules, so that integration knows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from traingauge.extras import require

if TYPE_CHECKING:
    from traingauge.integrations.transformers.callback import MonitorCallback

__all__ = ["MonitorCallback"]


def __getattr__(name: str) -> object:
    if name != "MonitorCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("transformers", "transformers")
    from traingauge.integrations.transformers import callback

    return callback.MonitorCallback
