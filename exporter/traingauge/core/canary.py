"""Asking a live model its canary while it trains."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from traingauge.core.events import CanaryChecked
from traingauge.reference.canary import Canary, CanaryResult, Predict

if TYPE_CHECKING:
    from traingauge.core.guard import Guard


class Run(Protocol):
    """Where what was found is recorded."""

    @property
    def guard(self) -> Guard:
        """Keeps errors inside monitoring away from training."""

    def record(self, event: CanaryChecked) -> None:
        """Record a check."""


class CanaryProbe:
    """Asks a live model, every ``every`` steps or on demand; made by :meth:`traingauge.ModelMonitor.canary`.

    Args:
        run: Where what was found is recorded.
        canary: What is asked, and what is expected.
        predict: Gives outputs for inputs.
        every: Calls of :meth:`step` from one check to the next; ``None`` to check on demand only.
    """

    def __init__(self, run: Run, canary: Canary, predict: Predict, every: int | None) -> None:
        self._run, self._canary, self._predict, self._every = run, canary, predict, every
        self._steps = 0

    def step(self) -> None:
        """Count a training step, and check where it is time; an error is counted, and training continues."""
        self._steps += 1
        if self._every is not None and self._steps % self._every == 0:
            self._run.guard.shield("integration", self.check)

    def check(self) -> CanaryResult:
        """Ask the model now; whatever ``predict`` raises is raised."""
        reading = self._canary.compare(self._predict(self._canary.inputs))
        self._run.record(CanaryChecked(time.perf_counter(), reading))
        return reading
