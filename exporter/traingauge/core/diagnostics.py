"""Judging a run while it goes: against its own past, against a good run, and by where it is likely to end.

Every few dozen training steps is a *mark*. There the scores of the rolling window and the means of loss and gradient norm
since the last mark are read once, for the course of the run, for what was expected of it, and for its health. So a mark
costs what a scrape costs, and a step next to nothing. Marks stand at fixed steps, whoever scrapes and when.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.core.collectors.anomalies import Anomalies, Makers, parse
from traingauge.core.collectors.deviation import Deviation
from traingauge.core.collectors.health import Health
from traingauge.core.collectors.signals import Signals
from traingauge.core.families import Family, single
from traingauge.reference.run import ReferenceRun
from traingauge.stats.curves import LearningCurves, Position
from traingauge.stats.streaming.not_given import is_given, not_given

Floats = NDArray[np.float64]

#: Marks in a window of steps.
MARKS_A_WINDOW = 4

#: After so many marks, they are at least so many seconds apart: steps that take microseconds must not pay for more.
DENSE_MARKS, SECONDS_APART = 200, 0.25


@dataclass(frozen=True, slots=True)
class StepBatch:
    """Training steps in their order, column by column, each of shape (n,).

    Attributes:
        at: Clock readings in seconds, ascending.
        loss: :data:`NOT_GIVEN` where none was given.
        gradient_norm: :data:`NOT_GIVEN` where none was given.
        seconds: Durations, NaN where unknown.
        samples: Samples in each.
        nonfinite: Whether a loss or gradient norm that was given is NaN or infinite, or weights are.
    """

    at: Floats
    loss: Floats
    gradient_norm: Floats
    seconds: Floats
    samples: NDArray[np.int64]
    nonfinite: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        at: Floats,
        losses: Floats | None,
        norms: Floats | None,
        seconds: Floats,
        samples: NDArray[np.int64],
    ) -> StepBatch:
        """Columns from what was recorded; ``None`` if no step gave any."""
        loss, norm = (not_given(len(at)) if one is None else one for one in (losses, norms))
        return cls(at, loss, norm, seconds, samples, _broken(loss) | _broken(norm))


class Diagnostics:
    """All that judges a run beyond thresholds.

    Args:
        window: Training steps in the window of the statistics.
        expected: A good run to compare with, or ``None``.
        detectors: What makes the detectors that watch the signals, by name; the usual ones if ``None``.

    Attributes:
        course: How the run went.
        health: State of health and its chain.
    """

    def __init__(
        self, window: int, expected: ReferenceRun | None = None, detectors: Makers | None = None
    ) -> None:
        self.curves = LearningCurves()
        self.health = Health()
        self._signals = Signals(window)
        self._expected = Deviation(expected)
        self._anomalies = Anomalies(parse(None) if detectors is None else detectors)
        self._window, self._scored_at = window, 0
        self._durations: list[Floats] = []
        self._spacing = max(1, window // MARKS_A_WINDOW)
        self._marks = 0
        self._since = 0
        self._marked_at = -math.inf
        self._sums = dict.fromkeys(("loss", "gradient_norm"), (0.0, 0))
        self.position = Position(0, 0)

    def add_steps(self, steps: StepBatch) -> None:
        """Take the statistics of steps; :meth:`pieces` and :meth:`advance` take what marks need."""
        for signal, values in (
            ("loss", steps.loss),
            ("gradient_norm", steps.gradient_norm),
            ("step_seconds", steps.seconds),
        ):
            if np.isfinite(values).any():
                self._signals.add(signal, "train", values)

    def pieces(self, at: Floats) -> Iterator[tuple[slice, bool]]:
        """The same steps in pieces that end at marks: where each lies, and whether it ends at one."""
        start = 0
        while start < len(at):
            stop = start + self._spacing - self._since
            if self._marks >= DENSE_MARKS:
                stop = max(stop, int(np.searchsorted(at, self._marked_at + SECONDS_APART)) + 1)
            yield slice(start, min(stop, len(at))), stop <= len(at)
            start = stop

    def advance(self, steps: StepBatch, piece: slice) -> None:
        """Go on by a piece of the steps."""
        count = len(steps.at[piece])
        self._since += count
        self.position = Position(
            self.position.steps + count, self.position.samples + int(steps.samples[piece].sum())
        )
        for signal, values in (("loss", steps.loss[piece]), ("gradient_norm", steps.gradient_norm[piece])):
            finite = values[np.isfinite(values)]
            total, number = self._sums[signal]
            self._sums[signal] = (total + float(finite.sum()), number + len(finite))
        self._durations.append(steps.seconds[piece])
        if steps.nonfinite[piece].any():
            self.health.nonfinite()

    def mark(self, at: float, scores: Mapping[str, float]) -> None:
        """Read everything once.

        Args:
            at: Clock reading of the last step.
            scores: Those of the rolling window, by name.
        """
        for signal, (total, number) in self._sums.items():
            if number:
                self._read(signal, "train", total / number)
                self._anomalies.read(signal, total / number, self.position.steps)
            self._sums[signal] = (0.0, 0)
        self._read_scores("train", scores)
        self._detect(scores)
        self.health.mark(self._since)
        self._marks, self._since, self._marked_at = self._marks + 1, 0, at

    def add_pass(self, split: str, loss: float | None, scores: Mapping[str, float]) -> None:
        """Read a whole pass over a split.

        Args:
            split: ``validation`` or ``test``.
            loss: ``None`` if unknown.
            scores: By name.
        """
        if loss is not None:
            self._signals.add("loss", split, np.array([loss]))
            self._read("loss", split, loss)
        self._read_scores(split, scores)

    def roll_back(self, steps: int) -> None:
        """Training goes on from an earlier step; what was read after it is forgotten by the course."""
        self.position = self.curves.position_at(steps)
        self.curves.roll_back(steps)
        self._anomalies.begin_anew()
        self._scored_at = self.position.steps

    def families(self) -> Iterator[Family]:
        """Where the run stands, statistics, expectations and health."""
        yield single("model_step", float(self.position.steps))
        yield from self._signals.families()
        yield from self._anomalies.families()
        yield from self._expected.families()
        yield from self.health.families()

    def save(self) -> dict[str, Any]:
        """All of it, as a tree of plain values and arrays."""
        return {
            "signals": self._signals.save(),
            "curves": self.curves.save(),
            "health": self.health.save(),
            "anomalies": self._anomalies.save(),
            "scored_at": self._scored_at,
            "marks": self._marks,
            "since": self._since,
            "sums": {signal: list(sums) for signal, sums in self._sums.items()},
            "position": list(self.position),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take what :meth:`save` gave."""
        self._signals.restore(saved["signals"])
        self.curves = LearningCurves.restored(saved["curves"])
        self.health.restore(saved["health"])
        self._anomalies.restore(saved["anomalies"])
        self._scored_at = saved["scored_at"]
        self._marks, self._since = saved["marks"], saved["since"]
        self._sums = {signal: (total, number) for signal, (total, number) in saved["sums"].items()}
        self.position = Position(*saved["position"])

    def _detect(self, scores: Mapping[str, float]) -> None:
        """Have the detectors see the median duration of a step, and scores of windows that do not overlap."""
        durations = np.concatenate(self._durations)
        self._durations.clear()
        known = np.sort(durations[np.isfinite(durations)])
        if len(known):
            self._anomalies.read("step_seconds", float(known[len(known) // 2]), self.position.steps)
        if self.position.steps - self._scored_at >= self._window:
            self._scored_at = self.position.steps
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


def _broken(values: Floats) -> NDArray[np.bool_]:
    """Where a value was given that is not finite."""
    return is_given(values) & ~np.isfinite(values)
