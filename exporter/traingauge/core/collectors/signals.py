"""Statistics of every signal of a run: level, spread, and the z-score of the last value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG
from traingauge.core.collectors.key_cache import KeyCache
from traingauge.core.families import Family, Key
from traingauge.stats.streaming import Moments, Windows

#: Shares of the published quantiles.
QUANTILES = (0.05, 0.5, 0.95)

_WINDOW, _DECAYED, _RUN = "window", "decayed", "run"


class Signals:
    """Statistics of loss, scores, gradient norm and step time: over the window, decayed, and over the whole run.

    NaN and infinite values are left out; ``model_nonfinite_total`` counts them.

    Args:
        window: Number of values in the window, at least 2.

    >>> signals = Signals(window=100); signals.add("loss", "train", np.arange(10.0))
    >>> {family.metric.name: family.values for family in signals.families()}["model_signal_mean"]
    (4.5, 4.955126406271686, 4.5)
    """

    def __init__(self, window: int) -> None:
        self._windows = Windows(max(2, window))
        self._moments: dict[tuple[str, str], Moments] = {}
        self._key_cache = KeyCache()

    def add(self, signal: str, split: str, values: NDArray[np.float64]) -> None:
        """Add values of a signal in their order.

        Args:
            signal: Name: ``loss``, ``gradient_norm``, ``step_seconds`` or a score.
            split: Split of the values.
            values: Shape (n,); NaN and infinite ones are left out.
        """
        key = (signal, split)
        if key not in self._moments:
            self._windows.add_row()
            self._moments[key] = Moments()
        self._moments[key] += Moments.of(values)
        self._windows.extend(list(self._moments).index(key), values)

    def families(self) -> Iterator[Family]:
        """``model_signal_*``; nothing before the first value."""
        if not self._moments:
            return
        found = self._windows.statistics((*QUANTILES, 0.0, 1.0))
        run = self._moments.values()
        extremes = found.quantiles[len(QUANTILES) :]
        yield self._over(
            "mean",
            {_WINDOW: found.mean, _DECAYED: found.decayed_mean, _RUN: np.array([one.mean for one in run])},
        )
        yield self._over(
            "stddev",
            {
                _WINDOW: found.stddev,
                _DECAYED: found.decayed_stddev,
                _RUN: np.array([one.stddev for one in run]),
            },
        )
        yield self._over("min", {_WINDOW: extremes[0], _RUN: np.array([one.minimum for one in run])})
        yield self._over("max", {_WINDOW: extremes[1], _RUN: np.array([one.maximum for one in run])})
        yield self._family(
            "quantile",
            {
                (over, repr(share)): values
                for over, table in ((_WINDOW, found.quantiles), (_DECAYED, found.decayed_quantiles))
                for share, values in zip(QUANTILES, table[: len(QUANTILES)], strict=True)
            },
        )
        yield self._family("zscore", {(): found.zscore})
        yield self._family("robust_zscore", {(): found.robust_zscore})
        yield self._family("control_limit", {("lower",): found.lower, ("upper",): found.upper})

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values and arrays."""
        values, seen = self._windows.arrays()
        moments = [
            [*key, one.count, one.mean, one.m2, one.minimum, one.maximum]
            for key, one in self._moments.items()
        ]
        return {"values": values, "seen": seen, "moments": moments}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`."""
        self._windows.restore(saved["values"], saved["seen"])
        self._moments = {(signal, split): Moments(*rest) for signal, split, *rest in saved["moments"]}

    def _over(self, statistic: str, columns: Mapping[str, NDArray[np.float64]]) -> Family:
        return self._family(statistic, {(over,): values for over, values in columns.items()})

    def _family(self, statistic: str, columns: Mapping[tuple[str, ...], NDArray[np.float64]]) -> Family:
        """One metric; ``columns`` maps the labels after signal and split to a value for each signal."""
        labels = tuple((*signal, *more) for signal in self._moments for more in columns)
        published: tuple[Key, ...] = self._key_cache.keys(statistic, labels)
        return Family(
            CATALOG[f"model_signal_{statistic}"],
            published,
            tuple(np.stack(list(columns.values()), axis=1).ravel().tolist()),
        )
