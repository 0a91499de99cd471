"""A thread that ends the runs whose monitors were lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from traingauge.logs import logger

Work = Callable[[], None]


class Later:
    """Does one thing after another in a thread, from :meth:`start` to :meth:`stop`.

    The garbage collector may ask for something at any moment, in a thread that holds any lock: asking takes none.

    >>> later = Later(); later.start(); done = threading.Event()
    >>> later.do(done.set); done.wait(10)
    True
    >>> later.stop()
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Work | None] | None = None

    def start(self) -> None:
        """Start the thread."""
        self._queue = SimpleQueue()
        threading.Thread(target=_work, args=(self._queue,), name="traingauge-lost", daemon=True).start()

    def stop(self) -> None:
        """End it, after what was to be done."""
        queue, self._queue = self._queue, None
        if queue is not None:
            queue.put(None)

    def leave_to_parent(self) -> None:
        """In a forked child, which does not have the thread."""
        self._queue = None

    def do(self, work: Work) -> None:
        """Do something soon, if it has been started."""
        queue = self._queue
        if queue is not None:
            queue.put(work)


def _work(queue: SimpleQueue[Work | None]) -> None:
    while (work := queue.get()) is not None:
        try:
            work()
        except Exception:  # noqa: BLE001 the next one must be ended, too
            logger.exception("the end of a run failed")
