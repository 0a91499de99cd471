"""Handwritten digits as tensors, for the examples."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


def loaders() -> tuple[DataLoader, DataLoader]:
    """Batches to train on and to evaluate on."""
    x, y = (torch.tensor(values) for values in load_digits(return_X_y=True))
    data = TensorDataset(x.float().reshape(-1, 1, 8, 8) / 16, y)
    train, held_out = torch.utils.data.random_split(data, [1500, 297], torch.Generator().manual_seed(0))
    return DataLoader(train, batch_size=64, shuffle=True), DataLoader(held_out, batch_size=100)
