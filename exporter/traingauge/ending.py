"""The order in which a run ends."""

from __future__ import annotations

import math
import os
import threading
import time
from functools import partial
from pathlib import Path

from traingauge.core.families import Identity
from traingauge.core.recorder import Recorder
from traingauge.delivery.alerts import Alerts
from traingauge.delivery.base import Deliveries
from traingauge.logs import logger
from traingauge.process.end import FINISHED, INTERRUPTED, End, end_after
from traingauge.process.runs import live_runs
from traingauge.process.threads import holds
from traingauge.state.transient import Transient

#: Seconds that the process waits at its exit before it says what for.
SILENT_SECONDS = 10.0

#: Seconds between two looks at what it waits for then.
POLL = 1.0


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
        # A signal handler may end the run while the thread that it interrupts does that: it goes first, and waits for none.
        self._first_to_leave, self._gone = threading.RLock(), threading.Event()
        if recorder.enabled:
            live_runs.add(self)

    @property
    def name(self) -> tuple[str, str]:
        """Its model and run."""
        return self.identity.name

    @property
    def directory(self) -> Path | None:
        """Where the run keeps its state."""
        return self._persistence.directory

    def end(self, end: End) -> None:
        """End the run; a second call does nothing.

        Where its end has still to be seen, a thread waits for that, and the process does not exit before. A signal handler
        that interrupts a reading of the run cannot end it: a thread does, once the handler has returned.
        """
        if self._recorder.enabled and self._recorder.queue.is_held_here():
            live_runs.later(partial(self.end, end))
            return
        again, left = self._concluded, live_runs.time_left
        self.conclude(end)
        if left is not None:  # a signal ends the process
            self.leave(left)
        elif not again:
            self._leave_or_wait()

    def _leave_or_wait(self) -> None:
        later = self._has_to_wait() and (self._leave_later() or live_runs.end_is_to_come)
        if not later:
            self.leave(None)

    def end_after(self, error: BaseException | None) -> None:
        """End the run that an exception has left, or nothing."""
        self.end(live_runs.end_of_process(end_after(error)))

    def thread_died(self, error: BaseException) -> None:
        """Note that a thread died: if it trained the run, that is the run's end, unless another one takes further steps."""
        if self._recorder.guard.shield("step", holds, error.__traceback__, self._recorder):
            self._died = end_after(error), self._recorder.reader.steps_taken()

    def _has_to_wait(self) -> bool:
        return self._concluded and not (self._alerts.flush(0.0) and self._deliveries.linger == 0)

    def _leave_later(self) -> bool:
        """Wait in a thread; Python 3.12 starts none while the interpreter shuts down."""
        try:
            threading.Thread(target=self.leave, args=(None,), name="traingauge-end", daemon=True).start()
        except RuntimeError:
            return False
        return True

    def conclude(self, end: End) -> None:
        """Say how the run ended, save it, report a crash; only the first call has an effect."""
        with self._concluding:
            if self._concluded or os.getpid() != self._owner:
                return
            steps = self._recorder.reader.steps_taken()
            if end == FINISHED and self._died is not None and self._died[1] == steps:
                end = self._died[0]
            if end == FINISHED and self._recorder.in_training:
                end = End("failed")
            self._recorder.end(*end)
            self._ended = time.monotonic()
            self._persistence.close()
            self._alerts.end(*end, steps)
            self._concluded = True

    def leave(self, at_most: float | None) -> None:
        """Wait until the end was delivered, and release everything; where another thread does that, wait for it."""
        if not self._concluded or os.getpid() != self._owner:
            return
        try:
            if self._first_to_leave.acquire(blocking=False):
                self._alerts.flush()
                self._deliveries.finish(self._ended, at_most)
            else:
                self._wait_for_others(math.inf if at_most is None else at_most)
        finally:  # Ctrl-C while waiting ends the waiting, not the order of the end
            self._release()

    def _wait_for_others(self, at_most: float) -> None:
        """Wait for the thread that delivers the end; a person who sees the process hang reads what for."""
        until, said = time.monotonic() + at_most, ""
        pause = SILENT_SECONDS
        while (left := until - time.monotonic()) > 0 and not self._gone.wait(min(pause, left)):
            pause, awaited = POLL, self._deliveries.awaited
            if awaited is not None and awaited[0] != said and awaited[1] >= POLL:
                said = awaited[0]
                logger.warning(
                    "the process waits up to %.0f s until %s the end of run %s of %s; Ctrl-C skips the wait, "
                    "and traingauge doctor says what keeps it",
                    min(awaited[1], left),
                    said,
                    self.identity.run,
                    self.identity.model,
                )

    def lost(self) -> None:
        """End the run soon, as nothing refers to its monitor any more; the garbage collector calls it."""
        live_runs.later(self._end_lost)

    def _end_lost(self) -> None:
        with self._concluding:
            if self._concluded:
                return
            self.conclude(FINISHED)
            self._recorder.retire(
                "the monitor of the run is gone, and what is recorded is lost: keep a reference to it"
            )
        logger.info("run %s of %s has ended: its monitor is gone", self.identity.run, self.identity.model)
        self._leave_or_wait()

    def replaced(self) -> None:
        """Give the run up at once, without waiting for anything: a new one has its model and name."""
        with self._concluding:
            if os.getpid() != self._owner:
                return
            if not self._concluded:
                logger.warning(
                    "run %s of %s is replaced by a new one of the same name: its monitor records nothing more",
                    self.identity.run,
                    self.identity.model,
                )
                self.conclude(INTERRUPTED)
                self._recorder.retire("a new monitor has replaced this one, and what it records is lost")
        self._release()

    def _release(self) -> None:
        self._deliveries.close()
        live_runs.discard(self)
        self._gone.set()
