"""Every detector by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from traingauge.stats.detectors.adwin import Adwin
from traingauge.stats.detectors.cusum import Cusum
from traingauge.stats.detectors.detector import Detector
from traingauge.stats.detectors.ewma import Ewma
from traingauge.stats.detectors.page_hinkley import PageHinkley
from traingauge.stats.detectors.robust_z import RobustZ

#: To add a detector, write a file and its test, and add the class here.
DETECTORS: Mapping[str, type[Detector]] = MappingProxyType(
    {one.name: one for one in (Ewma, Cusum, PageHinkley, Adwin, RobustZ)}
)
