"""Passes over evaluation data: losses that the loop computed without training on them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from traingauge.core.device_scores import OnDevice
from traingauge.core.event_queue import BACKLOG_SAMPLES
from traingauge.core.events import Pass
from traingauge.integrations.torch.parts import Part

if TYPE_CHECKING:
    from traingauge.integrations.base import Session


class OpenPass:
    """A pass that is under way.

    Args:
        session: The run.
        split: ``validation`` or ``test``.

    Attributes:
        split: As given.
        parts: Its batches.
    """

    def __init__(self, session: Session, split: str) -> None:
        self._session, self.split = session, split
        self.parts: list[Part] = []
        self._masses: list[Any] = []
        self._scored: list[Any] = []
        self._held = 0  # on a device

    def add(self, part: Part, mass: Any) -> None:
        """Add a batch.

        Args:
            part: Its loss.
            mass: Its weight in the mean of all.
        """
        self._session.alive()
        self.parts.append(part)
        self._masses.append(mass)
        if part.scored is not None:
            self._scored.append(part.scored)
            self._held += part.scored.held if isinstance(part.scored, OnDevice) else 0
            part.scored = None
        if self._held >= BACKLOG_SAMPLES:
            self._scored, self._held = self._session.bring_over(self._scored), 0

    def finish(self) -> None:
        """Record it."""
        total = sum(self._masses)
        losses = sum(part.value * mass for part, mass in zip(self.parts, self._masses, strict=True))
        empty = isinstance(total, (int, float)) and total == 0
        self._session.record(
            Pass(
                split=self.split,
                at=time.perf_counter(),
                loss=None if empty else losses / total,
                steps=len(self.parts),
                samples=sum(part.samples for part in self.parts),
                scored=self._scored,
            )
        )
