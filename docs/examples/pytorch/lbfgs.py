"""As the time sequence example: L-BFGS on all data at once, with a closure."""

import torch
from torch import nn

from traingauge.integrations.torch import watch  # traingauge


def main(steps=5):
    """Fit a sine."""
    time = torch.linspace(0, 6, 200).unsqueeze(1)
    target = torch.sin(time)
    seq = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    criterion = nn.MSELoss()
    optimizer = torch.optim.LBFGS(seq.parameters(), lr=0.8, line_search_fn="strong_wolfe")
    with watch("sine", seq, optimizer, criterion):  # traingauge
        for _ in range(steps):

            def closure():
                optimizer.zero_grad()
                loss = criterion(seq(time), target)
                loss.backward()
                return loss

            optimizer.step(closure)
            with torch.no_grad():
                criterion(seq(time), target)


if __name__ == "__main__":
    main()
