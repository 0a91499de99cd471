"""Signs of life of a run, and what it is busy with where it gives none for long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from traingauge.catalog import CATALOG
from traingauge.core.collectors.base import Collector
from traingauge.core.events import CanaryChecked, Checkpointed, EpochEnd, Pass, Resumed, WeightsChecked
from traingauge.core.families import Family, keys, single
from traingauge.core.heartbeats import UnixClock
from traingauge.core.step_batch import StepBatch

#: Most names of what a run is busy with, as labels must be bounded; further ones are published as :data:`OTHER`.
NAME_CAP = 20
OTHER = "other"

_SIGNS = (Pass, EpochEnd, Checkpointed, Resumed, CanaryChecked, WeightsChecked)


class Activity(Collector):
    """Publishes when the run last gave a sign of life, and until when it is busy at most.

    A run that is busy counts as alive until its deadline, so the alert for a stuck run reads one number.

    Attributes:
        alive: Clock reading of the last sign of life that is no event; any thread may set it.

    >>> activity = Activity()
    >>> with activity.busy("upload", at_most=60.0):
    ...     [family.metric.name for family in activity.families()]
    ['model_last_activity_timestamp_seconds', 'model_busy_deadline_timestamp_seconds']
    >>> list(activity.families())
    []
    """

    def __init__(self) -> None:
        self.alive: float | None = None
        self._event: float | None = None
        self._busy: dict[object, tuple[str, float]] = {}  # what, and until when, for each `with` that is open
        self._names: set[str] = set()
        self._clock = UnixClock()
        self.handlers = dict.fromkeys(_SIGNS, self.on_sign)

    def on_batch(self, batch: StepBatch) -> None:
        """Take the last step as a sign of life."""
        self._event = float(batch.at[-1])

    def on_sign(
        self,
        event: Pass | EpochEnd | Checkpointed | Resumed | CanaryChecked | WeightsChecked,
        unix: float,
    ) -> None:
        """Take an event as a sign of life."""
        self._event = event.at

    @contextmanager
    def busy(self, what: str, at_most: float) -> Iterator[None]:
        """Count the run as alive inside the ``with``, for some seconds at most. Any thread may be inside of any number."""
        if what in self._names or len(self._names) < NAME_CAP:
            self._names.add(what)
        else:
            what = OTHER
        inside = object()
        self._busy[inside] = what, time.perf_counter() + at_most
        try:
            yield
        finally:
            del self._busy[inside]

    def families(self) -> Iterator[Family]:
        """The last sign of life, and a deadline for each name of what the run is busy with."""
        now, ahead = time.perf_counter(), self._clock.ahead()
        deadlines: dict[str, float] = {}
        for what, until in sorted(self._busy.copy().values()):
            deadlines[what] = until  # the latest of a name
        signs = [self.alive, self._event, *(min(now, until) for until in deadlines.values())]
        known = [at for at in signs if at is not None]
        if known:
            yield single("model_last_activity_timestamp_seconds", max(known) + ahead)
        if deadlines:
            values = tuple(until + ahead for until in deadlines.values())
            yield Family(
                CATALOG["model_busy_deadline_timestamp_seconds"],
                keys(*((what,) for what in deadlines)),
                values,
            )
