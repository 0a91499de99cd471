"""The live runs of this process, and how they all end with it."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from traingauge.forks import hold_during_forks, leave_to_parent_after_fork
from traingauge.process.end import INTERRUPTED, End, end_after
from traingauge.process.exits import Exits
from traingauge.process.later import Later
from traingauge.process.notebook import Notebook
from traingauge.process.signals import Signals
from traingauge.process.threads import Threads


class LiveRun(Protocol):
    """A run that has started and not ended."""

    @property
    def name(self) -> tuple[str, str]:
        """Its model and run."""

    @property
    def directory(self) -> Path | None:
        """Where it keeps its state; ``None`` if it keeps none."""

    def replaced(self) -> None:
        """Give it up at once: a new run of the same model and name begins."""

    def conclude(self, end: End) -> None:
        """End the run, save it and report a crash; a second call does nothing. It waits for no scrape."""

    def leave(self, at_most: float | None) -> None:
        """Wait until the end has been seen, then release everything; a second call does nothing.

        Args:
            at_most: Longest wait in seconds, besides the deliveries' own limits.
        """

    def thread_died(self, error: BaseException) -> None:
        """An exception has left the thread that calls this, which may have trained the run."""


class LiveRuns:
    """The live runs of this process, oldest first, and the hooks that see it end.

    The hooks are there from the first run to the last. Handlers of signals stay longer where another thread ends the last
    run, because only the main one can put back what was there. Without a run they let a signal do its work.
    """

    def __init__(self) -> None:
        self._runs: list[LiveRun] = []
        self._lock = threading.RLock()
        self._starting, self._started = 0, threading.Condition(self._lock)  # how many are about to be added
        self._hooked = False
        self._exits, self._notebook = Exits(), Notebook()
        self._threads = Threads(self._thread_died)
        # A partial, through which the search for the run that a dead thread trained does not come to all runs.
        self._signals = Signals(partial(self._end_by_signal, INTERRUPTED))
        self._later = Later()
        self._exiting = False  # whether the end of the process has ended the runs
        self._finalizer: Any = None  # where the process is a worker of multiprocessing
        hold_during_forks(self._signals)
        leave_to_parent_after_fork(self)

    def __iter__(self) -> Iterator[LiveRun]:
        return iter(tuple(self._runs))

    @contextmanager
    def starting(self) -> Iterator[None]:
        """A run is about to start: a signal that comes meanwhile ends the process once it has started, or failed to.

        A signal that ended the process at once would leave behind what announces the run.
        """
        with self._lock:
            self._starting += 1
            self._install()
        try:
            yield
        finally:
            with self._started:
                self._starting -= 1
                self._started.notify_all()
                self._remove()

    def add(self, run: LiveRun) -> None:
        """A run has started."""
        with self._lock:
            self._install()
            self._runs.append(run)

    def discard(self, run: LiveRun) -> None:
        """A run has ended; one that is not here is left alone."""
        with self._lock:
            if run in self._runs:
                self._runs.remove(run)
                self._remove()

    @property
    def end_is_to_come(self) -> bool:
        """Whether the end of the process still ends and leaves the runs that are live by then."""
        return not self._exiting

    @property
    def interrupts(self) -> int:
        """How often there was a Ctrl-C."""
        return self._signals.by_keyboard

    @property
    def time_left(self) -> float | None:
        """Seconds until a signal that has come ends the process; ``None`` if none will."""
        return self._signals.left

    def end_of_process(self, end: End | None = None) -> End:
        """How the process ends, as seen from ``atexit``; or what comes of an end that a run has seen itself.

        An exit with a code after Ctrl-C is how a script or a framework handles that.
        """
        if self._signals.have_come:
            return INTERRUPTED
        found = end or self._notebook.end or self._exits.end()
        return INTERRUPTED if found.exception == SystemExit.__name__ and self._signals.by_keyboard else found

    def leave_dying_process(self) -> None:
        """End a daemon thread that trains on while the process exits, as the interpreter is about to do; else return.

        Where a signal ends the process, any thread waits for that: the runs have to be seen before.

        Raises:
            SystemExit: It ends the thread without a word, and lets its ``finally`` blocks run.
        """
        self._signals.wait_if_dying()
        if self._exiting and threading.current_thread().daemon:
            raise SystemExit

    def replace(self, model: str, run: str | None, directory: str | os.PathLike[str] | None) -> None:
        """A run begins: the live one of the same model and name gives way, such as that of a cell that is run again.

        Args:
            model: Its model.
            run: Its name, ``None`` if it continues the one that the directory holds.
            directory: Where it will keep its state.
        """
        place = None if run is not None or directory is None else Path(directory)
        for one in self:
            if one.name == (model, run) or (
                place is not None and (one.name[0], one.directory) == (model, place)
            ):
                one.replaced()

    def later(self, work: Callable[[], None]) -> None:
        """Do something soon in a thread of the runs; the garbage collector may call it."""
        self._later.do(work)

    def end_all(self, end: End, at_most: float | None = None) -> None:
        """End every run: first all of them say how, then their waits overlap."""
        runs = list(self)
        for run in runs:
            try:
                run.conclude(end)
            except KeyboardInterrupt:  # it ends the waiting, and nothing else
                at_most = 0.0
                run.conclude(end)
        for run in runs:
            try:
                run.leave(at_most)
            except KeyboardInterrupt:
                at_most = 0.0

    def _end_by_signal(self, end: End, at_most: float) -> None:
        """End every run, also one that is about to start."""
        until = time.monotonic() + at_most
        with self._started:
            self._started.wait_for(lambda: not self._starting, at_most)
        self.end_all(end, max(0.0, until - time.monotonic()))

    def _install(self) -> None:
        if not self._hooked:
            self._hooked = True
            atexit.register(self._end_with_interpreter)
            self._signals.forget()
            for hook in (self._exits, self._notebook, self._threads):
                hook.install()
            self._later.start()
            self._finalizer = _before_exit_of_worker(self._end_with_worker)
        self._signals.install()  # another thread may have installed the rest

    def _remove(self) -> None:
        """Remove the hooks, unless a run needs them."""
        if not self._hooked or self._runs or self._starting:
            return
        self._hooked = False
        atexit.unregister(self._end_with_interpreter)
        for hook in (self._exits, self._notebook, self._threads, self._signals):
            hook.remove()
        self._later.stop()
        if self._finalizer is not None:
            self._finalizer.cancel()

    def _end_with_interpreter(self) -> None:
        self._exiting = True
        self._signals.wait_if_dying()
        self.end_all(self.end_of_process(), self.time_left)

    def _end_with_worker(self) -> None:
        """A worker of multiprocessing exits while the exception that ends it, if one does, is on its way."""
        self._exiting = True
        self._signals.wait_if_dying()
        self.end_all(self.end_of_process(end_after(sys.exc_info()[1])), self.time_left)

    def _thread_died(self, error: BaseException) -> None:
        for run in self:
            run.thread_died(error)

    def leave_to_parent(self) -> None:
        """In a forked child: the runs belong to the parent."""
        self._lock, self._exiting = threading.RLock(), False
        self._starting, self._started = 0, threading.Condition(self._lock)
        self._signals.leave_to_parent()
        self._later.leave_to_parent()
        self._runs.clear()
        self._remove()


def _before_exit_of_worker(work: Callable[[], None]) -> Any:
    """Call a function before a worker of multiprocessing exits, which calls no ``atexit`` functions; ``None`` elsewhere."""
    util = sys.modules.get("multiprocessing.util")
    if util is None or sys.modules["multiprocessing.process"].parent_process() is None:
        return None
    return util.Finalize(None, work, exitpriority=0)


#: Those of this process.
live_runs = LiveRuns()
