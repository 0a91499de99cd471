"""What tests of several integrations use."""

from __future__ import annotations

import pytest

import traingauge
from traingauge import ModelMonitor


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[ModelMonitor]:
    """Runs that were opened by name."""
    runs: list[ModelMonitor] = []

    def open_run(model: str) -> ModelMonitor:
        runs.append(ModelMonitor(model, delivery=[]))
        return runs[-1]

    monkeypatch.setattr(traingauge, "ModelMonitor", open_run)
    return runs
