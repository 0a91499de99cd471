"""traingauge: a Prometheus exporter that lives inside an ML training script.

Importing it loads no framework, starts no thread, opens no port and reads no environment variable; what is named in
``__all__`` is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from traingauge.version import __version__

if TYPE_CHECKING:
    from traingauge.delivery.alertmanager import Alertmanager
    from traingauge.delivery.http import Endpoint
    from traingauge.errors import TrainGaugeError
    from traingauge.monitor import ModelMonitor
    from traingauge.options import Drift, Scoring, State
    from traingauge.reference import Reference
    from traingauge.reference.canary import Canary
    from traingauge.reference.run import ReferenceRun

__all__ = [
    "Alertmanager",
    "Canary",
    "Drift",
    "Endpoint",
    "ModelMonitor",
    "Reference",
    "ReferenceRun",
    "Scoring",
    "State",
    "TrainGaugeError",
    "__version__",
]

_HOMES = {
    "Alertmanager": "traingauge.delivery.alertmanager",
    "Canary": "traingauge.reference.canary",
    "Drift": "traingauge.options",
    "Endpoint": "traingauge.delivery.http",
    "ModelMonitor": "traingauge.monitor",
    "Reference": "traingauge.reference",
    "ReferenceRun": "traingauge.reference.run",
    "Scoring": "traingauge.options",
    "State": "traingauge.options",
    "TrainGaugeError": "traingauge.errors",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
