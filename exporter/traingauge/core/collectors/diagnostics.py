"""Diagnostics of a run: comparison with its own past and with a reference run, and its health.

Training steps are divided into *diagnostic intervals* of a few dozen steps. At the end of each interval, the scores of the
rolling window and the means of loss and gradient norm over the interval are read once, for the learning curves, the
comparison with the reference run, and the health of the run. An interval thus costs as much as a scrape, and a step almost
nothing. Intervals end at fixed steps, independently of scrapes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from traingauge.core.collectors.anomalies import Anomalies, parse
from traingauge.core.collectors.base import Collector, Reading
from traingauge.core.collectors.deviation import Deviation
from traingauge.core.collectors.health import Health
from traingauge.core.collectors.signals import Signals
from traingauge.core.events import RolledBack, WeightsChecked
from traingauge.core.families import Family, single
from traingauge.core.intervals import Intervals
from traingauge.core.step_batch import StepBatch
from traingauge.stats.curves import LearningCurves, Position
from traingauge.stats.detectors.detector import Detector
from traingauge.stats.streaming.not_given import Floats

if TYPE_CHECKING:
    from traingauge.reference.run import ReferenceRun


class Diagnostics(Collector):
    """Signal statistics, anomalies, deviations from a reference run, and health.

    Args:
        window: Number of values in the window of the statistics.
        expected: Reference run; ``None`` if there is none.
        detectors: Detectors that watch the signals; ``None`` for the default.

    Attributes:
        intervals: Ends of the diagnostic intervals.
        curves: Learning curves of the run.
        health: Health of the run.
        position: Current position of the model.
    """

    def __init__(
        self, window: int, expected: ReferenceRun | None = None, detectors: Sequence[Detector] | None = None
    ) -> None:
        self.intervals = Intervals(window)
        self.curves = LearningCurves()
        self.health = Health()
        self._signals = Signals(window)
        self._expected = Deviation(expected)
        self._anomalies = Anomalies(parse(None) if detectors is None else detectors)
        self._window, self._unscored = window, 0  # entries of the window since the detectors saw scores
        self._durations: list[Floats] = []
        self._steps = 0  # in the current interval
        self._nonfinite = np.zeros(0, dtype=np.bool_)  # steps of the last batch
        self._weights_lost = False  # as of the last check
        self._losses_lost: set[str] = set()  # splits whose last pass has a loss that is not finite
        self._sums = dict.fromkeys(("loss", "gradient_norm"), (0.0, 0))
        self.position = Position(0, 0)
        self.handlers = {WeightsChecked: self.on_weights, RolledBack: self.on_roll_back}

    def on_batch(self, batch: StepBatch) -> None:
        """Update the signal statistics; :meth:`on_slice` updates the current interval."""
        for signal, values in (
            ("loss", batch.column("loss")),
            ("gradient_norm", batch.column("gradient_norm")),
            ("step_seconds", batch.seconds),
        ):
            if np.isfinite(values).any():
                self._signals.add(signal, "train", values)
        self._nonfinite = batch.broken("loss") | batch.broken("gradient_norm")

    def on_slice(self, batch: StepBatch, piece: slice) -> None:
        """Add steps to the current interval."""
        count = batch.count(piece)
        self._steps += count
        self._unscored += piece.stop - piece.start
        self.position = Position(
            self.position.steps + count, self.position.samples + int(batch.samples[piece].sum())
        )
        for signal, (total, number) in self._sums.items():
            if signal in batch.numbers:
                values = batch.numbers[signal][piece]
                finite = values[np.isfinite(values)]
                self._sums[signal] = (total + float(finite.sum()), number + len(finite))
        self._durations.append(batch.seconds[piece])
        if self._weights_lost or self._losses_lost or self._nonfinite[piece].any():
            self.health.nonfinite()

    def on_reading(self, reading: Reading) -> None:
        """End an interval, or record the loss and the scores of a pass."""
        if reading.split == "train":
            self._end_interval(reading.scores)
            return
        if reading.loss is not None:
            self._signals.add("loss", reading.split, np.array([reading.loss]))
            self._read("loss", reading.split, reading.loss)
            if math.isfinite(reading.loss):
                self._losses_lost.discard(reading.split)
            else:
                self._losses_lost.add(reading.split)
                self.health.nonfinite()
        self._read_scores(reading.split, reading.scores)

    def on_weights(self, event: WeightsChecked, unix: float) -> None:
        """Record whether weights are NaN or infinite: if so, all steps count as non-finite until the next check."""
        self._weights_lost = event.nonfinite > 0

    def on_roll_back(self, event: RolledBack, unix: float) -> None:
        """Continue from an earlier step: later points of the curves are dropped, and detectors start over."""
        self.position = self.curves.position_at(event.step)
        self.curves.roll_back(event.step)
        self._anomalies.start_over()
        self._unscored = 0

    def families(self) -> Iterator[Family]:
        """Position, signal statistics, anomalies, expectations and health."""
        yield single("model_step", float(self.position.steps))
        yield from self._signals.families()
        yield from self._anomalies.families()
        yield from self._expected.families()
        yield from self.health.families()

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values and arrays."""
        return {
            "signals": self._signals.save(),
            "curves": self.curves.save(),
            "health": self.health.save(),
            "anomalies": self._anomalies.save(),
            "unscored": self._unscored,
            "intervals": self.intervals.save(),
            "steps": self._steps,
            "sums": {signal: list(sums) for signal, sums in self._sums.items()},
            "position": list(self.position),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`."""
        self._signals.restore(saved["signals"])
        self.curves = LearningCurves.restored(saved["curves"])
        self.health.restore(saved["health"])
        self._anomalies.restore(saved["anomalies"])
        self._unscored = saved["unscored"]
        self.intervals.restore(saved["intervals"])
        self._steps = saved["steps"]
        self._sums = {signal: (total, number) for signal, (total, number) in saved["sums"].items()}
        self.position = Position(*saved["position"])

    def _end_interval(self, scores: Mapping[str, float]) -> None:
        for signal, (total, number) in self._sums.items():
            if number:
                self._read(signal, "train", total / number)
                self._anomalies.read(signal, total / number, self.position.steps)
            self._sums[signal] = (0.0, 0)
        self._read_scores("train", scores)
        self._detect(scores)
        self.health.end_interval(self._steps)
        self._steps = 0

    def _detect(self, scores: Mapping[str, float]) -> None:
        """Feed the detectors the median duration of a step, and the scores of windows that do not overlap."""
        durations = np.concatenate(self._durations)
        self._durations.clear()
        known = np.sort(durations[np.isfinite(durations)])
        if len(known):
            self._anomalies.read("step_seconds", float(known[len(known) // 2]), self.position.steps)
        if self._unscored >= self._window:
            self._unscored = 0
            for name, value in scores.items():
                self._anomalies.read(name, value, self.position.steps)

    def _read_scores(self, split: str, scores: Mapping[str, float]) -> None:
        for name, value in scores.items():
            self._signals.add(name, split, np.array([value]))
            self._read(name, split, value)

    def _read(self, metric: str, split: str, value: float) -> None:
        self.curves.add(metric, split, self.position, value)
        deviation = self._expected.read(metric, split, self.position, value)
        self.health.read(metric, split, value, deviation)
