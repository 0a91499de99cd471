"""A loop of Accelerate is watched as any other."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.integrations.torch.loops import batches, errors, given, model, quiet
from traingauge.integrations.torch import watch


@pytest.mark.parametrize("window", [1, 2, 7])
def test_the_steps_of_accelerate_have_the_loss_the_rate_and_the_norm_of_the_loop(window, accelerator):
    accelerator = accelerator(window)
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    data = [torch.cat(parts) for parts in zip(*batches(10), strict=True)]
    loader = DataLoader(TensorDataset(*data), batch_size=8)
    net, optimizer, loader, schedule = accelerator.prepare(net, optimizer, loader, schedule)
    micro, losses, rates, norms = [], [], [], []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion, loader):
            for _ in range(2):
                for x, y in loader:
                    with accelerator.accumulate(net):
                        loss = criterion(net(x), y)
                        micro.append(loss.item())
                        accelerator.backward(loss)
                        if accelerator.sync_gradients:
                            norms.append(accelerator.clip_grad_norm_(net.parameters(), 1.0).item())
                            rates.append(optimizer.param_groups[0]["lr"])
                            losses.append(sum(micro) / len(micro))
                            micro.clear()
                        optimizer.step()
                        schedule.step()
                        optimizer.zero_grad()
        assert given(monitor, "loss") == pytest.approx(losses, rel=1e-6)
        assert given(monitor, "learning_rate") == rates
        assert given(monitor, "gradient_norm") == pytest.approx(norms)
        assert monitor.rows()["samples"].sum() == 160
        assert monitor.rows()["step"].tolist() == list(range(1, len(losses) + 1))
        assert errors(monitor) == {}
