"""What survives the process: how often the run was resumed, and when its state was last saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from traingauge.core.collectors.base import Collector
from traingauge.core.families import Family, single


class Restarts(Collector):
    """Counts restarts, and says when the state was last saved.

    Attributes:
        count: Times that a process went on with the run after its first; ``None`` if the run keeps no state.
        saved: Unix time in seconds of the last saved state, ``None`` before the first.
        resumed: Whether the run was resumed, and it is not known yet from which step its model continues.
        ahead: Training steps that the run is ahead of what the model's optimizer counts; ``None`` if it does not count.

    >>> restarts = Restarts(); restarts.count = 0; restarts.restore({"restarts": 1, "ahead": None})
    >>> [family.values for family in restarts.families()]
    [(2.0,)]
    """

    def __init__(self) -> None:
        self.count: int | None = None
        self.saved: float | None = None
        self.resumed = False
        self.ahead: int | None = None

    def restored_step(self, counted: int, latest: int) -> int | None:
        """The step of the checkpoint that a resumed run's model was restored from; ``None`` if it is not known.

        Args:
            counted: Steps that the model's optimizer has counted.
            latest: Step after which it was restored at the latest.
        """
        if not self.resumed or self.ahead is None or not counted:
            return None
        restored = counted + self.ahead
        return restored if 0 <= restored <= latest else None

    def agree(self, counted: int, position: int) -> None:
        """Take how the optimizer counts: ``counted`` where the run is at ``position``."""
        self.resumed, self.ahead = False, position - counted

    def families(self) -> Iterator[Family]:
        """``model_restarts_total`` and when the state was saved; nothing for a run that keeps no state."""
        if self.count is not None:
            yield single("model_restarts_total", float(self.count))
        if self.saved is not None:
            yield single("model_state_saved_timestamp_seconds", self.saved)

    def save(self) -> dict[str, Any]:
        """The restarts so far, and how the optimizer counts."""
        return {"restarts": self.count or 0, "ahead": self.ahead}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Another process continues the run."""
        self.count, self.resumed = saved["restarts"] + 1, True
        self.ahead = saved["ahead"]
