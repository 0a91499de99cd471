"""The order in which a run ends."""

from __future__ import annotations

import os
import time

from traingauge.core.families import Identity
from traingauge.core.recorder import Recorder
from traingauge.delivery.alerts import Alerts
from traingauge.delivery.base import Deliveries
from traingauge.process.end import End
from traingauge.process.runs import live_runs
from traingauge.state.transient import Transient


class Ending:
    """What has to be done at the end of one run: a :class:`~traingauge.process.runs.LiveRun`.

    A forked child has a copy of it that does nothing: the run, its file and its socket belong to the parent.

    Args:
        identity: Model and run.
        recorder: Ends first, and says how.
        persistence: Saves the state for the last time.
        alerts: Report a crash.
        deliveries: Wait until the end has been seen.

    Attributes:
        identity: As given.
    """

    def __init__(
        self,
        identity: Identity,
        recorder: Recorder,
        persistence: Transient,
        alerts: Alerts,
        deliveries: Deliveries,
    ) -> None:
        self.identity = identity
        self._recorder, self._persistence = recorder, persistence
        self._alerts, self._deliveries = alerts, deliveries
        self._owner, self._concluded, self._ended = os.getpid(), False, 0.0
        live_runs.add(self)

    def end(self, end: End) -> None:
        """End the run; a second call does nothing."""
        self.conclude(end)
        self.leave(None)

    def conclude(self, end: End) -> None:
        """Say how the run ended, save it, report a crash; only the first call has an effect."""
        if self._concluded or os.getpid() != self._owner:
            return
        self._recorder.end(*end)
        self._ended = time.monotonic()
        self._persistence.close()
        self._alerts.end(*end, self._recorder.reader.steps_taken())
        self._concluded = True

    def leave(self, at_most: float | None) -> None:
        """Wait until the end was delivered, and release everything."""
        if not self._concluded or os.getpid() != self._owner:
            return
        live_runs.discard(self)
        try:
            self._alerts.flush()
            self._deliveries.finish(self._ended, at_most)
        finally:  # Ctrl-C while waiting ends the waiting, not the order of the end
            self._deliveries.close()
