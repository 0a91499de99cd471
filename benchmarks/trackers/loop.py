"""A loop of PyTorch. A script that logs passes what it computes, with the lines that documentations show."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from benchmarks.trackers.peers import MLflow, Peer, TensorBoard, Trackio, WeightsAndBiases
from benchmarks.trackers.training import Case, Stamps, batches, net, optimizer_of, updates
from traingauge import ModelMonitor
from traingauge.integrations.torch import watch

PEERS = (TensorBoard, WeightsAndBiases, MLflow, Trackio)


def train(case: Case, peer: Peer | None, monitor: ModelMonitor | None, stamps: Stamps) -> None:
    """The loop, with a tracker, the monitor, or none of them."""
    model, criterion = net(), nn.CrossEntropyLoss()
    optimizer, schedule = optimizer_of(model)
    watched: Any = nullcontext()
    if monitor is not None:
        watched = watch(monitor, model, optimizer, criterion, accumulation=case.window)
    with watched, nullcontext() if peer is None else peer.script() as log:
        step = 0
        for place, (x, y) in enumerate(batches(case)):
            stamps.begin(place)
            loss = criterion(model(x), y)
            (loss / case.window).backward()
            if place + 1 == case.batches:
                case.at_last()
            if updates(case, place):
                rate = schedule.get_last_lr()[0]
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                if log is not None:
                    log({"loss": loss.item(), "learning_rate": rate}, step)
                step += 1


def waits(peer: Peer | None, monitor: ModelMonitor | None) -> float:
    """How often a step waits for a device, one of PyTorch's lazy tensors."""
    from tests.integrations.torch.lazy import DEVICE, Waits

    steps = 5
    model, criterion = net().to(DEVICE), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = [(x.to(DEVICE), y.to(DEVICE)) for x, y in batches(Case(steps))]
    watched: Any = nullcontext() if monitor is None else watch(monitor, model, optimizer, criterion)
    with watched, nullcontext() if peer is None else peer.script() as log, Waits() as seen:
        for step, (x, y) in enumerate(data):
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            if log is not None:
                log({"loss": loss.item()}, step)
    return len(seen.seen) / steps
