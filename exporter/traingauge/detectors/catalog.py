"""Every detector by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from traingauge.detectors.adwin import Adwin
from traingauge.detectors.cusum import Cusum
from traingauge.detectors.detector import Detector
from traingauge.detectors.ewma import Ewma
from traingauge.detectors.page_hinkley import PageHinkley
from traingauge.detectors.robust_z import RobustZ

#: Another one is a file of its own, its test, and a line here.
DETECTORS: Mapping[str, Callable[[], Detector]] = MappingProxyType(
    {"ewma": Ewma, "cusum": Cusum, "page_hinkley": PageHinkley, "adwin": Adwin, "robust_z": RobustZ}
)
