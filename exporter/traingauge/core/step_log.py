"""Everything that was recorded, step by step and pass by pass: bounded in memory, complete on disk.

A table a split. Rows are collected in pieces; enough of them are sealed into a segment, which no longer changes. With a
state directory sealed segments are written there and leave memory; without one the last few stay, and older ones go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.streaming.not_given import not_given

Floats = NDArray[np.float64]
Segment = dict[str, Floats]

#: Rows from which a segment is sealed.
SEGMENT_ROWS = 8192

#: Sealed segments that stay in memory where there is no disk to write them to.
SEGMENTS_KEPT = 8

_ATTEMPT = "attempt"  # column: how many times training had gone back before the row


class Table:
    """Rows of one split, in the order in which they were recorded.

    A row that was not given a value of a column has ``NOT_GIVEN`` there, which is another NaN than one that was given.

    >>> table = Table(); table.add({"step": np.array([1.0, 2.0]), "loss": np.array([0.5, 0.4])}, {"accuracy": 0.9})
    >>> table.columns(lambda number: {})
    {'step': array([1., 2.]), 'loss': array([0.5, 0.4]), 'accuracy': array([nan, 0.9])}
    """

    def __init__(self) -> None:
        self._pieces: list[Segment] = []
        self._rows = 0
        self._sealed: dict[int, Segment] = {}
        self._next = 0

    def add(self, columns: Mapping[str, Floats], last: Mapping[str, float]) -> None:
        """Add rows.

        Args:
            columns: Shape (n,) each, n ≥ 1; ``step`` is one of them.
            last: Further values, of the last of these rows.
        """
        piece = dict(columns)
        count = len(piece["step"])
        for name, value in last.items():
            piece[name] = not_given(count)
            piece[name][-1] = value
        self._pieces.append(piece)
        self._rows += count
        if self._rows >= SEGMENT_ROWS:
            self._sealed[self._next] = _joined(self._pieces)
            self._next += 1
            self._pieces, self._rows = [], 0
            self._sealed.pop(self._next - 1 - SEGMENTS_KEPT, None)  # with a disk it has been there for long

    def sealed(self) -> dict[int, Segment]:
        """The sealed segments in memory, by number."""
        return dict(self._sealed)

    def drop(self, number: int) -> None:
        """A segment need not be kept in memory any longer."""
        self._sealed.pop(number, None)

    def columns(self, read: Callable[[int], Mapping[str, Floats]]) -> Segment:
        """All rows by column; ``NOT_GIVEN`` where a row has no value.

        Args:
            read: Gives a segment that is not in memory; an empty one if it is gone.
        """
        segments = [
            self._sealed[one] if one in self._sealed else dict(read(one)) for one in range(self._next)
        ]
        return _joined([one for one in (*segments, *self._pieces) if one])

    def save(self) -> dict[str, Any]:
        """What is neither sealed nor on disk, as a tree of plain values and arrays."""
        return {"next": self._next, "rows": _joined(self._pieces)}

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Table:
        """What :meth:`save` gave."""
        table = cls()
        table._next = saved["next"]
        if saved["rows"]:
            table.add(saved["rows"], {})
        return table


class StepLog:
    """The tables of all splits.

    Training may go back to an earlier step, when it continues from a checkpoint. What was recorded after that step stays on
    disk, and is left out of what is read.
    """

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._went_back: list[int] = []

    def add(self, split: str, columns: Mapping[str, Floats], last: Mapping[str, float]) -> None:
        """Add rows of a split; see :meth:`Table.add`."""
        attempt = np.full(len(columns["step"]), float(len(self._went_back)))
        self._tables.setdefault(split, Table()).add({**columns, _ATTEMPT: attempt}, last)

    def roll_back(self, steps: int) -> None:
        """Training continues from an earlier step."""
        self._went_back.append(steps)

    def columns(self, split: str, read: Callable[[int], Mapping[str, Floats]]) -> Segment:
        """The rows of a split by column, but those that training went back behind; see :meth:`Table.columns`."""
        found = self._tables[split].columns(read) if split in self._tables else {}
        if not found:
            return {}
        attempt = found.pop(_ATTEMPT).astype(np.intp)
        least_later = np.minimum.accumulate([math.inf, *reversed(self._went_back)])[::-1]
        kept = found["step"] <= least_later[attempt]
        return {name: values[kept] for name, values in found.items()}

    def sealed(self) -> dict[tuple[str, int], Segment]:
        """The sealed segments in memory, by split and number."""
        return {
            (split, number): one
            for split, table in self._tables.items()
            for number, one in table.sealed().items()
        }

    def drop(self, segments: Iterable[tuple[str, int]]) -> None:
        """Segments that are on disk now need not be kept in memory any longer."""
        for split, number in segments:
            self._tables[split].drop(number)

    def save(self) -> dict[str, Any]:
        """All that is not on disk, as a tree of plain values and arrays."""
        tables = {split: table.save() for split, table in self._tables.items()}
        return {"tables": tables, "went_back": list(self._went_back)}

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> StepLog:
        """What :meth:`save` gave."""
        history = cls()
        history._tables = {split: Table.restored(one) for split, one in saved["tables"].items()}
        history._went_back = saved["went_back"]
        return history


def _joined(pieces: list[Segment]) -> Segment:
    """Pieces one after the other; a column that one of them lacks is not given there."""
    names = dict.fromkeys(name for piece in pieces for name in piece)
    return {
        name: np.concatenate(
            [piece[name] if name in piece else not_given(len(piece["step"])) for piece in pieces]
        )
        for name in names
    }
