"""The order of events: warm up, then each fault with its alert, its fix and its resolution, then a clean end.

The story runs inside training: a callback advances it at the end of every epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras

from demo.faults import Fault
from demo.report import Report
from traingauge import ModelMonitor
from traingauge.stack.errors import PaceLostError
from traingauge.stack.stack import Stack

#: Validation accuracy from which the demo considers the model healthy.
HEALTHY = 0.95

#: Seconds after which a wait is given up, before division by the pace. Alerts arrive and resolve in much less.
PATIENCE = 1350.0

#: Epochs before a wait is given up: a slow machine needs as many as a fast one.
PATIENT_EPOCHS = 200

#: Seconds of healthy training before each fault, before division by the pace: an alert about a loss of quality needs some
#: time of good quality first.
CALM = 180.0

#: Whether a healthy run paused almost long enough for the rules to consider it stuck.
NEARLY_STUCK = "max(model_run_start:model_last_activity:longest_pause) > scalar(max(global:model_stuck_floor_seconds)) / 2"

#: Seconds between two lines of progress.
PROGRESS_EVERY = 2.0


class Storyteller(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Runs the story while a model trains, and stops training at its end."""

    def __init__(self, monitor: ModelMonitor, faults: Sequence[Fault], report: Report, stack: Stack) -> None:
        super().__init__()
        self._monitor, self._faults, self._report, self._stack = monitor, faults, report, stack
        self._story = self._events()
        self._said = 0.0

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Advance the story."""
        if time.monotonic() - self._said > PROGRESS_EVERY:
            self._said = time.monotonic()
            self._report.say(self._progress(epoch))
            self._check_pace()
        if next(self._story, None) is None:
            self.model.stop_training = True

    def _events(self) -> Iterator[bool]:
        yield from self._until(self._found)
        self._report.say("Prometheus has discovered the run and scrapes it")
        yield from self._until(self._healthy)
        for fault in self._faults:
            yield from self._until(self._calm())
            episode = self._report.begin(fault)
            fault.begin()
            yield from self._until(episode.arrived)
            fault.fix()
            self._report.fix(episode)
            yield from self._until(lambda episode=episode: episode.over() and self._healthy())

    def _until(self, condition: Callable[[], bool]) -> Iterator[bool]:
        """Yield until a condition holds or patience runs out; the table then shows what did not arrive."""
        evaluated, epochs = self._stack.evaluated_for(PATIENCE / self._stack.pace.factor), 0
        while not condition() and not (epochs >= PATIENT_EPOCHS and evaluated()):
            epochs += 1
            yield True

    def _calm(self) -> Callable[[], bool]:
        return self._stack.evaluated_for(CALM / self._stack.pace.factor)

    def _check_pace(self) -> None:
        self._stack.check_pace()
        if self._stack.prometheus.query(NEARLY_STUCK):
            raise PaceLostError("training paused for too long")

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
