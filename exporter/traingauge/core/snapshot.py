"""What of a run survives its process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from traingauge.core.collectors import Collectors
from traingauge.core.collectors.restarts import Restarts
from traingauge.core.event_queue import EventQueue
from traingauge.core.guard import Guard

if TYPE_CHECKING:
    from traingauge.core.step_log import Segment


class Snapshot:
    """Takes the state of a run, and puts it back into a new one.

    Args:
        collectors: Those of the run.
        queue: What training reported.
        guard: A collector that cannot be restored must not take the others with it.
    """

    def __init__(self, collectors: Collectors, queue: EventQueue, guard: Guard) -> None:
        self._collectors, self._queue, self._guard = collectors, queue, guard

    def save(self) -> tuple[dict[str, Any], dict[tuple[str, int], Segment]]:
        """The run's state as a tree of plain values, arrays and records, and segments of its history that it refers to."""
        with self._queue.drained() as drain:
            tree = {name: one.save() for name, one in self._collectors.by_name.items()}
            tree = {name: saved for name, saved in tree.items() if saved is not None}
            return {**tree, **drain.save()}, drain.step_log.sealed()

    def saved(self, segments: Iterable[tuple[str, int]], at: float) -> None:
        """What :meth:`save` gave is on disk: its segments may leave memory."""
        with self._queue.held() as drain:
            drain.step_log.drop(segments)
            self._collectors[Restarts].saved = at

    def restore(self, tree: Mapping[str, Any]) -> None:
        """Continue from what :meth:`save` gave, before the first step; one that cannot starts empty, which is counted."""
        for name, one in self._collectors.by_name.items():
            if name in tree:
                self._guard.shield("state", one.restore, tree[name])
        with self._queue.held() as drain:
            self._guard.shield("state", drain.restore, tree)
