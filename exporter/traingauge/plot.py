"""Plots of a run with matplotlib, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from traingauge import validation
from traingauge.extras import require
from traingauge.stats.streaming.not_given import Column

#: Columns plotted by default, if the run has them.
DEFAULT_COLUMNS = ("loss", "accuracy")

#: Up to this many values each one gets a marker, because a line through a single value is invisible.
MARKED_VALUES = 50

_AXES_COLUMNS = ("step", "time")


def plot(tables: Mapping[str, Mapping[str, Column]], columns: Sequence[str], title: str) -> Any:
    """A matplotlib figure with one panel per column and one line per split, over the training steps.

    A line continues over rows without a value, and has a gap at NaN values.

    Args:
        tables: Columns by split, including ``step``.
        columns: Columns to plot; the default ones if empty.
        title: Title of the figure.

    Raises:
        ImportError: matplotlib is not installed.
        UnknownNameError: No split has the column.
    """
    known = dict.fromkeys(name for table in tables.values() for name in table if name not in _AXES_COLUMNS)
    for name in columns:
        validation.choice("column", name, known)
    chosen = columns or [name for name in DEFAULT_COLUMNS if name in known]
    figure = require("matplotlib.figure", "plot").Figure(
        figsize=(8, 3 * max(1, len(chosen))), layout="constrained"
    )
    figure.suptitle(title)
    for place, name in enumerate(chosen, start=1):
        axes = figure.add_subplot(len(chosen), 1, place)
        for split, table in tables.items():
            if name in table:
                given = ~np.ma.getmaskarray(table[name])
                marker = "." if np.count_nonzero(given) <= MARKED_VALUES else None
                axes.plot(table["step"][given], table[name][given], marker=marker, label=split)
        axes.set(xlabel="training step", ylabel=name)
        axes.legend()
    return figure
