"""traingauge: a Prometheus exporter that lives inside an ML training script.

Importing it loads no framework, starts no thread, opens no port and reads no environment variable; what is named in
``__all__`` is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module

from traingauge.version import __version__

TYPE_CHECKING = False  # type checkers take it for true; typing's own would be nine tenths of this import
if TYPE_CHECKING:
    from traingauge.delivery.alertmanager import Alertmanager
    from traingauge.delivery.http import Endpoint
    from traingauge.delivery.pushgateway import Pushgateway
    from traingauge.delivery.remote_write.setting import RemoteWrite
    from traingauge.delivery.text_file import TextFile
    from traingauge.errors import TrainGaugeError
    from traingauge.monitor import ModelMonitor
    from traingauge.options import Drift, Scoring, State
    from traingauge.reference import Reference
    from traingauge.reference.canary import Canary
    from traingauge.reference.run import ReferenceRun
    from traingauge.stats.detectors.adwin import Adwin
    from traingauge.stats.detectors.cusum import Cusum
    from traingauge.stats.detectors.ewma import Ewma
    from traingauge.stats.detectors.page_hinkley import PageHinkley
    from traingauge.stats.detectors.robust_z import RobustZ

__all__ = [
    "Adwin",
    "Alertmanager",
    "Canary",
    "Cusum",
    "Drift",
    "Endpoint",
    "Ewma",
    "ModelMonitor",
    "PageHinkley",
    "Pushgateway",
    "Reference",
    "ReferenceRun",
    "RemoteWrite",
    "RobustZ",
    "Scoring",
    "State",
    "TextFile",
    "TrainGaugeError",
    "__version__",
]

_HOMES = {
    "Adwin": "traingauge.stats.detectors.adwin",
    "Alertmanager": "traingauge.delivery.alertmanager",
    "Canary": "traingauge.reference.canary",
    "Cusum": "traingauge.stats.detectors.cusum",
    "Drift": "traingauge.options",
    "Endpoint": "traingauge.delivery.http",
    "Ewma": "traingauge.stats.detectors.ewma",
    "ModelMonitor": "traingauge.monitor",
    "PageHinkley": "traingauge.stats.detectors.page_hinkley",
    "Pushgateway": "traingauge.delivery.pushgateway",
    "Reference": "traingauge.reference",
    "ReferenceRun": "traingauge.reference.run",
    "RemoteWrite": "traingauge.delivery.remote_write.setting",
    "RobustZ": "traingauge.stats.detectors.robust_z",
    "Scoring": "traingauge.options",
    "State": "traingauge.options",
    "TextFile": "traingauge.delivery.text_file",
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
