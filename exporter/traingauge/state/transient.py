"""A run of which nothing survives its process."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traingauge.core.families import Identity
    from traingauge.core.recorder import Recorder
    from traingauge.core.step_log import Block
    from traingauge.state.saved_rows import SavedRows


class Transient:
    """Keeps nothing; :class:`~traingauge.state.persistence.Persistence` keeps a run in its state directory.

    Args:
        run: Name of the run; ``None`` leaves it open.

    Attributes:
        run: Name of the run.
        directory: ``None``.
        rows: ``None``; the run's rows on disk, for deliveries, where it keeps them.
    """

    directory: Path | None = None
    rows: SavedRows | None = None

    def __init__(self, run: str | None) -> None:
        self.run = run

    def restore(self, recorder: Recorder) -> None:
        """Restore the saved run into a new recorder."""

    def start(self, recorder: Recorder, identity: Identity) -> None:
        """Save from now on."""

    def read(self, extent: Any, tables: Container[str]) -> Iterator[Block]:
        """The rows of some tables that are on disk."""
        return iter(())

    def close(self) -> None:
        """Save for the last time."""
