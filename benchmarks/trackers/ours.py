"""The monitor, as a framework's callback has it."""

from __future__ import annotations

from traingauge import ModelMonitor


class Ours:
    """A run without deliveries.

    Attributes:
        name: In the table.
        logs: Whether a script passes it what it records.
    """

    name = "traingauge"
    logs = False

    def __init__(self) -> None:
        self.monitor = ModelMonitor("bench", delivery=[])

    def finish(self) -> None:
        """End the run."""
        self.monitor.close()
