"""Readings of the run: at intervals, what a scrape would show, but for what its rows say step by step."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.families import Family, Identity, Key
from traingauge.delivery.remote_write.rows import Sent
from traingauge.delivery.remote_write.series import STALE, Floats, Points, Series, series_of

#: Samples that wait in memory at once; the oldest reading is given up for a new one beyond it.
MOST_WAITING = 1_000_000

#: Milliseconds after which the last value of a series of the rows is repeated, so that queries still find it: Prometheus
#: looks back five minutes.
REPEATED_AFTER = 60_000


class Reading(NamedTuple):
    """What the run showed at one moment.

    Attributes:
        began: Unix time in milliseconds; what was recorded before it is part of the reading.
        time: Unix time in milliseconds; what was recorded after it is not.
        values: Series and values of each family, by the name of its metric.
    """

    began: int
    time: int
    values: dict[str, tuple[tuple[Series, ...], Floats]]

    @property
    def samples(self) -> int:
        """Number of samples."""
        return sum(len(values) for _, values in self.values.values())


class Readings:
    """The readings that wait to be sent.

    Args:
        identity: Labels of every sample.
        counts: Of the delivery.

    Attributes:
        waiting: Oldest first.
    """

    def __init__(self, identity: Identity, counts: DeliveryCounts) -> None:
        self._identity, self._counts = identity, counts
        self.waiting: deque[Reading] = deque()
        self._samples = self._latest = self._sent = 0
        self._known: dict[str, tuple[tuple[Key, ...], tuple[Series, ...]]] = {}
        self._shown: dict[str, tuple[Series, ...]] = {}

    def add(self, began: int, moment: int, families: Iterable[Family]) -> None:
        """Add a reading, but no second one of a moment. One after the clock was set back is earlier than those before.

        Args:
            began: Unix time in milliseconds before the run was read.
            moment: The same after it.
            families: What the run shows.
        """
        if moment == self._latest:
            return
        self._latest = moment
        reading = Reading(
            began, moment, {one.metric.name: (self._series(one), np.array(one.values)) for one in families}
        )
        self.waiting.append(reading)
        self._samples += reading.samples
        while self._samples > MOST_WAITING and len(self.waiting) > 1:
            self._counts.dropped["memory"] += self.drop().samples

    def drop(self) -> Reading:
        """Remove the oldest."""
        oldest = self.waiting.popleft()
        self._samples -= oldest.samples
        return oldest

    @property
    def moment(self) -> int:
        """Time in milliseconds at which the oldest is sent: its own, or the next after the one before.

        The latter is later where the clock was set back. It is no future of the receiver, as what was sent before was none.
        """
        return max(self.waiting[0].time, self._sent + 1)

    def give_up_after(self, latest: int) -> None:
        """Give up readings of a later time in milliseconds: the clock was set back since."""
        while self.waiting and self.waiting[0].time > latest:
            self._counts.dropped["clock"] += self.drop().samples

    def points(self, of_rows: Mapping[Series, Sent], *, repeats: bool, final: bool) -> list[Points]:
        """What to send of the oldest reading, with the mark of its end for each series that is no longer shown.

        Args:
            of_rows: Series that the rows send, and the last sample of each. It is repeated once it is old, and corrected if
                rows were left out after it.
            repeats: Whether it is known that no row with an earlier time follows.
            final: Whether no row follows at all.
        """
        reading = self.waiting[0]
        moment = np.array([self.moment])
        names = {series.labels[0] for series in of_rows}
        found = []
        for series, values in reading.values.values():
            mixed = bool(series) and series[0].labels[0] in names
            for at, one in enumerate(series):
                value = values[at : at + 1] if values[at] == values[at] else _NAN
                last = of_rows.get(one) if mixed else None
                if last is None:
                    found.append(Points(one, moment, value))
                elif repeats and _is_due(last, reading, float(value[0]), final=final):
                    found.append(Points(one, np.array([max(self.moment, last.time + 1)]), value))
        gone = [one for one in self._gone(reading) if one not in of_rows]
        return found + [Points(one, moment, _STALE) for one in gone]

    def sent(self) -> None:
        """The oldest was sent."""
        self._sent = self.moment
        self._shown = {name: series for name, (series, _) in self.drop().values.items()}

    @property
    def last(self) -> int:
        """Time in milliseconds of the last that was sent."""
        return self._sent

    def shown(self) -> set[Series]:
        """The series of the last reading that was sent."""
        return {one for series in self._shown.values() for one in series}

    def _series(self, family: Family) -> tuple[Series, ...]:
        """Series of a family; the same object as long as its keys are."""
        known = self._known.get(family.metric.name)
        if known is None or known[0] is not family.keys:
            made = tuple(
                series_of(family.metric, key.labels, self._identity, key.suffix) for key in family.keys
            )
            known = self._known[family.metric.name] = family.keys, made
        return known[1]

    def _gone(self, reading: Reading) -> list[Series]:
        gone: list[Series] = []
        for name, before in self._shown.items():
            now = reading.values[name][0] if name in reading.values else ()
            if now is not before:
                gone += set(before).difference(now)
        return gone


def _is_due(last: Sent, reading: Reading, value: float, *, final: bool) -> bool:
    if last.time < reading.time - REPEATED_AFTER:
        return True
    same = value == last.value or (math.isnan(value) and math.isnan(last.value))
    return not same and (final or last.time < reading.began)


def ended(series: Iterable[Series], moment: int) -> list[Points]:
    """The mark of its end for each series.

    Args:
        series: Those that end.
        moment: Unix time in milliseconds.
    """
    return [Points(one, np.array([moment]), _STALE) for one in series]


_NAN, _STALE = np.array([np.nan]), np.array([STALE])
