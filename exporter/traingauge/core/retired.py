"""A recorder whose run continues elsewhere, or has been given up, while the script still reports to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from traingauge.core.disabled import DisabledRecorder


class RetiredRecorder(DisabledRecorder):
    """Records nothing more, which is counted, and logged once; what was recorded before can still be read.

    Recorders become one (:meth:`~traingauge.core.recorder.Recorder.retire`), as many things hold on to them.

    Attributes:
        why: What is lost, and what to do.
    """

    why: str

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
        self.guard.report("step", RuntimeError(self.why))
