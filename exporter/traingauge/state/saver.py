"""Saves a run's state while training continues."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from traingauge.core.guard import Guard

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
        self._asked, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="traingauge-state", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Save soon; returns at once."""
        self._asked.set()

    def close(self) -> None:
        """Save once more, in this thread, and stop; never raises."""
        self._stopped.set()
        self._asked.set()
        self._thread.join()
        self._save_once()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._asked.wait(self._every)
            if self._stopped.is_set():
                return
            self._asked.clear()
            started = time.monotonic()
            self._save_once()
            self._stopped.wait(max(0.0, min(LEAST_SECONDS, self._every) - (time.monotonic() - started)))

    def _save_once(self) -> None:
        self._guard.shield("state", self._save)  # a full disk must not end the saving, let alone training
