"""A batch of training steps as columns: what the collectors take."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.streaming.not_given import NOT_GIVEN, Floats, is_given, not_given

if TYPE_CHECKING:
    from traingauge.core.events import OfOutput
    from traingauge.stats.classification.encoding import Encoded
    from traingauge.stats.drift.binning import Binned
    from traingauge.stats.run_scores import Measured

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StepBatch:
    """Training steps in their order, column by column, each of shape (n,), n ≥ 1.

    Attributes:
        at: Clock readings in seconds, ascending.
        times: The same as Unix time.
        seconds: Durations, NaN where unknown.
        samples: Samples in each.
        numbers: The loss and further numbers by name, each given at least once; :data:`NOT_GIVEN` where a step gave none.
        scored: Encoded scores, each with the place of its step, ascending.
        measured: What scores are made of where that was computed elsewhere, likewise.
        binned: Binned features.
        nonfinite: Predictions that were not finite, in addition to those of ``scored``.
        steps: Training steps that each stands for; ``None`` for one each.
        outputs: Outputs of a model with several, each with the place of the last step that it is of.

    >>> batch = StepBatch(*np.ones((3, 2)), np.ones(2, int), columns([{"loss": 0.5}, {"loss": 0.25, "entropy": 2.0}]))
    >>> list(batch.numbers), batch.column("entropy"), batch.given("entropy")
    (['loss', 'entropy'], array([nan,  2.]), array([2.]))
    """

    at: Floats
    times: Floats
    seconds: Floats
    samples: NDArray[np.int64]
    numbers: Mapping[str, Floats]
    scored: Sequence[tuple[int, Encoded]] = ()
    measured: Sequence[tuple[int, Measured]] = ()
    binned: Sequence[Binned] = ()
    nonfinite: int = 0
    steps: NDArray[np.int64] | None = None
    outputs: Sequence[tuple[int, OfOutput]] = ()

    def count(self, piece: slice = slice(None)) -> int:
        """Training steps in a slice of the batch."""
        return len(self.at[piece]) if self.steps is None else int(self.steps[piece].sum())

    def column(self, name: str) -> Floats:
        """The numbers of a name, :data:`NOT_GIVEN` where a step gave none."""
        found = self.numbers.get(name)
        return not_given(len(self.at)) if found is None else found

    def given(self, name: str) -> Floats:
        """The numbers that were given by a name, shape (at most n,)."""
        column = self.column(name)
        there = is_given(column)
        return column if there.all() else column[there]

    def last(self, name: str) -> float:
        """The last number that was given by a name."""
        value = float(self.numbers[name][-1])
        return float(self.given(name)[-1]) if math.isnan(value) else value

    def broken(self, name: str) -> NDArray[np.bool_]:
        """Where a number was given by a name that is NaN or infinite."""
        column = self.column(name)
        odd = ~np.isfinite(column)
        return odd & is_given(column) if odd.any() else odd


def within(placed: Sequence[tuple[int, T]], piece: slice) -> list[T]:
    """What lies in a slice of a batch.

    Args:
        placed: Each with the place of its step, ascending.
        piece: Part of the batch.

    >>> within([(0, "a"), (4, "b"), (5, "c")], slice(4, 5))
    ['b']
    """
    first, end = (bisect_left(placed, place, key=itemgetter(0)) for place in (piece.start, piece.stop))
    return [one for _, one in placed[first:end]]


def columns(
    rows: Sequence[Mapping[str, Any]], admitted: Callable[[str], bool] = lambda name: True
) -> dict[str, Floats]:
    """Numbers that steps gave by name, as one column a name; a tensor on a device is waited for.

    Args:
        rows: What each step gave, by name.
        admitted: Whether a name gets a column; others are left out.

    Returns:
        By name, in the order in which the last step gave them; those that it did not give follow. A name is left out where
        each value turns out to be :data:`NOT_GIVEN`, as one on a device may.

    >>> columns([{"loss": 0.5, "gradient_norm": NOT_GIVEN}])
    {'loss': array([0.5])}
    """
    given = (*rows[-1], *sorted(set().union(*rows).difference(rows[-1])))
    names = tuple(filter(admitted, given))
    whole = _whole(rows, names)
    if whole is None:
        found = {name: np.array([float(row.get(name, NOT_GIVEN)) for row in rows]) for name in names}
    else:
        found = dict(zip(names, np.ascontiguousarray(whole.T), strict=True))
    return {name: column for name, column in found.items() if not _none_given(column)}


def _none_given(column: Floats) -> bool:
    return math.isnan(column[-1]) and not is_given(column).any()


def _whole(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Floats | None:
    """All numbers in one pass over the rows, shape (n, names); ``None`` if a row lacks one of them."""
    if not names:
        return np.empty((len(rows), 0))
    numbers = map(itemgetter(*names), rows)  # a tuple of each row, but of one name alone the number itself
    flat = numbers if len(names) == 1 else chain.from_iterable(numbers)
    try:
        return np.fromiter(map(float, flat), np.float64, len(rows) * len(names)).reshape(len(rows), -1)
    except KeyError:
        return None
