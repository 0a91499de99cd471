"""As PyTorch's MNIST example: losses of functions."""

import torch
import torch.nn.functional as F  # noqa: N812 as everyone imports it
from torch import nn

from docs.examples.pytorch.data import loaders
from traingauge.integrations.torch import watch  # traingauge


class Net(nn.Module):
    """A small convolutional network."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3)
        self.fc = nn.Linear(16 * 9, 10)

    def forward(self, x):
        """Log-probabilities."""
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return F.log_softmax(self.fc(torch.flatten(x, 1)), dim=1)


def main(epochs=2):
    """Train."""
    train_loader, _ = loaders()
    model = Net()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    with watch("digits", model, optimizer, loader=train_loader) as watched:  # traingauge
        for _ in range(epochs):
            model.train()
            for data, target in train_loader:
                optimizer.zero_grad()
                output = model(data)
                loss = F.nll_loss(output, target)
                watched.loss(loss, target, output)  # traingauge
                loss.backward()
                optimizer.step()


if __name__ == "__main__":
    main()
