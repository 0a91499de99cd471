"""Small models and data on which the tests train, and what a loop would publish by hand."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from traingauge import ModelMonitor


def model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def batches(count: int, size: int = 8, seed: int = 1) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield torch.randn(size, 4, generator=generator), torch.randint(3, (size,), generator=generator)


def quiet(**settings: object) -> ModelMonitor:
    """A monitor that nothing serves."""
    return ModelMonitor("watched", delivery=[], **settings)


def errors(monitor: ModelMonitor) -> dict[str, int]:
    """Errors inside monitoring, by reason."""
    monitor.rows()
    return {reason: count for reason, count in monitor.session.guard.errors.items() if count}


def given(monitor: ModelMonitor, name: str, split: str = "train") -> list[float]:
    """The values of a column, without steps that gave none."""
    column = monitor.rows(split)[name]
    return column.compressed().tolist()
