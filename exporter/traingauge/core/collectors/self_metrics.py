"""The monitor watching itself: its errors, its own time, series it left out, non-finite values it saw."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from traingauge.catalog import CATALOG, SPLITS
from traingauge.core.collectors.base import Collector
from traingauge.core.events import FeaturesSeen, Pass, WeightsChecked
from traingauge.core.families import Family, keys
from traingauge.core.guard import REASONS, Guard
from traingauge.core.step_batch import StepBatch

#: What monitoring spends its time on.
WORK = ("encode", "digest", "scrape")

#: Why series were left out.
CAPS = ("class", "feature", "scalar")

#: What can be non-finite: values, or tensors of weights.
SIGNALS = ("loss", "gradient", "feature", "prediction", "weight")


class SelfMetrics(Collector):
    """Counters of what monitoring itself did; every label set exists at 0 from the start.

    Args:
        guard: Counts the errors.

    Attributes:
        others: Collectors whose series that were left out are counted.

    >>> self_metrics = SelfMetrics(Guard())
    >>> self_metrics.saw_nonfinite("train", "loss", 2)
    >>> self_metrics.nonfinite["train", "loss"]
    2
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.others: Iterable[Collector] = ()
        self._lock = threading.Lock()  # never held while anything else is done
        self.seconds = dict.fromkeys(WORK, 0.0)
        self.nonfinite = {(split, signal): 0 for split in SPLITS for signal in SIGNALS}
        self.handlers = {
            Pass: self.on_pass,
            FeaturesSeen: self.on_features,
            WeightsChecked: self.on_weights,
        }

    def on_batch(self, batch: StepBatch) -> None:
        """Count what training steps gave that is not finite."""
        self.saw_nonfinite("train", "loss", int(batch.broken("loss").sum()))
        self.saw_nonfinite("train", "gradient", int(batch.broken("gradient_norm").sum()))
        scored = sum(one.nonfinite for _, one in batch.scored)
        self.saw_nonfinite("train", "prediction", batch.nonfinite + scored)
        self.saw_nonfinite("train", "feature", sum(one.nonfinite for one in batch.binned))

    def on_pass(self, done: Pass, unix: float) -> None:
        """Count what a pass gave that is not finite."""
        for signal, value in (("loss", done.loss), ("gradient", done.scalars.get("gradient_norm"))):
            self.saw_nonfinite(done.split, signal, int(value is not None and not math.isfinite(float(value))))
        scored = sum(one.nonfinite for one in done.scored)
        self.saw_nonfinite(done.split, "prediction", done.nonfinite + scored)

    def on_features(self, event: FeaturesSeen, unix: float) -> None:
        """Count features of a watched batch that are not finite."""
        self.saw_nonfinite("train", "feature", event.binned.nonfinite)

    def on_weights(self, event: WeightsChecked, unix: float) -> None:
        """Count weights that are not finite."""
        self.saw_nonfinite("train", "weight", event.nonfinite)

    def spent(self, work: str, seconds: float) -> None:
        """Add time, in seconds, that monitoring took."""
        with self._lock:
            self.seconds[work] += seconds

    def saw_nonfinite(self, split: str, signal: str, count: int) -> None:
        """Count NaN and infinite values."""
        if count:
            self.nonfinite[split, signal] += count

    def save(self) -> dict[str, Any]:
        """All counters, as a tree of plain values."""
        with self._lock:
            return {
                "errors": dict(self._guard.errors),
                "seconds": dict(self.seconds),
                "nonfinite": [[*key, count] for key, count in self.nonfinite.items()],
            }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Add what :meth:`save` gave."""
        self._guard.add(saved["errors"])
        with self._lock:
            for work, seconds in saved["seconds"].items():
                self.seconds[work] += seconds
            for split, signal, count in saved["nonfinite"]:
                self.nonfinite[split, signal] += count

    def families(self) -> Iterator[Family]:
        """The monitor's own metrics."""
        yield Family(
            CATALOG["model_nonfinite_total"], _NONFINITE_KEYS, tuple(map(float, self.nonfinite.values()))
        )
        yield Family(
            CATALOG["model_monitor_errors_total"],
            _REASON_KEYS,
            tuple(map(float, self._guard.errors.values())),
        )
        yield Family(
            CATALOG["model_monitor_overhead_seconds_total"], _WORK_KEYS, tuple(self.seconds.values())
        )
        dropped = {cap: count for one in self.others for cap, count in one.dropped.items()}
        counts = tuple(float(dropped.get(cap, 0)) for cap in CAPS)
        yield Family(CATALOG["model_monitor_dropped_series_total"], _CAP_KEYS, counts)


_NONFINITE_KEYS = keys(*((split, signal) for split in SPLITS for signal in SIGNALS))
_REASON_KEYS = keys(*((reason,) for reason in REASONS))
_WORK_KEYS = keys(*((work,) for work in WORK))
_CAP_KEYS = keys(*((cap,) for cap in CAPS))
