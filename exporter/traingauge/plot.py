"""A run drawn with matplotlib, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from traingauge.errors import UnknownNameError
from traingauge.extras import require
from traingauge.stats.streaming.not_given import Column

#: Drawn where nothing is chosen, as far as there is any.
USUAL = ("loss", "accuracy")

#: Values up to which each is marked: a line of one value is not to be seen.
FEW = 50

_NO_VALUES = ("step", "time")


def plot(tables: Mapping[str, Mapping[str, Column]], columns: Sequence[str], title: str) -> Any:
    """A matplotlib figure: one panel a column, one line a split, over the training steps.

    A line goes on over rows that were not given a value, and has a gap where they were given NaN.

    Args:
        tables: Columns of rows by split, ``step`` among them.
        columns: Which to draw; the usual ones if empty.
        title: Of the figure.

    Raises:
        ImportError: matplotlib is not installed.
        UnknownNameError: A column that no split has.
    """
    known = dict.fromkeys(name for table in tables.values() for name in table if name not in _NO_VALUES)
    for name in columns:
        if name not in known:
            raise UnknownNameError("column", name, known)
    chosen = columns or [name for name in USUAL if name in known]
    figure = require("matplotlib.figure", "plot").Figure(
        figsize=(8, 3 * max(1, len(chosen))), layout="constrained"
    )
    figure.suptitle(title)
    for place, name in enumerate(chosen, start=1):
        axes = figure.add_subplot(len(chosen), 1, place)
        for split, table in tables.items():
            if name in table:
                there = ~np.ma.getmaskarray(table[name])
                few = "." if np.count_nonzero(there) <= FEW else None
                axes.plot(table["step"][there], table[name][there], marker=few, label=split)
        axes.set(xlabel="training step", ylabel=name)
        axes.legend()
    return figure
