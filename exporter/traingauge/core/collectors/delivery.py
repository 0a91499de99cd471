"""What deliveries that send have sent, and what they could not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from traingauge.catalog import CATALOG
from traingauge.core.collectors.base import Collector
from traingauge.core.families import Family, keys, single

#: Why samples are given up: the receiver refuses them, has newer ones of their series, or takes none of their age; the log
#: deleted their rows (each counts once) or memory could not hold them; too many had one time; or the clock was set back and
#: theirs is in the future.
DROPPED = ("refused", "order", "age", "log", "memory", "crowded", "clock")

#: Why requests fail.
FAILURES = ("connection", "timeout", "server", "throttled", "credentials", "protocol", "refused")


@dataclass
class DeliveryCounts:
    """Counts of one delivery; it alone changes them.

    Attributes:
        pending: Rows and readings that wait.
        oldest: Unix time in seconds of the oldest of them; ``None`` if none waits.
        dropped: Samples given up, by each of :data:`DROPPED`.
        moved: Samples with a later time than that of their step.
        failures: Failed requests, by each of :data:`FAILURES`.
    """

    pending: int = 0
    oldest: float | None = None
    moved: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DROPPED, 0))
    failures: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAILURES, 0))


class DeliveryMetrics(Collector):
    """Adds up what the deliveries of a run count; without a delivery that counts there are no metrics.

    >>> metrics = DeliveryMetrics(); list(metrics.families())
    []
    >>> metrics.open().pending = 3
    >>> {family.metric.name: family.values for family in metrics.families()}["model_delivery_pending"]
    (3.0,)
    """

    def __init__(self) -> None:
        self._all: list[DeliveryCounts] = []
        self._before = DeliveryCounts()  # by earlier processes of the run

    def open(self) -> DeliveryCounts:
        """Counts for one more delivery."""
        counts = DeliveryCounts()
        self._all.append(counts)
        return counts

    def families(self) -> Iterator[Family]:
        """``model_delivery_*``."""
        if not self._all:
            return
        yield single("model_delivery_pending", float(sum(one.pending for one in self._all)))
        now = time.time()
        lags = [now - one.oldest for one in self._all if one.oldest is not None]
        yield single("model_delivery_lag_seconds", max(0.0, *lags) if lags else 0.0)
        total = self._total()
        dropped = tuple(map(float, total.dropped.values()))
        yield Family(CATALOG["model_delivery_dropped_total"], _DROPPED_KEYS, dropped)
        yield single("model_delivery_moved_total", float(total.moved))
        failures = tuple(map(float, total.failures.values()))
        yield Family(CATALOG["model_delivery_failures_total"], _FAILURE_KEYS, failures)

    def save(self) -> dict[str, Any]:
        """The counters, as a tree of plain values."""
        total = self._total()
        return {"dropped": total.dropped, "moved": total.moved, "failures": total.failures}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Add the counters from :meth:`save`."""
        self._before = DeliveryCounts(
            moved=saved["moved"],
            dropped=dict.fromkeys(DROPPED, 0) | saved["dropped"],
            failures=dict.fromkeys(FAILURES, 0) | saved["failures"],
        )

    def _total(self) -> DeliveryCounts:
        every = [self._before, *self._all]
        return DeliveryCounts(
            moved=sum(one.moved for one in every),
            dropped={reason: sum(one.dropped[reason] for one in every) for reason in DROPPED},
            failures={reason: sum(one.failures[reason] for one in every) for reason in FAILURES},
        )


_DROPPED_KEYS = keys(*((reason,) for reason in DROPPED))
_FAILURE_KEYS = keys(*((reason,) for reason in FAILURES))
