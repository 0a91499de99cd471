"""Progress and speed of the run: steps, samples, epochs, heartbeats, step times."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG, SPLITS
from traingauge.core.collectors.base import Collector
from traingauge.core.events import Checkpointed, DataWaits, EpochEnd, Pass, Resumed
from traingauge.core.families import Family, Key, keys, single
from traingauge.core.heartbeats import Heartbeats, UnixClock
from traingauge.core.step_batch import StepBatch
from traingauge.core.step_size import StepSize, samples_of_steps
from traingauge.stats.streaming import RingBuffer

#: Upper bounds of the duration buckets, in seconds: from a tenth of a millisecond to ten minutes.
DURATION_BUCKETS: tuple[float, ...] = (
    *(1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
)

#: Number of last steps whose median duration is the expected duration of a step.
EXPECTED_OVER = 512

_SPLIT_KEYS = keys(*((split,) for split in SPLITS))


class Histogram:
    """A Prometheus histogram of durations in seconds.

    Non-finite and negative observations are left out: the former would make ``_sum`` NaN for good, and the latter would
    decrease a counter.

    >>> histogram = Histogram("train"); histogram.observe(np.array([0.002, 700.0, float("nan")]))
    >>> histogram.values()[-2:]
    [700.002, 2.0]
    """

    def __init__(self, split: str) -> None:
        bounds = [repr(bound) for bound in DURATION_BUCKETS] + ["+Inf"]
        self.keys = (
            *(Key("_bucket", (split, bound)) for bound in bounds),
            Key("_sum", (split,)),
            Key("_count", (split,)),
        )
        self._counts = np.zeros(len(bounds), dtype=np.int64)
        self._sum = 0.0

    def observe(self, seconds: NDArray[np.float64], times: NDArray[np.int64] | None = None) -> None:
        """Count durations in seconds, shape (n,), each as many times as given, or once."""
        valid = np.isfinite(seconds) & (seconds >= 0)
        seconds = seconds[valid]
        where = np.searchsorted(DURATION_BUCKETS, seconds, side="left")
        if times is None:
            self._counts += np.bincount(where, minlength=len(self._counts))
            self._sum += float(seconds.sum())
        else:
            np.add.at(self._counts, where, times[valid])
            self._sum += float(seconds @ times[valid])

    def values(self) -> list[float]:
        """Cumulative bucket counts, sum and count, in the order of ``keys``."""
        cumulative = self._counts.cumsum()
        return [*cumulative.astype(float).tolist(), self._sum, float(cumulative[-1])]

    def save(self) -> list[Any]:
        """The state, as plain values and an array."""
        return [self._counts.copy(), self._sum]

    @classmethod
    def restored(cls, split: str, saved: list[Any]) -> Histogram:
        """The histogram that :meth:`save` was called on."""
        histogram = cls(split)
        counts, histogram._sum = saved
        histogram._counts += counts
        return histogram


class Progress(Collector):
    """Counters, heartbeats and step times of a run.

    Attributes:
        steps_planned: Planned number of training steps; ``None`` if unknown.
        checkpoints: Number of checkpoints that the script saved.
        warmup_steps: Training step from which thresholds apply to scores that never reached them.
    """

    def __init__(self, warmup_steps: int | None = None, steps_planned: int | None = None) -> None:
        self.steps_planned = steps_planned
        self.warmup_steps = warmup_steps
        self.checkpoints = 0
        self.steps = dict.fromkeys(SPLITS, 0)
        self._samples = dict.fromkeys(SPLITS, 0)
        self._epochs = dict.fromkeys(SPLITS, 0)
        self._heartbeats = Heartbeats()
        self._recent = RingBuffer(EXPECTED_OVER)
        self._size, self._clock = StepSize(), UnixClock()
        self._durations: dict[str, Histogram] = {"train": Histogram("train")}
        self._waits: dict[str, Histogram] = {}
        self._histogram_keys: dict[str, tuple[tuple[str, ...], tuple[Key, ...]]] = {}
        self.handlers = {
            Pass: self.on_pass,
            EpochEnd: self.on_epoch_end,
            DataWaits: self.on_waits,
            Checkpointed: self.on_checkpoint,
            Resumed: self.on_resume,
        }

    def on_batch(self, batch: StepBatch) -> None:
        """Count training steps; what was expected of steps of another size no longer is."""
        if self._size.add(samples_of_steps(batch), float(batch.at[-1])):
            self._recent = RingBuffer(EXPECTED_OVER)
        self.add_steps(
            "train",
            count=batch.count(),
            samples=int(batch.samples.sum()),
            last=float(batch.at[-1]),
            durations=batch.seconds,
            each=batch.steps,
        )

    def on_pass(self, done: Pass, unix: float) -> None:
        """Count the batches of a pass; their durations are unknown."""
        unknown = np.full(1, math.nan)
        self.add_steps(
            done.split, count=done.steps, samples=int(done.samples), last=done.at, durations=unknown
        )
        self._epochs[done.split] += 1

    def on_epoch_end(self, event: EpochEnd, unix: float) -> None:
        """Count one completed pass over the training data."""
        self._epochs["train"] += 1

    def on_waits(self, waits: DataWaits, unix: float) -> None:
        """Count the times that training steps waited for data."""
        self._waits.setdefault("train", Histogram("train")).observe(np.array(waits.seconds))

    def on_checkpoint(self, event: Checkpointed, unix: float) -> None:
        """Count a checkpoint."""
        self.checkpoints += 1

    def on_resume(self, event: Resumed, unix: float) -> None:
        """Update the planned number of steps from those that follow."""
        if event.planned is not None:
            self.steps_planned = self.steps["train"] + event.planned

    def add_steps(
        self,
        split: str,
        *,
        count: int,
        samples: int,
        last: float,
        durations: NDArray[np.float64],
        each: NDArray[np.int64] | None = None,
    ) -> None:
        """Count ``count`` steps.

        Args:
            split: Split of the steps.
            count: Number of steps.
            samples: Number of samples in all of them.
            last: Clock reading of the last step.
            durations: Durations of the steps in seconds; NaN where unknown.
            each: How many steps have each of the durations; ``None`` for one.
        """
        self.steps[split] += count
        self._samples[split] += samples
        self._heartbeats.beat(split, last)
        there = np.isfinite(durations)
        known = durations[there]
        if len(known):
            times = None if each is None else each[there]
            self._durations.setdefault(split, Histogram(split)).observe(known, times)
        if split == "train":
            self._recent.extend(known)

    def families(self) -> Iterator[Family]:
        """Heartbeats, counters, planned steps and step times."""
        beats = self._heartbeats
        yield Family(CATALOG["model_last_step_timestamp_seconds"], beats.keys, beats.values())
        for name, counts in (
            ("model_steps_total", self.steps),
            ("model_samples_total", self._samples),
            ("model_epochs_total", self._epochs),
        ):
            yield Family(CATALOG[name], _SPLIT_KEYS, tuple(map(float, counts.values())))
        yield single("model_checkpoints_total", float(self.checkpoints))
        if self.steps_planned is not None:
            yield single("model_steps_planned", float(self.steps_planned))
        if self.warmup_steps is not None:
            yield single("model_warmup_steps", float(self.warmup_steps))
        if len(self._recent):
            yield single("model_step_expected_seconds", float(np.median(self._recent.values())))
        if self._size.changed is not None:
            changed = self._size.changed + self._clock.ahead()
            yield single("model_step_size_changed_timestamp_seconds", changed)
        yield self._histogram("model_step_duration_seconds", self._durations)
        if self._waits:
            yield self._histogram("model_data_wait_seconds", self._waits)

    def save(self) -> dict[str, Any]:
        """Counters and step times, as a tree; without heartbeats, as a resumed run has not taken a step yet."""
        return {
            "steps": dict(self.steps),
            "samples": dict(self._samples),
            "epochs": dict(self._epochs),
            "checkpoints": self.checkpoints,
            "recent": self._recent.values(),
            "size": self._size.usual,
            "durations": {split: one.save() for split, one in self._durations.items()},
            "waits": {split: one.save() for split, one in self._waits.items()},
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`."""
        self.steps, self._samples, self._epochs = saved["steps"], saved["samples"], saved["epochs"]
        self.checkpoints = saved["checkpoints"]
        self._recent.extend(saved["recent"])
        self._size.usual = saved["size"]
        self._durations = {split: Histogram.restored(split, one) for split, one in saved["durations"].items()}
        self._waits = {split: Histogram.restored(split, one) for split, one in saved["waits"].items()}

    def _histogram(self, name: str, histograms: dict[str, Histogram]) -> Family:
        splits = tuple(histograms)
        if self._histogram_keys.get(name, ((), ()))[0] != splits:
            self._histogram_keys[name] = (
                splits,
                tuple(key for one in histograms.values() for key in one.keys),
            )
        values: Sequence[float] = [value for one in histograms.values() for value in one.values()]
        return Family(CATALOG[name], self._histogram_keys[name][1], values)
