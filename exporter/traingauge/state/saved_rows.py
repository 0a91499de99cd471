"""The rows of a run on disk, as its deliveries read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from traingauge.core.step_log import Block
from traingauge.state.log import Cursor, Extent, read


class _Every:
    """Contains every name."""

    def __contains__(self, _: object) -> bool:
        return True


class SavedRows:
    """The rows that the last save included; deliveries read them while training continues.

    What lies in the log behind that is not theirs: a process that resumes the run does not know it.

    Args:
        directory: Where the log is.
        extent: What it holds.
        kept: Whether the directory outlives the process.

    Attributes:
        directory: As given.
        kept: As given.
        until: Unix time in seconds; what was recorded before it is there.
    """

    def __init__(self, directory: Path, extent: Extent, *, kept: bool = True) -> None:
        self.directory, self.kept, self.until = directory, kept, 0.0
        self._extent = extent

    def saved(self, extent: Extent, began: float) -> None:
        """A save has ended.

        Args:
            extent: What the log holds now.
            began: Unix time at which the save began.
        """
        self._extent, self.until = extent, began

    @property
    def deleted(self) -> int:
        """Rows of all tables that were deleted, as the log had become too large."""
        return self._extent.deleted

    @property
    def total(self) -> int:
        """Rows of all tables that were ever saved."""
        return self._extent.deleted + sum(piece.rows for piece in self._extent.pieces)

    def after(
        self, place: tuple[int, int], damaged: Callable[[Exception], None]
    ) -> Iterator[tuple[tuple[int, int], Block]]:
        """The blocks of all tables after a place, each with the place after it.

        Args:
            place: Where the reader stopped; ``(0, 0)`` is the beginning.
            damaged: Called with each stretch that cannot be read.
        """
        return read(self.directory, self._extent, damaged, tables=_Every(), after=Cursor(*place))
