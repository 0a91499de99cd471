"""Rows as requests: every column a series, every row at its own time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import SPLITS
from traingauge.core.families import Identity
from traingauge.core.row_series import published_as
from traingauge.core.step_log import Block
from traingauge.delivery.remote_write.series import Floats, Points, Series, Times, series_of
from traingauge.stats.streaming.not_given import is_given

#: Most samples of a request: a receiver may refuse a larger one, and refuses one with a bad sample as a whole.
MOST_SAMPLES = 2000

#: Most milliseconds by which a sample is moved, as a series has one value a millisecond.
MOST_MOVED = 1000


class Sent(NamedTuple):
    """The last sample of a series that was sent.

    Attributes:
        time: Its time in milliseconds.
        value: Its value.
    """

    time: int
    value: float


class Requests(NamedTuple):
    """A block of rows as requests.

    Attributes:
        parts: One a request: points of each series.
        last: Last sample of each column, those of earlier blocks among them.
        moved: Samples with a later time than that of their row.
        crowded: Samples that were left out, as there were more than a thousand in a second for long.
    """

    parts: list[list[Points]]
    last: dict[str, Sent]
    moved: int = 0
    crowded: int = 0


class RowSeries:
    """Turns blocks into requests, the same block always into the same ones.

    Args:
        identity: Labels of every sample.
        every: Every n-th training step is sent.
    """

    def __init__(self, identity: Identity, every: int) -> None:
        self._identity, self._every = identity, every
        self._series: dict[tuple[str, str], Series | None] = {}

    def requests(self, block: Block, last: dict[str, Sent]) -> Requests:
        """The requests of a block.

        Args:
            block: Rows of a table.
            last: Last sample of each column before it.
        """
        if block.table not in SPLITS:
            return Requests([], last)
        times = np.round(block.columns["time"] * 1000).astype(np.int64)
        kept = self._kept(block)
        found = {column: self._of(column, block.table) for column in block.columns}
        columns = {column: series for column, series in found.items() if series is not None}
        parts: list[list[Points]] = []
        last, moved, crowded = dict(last), 0, 0
        length = max(1, MOST_SAMPLES // max(1, len(columns)))
        for start in range(0, len(times), length):
            piece, part = slice(start, start + length), []
            for column, series in columns.items():
                values = block.columns[column]
                there = is_given(values)
                if (
                    self._every > 1 and there.sum() > kept.sum()
                ):  # what is given seldom is sent whenever it is
                    there &= kept
                key = f"{block.table} {column}"
                own, points = times[piece][there[piece]], values[piece][there[piece]]
                spread, fits = _spread(own, last[key].time if key in last else None)
                if len(spread):
                    part.append(Points(series, spread, _plain(points[fits])))
                    last[key] = Sent(int(spread[-1]), float(part[-1].values[-1]))
                moved += int((spread != own[fits]).sum())
                crowded += len(own) - len(spread)
            if part:
                parts.append(part)
        return Requests(parts, last, moved, crowded)

    def series(self, last: dict[str, Sent]) -> dict[Series, Sent]:
        """The last sample of each column, by its series."""
        found = {}
        for key, sent in last.items():
            table, _, column = key.partition(" ")
            series = self._of(column, table)
            if series is not None:
                found[series] = sent
        return found

    def _kept(self, block: Block) -> NDArray[np.bool_]:
        if self._every == 1 or block.table != "train":
            return np.ones(block.rows, bool)
        nth = block.columns["step"] // self._every
        before = (block.columns["step"][0] - 1) // self._every
        kept: NDArray[np.bool_] = nth != np.concatenate([[before], nth[:-1]])
        return kept

    def _of(self, column: str, table: str) -> Series | None:
        key = (column, table)
        if key not in self._series:
            published = published_as(column, table)
            self._series[key] = None if published is None else series_of(*published, self._identity)
        return self._series[key]


def _plain(values: Floats) -> Floats:
    """Values in which every NaN is the usual one: one with other bits could mean that the series ends."""
    odd = np.isnan(values)
    return np.where(odd, np.nan, values) if odd.any() else values


def _spread(times: Times, last: int | None) -> tuple[Times, NDArray[np.bool_]]:
    """Times that follow each other by a millisecond at least, and which of the samples have one.

    Where a clock was set back, times are left as they are, for the receiver to decide.

    >>> _spread(np.array([5, 5, 6, 9]), 4)[0]
    array([5, 6, 7, 9])
    """
    every = np.ones(len(times), bool)
    if not len(times) or ((last is None or times[0] > last) and (np.diff(times) > 0).all()):
        return times, every
    spread, before = [], -1 if last is None else last
    for at, moment in enumerate(times.tolist()):
        earliest = before + 1 if before - 2 * MOST_MOVED < moment <= before else moment
        every[at] = earliest - moment <= MOST_MOVED
        if every[at]:
            spread.append(earliest)
            before = earliest
    return np.array(spread, np.int64), every
