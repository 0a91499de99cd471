"""As the recipe for automatic mixed precision: autocast and a scaler of gradients."""

import torch
from torch import nn

from docs.examples.pytorch.data import loaders
from traingauge.integrations.torch import watch  # traingauge


def main(epochs=2):
    """Train on the CPU; on a GPU the device is another."""
    data, _ = loaders()
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    loss_fn = nn.CrossEntropyLoss()
    scaler = torch.amp.GradScaler("cpu")
    with watch("amp", net, opt, loss_fn, data, scaler=scaler):  # traingauge
        for _ in range(epochs):
            for input_, target in data:
                with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
                    output = net(input_)
                    loss = loss_fn(output, target)
                scaler.scale(loss).backward()
                scaler.step(opt)
                scaler.update()
                opt.zero_grad()


if __name__ == "__main__":
    main()
