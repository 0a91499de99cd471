"""traingauge, by remote write."""

from __future__ import annotations

from pathlib import Path

from traingauge import ModelMonitor, RemoteWrite, State


class Sender:
    """A run with a state directory."""

    def __init__(self, url: str, folder: Path) -> None:
        self._monitor = ModelMonitor(
            "bench",
            run=folder.name,
            state=State(folder / "state"),
            delivery=[RemoteWrite(f"{url}/api/v1/write")],
        )

    def record(self, step: int, values: dict[str, float]) -> None:
        """Record a step."""
        self._monitor.step(**values)

    def end(self) -> None:
        """End the run."""
        self._monitor.close()
