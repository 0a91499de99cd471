"""The live runs of this process, and how they all end with it."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from typing import Protocol

from traingauge.process.end import End
from traingauge.process.exits import Exits


class LiveRun(Protocol):
    """A run that has started and not ended."""

    @property
    def identity(self) -> tuple[str, str]:
        """Its model and run."""

    def conclude(self, end: End) -> None:
        """End the run, save it and report a crash; a second call does nothing. It waits for no scrape."""

    def leave(self, at_most: float | None) -> None:
        """Wait until the end has been seen, then release everything; a second call does nothing.

        Args:
            at_most: Longest wait in seconds, besides the deliveries' own limits.
        """


class LiveRuns:
    """The live runs of this process, oldest first, and the hooks that see it end.

    The hooks are there from the first run to the last.
    """

    def __init__(self) -> None:
        self._runs: list[LiveRun] = []
        self._lock = threading.RLock()
        self._exits = Exits()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def __iter__(self) -> Iterator[LiveRun]:
        return iter(tuple(self._runs))

    def add(self, run: LiveRun) -> None:
        """A run has started."""
        with self._lock:
            if not self._runs:
                self._install()
            self._runs.append(run)

    def discard(self, run: LiveRun) -> None:
        """A run has ended; one that is not here is left alone."""
        with self._lock:
            if run in self._runs:
                self._runs.remove(run)
                if not self._runs:
                    self._remove()

    def end_all(self, end: End, at_most: float | None = None) -> None:
        """End every run: first all of them say how, then their waits overlap."""
        runs = list(self)
        for run in runs:
            run.conclude(end)
        for run in runs:
            run.leave(at_most)

    def _install(self) -> None:
        atexit.register(self._end_with_interpreter)
        self._exits.install()

    def _remove(self) -> None:
        atexit.unregister(self._end_with_interpreter)
        self._exits.remove()

    def _end_with_interpreter(self) -> None:
        self.end_all(self._exits.end())

    def _forget(self) -> None:
        """In a forked child: the runs belong to the parent."""
        self._lock = threading.RLock()
        if self._runs:
            self._runs.clear()
            self._remove()


#: Those of this process.
live_runs = LiveRuns()
