"""W&B offline: it writes what ``wandb sync`` would send."""

from __future__ import annotations

from pathlib import Path

import wandb


class Sender:
    """A run of W&B."""

    def __init__(self, url: str, folder: Path) -> None:
        self._run = wandb.init(project="bench", dir=folder, mode="offline")

    def record(self, step: int, values: dict[str, float]) -> None:
        """Log a step."""
        self._run.log(values, step=step)

    def end(self) -> None:
        """Finish the run."""
        self._run.finish()
