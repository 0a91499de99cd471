"""Restarts of the run, and the times of the last one and of the last saved state."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from traingauge.core.collectors.base import Collector
from traingauge.core.families import Family, single


class Restarts(Collector):
    """Counts restarts, and publishes when this process resumed the run and when the state was last saved.

    Attributes:
        count: Number of times that a process resumed the run; ``None`` if the run does not keep its state.
        at: Unix time at which this process resumed the run, in seconds; ``None`` if it began it.
        saved: Unix time of the last saved state, in seconds; ``None`` before the first.
        resumed: Whether the run was resumed and the step from which its model continues is still unknown.
        ahead: Training steps of the run minus steps counted by the model's optimizer; ``None`` if it does not count.

    >>> restarts = Restarts(); restarts.count = 0; restarts.restore({"restarts": 1, "ahead": None})
    >>> [family.metric.name for family in restarts.families()]
    ['model_restarts_total', 'model_run_resumed_timestamp_seconds']
    """

    def __init__(self) -> None:
        self.count: int | None = None
        self.at: float | None = None
        self.saved: float | None = None
        self.resumed = False
        self.ahead: int | None = None

    def restored_step(self, counted: int, latest: int) -> int | None:
        """Training step of the checkpoint from which the model of a resumed run was restored; ``None`` if unknown.

        Args:
            counted: Steps counted by the model's optimizer.
            latest: Upper bound of the step.
        """
        if not self.resumed or self.ahead is None or not counted:
            return None
        restored = counted + self.ahead
        return restored if 0 <= restored <= latest else None

    def agree(self, counted: int, position: int) -> None:
        """Record that the optimizer has counted ``counted`` steps when the run is at step ``position``."""
        self.ahead = position - counted

    def families(self) -> Iterator[Family]:
        """``model_restarts_total`` and the times; nothing if the run does not keep its state."""
        if self.count is not None:
            yield single("model_restarts_total", float(self.count))
        if self.at is not None:
            yield single("model_run_resumed_timestamp_seconds", self.at)
        if self.saved is not None:
            yield single("model_state_saved_timestamp_seconds", self.saved)

    def save(self) -> dict[str, Any]:
        """The restarts so far, and the offset of the optimizer's count."""
        return {"restarts": self.count or 0, "ahead": self.ahead}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`, and count the restart."""
        self.count, self.resumed, self.at = saved["restarts"] + 1, True, time.time()
        self.ahead = saved["ahead"]
