"""The training that every tracker records, and what is true of it, by a loop written by hand."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import nn

#: Samples in a batch, inputs and classes.
BATCH, INPUTS, CLASSES = 64, 64, 10

#: Steps of a training that is timed, and those before the clock starts.
TIMED, WARM = 300, 20


@dataclass(frozen=True, slots=True)
class Case:
    """One training.

    Attributes:
        batches: Batches in it.
        window: Batches of a step.
        nan: Whether the loss of the last batch is NaN.
        accuracy: Whether a script that logs its loss and rate also logs the accuracy of the batch.
        at_last: Called in the last batch, to end the training.
    """

    batches: int = 10
    window: int = 1
    nan: bool = False
    accuracy: bool = False
    at_last: Callable[[], None] = field(default=lambda: None)


class Numbers(NamedTuple):
    """The losses and the learning rates of the steps."""

    losses: list[float]
    rates: list[float]


class Stamps:
    """Processor time of the training thread between two steps, and so of one step."""

    def __init__(self) -> None:
        self._at: dict[int, float] = {}

    def begin(self, place: int) -> None:
        """A batch begins."""
        if place in {WARM, TIMED - 1}:
            self._at[place] = time.thread_time()

    @property
    def micros(self) -> float:
        """Microseconds a step."""
        return (self._at[TIMED - 1] - self._at[WARM]) / (TIMED - 1 - WARM) * 1e6


def net() -> nn.Module:
    """The network, the same each time."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(INPUTS, 32), nn.ReLU(), nn.Linear(32, CLASSES))


def optimizer_of(model: nn.Module) -> tuple[Any, Any]:
    """An optimizer, and a schedule that changes its rate at each step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return optimizer, torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)


def batches(case: Case) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The batches, the same each time."""
    generator = torch.Generator().manual_seed(1)
    made = [
        (
            torch.randn(BATCH, INPUTS, generator=generator),
            torch.randint(CLASSES, (BATCH,), generator=generator),
        )
        for _ in range(case.batches)
    ]
    if case.nan:
        made[-1][0].fill_(math.nan)
    return made


def updates(case: Case, place: int) -> bool:
    """Whether the step is complete with a batch."""
    return (place + 1) % case.window == 0 or place + 1 == case.batches


def truth(case: Case) -> Numbers:
    """The mean loss of the batches of each step, and the rate that its update used."""
    model, criterion = net(), nn.CrossEntropyLoss()
    optimizer, schedule = optimizer_of(model)
    found, micro = Numbers([], []), []
    for place, (x, y) in enumerate(batches(case)):
        loss = criterion(model(x), y)
        micro.append(loss)
        if updates(case, place):
            mean = torch.stack(micro).mean()
            mean.backward()
            found.losses.append(mean.item())
            found.rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            micro.clear()
    return found
