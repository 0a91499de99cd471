"""The trackers: how a script and each framework reach them, and what they have recorded, read from their own files."""

# ruff: noqa: D102 the methods are those of Peer
from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Log = Callable[[dict[str, float], int], object]


class Peer:
    """A tracker that writes into a folder.

    Attributes:
        name: In the table.
        reports_to: What the ``Trainer`` of Hugging Face calls it; empty if it does not know it.
        logs: Whether a script passes it what it records.
    """

    name = ""
    reports_to = ""
    logs = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.environ |= {name: str(value) for name, value in self.variables().items()}

    def variables(self) -> dict[str, Any]:
        """What is set in the environment."""
        return {}

    @contextmanager
    def script(self) -> Iterator[Log]:
        """As a script uses it, in the way that its documentation shows."""
        raise NotImplementedError
        yield

    def logger(self) -> Any:
        """The logger of Lightning."""
        raise NotImplementedError

    def finish(self) -> None:
        """End what a framework has left open."""

    def read(self) -> dict[str, list[float]]:
        """All values by the names that they were logged under."""
        raise NotImplementedError

    def ended(self) -> str:
        """What it says of the end of the run; empty if nothing."""
        return ""

    def values(self, *names: str) -> list[float]:
        """The values of the first of the names that was logged."""
        found = self.read()
        return next((found[name] for name in names if name in found), [])


class TensorBoard(Peer):
    """Writes event files, in which nothing stands for an end."""

    name, reports_to = "TensorBoard", "tensorboard"

    def variables(self) -> dict[str, Any]:
        return {"TENSORBOARD_LOGGING_DIR": self.folder}

    @contextmanager
    def script(self) -> Iterator[Log]:
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(self.folder)) as writer:
            yield lambda numbers, step: [
                writer.add_scalar(name, value, step) for name, value in numbers.items()
            ]

    def logger(self) -> Any:
        from lightning.pytorch.loggers import TensorBoardLogger

        return TensorBoardLogger(self.folder, name="", version="")

    def read(self) -> dict[str, list[float]]:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(self.folder), {"scalars": 0})
        events.Reload()
        return {tag: [one.value for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


class WeightsAndBiases(Peer):
    """Offline, it writes the records that it would send."""

    name, reports_to = "W&B offline", "wandb"

    def variables(self) -> dict[str, Any]:
        return {"WANDB_MODE": "offline", "WANDB_DIR": self.folder, "WANDB_SILENT": "true"}

    @contextmanager
    def script(self) -> Iterator[Log]:
        import wandb

        with wandb.init(project="bench", dir=self.folder, mode="offline") as run:
            yield lambda numbers, step: run.log(numbers, step=step)

    def logger(self) -> Any:
        from lightning.pytorch.loggers import WandbLogger

        return WandbLogger(project="bench", save_dir=self.folder, offline=True)

    def finish(self) -> None:
        import wandb

        wandb.finish()

    def read(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for record in self._records():
            for item in record.history.item:
                value = json.loads(item.value_json)
                if isinstance(value, (int, float)):
                    found.setdefault(item.key or "/".join(item.nested_key), []).append(float(value))
                elif value == "NaN":
                    found.setdefault(item.key or "/".join(item.nested_key), []).append(math.nan)
        return found

    def ended(self) -> str:
        codes = [one.exit.exit_code for one in self._records() if one.WhichOneof("record_type") == "exit"]
        return f"exit code {codes[-1]}" if codes else ""

    def _records(self) -> Iterator[Any]:
        """The records in its file: a LevelDB log after a header of seven bytes."""
        from wandb.proto.wandb_internal_pb2 import Record

        for path in (self.folder / "wandb").glob("offline-*/*.wandb"):
            data, at, part = path.read_bytes(), 7, b""
            while at + 7 <= len(data):
                if (left := 32768 - at % 32768) < 7:
                    at += left
                    continue
                size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
                part += data[at + 7 : at + 7 + size]
                at += 7 + size
                if kind in {1, 4}:  # whole, or the last part
                    record = Record()
                    record.ParseFromString(part)
                    part = b""
                    yield record


class MLflow(Peer):
    """Writes to files, which it has to be allowed by a variable."""

    name, reports_to = "MLflow", "mlflow"

    def variables(self) -> dict[str, Any]:
        return {
            "MLFLOW_TRACKING_URI": f"file:{self.folder}",
            "MLFLOW_EXPERIMENT_NAME": "bench",
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
        }

    @contextmanager
    def script(self) -> Iterator[Log]:
        import mlflow

        mlflow.set_tracking_uri(f"file:{self.folder}")
        mlflow.set_experiment("bench")
        with mlflow.start_run():
            yield lambda numbers, step: mlflow.log_metrics(numbers, step=step)

    def logger(self) -> Any:
        from lightning.pytorch.loggers import MLFlowLogger

        return MLFlowLogger(tracking_uri=f"file:{self.folder}")

    def finish(self) -> None:
        import mlflow

        mlflow.end_run()

    def read(self) -> dict[str, list[float]]:
        client, run = self._run()
        return {name: self._by_step(client, run.info.run_id, name) for name in run.data.metrics}

    @staticmethod
    def _by_step(client: Any, run: str, name: str) -> list[float]:
        """The ``Trainer`` logs through threads, which write in any order."""
        history = client.get_metric_history(run, name)
        return [one.value for one in sorted(history, key=lambda one: one.step)]

    def ended(self) -> str:
        return str(self._run()[1].info.status)

    def _run(self) -> tuple[Any, Any]:
        import mlflow

        client = mlflow.MlflowClient(f"file:{self.folder}")
        places = [one.experiment_id for one in client.search_experiments()]
        (run,) = client.search_runs(places)
        return client, run


class Trackio(Peer):
    """Writes to SQLite; Lightning has no logger for it."""

    name, reports_to = "trackio", "trackio"

    def variables(self) -> dict[str, Any]:
        return {"TRACKIO_DIR": self.folder}

    @contextmanager
    def script(self) -> Iterator[Log]:
        import trackio

        trackio.init(project="bench")
        yield lambda numbers, step: trackio.log(numbers, step=step)
        trackio.finish()

    def read(self) -> dict[str, list[float]]:
        import sqlite3

        found: dict[str, list[float]] = {}
        (path,) = self.folder.glob("*.db")  # of its one project
        with sqlite3.connect(path) as database:
            for (text,) in database.execute("select metrics from metrics order by id"):
                for name, value in json.loads(text).items():
                    if isinstance(value, (int, float)) or value == "NaN":
                        found.setdefault(name, []).append(float(value))
        return found


class CSV(Peer):
    """Lightning's own file."""

    name = "CSVLogger"

    def logger(self) -> Any:
        from lightning.pytorch.loggers import CSVLogger

        return CSVLogger(self.folder, name="", version="")

    def read(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        with (self.folder / "metrics.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for name, value in row.items():
                    if value:
                        found.setdefault(name, []).append(float(value))
        return found
