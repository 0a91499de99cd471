"""The loss: of the last step, over the window, and the best so far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG
from traingauge.core.collectors.base import Collector
from traingauge.core.events import Pass
from traingauge.core.families import Family, Key, keys
from traingauge.core.step_batch import StepBatch
from traingauge.stats.streaming import RingBuffer
from traingauge.stats.streaming.not_given import is_given

#: Training steps over which the initial loss is a median.
_FIRST = 10


@dataclass(slots=True)
class _SplitLoss:
    window: RingBuffer
    last: float = math.nan
    best: float = math.nan
    best_at: float = math.nan
    first: list[float] = field(default_factory=list)


@dataclass
class Loss(Collector):
    """Loss of every split that has recorded one.

    ``train`` has one value per step, ``validation`` and ``test`` have one per pass; the window holds the last values. A NaN
    or infinite value is published as the last loss, and as a gauge for stores that hold no NaN. It is left out of the
    statistics of the window, of the initial loss and of the best loss. The initial loss is the median of the first ten
    steps: what training started from, however much of it was over before the first scrape.

    Attributes:
        window: Number of values in the window.

    >>> loss = Loss(window=3)
    >>> loss.add("train", np.array([3.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    >>> {family.metric.name: family.values for family in loss.families()}["model_loss_best"]
    (1.0,)
    """

    window: int
    _splits: dict[str, _SplitLoss] = field(default_factory=dict)
    _keys: tuple[Key, ...] = ()

    def add(self, split: str, losses: NDArray[np.float64], times: NDArray[np.float64]) -> None:
        """Add losses in the order of their steps.

        Args:
            split: Split of the losses.
            losses: Shape (n,), n ≥ 1; NaN and infinite values are allowed.
            times: Unix times of the losses, in seconds, shape (n,).
        """
        if split not in self._splits:
            self._splits[split] = _SplitLoss(RingBuffer(self.window))
            self._keys = keys(*((name,) for name in self._splits))
        state = self._splits[split]
        state.window.extend(losses)
        state.last = float(losses[-1])
        finite = np.where(np.isfinite(losses), losses, math.inf)
        lowest = int(finite.argmin())
        if math.isfinite(finite[lowest]) and not finite[lowest] >= state.best:
            state.best, state.best_at = float(finite[lowest]), float(times[lowest])
        if split == "train" and len(state.first) < _FIRST:
            state.first += losses[np.isfinite(losses)][: _FIRST - len(state.first)].tolist()

    def __post_init__(self) -> None:
        self.handlers = {Pass: self.on_pass}

    def on_batch(self, batch: StepBatch) -> None:
        """Add the losses of training steps."""
        if "loss" in batch.numbers:
            there = is_given(batch.numbers["loss"])
            self.add("train", batch.numbers["loss"][there], batch.times[there])

    def on_pass(self, done: Pass, unix: float) -> None:
        """Add the loss of a pass."""
        if done.loss is not None:
            self.add(done.split, np.array([float(done.loss)]), np.array([done.at + unix]))

    def last(self, split: str) -> float:
        """Last loss of a split; NaN if there is none."""
        return self._splits[split].last if split in self._splits else math.nan

    def current(self, split: str) -> dict[str, float]:
        """The published loss of a split, by name, NaN if it was that; empty if none was recorded."""
        return {"loss": self._splits[split].last} if split in self._splits else {}

    def families(self) -> Iterator[Family]:
        """``model_loss`` and the metrics derived from it; nothing before the first loss."""
        if not self._splits:
            return
        splits = self._splits.values()
        yield self._family("model_loss", tuple(split.last for split in splits))
        broken = tuple(float(not math.isfinite(split.last)) for split in splits)
        yield self._family("model_loss_nonfinite", broken)
        windows = [_window_statistics(split.window.values()) for split in splits]
        for at, statistic in enumerate(("mean", "stddev", "min", "max")):
            yield self._family(f"model_loss_window_{statistic}", tuple(window[at] for window in windows))
        if "train" in self._splits:
            yield Family(
                CATALOG["model_loss_initial"], keys(("train",)), (_median(self._splits["train"].first),)
            )
        yield self._family("model_loss_best", tuple(split.best for split in splits))
        yield self._family("model_loss_best_timestamp_seconds", tuple(split.best_at for split in splits))

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values and arrays."""
        return {
            name: [
                split.window.values(),
                split.last,
                split.best,
                split.best_at,
                split.first,
            ]
            for name, split in self._splits.items()
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`."""
        for name, (window, *rest) in saved.items():
            split = self._splits[name] = _SplitLoss(RingBuffer(self.window), *rest)
            split.window.extend(window)
        self._keys = keys(*((name,) for name in self._splits))

    def _family(self, name: str, values: tuple[float, ...]) -> Family:
        return Family(CATALOG[name], self._keys, values)


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else math.nan


def _window_statistics(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Mean, sample standard deviation (n - 1), minimum and maximum of the finite values; NaN where undefined."""
    values = values[np.isfinite(values)]
    if not len(values):
        return math.nan, math.nan, math.nan, math.nan
    deviation = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return float(values.mean()), deviation, float(values.min()), float(values.max())
