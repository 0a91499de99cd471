"""The queue between training and whatever reads a run.

Training appends one event a step to a list, which is atomic and needs no lock. Draining takes what the list holds as one
slice and deletes as much from its head, each as atomic, under a lock that training never waits for. So a scrape sees whole
steps, and in order: loss and step counter belong together. :mod:`traingauge.core.drain` says what becomes of the events.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from traingauge.core.collectors.self_metrics import SelfMetrics
from traingauge.core.deferred_scores import Unencoded
from traingauge.core.drain import Drain
from traingauge.core.events import Event, FeaturesSeen, Scored, Steps
from traingauge.forks import hold_during_forks, leave_to_parent_after_fork

#: Steps, and samples in them, from which the training thread drains by itself: memory stays bounded without a scrape.
BACKLOG_STEPS = 4096
BACKLOG_SAMPLES = 1 << 20

#: Events that a scrape drains without a pause.
DRAINED_AT_ONCE = 256


class EventQueue:
    """What training reported and nothing has drained yet.

    Args:
        drain: Takes the events.
        self_metrics: Counts the time that draining takes.
        digest_every: Steps from which the training thread drains by itself.

    Attributes:
        pending: Events that wait, oldest first.
        digest_every: As given.
    """

    def __init__(self, drain: Drain, self_metrics: SelfMetrics, digest_every: int) -> None:
        self.pending: list[Event] = []
        self.digest_every = digest_every
        self._drain, self._self_metrics = drain, self_metrics
        self._samples = self._inside = 0  # samples, and steps that one event holds many of
        self._draining, self._depth = threading.RLock(), 0
        hold_during_forks(self)
        leave_to_parent_after_fork(self)

    def hold(self, at_most: float) -> Callable[[], None] | None:
        """Keep other threads from draining, unless one does for longer than some seconds."""
        draining = self._draining
        return draining.release if draining.acquire(timeout=at_most) else None

    def leave_to_parent(self) -> None:
        """A lock that a thread of the parent holds is not released in its child."""
        if not self.is_held_here():
            self._draining, self._depth = threading.RLock(), 0

    def append(self, event: Event) -> None:
        """Append an event, and drain if many steps are pending, or many samples are kept."""
        self.pending.append(event)
        if isinstance(event, Scored):
            self._samples += _held(event)
        elif isinstance(event, FeaturesSeen):
            self._samples += event.binned.samples
        elif isinstance(event, Steps):
            self._inside += len(event.at)
        if len(self.pending) + self._inside >= self.digest_every or self._samples >= BACKLOG_SAMPLES:
            self.drain_if_free()

    def drain_if_free(self) -> None:
        """Drain, unless another thread does already: training never waits."""
        if self._draining.acquire(blocking=False):
            try:
                with self.drained():
                    pass
            finally:
                self._draining.release()

    def is_held_here(self) -> bool:
        """Whether this thread is draining or reading: then a signal handler asks, which has interrupted it."""
        if not self._draining.acquire(blocking=False):
            return False
        try:
            return self._depth > 0
        finally:
            self._draining.release()

    @contextmanager
    def drained(self, maybe_yield: Callable[[], None] | None = None) -> Iterator[Drain]:
        """Drain what is pending, and keep other threads from draining inside the ``with``.

        In a signal handler that has interrupted a draining by this thread, what is pending stays, so that order does.

        Args:
            maybe_yield: Called now and then, so that a caller that is not training may pause.
        """
        with self.held() as drain:
            if self._depth == 1:
                self._drain_pending(maybe_yield)
            yield drain

    @contextmanager
    def held(self) -> Iterator[Drain]:
        """Keep other threads from draining inside the ``with``; what is pending stays."""
        with self._draining:
            self._depth += 1
            try:
                yield self._drain
            finally:
                self._depth -= 1

    def _drain_pending(self, maybe_yield: Callable[[], None] | None = None) -> None:
        """What is appended meanwhile is left to the next."""
        started = time.perf_counter()
        unix = time.time() - started
        self._samples = self._inside = 0
        left = len(self.pending)
        while left:
            count = left if maybe_yield is None else min(left, DRAINED_AT_ONCE)
            events = self.pending[:count]
            del self.pending[:count]
            left -= count
            self._drain.take(events, unix)
            if maybe_yield is not None:
                maybe_yield()
        self._self_metrics.spent("digest", time.perf_counter() - started)


def _held(step: Scored) -> int:
    """Samples that a step keeps in memory, or as many as take as much."""
    if isinstance(step.scored, Unencoded):
        held = step.scored.held
        for one in step.more:
            held += one.held if isinstance(one, Unencoded) else 0
    else:
        held = 0 if step.scored is None and step.binned is None else step.samples
    for output in step.outputs:
        for one in output.scored:
            held += one.held if isinstance(one, Unencoded) else one.samples
    return held
