"""A recorder in a forked child of the process that made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from traingauge.core.disabled import DisabledRecorder


class InheritedRecorder(DisabledRecorder):
    """Records nothing, because nothing would carry it to the parent; that is counted in the child, and logged once.

    What was recorded before the fork can still be read.
    """

    def step(  # noqa: PLR0917 as in the recorder
        self,
        loss: Any,
        y_true: Any,
        y_pred: Any,
        features: Any,
        sample_weight: Any,
        samples: int,
        scalars: Mapping[str, Any],
        steps: int = 1,
    ) -> None:
        """Count what is lost."""
        self._count()

    def record(self, event: object) -> None:
        """Count what is lost."""
        self._count()

    def see(self, features: Any) -> None:
        """Count what is lost."""
        self._count()

    def _count(self) -> None:
        error = RuntimeError(
            "this process is a fork of the one that made the monitor, and what it records is lost: make a monitor in it"
        )
        self.guard.report("step", error)
