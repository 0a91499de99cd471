"""As PyTorch's DCGAN example: two networks, two optimizers, one criterion."""

import torch
from torch import nn

from docs.examples.pytorch.data import loaders
from traingauge.integrations.torch import watch  # traingauge


def main(epochs=1):
    """Train both."""
    loader, _ = loaders()
    generator = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    criterion = nn.BCEWithLogitsLoss()
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    both = {"discriminator": optimizer_d, "generator": optimizer_g}  # traingauge
    with watch("gan", [discriminator, generator], both, criterion, loader, accumulation="sum"):  # traingauge
        for _ in range(epochs):
            for real, _ in loader:
                label = torch.ones(len(real), 1)
                discriminator.zero_grad()
                criterion(discriminator(real), label).backward()
                fake = generator(torch.randn(len(real), 16))
                criterion(discriminator(fake.detach()), 0 * label).backward()
                optimizer_d.step()
                generator.zero_grad()
                criterion(discriminator(fake), label).backward()
                optimizer_g.step()


if __name__ == "__main__":
    main()
