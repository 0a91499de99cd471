"""As PyTorch's ImageNet example: a criterion, a scheduler, and functions to train and to validate."""

import torch
from torch import nn

from docs.examples.pytorch.data import loaders
from traingauge.integrations.torch import watch  # traingauge


def train(loader, model, criterion, optimizer):
    """One epoch."""
    model.train()
    for images, target in loader:
        output = model(images)
        loss = criterion(output, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def validate(loader, model, criterion):
    """One pass over the validation data."""
    model.eval()
    with torch.no_grad():
        for images, target in loader:
            criterion(model(images), target)


def main(epochs=2):
    """Train and validate."""
    train_loader, val_loader = loaders()
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 10)
    )
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
    with watch("imagenet", model, optimizer, criterion, train_loader):  # traingauge
        for _ in range(epochs):
            train(train_loader, model, criterion, optimizer)
            validate(val_loader, model, criterion)
            scheduler.step()


if __name__ == "__main__":
    main()
