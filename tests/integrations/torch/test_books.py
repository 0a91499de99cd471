"""Random loops, whose losses are also kept by hand: none that is published is wrong, and none is missing for nothing."""

from __future__ import annotations

import logging
import random

import pytest
import torch
from torch import nn

from tests.integrations.torch.loops import errors, quiet
from traingauge.integrations.torch import watch

TINY = (0.0, 1e-6, 0.01, 0.1, 0.4, 1.0, 3.0)


class Squares(nn.Module):
    """A penalty on predictions."""

    def forward(self, z):
        return (z**2).mean()


def lone(dice, net, x, y, criteria):
    """One loss as it is."""
    return criteria[0](net(x), y)


def signed(dice, net, x, y, criteria):
    """A policy gradient: advantages of mean 0."""
    advantage = torch.randn(len(x))
    return (criteria[1](net(x), y) * (advantage - advantage.mean())).mean()


def masked(dice, net, x, y, criteria):
    """Samples of which all may be left out."""
    mask = (torch.rand(len(x)) < dice.choice([0.0, 0.5, 1.0])).float()
    return (criteria[1](net(x), y) * mask).sum() / mask.sum().clamp(min=1)


def averaged(dice, net, x, y, criteria):
    """A sum that is divided by the number of samples, which may be that of the micro-batches."""
    return criteria[1](net(x), y).sum() / len(x)


def added_up(dice, net, x, y, criteria):
    """The same of a criterion that adds up."""
    return criteria[3](net(x), y) / len(x)


def annealed(dice, net, x, y, criteria):
    """Two losses, either one first, one of them with a weight that may be zero."""
    z, weight = net(x), dice.choice(TINY)
    if dice.random() < 0.5:
        return criteria[0](z, y) + weight * criteria[2](z)
    return weight * criteria[2](z) + criteria[0](z, y)


def distilled(dice, net, x, y, criteria):
    """Two losses, neither of them as it is."""
    z = net(x)
    return 0.1 * criteria[0](z, y) + 0.9 * criteria[2](z)


def difference(dice, net, x, y, criteria):
    """Two losses with opposite signs."""
    return criteria[0](net(x), y) - criteria[0](net(-x), y)


def learned(dice, net, x, y, criteria):
    """A weight that is trained itself."""
    z = net(x)
    return torch.exp(-net.bias[0]) * criteria[0](z, y) + net.bias[0] + criteria[2](z).sqrt()


def penalised(dice, net, x, y, criteria):
    """A term that nothing watches."""
    return criteria[0](net(x), y) + 1e-2 * net.weight.norm()


TOTALS = (lone, signed, masked, averaged, added_up, annealed, distilled, difference, learned, penalised)

#: How a loop divides the total of a micro-batch, and whether a scaler multiplies it.
DIVISIONS = {
    "not": lambda total, k: total,
    "by a number": lambda total, k: total / k,
    "by the reciprocal": lambda total, k: (1 / k) * total,
    "by a tensor": lambda total, k: total / torch.tensor(float(k)),
    "in place": lambda total, k: total.div_(k),
}

#: Totals whose division can be read if it is written, and not if it is missing: none of the losses stands as it is.
WEIGHED = (signed, masked, averaged, added_up, distilled, learned)


def book(dice, total, division, window, batches):
    """Run a loop; the losses by hand, and what was published."""
    torch.manual_seed(dice.randrange(1 << 30))
    net = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    criteria = [nn.CrossEntropyLoss(), nn.CrossEntropyLoss(reduction="none"), Squares()]
    criteria.append(nn.CrossEntropyLoss(reduction="sum"))
    scaler = torch.amp.GradScaler(
        "cpu", init_scale=2.0 ** dice.choice([1, 10, 16]), enabled=dice.random() < 0.5
    )
    shown, norm = dice.choice([scaler, None]), dice.random() < 0.2
    expected, micro, size = [], [], dice.choice([window, 6])
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criteria, scaler=shown, gradient_norm=norm):
            for at in range(1, batches + 1):
                x, y = torch.randn(size, 4), torch.randint(3, (size,))
                loss = total(dice, net, x, y, criteria)
                micro.append(loss.item())
                scaler.scale(DIVISIONS[division](loss, window)).backward()
                if at % window == 0 or at == batches:
                    scaler.step(optimizer)
                    scaler.update()
                    optimizer.zero_grad()
                    expected.append(sum(micro) / len(micro))
                    micro.clear()
        rows = monitor.rows()
        found = rows["loss"].tolist() if "loss" in rows else [None] * len(expected)
        assert rows["step"].tolist() == list(range(1, len(expected) + 1))
        assert errors(monitor) == {}
    return expected, found


@pytest.mark.parametrize("seed", range(6))
def test_no_loss_that_is_published_is_wrong_and_none_is_missing_for_nothing(seed, caplog):
    dice = random.Random(seed)
    for _ in range(16):
        total, division = dice.choice(TOTALS), dice.choice(list(DIVISIONS))
        window = dice.choice([1, 1, 2, 3, 4, 7])
        batches = dice.choice([1, 2, 3]) * window + dice.choice([0, 0, 1]) * dice.randrange(window)
        caplog.clear()
        expected, found = book(dice, total, division, window, batches)
        loop = f"{total.__name__}, divided {division}, {batches} batches in windows of {window}"
        missing = [one for one in found if one is None]
        assert [one for one in found if one is not None] == pytest.approx(
            [one for one, was in zip(expected, found, strict=True) if was is not None], rel=1e-5, abs=1e-6
        ), loop
        if missing:
            assert window > 1, loop
            assert total in WEIGHED, loop
            assert division == "not", loop
            assert [r.levelno for r in caplog.records] == [logging.WARNING], loop
            assert "accumulation=" in caplog.text, loop
