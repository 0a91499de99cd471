"""What of a run survives its process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from traingauge.core.collectors import Collectors
from traingauge.core.collectors.restarts import Restarts
from traingauge.core.drain import EPOCHS
from traingauge.core.event_queue import EventQueue
from traingauge.core.guard import Guard

if TYPE_CHECKING:
    from traingauge.core.step_log import Block, Disk, ReadRows


class Snapshot:
    """Takes the state of a run, and puts it back into a new one.

    Args:
        collectors: Those of the run.
        queue: What training reported.
        guard: A collector that cannot be restored must not take the others with it.
    """

    def __init__(self, collectors: Collectors, queue: EventQueue, guard: Guard) -> None:
        self._collectors, self._queue, self._guard = collectors, queue, guard

    def save(self) -> tuple[dict[str, Any], Sequence[Block]]:
        """The run's state as a tree of plain values, arrays and records, and the rows that are not yet on disk."""
        with self._queue.drained() as drain:
            tree = {name: one.save() for name, one in self._collectors.by_name.items()}
            tree = {name: saved for name, saved in tree.items() if saved is not None}
            return {**tree, **drain.save()}, drain.step_log.take()

    def take_rows(self) -> Sequence[Block]:
        """The rows that are not yet on disk, without the rest of the state."""
        with self._queue.drained() as drain:
            return drain.step_log.take()

    def write_rows_to(self, disk: Disk) -> None:
        """Keep rows in memory only until a disk has them."""
        with self._queue.held() as drain:
            drain.step_log.disk = disk

    def wrote_rows(self, written: Any) -> None:
        """The rows that :meth:`save` gave are on disk, which holds this now."""
        with self._queue.held() as drain:
            drain.step_log.wrote(written)

    def failed_rows(self) -> None:
        """The rows that :meth:`save` gave are not on disk."""
        with self._queue.held() as drain:
            drain.step_log.failed()

    def saved(self, at: float) -> None:
        """What :meth:`save` gave is on disk."""
        self._collectors[Restarts].saved = at

    def restore(self, tree: Mapping[str, Any], written: Any, read: ReadRows) -> None:
        """Continue from what :meth:`save` gave, before the first step; one that cannot starts empty, which is counted.

        Args:
            tree: The run's state.
            written: Its rows on disk.
            read: Gives the rows of some tables from there.
        """
        for name, one in self._collectors.by_name.items():
            if name in tree:
                self._guard.shield("state", one.restore, tree[name])
        with self._queue.held() as drain:
            self._guard.shield("state", drain.restore, tree, written, read(written, EPOCHS.values()))
