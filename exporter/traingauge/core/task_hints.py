"""What the user says about a model's task."""

from __future__ import annotations

from typing import NamedTuple

from traingauge.stats.classification.tasks import Task


class TaskHints(NamedTuple):
    """What the user says about the model; ``None`` where nothing was said.

    Attributes:
        task: What it does.
        threshold: Probability above which the positive class, or a label, is predicted.
        from_logits: Whether its outputs are logits.
        ignore_index: Label that is left out.
    """

    task: Task | None = None
    threshold: float | None = None
    from_logits: bool | None = None
    ignore_index: int | str | None = None
