"""Everything that was recorded, step by step and pass by pass: bounded in memory, complete on disk.

A table a split, and one more for what was published when its epochs and passes ended. Rows are collected in pieces, and
joined to a block when there are enough of them. A block no longer changes. With a state directory blocks leave memory once
they are in the log there (:mod:`traingauge.state.log`); without one the last of each table stay, and older ones go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from traingauge.core.families import encodable
from traingauge.stats.streaming.not_given import not_given

Floats = NDArray[np.float64]
Columns = dict[str, Floats]

#: Rows from which pieces are joined to a block.
BLOCK_ROWS = 8192

#: Rows of a table that stay in memory where there is no disk to write them to.
ROWS_KEPT = 8 * BLOCK_ROWS

#: Bytes of rows from which the disk is asked to take them at once, and beyond which the oldest are given up: training does
#: not wait for a disk that is slower than it, or full.
URGENT_BYTES, MOST_BYTES = 8 << 20, 128 << 20


class Block(NamedTuple):
    """Rows that follow each other in one table.

    Attributes:
        table: Name of the table.
        attempt: How many times training had gone back before them.
        columns: Values by name, shape (n,) each; ``step`` is one of them.
    """

    table: str
    attempt: int
    columns: Columns

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns["step"])

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        return sum(values.nbytes for values in self.columns.values())


#: Gives the rows of some tables from what is on disk.
ReadRows: TypeAlias = Callable[[Any, Container[str]], Iterable[Block]]


class Disk(NamedTuple):
    """Whom the log calls where a disk takes its blocks; neither may block.

    Attributes:
        urgent: Many rows wait to be written.
        lost: A number of rows were given up.
    """

    urgent: Callable[[], None]
    lost: Callable[[int], None]


class Written(Protocol):
    """What is on disk, as the disk names it."""

    @property
    def deleted(self) -> int:
        """Number of rows that are no longer there, as there were too many."""


#: Why rows are lost: the disk did not take them in time, or they were more than it may hold.
LOST = ("disk", "limit")


class StepLog:
    """The rows that are not yet on disk.

    Training may go back to an earlier step, when it continues from a checkpoint. What was recorded after that step stays in
    the log, and is left out of what is read.

    Attributes:
        disk: Set where a disk takes the blocks.
        written: What is on disk, as the disk names it.
        given_up: Rows that the disk did not take in time.

    >>> log = StepLog(); log.add("train", {"step": np.array([1.0, 2.0])}, {"accuracy": 0.9})
    >>> log.table("train", log.blocks())
    {'step': array([1., 2.]), 'accuracy': array([nan, 0.9])}
    """

    def __init__(self) -> None:
        self.disk: Disk | None = None
        self.written: Written | None = None
        self.given_up = 0
        self._open: dict[str, list[Columns]] = {}
        self._open_rows: dict[str, int] = {}
        self._waiting: list[Block] = []
        self._waiting_bytes = 0
        self._writing: list[Block] = []
        self._went_back: list[int] = []

    @property
    def lost(self) -> dict[str, int]:
        """Number of rows that can no longer be read, by each of :data:`LOST`."""
        return {"disk": self.given_up, "limit": 0 if self.written is None else self.written.deleted}

    # Recording

    def add(self, table: str, columns: Mapping[str, Floats], last: Mapping[str, float]) -> None:
        """Add rows.

        Args:
            table: Name of the table.
            columns: Shape (n,) each, n ≥ 1; ``step`` is one of them.
            last: Further values, of the last of these rows.
        """
        piece = dict(columns)
        count = len(piece["step"])
        for name, value in last.items():
            piece[name] = not_given(count)
            piece[name][-1] = value
        self._open.setdefault(table, []).append(piece)
        self._open_rows[table] = self._open_rows.get(table, 0) + count
        if self._open_rows[table] >= BLOCK_ROWS:
            self._join(table)
            self._limit(table)

    def roll_back(self, steps: int) -> None:
        """Training continues from an earlier step."""
        for table in list(self._open):
            self._join(table)
            self._limit(table)
        self._went_back.append(steps)

    # Reading

    def blocks(self) -> list[Block]:
        """The rows in memory."""
        attempt = len(self._went_back)
        pieces = [Block(table, attempt, _joined(open_)) for table, open_ in self._open.items()]
        return [*self._writing, *self._waiting, *pieces]

    def table(self, name: str, blocks: Iterable[Block]) -> Columns:
        """The rows of a table by column, but those that training went back behind; ``NOT_GIVEN`` where one has no value."""
        least_later = np.minimum.accumulate([math.inf, *reversed(self._went_back)])[::-1]
        pieces = []
        for block in blocks:
            if block.table == name:
                kept = block.columns["step"] <= least_later[block.attempt]
                pieces.append({encodable(column): values[kept] for column, values in block.columns.items()})
        return _joined(pieces)

    # Writing to disk

    def take(self) -> Sequence[Block]:
        """The blocks to write; until :meth:`wrote` or :meth:`failed` they stay in memory."""
        for table in list(self._open):
            self._join(table)
        self._writing, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return self._writing

    def wrote(self, written: Written) -> None:
        """What :meth:`take` gave is on disk.

        Args:
            written: All that is there now.
        """
        self._writing, self.written = [], written

    def failed(self) -> None:
        """What :meth:`take` gave is not on disk, and waits again."""
        self._waiting = [*self._writing, *self._waiting]
        self._waiting_bytes = sum(block.nbytes for block in self._waiting)
        self._writing = []

    def save(self) -> dict[str, Any]:
        """All but the rows, as a tree of plain values."""
        return {"went_back": list(self._went_back), "given_up": self.given_up}

    def restore(self, saved: Mapping[str, Any], written: Written | None = None) -> None:
        """Take what :meth:`save` gave, and what is on disk."""
        self._went_back, self.given_up = list(saved["went_back"]), saved["given_up"]
        self.written = written

    # Blocks

    def _join(self, table: str) -> None:
        block = Block(table, len(self._went_back), _joined(self._open.pop(table)))
        self._open_rows[table] = 0
        self._waiting.append(block)
        self._waiting_bytes += block.nbytes

    def _limit(self, table: str) -> None:
        """Keep memory bounded, whatever the disk does."""
        if self.disk is None:
            of_table = [block for block in self._waiting if block.table == table]
            if sum(block.rows for block in of_table[1:]) >= ROWS_KEPT:
                self._waiting = [block for block in self._waiting if block is not of_table[0]]
            return
        if self._waiting_bytes >= URGENT_BYTES:
            self.disk.urgent()
        while self._waiting_bytes > MOST_BYTES:
            oldest = self._waiting.pop(0)
            self._waiting_bytes -= oldest.nbytes
            self.given_up += oldest.rows
            self.disk.lost(oldest.rows)


def _joined(pieces: Sequence[Columns]) -> Columns:
    """Pieces one after the other; a column that one of them lacks is not given there."""
    names = dict.fromkeys(name for piece in pieces for name in piece)
    return {
        name: np.concatenate(
            [piece[name] if name in piece else not_given(len(piece["step"])) for piece in pieces]
        )
        for name in names
    }
