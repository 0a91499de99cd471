"""MLflow, which logs in threads of its own."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"] = "false"

import mlflow


class Sender:
    """A run on a tracking server; the folder gets its id."""

    def __init__(self, url: str, folder: Path) -> None:
        mlflow.set_tracking_uri(url)
        mlflow.set_experiment("bench")
        (folder / "run").write_text(mlflow.start_run().info.run_id)

    def record(self, step: int, values: dict[str, float]) -> None:
        """Log a step."""
        mlflow.log_metrics(values, step=step, synchronous=False)

    def end(self) -> None:
        """End the run; what waits is sent when the process exits."""
        mlflow.end_run()
