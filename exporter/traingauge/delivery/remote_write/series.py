"""Time series as remote write knows them: labels, and points in the order of their times."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import Metric
from traingauge.core.families import Identity, Key, labels_of

Times = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Prometheus' mark for the end of a series: a NaN with bits of its own.
STALE = float(np.uint64(0x7FF0_0000_0000_0002).view(np.float64))

#: Moments in milliseconds that fit: a time is written in six groups of seven bits.
LATEST = (1 << 42) - 1


class Series(NamedTuple):
    """One time series.

    Attributes:
        labels: Name and value of each label, ``__name__`` among them, sorted by name; none of the values is empty.
        metric: The catalogue's entry.
    """

    labels: tuple[tuple[str, str], ...]
    metric: Metric


class Points(NamedTuple):
    """Points of one series.

    Attributes:
        series: Which one.
        times: Unix times in milliseconds, ascending, shape (n,), n ≥ 1.
        values: Shape (n,).
    """

    series: Series
    times: Times
    values: Floats


def series_of(metric: Metric, labels: tuple[str | None, ...], identity: Identity, suffix: str = "") -> Series:
    """The series of a sample; an empty label is none.

    Args:
        metric: The catalogue's entry.
        labels: Values of the metric's own labels; ``None`` leaves one out.
        identity: The labels that every sample of the run has.
        suffix: Suffix of a histogram's sample.

    >>> from traingauge.catalog import CATALOG
    >>> series_of(CATALOG["model_loss"], ("train",), Identity("digits", "r")).labels
    (('__name__', 'model_loss'), ('model', 'digits'), ('run', 'r'), ('split', 'train'))
    """
    named = labels_of(metric, Key(suffix, labels), identity).items()
    found = (("__name__", metric.name + suffix), *((name, value) for name, value in named if value))
    return Series(tuple(sorted(found)), metric)
