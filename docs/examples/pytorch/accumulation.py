"""Gradient accumulation over five batches, with clipping, and an uneven last window."""

import torch
from torch import nn

from docs.examples.pytorch.data import loaders
from traingauge.integrations.torch import watch  # traingauge

ACCUMULATE = 5


def main(epochs=2):
    """Train."""
    loader, _ = loaders()
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    with watch("accumulation", model, optimizer, criterion, loader):  # traingauge
        for _ in range(epochs):
            for i, (inputs, labels) in enumerate(loader):
                loss = criterion(model(inputs), labels) / ACCUMULATE
                loss.backward()
                if (i + 1) % ACCUMULATE == 0 or i + 1 == len(loader):
                    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                    optimizer.step()
                    optimizer.zero_grad()


if __name__ == "__main__":
    main()
