"""The order of events: warm up, then each fault with its alert, its mending and its resolution, then a clean end.

The story is told from inside of training: a callback goes on with it at the end of every epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras

from demo.faults import Fault
from demo.report import Report
from traingauge import ModelMonitor
from traingauge.stack.stack import Stack

#: Validation accuracy at which the demo takes the model for healthy.
HEALTHY = 0.95

#: Seconds, before any wait is given up. The alert must come, or resolve, in much less.
PATIENCE = 45.0

#: Seconds of healthy training before each fault: an alert about what was lost needs it to have been there for a while.
CALM = 6.0

#: Seconds between two lines of progress.
PROGRESS_EVERY = 2.0


class Storyteller(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Tells the story while a model trains, and stops training when it has been told."""

    def __init__(self, monitor: ModelMonitor, faults: Sequence[Fault], report: Report, stack: Stack) -> None:
        super().__init__()
        self._monitor, self._faults, self._report, self._stack = monitor, faults, report, stack
        self._story = self._tell()
        self._said = 0.0

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Go on with the story."""
        if time.monotonic() - self._said > PROGRESS_EVERY:
            self._said = time.monotonic()
            self._report.say(self._progress(epoch))
        if next(self._story, None) is None:
            self.model.stop_training = True

    def _tell(self) -> Iterator[bool]:
        yield from _until(self._found)
        self._report.say("Prometheus has found the run by itself and scrapes it")
        yield from _until(self._healthy)
        yield from _until(_passed(CALM))
        for fault in self._faults:
            episode = self._report.begin(fault)
            fault.begin()
            yield from _until(episode.told)
            fault.mend()
            self._report.mend(episode)
            yield from _until(lambda episode=episode: episode.over() and self._healthy())
            yield from _until(_passed(CALM))

    def _found(self) -> bool:
        return any(sample.value == 1 for sample in self._stack.prometheus.query('up{job="traingauge"}'))

    def _latest(self, name: str) -> float:
        return self._monitor.history.get(name, [0.0])[-1]

    def _healthy(self) -> bool:
        return self._latest("val_accuracy") >= HEALTHY

    def _progress(self, epoch: int) -> str:
        values = ", ".join(
            f"{name} {self._latest(name):.3f}" for name in ("loss", "val_accuracy", "val_recall")
        )
        return f"epoch {epoch + 1}: {values}"


def _passed(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def _until(condition: Callable[[], bool]) -> Iterator[bool]:
    """Yield until a condition holds, or patience is at its end: the table then shows what did not come."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        yield True
