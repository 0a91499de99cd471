"""Numbers that steps were given by name, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.streaming.not_given import NOT_GIVEN


class ScalarColumns:
    """One column a name, one row a step.

    Numbers are read here: a tensor on a device is waited for.

    Args:
        rows: What each step gave, by name.

    Attributes:
        names: Of all numbers, in the order in which the last step gave them; those that it did not give follow.

    >>> given = ScalarColumns([{"loss": 0.5}, {"loss": 0.25, "entropy": 2.0}])
    >>> given.names, given.column("entropy"), given.known("entropy")
    (('loss', 'entropy'), array([nan,  2.]), array([2.]))
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._rows = rows
        self.names = (*rows[-1], *sorted(set().union(*rows).difference(rows[-1])))
        self._whole = _whole(rows, self.names)
        self._columns: dict[str, NDArray[np.float64]] = {}
        if self._whole is not None:
            self._columns = dict(zip(self.names, self._whole.T, strict=True))

    def column(self, name: str) -> NDArray[np.float64]:
        """The numbers of a name, shape (n,), :data:`NOT_GIVEN` where a step gave none."""
        if name not in self._columns:
            self._columns[name] = np.array([float(row.get(name, NOT_GIVEN)) for row in self._rows])
        return self._columns[name]

    def where(self, name: str) -> slice | NDArray[np.intp]:
        """An index of the steps that gave a number of that name."""
        if self._whole is not None:
            return slice(None)
        return np.flatnonzero([name in row for row in self._rows])

    def known(self, name: str) -> NDArray[np.float64]:
        """The numbers that were given by a name, shape (at most n,)."""
        return self.column(name)[self.where(name)]


def _whole(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> NDArray[np.float64] | None:
    """All numbers in one pass over the rows, shape (n, names); ``None`` if a row lacks one of them."""
    if not names:
        return np.empty((len(rows), 0))
    numbers = map(itemgetter(*names), rows)  # a tuple of each row, but of one name alone the number itself
    flat = numbers if len(names) == 1 else chain.from_iterable(numbers)
    try:
        return np.fromiter(map(float, flat), np.float64, len(rows) * len(names)).reshape(len(rows), -1)
    except KeyError:
        return None
