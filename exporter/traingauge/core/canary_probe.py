"""Canary checks of a model during training."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from traingauge.core.events import CanaryChecked
from traingauge.reference.canary import Canary, CanaryResult, Predict

if TYPE_CHECKING:
    from traingauge.core.guard import Guard


class Run(Protocol):
    """The run that records the checks."""

    @property
    def guard(self) -> Guard:
        """Keeps errors inside monitoring away from training."""

    def record(self, event: CanaryChecked) -> None:
        """Record a check."""


class CanaryProbe:
    """Checks a model periodically or on demand; created by :meth:`traingauge.ModelMonitor.canary`.

    Args:
        run: The run that records the checks.
        canary: Inputs and expected outputs.
        predict: Function from inputs to outputs.
        every: Number of calls of :meth:`step` between checks; ``None`` to check on demand only.
        keeps: What must not be lost as long as it is used.
    """

    def __init__(
        self, run: Run, canary: Canary, predict: Predict, every: int | None, *, keeps: object = None
    ) -> None:
        self._run, self._canary, self._predict, self._every = run, canary, predict, every
        self._keeps = keeps
        self._steps = 0

    def step(self) -> None:
        """Count a training step, and check the model if it is due; errors are counted, and training continues."""
        self._steps += 1
        if self._every is not None and self._steps % self._every == 0:
            self._run.guard.shield("integration", self.check)

    def check(self) -> CanaryResult:
        """Check the model now; exceptions of ``predict`` are raised."""
        result = self._canary.compare(self._predict(self._canary.inputs))
        self._run.record(CanaryChecked(time.perf_counter(), result))
        return result
