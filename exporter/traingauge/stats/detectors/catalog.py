"""Every detector by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from traingauge.stats.detectors.adwin import Adwin
from traingauge.stats.detectors.cusum import Cusum
from traingauge.stats.detectors.detector import Detector
from traingauge.stats.detectors.ewma import Ewma
from traingauge.stats.detectors.page_hinkley import PageHinkley
from traingauge.stats.detectors.robust_z import RobustZ

#: Another one is a file of its own, its test, and a line here.
DETECTORS: Mapping[str, Callable[[], Detector]] = MappingProxyType(
    {"ewma": Ewma, "cusum": Cusum, "page_hinkley": PageHinkley, "adwin": Adwin, "robust_z": RobustZ}
)
