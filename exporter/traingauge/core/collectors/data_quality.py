"""Data quality of the features: missing, infinite, out-of-range and constant values, absent and extra columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG
from traingauge.core.collectors.drift_window import DriftWindow
from traingauge.core.families import Family, Key, single
from traingauge.logs import logger
from traingauge.reference.tables import format_names
from traingauge.stats.drift.binning import Binned
from traingauge.stats.drift.window import WINDOWS


class DataQuality:
    """Shares of invalid values of every feature over the drift window, and absent and extra columns.

    Args:
        window: Drift window of the features.
        size: Number of samples in the window.
        kind: One of :data:`traingauge.stats.drift.window.WINDOWS`.

    >>> from traingauge.reference import Reference
    >>> window = DriftWindow(Reference.from_data([[1.0], [2.0]]).features, 4, "sliding")
    >>> window.window.add(np.array([[0, 3, 0, 0, 1]]), 4)
    >>> DataQuality(window, 4, "sliding").constant()
    array([1.])
    """

    def __init__(self, window: DriftWindow, size: int, kind: str) -> None:
        self._window = window
        self._infinite = WINDOWS[kind]((len(window.profile.names), 1), size)
        self._infinite_known = True
        self._absent: tuple[str, ...] = ()
        self._extra: tuple[str, ...] = ()

    def add(self, binned: Binned) -> None:
        """Add a batch whose counts were added to the window."""
        if not binned.samples:
            return
        if binned.infinite is None:
            self._infinite_known = False
        else:
            self._infinite.add(binned.infinite[:, None], binned.samples)
        if (binned.absent, binned.extra) != (self._absent, self._extra):
            self._absent, self._extra = binned.absent, binned.extra
            self._log_change()

    def _log_change(self) -> None:
        """Log a change of the columns, once: an absent column usually stays absent for many batches."""
        if self._absent:
            logger.warning(
                "features lack the columns %s: all their values count as missing",
                format_names(list(self._absent)),
            )
        if self._extra:
            logger.warning(
                "features have the columns %s, which the reference does not have: they are ignored",
                format_names(list(self._extra)),
            )
        if not self._absent and not self._extra:
            logger.warning("features have the reference's columns again")

    def save(self) -> list[Any]:
        """The window of infinite values, as plain values and arrays."""
        return self._infinite.save()

    def restore(self, saved: list[Any]) -> None:
        """Restore a state from :meth:`save`."""
        self._infinite.restore(saved)

    def families(self, shown: NDArray[np.intp], shown_keys: tuple[Key, ...]) -> Iterator[Family]:
        """Shares of the shown features, under their keys, and the numbers of absent and extra columns.

        The window must not be empty.
        """
        ratios: Mapping[str, NDArray[np.float64]] = {
            "model_feature_missing_ratio": self._window.missing(),
            "model_feature_out_of_range_ratio": self._window.out_of_range(),
            "model_feature_constant_ratio": self.constant(),
        }
        for name, values in ratios.items():
            yield Family(CATALOG[name], shown_keys, values[shown].tolist())
        if self._infinite_known:
            infinite = self._infinite.counts[:, 0] / self._window.window.samples
            yield Family(CATALOG["model_feature_infinite_ratio"], shown_keys, infinite[shown].tolist())
        yield single("model_features_missing", float(len(self._absent)))
        yield single("model_features_extra", float(len(self._extra)))

    def constant(self) -> NDArray[np.float64]:
        """Share of the values that are in the fullest bin, shape (F,): 1 is constant. NaN if all values are missing."""
        present = self._window.window.counts[:, :-1]
        total = present.sum(axis=1, dtype=np.float64)
        shares = np.divide(present.max(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)
        return np.asarray(shares)
