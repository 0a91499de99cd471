"""One thread computes; what Lightning itself warns of, such as few workers, is no failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

torch.set_num_threads(1)

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:::(lightning|pytorch_lightning|torch).*"))
            item.add_marker(pytest.mark.filterwarnings("ignore:.*(LeafSpec|lr_scheduler.step|num_workers).*"))


@pytest.fixture
def published():
    """Reads what a run publishes of its training, by name."""

    def read(monitor: Any) -> dict[str, float]:
        return {
            sample.name: sample.value
            for family in monitor.collector.collect()
            for sample in family.samples
            if sample.labels.get("split", "train") == "train"
        }

    return read
