"""What a run is held to: thresholds set in code or calibrated with the reference, and the baseline to beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from traingauge.core import baseline, thresholds
from traingauge.core.collectors.base import Collector
from traingauge.core.families import Family
from traingauge.core.thresholds import Threshold

if TYPE_CHECKING:
    from traingauge.core.collectors.drift import FeatureDrift


class Limits(Collector):
    """``model_threshold`` and ``model_baseline``.

    Args:
        limits: Thresholds set in code.
        to_beat: Scores that the run has to beat, by name.
        drift: Whose reference may be calibrated; then its thresholds of the features shown are published, too.
    """

    def __init__(
        self, limits: Iterable[Threshold], to_beat: Mapping[str, float], drift: FeatureDrift | None
    ) -> None:
        self._limits, self._drift = tuple(limits), drift
        self._calibrated: dict[str, float] = {}
        self._thresholds = thresholds.family(self._limits)
        self._baseline = baseline.family(to_beat)

    def families(self) -> Iterator[Family]:
        """Those that are set."""
        calibrated = {} if self._drift is None else self._drift.thresholds()
        if calibrated != self._calibrated:
            own = [Threshold("feature_drift", "warning", value, name) for name, value in calibrated.items()]
            self._calibrated, self._thresholds = calibrated, thresholds.family([*self._limits, *own])
        if self._thresholds.keys:
            yield self._thresholds
        if self._baseline.keys:
            yield self._baseline
