"""Saves a run's state while training continues."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from traingauge.core.guard import Guard
from traingauge.forks import leave_to_parent_after_fork

#: Most seconds that the end of a run waits for its last save: a disk may hang, and training must end.
CLOSE_SECONDS = 10.0

#: Least seconds between two saves, however often Prometheus scrapes.
LEAST_SECONDS = 1.0


class Saver:
    """A thread that saves at intervals, and soon after each scrape.

    So the disk holds what Prometheus has seen, and the counters of a resumed run do not fall behind it.

    Args:
        save: Saves once; may raise.
        every: Most seconds between two saves.
        guard: Counts every error of ``save``.
    """

    def __init__(self, save: Callable[[], None], every: float, guard: Guard) -> None:
        self._save, self._every, self._guard = save, every, guard
        self._renew()
        self._thread = threading.Thread(target=self._run, name="traingauge-state", daemon=True)
        self._thread.start()
        leave_to_parent_after_fork(self)

    def _renew(self) -> None:
        self._asked, self._hurried, self._stopped = threading.Event(), threading.Event(), threading.Event()

    def leave_to_parent(self) -> None:
        """A forked child has no such thread; what still asks it must not wait for a lock of the parent's."""
        self._renew()

    def ask(self) -> None:
        """Save soon; returns at once."""
        self._asked.set()

    def hurry(self) -> None:
        """Save now, or right after the save that is under way, unless saving fails; returns at once."""
        self._asked.set()
        self._hurried.set()

    def close(self) -> bool:
        """Save once more and stop; never raises.

        Returns:
            Whether saving has ended. If the disk hangs, it has not: that is counted, and the thread is left behind.
        """
        self._stopped.set()
        self.hurry()
        self._thread.join(CLOSE_SECONDS)
        ended = not self._thread.is_alive()
        if not ended:
            hung = TimeoutError(
                f"the disk did not answer within {CLOSE_SECONDS:g} s: the last save is given up"
            )
            self._guard.report("state", hung)
        return ended

    def _run(self) -> None:
        least = pause = min(LEAST_SECONDS, self._every)
        while not self._stopped.is_set():
            self._asked.wait(self._every)
            self._asked.clear()
            self._hurried.clear()
            if self._stopped.is_set():
                break
            started = time.monotonic()
            saved = self._save_once()
            # A full disk is not tried again and again: the more rows wait, the more each attempt costs.
            pause = least if saved else min(2 * pause, self._every)
            wait = pause - (time.monotonic() - started) if saved else pause
            if not self._stopped.is_set():
                (self._hurried if saved else self._stopped).wait(max(0.0, wait))
        self._save_once()

    def _save_once(self) -> bool:
        def save() -> bool:
            self._save()
            return True

        return (
            self._guard.shield("state", save) is True
        )  # a full disk must not end the saving, let alone training
