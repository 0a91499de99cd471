"""Small modules that note what they train on, and trainers without decoration."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from traingauge import ModelMonitor


class Classifier(pl.LightningModule):
    """Notes the loss of each batch."""

    def __init__(self, rate: float = 0.1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        self.rate, self.losses = rate, []

    def loss(self, batch: Any) -> torch.Tensor:
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        loss = self.loss(batch)
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
        return self.loss(batch)

    test_step = validation_step

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=self.rate)


def data(batches: int = 4, size: int = 8, samples: int | None = None) -> DataLoader:
    generator = torch.Generator().manual_seed(1)
    samples = samples or batches * size
    x, y = torch.randn(samples, 4, generator=generator), torch.randint(3, (samples,), generator=generator)
    return DataLoader(TensorDataset(x, y), batch_size=size)


def trainer(*callbacks: Any, kind: Any = pl.Trainer, **settings: Any) -> Any:
    quiet = {
        "accelerator": "cpu",
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "max_epochs": 1,
    }
    return kind(callbacks=list(callbacks), **{**quiet, **settings})


def quiet(**settings: Any) -> ModelMonitor:
    """A monitor that nothing serves."""
    return ModelMonitor("watched", delivery=[], **settings)
