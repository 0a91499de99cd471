"""The order in which a run ends."""

from __future__ import annotations

import os
import threading
import time

from traingauge.core.families import Identity
from traingauge.core.recorder import Recorder
from traingauge.delivery.alerts import Alerts
from traingauge.delivery.base import Deliveries
from traingauge.process.end import FINISHED, End, end_after
from traingauge.process.runs import live_runs
from traingauge.process.threads import holds
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
        self._owner, self._ended = os.getpid(), 0.0
        self._died: tuple[End, int] | None = (
            None  # a training thread: what that means, and the steps taken until then
        )
        self._concluding, self._concluded = threading.RLock(), False
        self._first_to_leave, self._gone = threading.Lock(), threading.Event()
        live_runs.add(self)

    def end(self, end: End) -> None:
        """End the run; a second call does nothing."""
        self.conclude(end)
        self.leave(live_runs.time_left)

    def end_after(self, error: BaseException | None) -> None:
        """End the run that an exception has left, or nothing."""
        self.end(live_runs.end_of_process(end_after(error)))

    def thread_died(self, error: BaseException) -> None:
        """Note that a thread died: if it trained the run, that is the run's end, unless another one takes further steps."""
        if self._recorder.guard.shield("step", holds, error.__traceback__, self._recorder):
            self._died = end_after(error), self._recorder.reader.steps_taken()

    def conclude(self, end: End) -> None:
        """Say how the run ended, save it, report a crash; only the first call has an effect."""
        with self._concluding:
            if self._concluded or os.getpid() != self._owner:
                return
            steps = self._recorder.reader.steps_taken()
            if end == FINISHED and self._died is not None and self._died[1] == steps:
                end = self._died[0]
            self._recorder.end(*end)
            self._ended = time.monotonic()
            self._persistence.close()
            self._alerts.end(*end, steps)
            self._concluded = True

    def leave(self, at_most: float | None) -> None:
        """Wait until the end was delivered, and release everything.

        Where another thread does that, only the limit is kept; without one, nothing is done.
        """
        if not self._concluded or os.getpid() != self._owner:
            return
        if self._first_to_leave.acquire(blocking=False):
            try:
                self._alerts.flush()
                self._deliveries.finish(self._ended, at_most)
            finally:  # Ctrl-C while waiting ends the waiting, not the order of the end
                self._deliveries.close()
                live_runs.discard(self)
                self._gone.set()
        elif at_most is not None and not self._gone.wait(at_most):
            self._deliveries.close()
