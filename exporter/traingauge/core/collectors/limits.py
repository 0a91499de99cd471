"""Limits of a run: thresholds set in code or calibrated with the reference, and the baseline to beat."""

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
    """Publishes ``model_threshold`` and ``model_baseline``.

    Args:
        limits: Thresholds set in code.
        to_beat: Baseline scores that the run should beat, by name.
        drift: Drift of the features; if its reference is calibrated, the thresholds of the shown features are published.
    """

    def __init__(
        self, limits: Iterable[Threshold], to_beat: Mapping[str, float], drift: FeatureDrift | None
    ) -> None:
        self._limits, self._drift = tuple(limits), drift
        self._calibrated: dict[str, float] = {}
        self._thresholds = thresholds.family(self._limits)
        self._baseline = baseline.family(to_beat)

    def families(self) -> Iterator[Family]:
        """The limits that are set."""
        calibrated = {} if self._drift is None else self._drift.thresholds()
        if calibrated != self._calibrated:
            own = [Threshold("feature_drift", "warning", value, name) for name, value in calibrated.items()]
            self._calibrated, self._thresholds = calibrated, thresholds.family([*self._limits, *own])
        if self._thresholds.keys:
            yield self._thresholds
        if self._baseline.keys:
            yield self._baseline
