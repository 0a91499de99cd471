"""Passes over evaluation data: losses that the loop computed without training on them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from traingauge.core.deferred_scores import Unencoded
from traingauge.core.event_queue import BACKLOG_SAMPLES
from traingauge.core.events import Pass

if TYPE_CHECKING:
    from traingauge.integrations.base import Session


class OpenPass:
    """A pass that is under way.

    Args:
        session: The run.
        split: ``validation`` or ``test``.

    Attributes:
        split: As given.
    """

    def __init__(self, session: Session, split: str) -> None:
        self._session, self.split = session, split
        self._batches: list[
            tuple[Any, Any, Any]
        ] = []  # each with its loss, and its weight in the mean of all
        self._read: list[Any] = []  # labels and predictions that were brought over from a device
        self._held = 0  # of those that were not

    def add(self, part: Any, value: Any, mass: Any) -> None:
        """Add a batch.

        Args:
            part: What is known of it: its ``samples``, and what is ``scored`` of it.
            value: Its loss; ``None`` if that is unknown, and so is that of the pass.
            mass: Its weight in the mean of all; ``None`` if unknown, and all weigh the same.
        """
        self._session.alive()
        self._batches.append((part, value, mass))
        self._held += part.scored.held if isinstance(part.scored, Unencoded) else 0
        if self._held >= BACKLOG_SAMPLES:
            self._read += self._session.bring_over(self._take_scored())
            self._held = 0

    def take_trained(self) -> list[Any]:
        """Take out the batches that a backward pass has reached."""
        trained = [part for part, *_ in self._batches if part.tasks]
        self._batches = [batch for batch in self._batches if not batch[0].tasks]
        return trained

    def finish(self, scalars: Mapping[str, Any] | None = None) -> None:
        """Record it, if there is anything in it; with further scalars of the pass."""
        if not self._batches:
            return
        self._session.record(
            Pass(
                split=self.split,
                at=time.perf_counter(),
                loss=self._mean(),
                steps=len(self._batches),
                samples=sum(part.samples for part, *_ in self._batches),
                scored=[*self._read, *self._take_scored()],
                scalars=scalars or {},
            )
        )

    def _mean(self) -> Any:
        """The mean of the losses; ``None`` if it is unknown, or of nothing."""
        values, masses = [value for _, value, _ in self._batches], [mass for *_, mass in self._batches]
        if any(value is None for value in values):
            return None
        if any(mass is None for mass in masses):
            masses = [1] * len(masses)
        total = sum(masses)
        if isinstance(total, (int, float)) and total == 0:
            return None
        return sum(map(_weighed, values, masses)) / total

    def _take_scored(self) -> list[Any]:
        found = [part.scored for part, *_ in self._batches if part.scored is not None]
        for part, *_ in self._batches:
            part.scored = None
        return found


def _weighed(value: Any, mass: Any) -> Any:
    """What a batch adds to the sum of its pass; without a label its mean is 0/0, and it adds nothing.

    >>> _weighed(0.5, 4), _weighed(float("nan"), 0)
    (2.0, 0.0)
    """
    if not isinstance(mass, torch.Tensor):
        return value * mass if mass else 0.0
    return torch.where(mass == 0, 0.0, value * mass)
