"""Metrics of the monitor itself: errors, overhead, dropped series, and non-finite values seen."""

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
from traingauge.core.step_log import LOST, StepLog
from traingauge.forks import leave_to_parent_after_fork

#: Kinds of work whose time is counted.
WORK = ("encode", "digest", "scrape")

#: The caps that limit the number of series.
CAPS = ("class", "feature", "output", "scalar")

#: Signals whose non-finite values are counted; for weights, tensors are.
SIGNALS = ("loss", "gradient", "feature", "prediction", "weight")


class SelfMetrics(Collector):
    """Counters of the monitor itself; every label set exists with 0 from the start.

    Args:
        guard: Counts errors inside monitoring.

    Attributes:
        others: Collectors whose dropped series are counted.
        step_log: The rows, of which the lost ones are counted; ``None`` where there are none.

    >>> self_metrics = SelfMetrics(Guard())
    >>> self_metrics.saw_nonfinite("train", "loss", 2)
    >>> self_metrics.nonfinite["train", "loss"]
    2
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.others: Iterable[Collector] = ()
        self.step_log: StepLog | None = None
        self._lock = threading.Lock()  # held only for single updates
        leave_to_parent_after_fork(self)
        self.seconds = dict.fromkeys(WORK, 0.0)
        self.nonfinite = {(split, signal): 0 for split in SPLITS for signal in SIGNALS}
        self.handlers = {
            Pass: self.on_pass,
            FeaturesSeen: self.on_features,
            WeightsChecked: self.on_weights,
        }

    def on_batch(self, batch: StepBatch) -> None:
        """Count the non-finite values of training steps."""
        self.saw_nonfinite("train", "loss", int(batch.broken("loss").sum()))
        self.saw_nonfinite("train", "gradient", int(batch.broken("gradient_norm").sum()))
        scored = sum(one.nonfinite for _, one in batch.scored)
        self.saw_nonfinite("train", "prediction", batch.nonfinite + scored)
        self.saw_nonfinite("train", "feature", sum(one.nonfinite for one in batch.binned))

    def on_pass(self, done: Pass, unix: float) -> None:
        """Count the non-finite values of a pass."""
        for signal, value in (("loss", done.loss), ("gradient", done.scalars.get("gradient_norm"))):
            self.saw_nonfinite(done.split, signal, int(value is not None and not math.isfinite(float(value))))
        scored = sum(one.nonfinite for one in done.scored)
        self.saw_nonfinite(done.split, "prediction", done.nonfinite + scored)

    def on_features(self, event: FeaturesSeen, unix: float) -> None:
        """Count the non-finite features of a watched batch."""
        self.saw_nonfinite("train", "feature", event.binned.nonfinite)

    def on_weights(self, event: WeightsChecked, unix: float) -> None:
        """Count the non-finite tensors of weights."""
        self.saw_nonfinite("train", "weight", event.nonfinite)

    def leave_to_parent(self) -> None:
        """A lock that a thread of the parent holds is not released in its child."""
        self._lock = threading.Lock()

    def spent(self, work: str, seconds: float) -> None:
        """Add seconds that monitoring spent on a kind of work."""
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
        """Add the counters from :meth:`save`."""
        self._guard.add(saved["errors"])
        with self._lock:
            for work, seconds in saved["seconds"].items():
                self.seconds[work] += seconds
            for split, signal, count in saved["nonfinite"]:
                self.nonfinite[split, signal] += count

    def families(self) -> Iterator[Family]:
        """``model_nonfinite_total`` and ``model_monitor_*``."""
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
        lost = {} if self.step_log is None else self.step_log.lost
        rows = tuple(float(lost.get(reason, 0)) for reason in LOST)
        yield Family(CATALOG["model_monitor_dropped_rows_total"], _LOST_KEYS, rows)


_NONFINITE_KEYS = keys(*((split, signal) for split in SPLITS for signal in SIGNALS))
_REASON_KEYS = keys(*((reason,) for reason in REASONS))
_WORK_KEYS = keys(*((work,) for work in WORK))
_LOST_KEYS = keys(*((reason,) for reason in LOST))
_CAP_KEYS = keys(*((cap,) for cap in CAPS))
