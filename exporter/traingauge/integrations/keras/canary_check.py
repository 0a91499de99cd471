"""A canary that a Keras model is asked while it trains."""

from __future__ import annotations

from typing import Any

from traingauge.core.canary_probe import CanaryProbe
from traingauge.integrations.base import Session
from traingauge.reference.canary import Canary, Predict


class CanaryCheck:
    """Asks the model that trains, on the training thread, and records how far its answer is from the expected one.

    Args:
        canary: What is asked, and what is expected.
        every: Training steps from one check to the next; ``None`` to check at the end of each epoch.
        session: The run.
        model: Asked at once if it is built: then what does not fit is known at the start.
        predict: Gives its outputs for a batch.

    Raises:
        ShapeError: The model does not take the canary's inputs, or its outputs have another shape.
    """

    def __init__(
        self, canary: Canary, every: int | None, session: Session, model: Any, predict: Predict
    ) -> None:
        self._guard, self._every, self._steps = session.guard, every, 0
        self._probe = CanaryProbe(session, canary, predict, None)
        if model.built:
            self._probe.check()

    def due(self, steps: int) -> bool:
        """Whether it is time to check, after ``steps`` further steps; 0 at the end of an epoch."""
        self._steps += steps
        if self._every is None:
            return not steps
        if self._steps < self._every:
            return False
        self._steps = 0
        return True

    def ask(self) -> None:
        """Check now; an error is counted, and training continues."""
        self._guard.shield("integration", self._probe.check)
