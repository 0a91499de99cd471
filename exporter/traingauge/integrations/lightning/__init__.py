"""Lightning: :class:`MonitorCallback`, which records what a ``Trainer`` does, of ``lightning`` and ``pytorch_lightning``.

Nothing here imports Lightning until it is used.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from traingauge.extras import require

if TYPE_CHECKING:
    from traingauge.integrations.lightning.callback import MonitorCallback

__all__ = ["MonitorCallback"]


def __getattr__(name: str) -> object:
    if name != "MonitorCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if find_spec("pytorch_lightning") is None:
        require("lightning", "lightning")
    from traingauge.integrations.lightning import callback

    return callback.MonitorCallback
