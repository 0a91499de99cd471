"""Reading a run: what it publishes, and what it has recorded so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from traingauge.catalog import CATALOG
from traingauge.core.collectors import Collectors
from traingauge.core.collectors.base import Collector
from traingauge.core.collectors.diagnostics import Diagnostics
from traingauge.core.collectors.loss import Loss
from traingauge.core.collectors.progress import Progress
from traingauge.core.collectors.run import RunInfo
from traingauge.core.collectors.scores import Scores
from traingauge.core.collectors.self_metrics import SelfMetrics
from traingauge.core.event_queue import EventQueue
from traingauge.core.families import Family
from traingauge.core.guard import Guard
from traingauge.core.joined_families import JoinedFamilies
from traingauge.stats.streaming.not_given import masked

if TYPE_CHECKING:
    from traingauge.core.step_log import ReadRows
    from traingauge.stats.curves import LearningCurves, Position
    from traingauge.stats.streaming.not_given import Column

_ORDER = {name: at for at, name in enumerate(CATALOG)}


class RunReader:
    """Reads a run, from any thread; each reading drains first.

    Args:
        collectors: Those of the run.
        queue: What training reported.
        guard: A collector that cannot be read must not take the others with it.

    Attributes:
        when_read: Called after each reading by :meth:`families`.
    """

    def __init__(self, collectors: Collectors, queue: EventQueue, guard: Guard) -> None:
        self.when_read: Callable[[], None] | None = None
        self._collectors, self._queue, self._guard = collectors, queue, guard
        self._joined = JoinedFamilies()

    def families(self, maybe_yield: Callable[[], None] = lambda: None) -> list[Family]:
        """What the run publishes now, in the catalogue's order.

        Args:
            maybe_yield: Called now and then, so that a caller that is not training may pause.
        """
        with self._queue.drained(maybe_yield):
            started = time.perf_counter()
            families = self._joined.join(
                sorted(self._read(maybe_yield), key=lambda family: _ORDER[family.metric.name])
            )
            self._collectors[SelfMetrics].spent("scrape", time.perf_counter() - started)
        if self.when_read is not None:
            self.when_read()
        return families

    def history(self) -> dict[str, list[float]]:
        """What was published at the end of each epoch and pass, as a copy.

        ``loss``, ``accuracy`` … are of ``train``; those of the other splits begin with ``val_`` and ``test_``.
        """
        with self._queue.drained() as drain:
            return drain.epochs.values()

    def rows(self, split: str, read: ReadRows) -> dict[str, Column]:
        """Everything recorded of a split, by column; see :meth:`traingauge.core.step_log.StepLog.table`."""
        with self._queue.drained() as drain:
            log = drain.step_log
            written, in_memory = log.written, log.blocks()
        # What is written no longer changes, so that scrapes need not wait for the disk.
        found = log.table(split, chain(read(written, {split}), in_memory))
        return {name: masked(values) for name, values in found.items()}

    def curves(self) -> LearningCurves:
        """The learning curves so far, as a copy."""
        with self._queue.drained():
            return self._collectors[Diagnostics].curves.copy()

    def position(self) -> Position:
        """How far the model has come."""
        with self._queue.drained():
            return self._collectors[Diagnostics].position

    def last_loss(self, split: str = "train") -> float:
        """The last loss of a split, NaN if there is none."""
        with self._queue.drained():
            return self._collectors[Loss].last(split)

    def steps_taken(self, split: str = "train") -> int:
        """Steps recorded so far."""
        with self._queue.drained():
            return self._collectors[Progress].steps[split]

    def _read(self, maybe_yield: Callable[[], None]) -> Iterator[Family]:
        run, task = self._collectors[RunInfo], self._collectors[Scores].task
        if task is not None and run.info.get("task") != task:  # a guess may have changed
            run.describe(task=task)
        for collector in self._collectors:
            yield from self._read_one(collector, maybe_yield)

    def _read_one(self, collector: Collector, maybe_yield: Callable[[], None]) -> list[Family]:
        def read() -> list[Family]:
            found = []
            for family in collector.families():
                found.append(family)
                maybe_yield()
            return found

        return self._guard.shield("scrape", read) or []
