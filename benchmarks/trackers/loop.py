"""A loop of PyTorch. A script that logs passes what it computes, with the lines that documentations show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from benchmarks.trackers.ours import Ours
from benchmarks.trackers.peers import MLflow, Peer, TensorBoard, Trackio, WeightsAndBiases
from benchmarks.trackers.training import TIMED, Case, Stamps, batches, net, optimizer_of, updates
from traingauge.integrations.torch import watch

#: What a script logs a step with: its number, loss, rate, labels and logits.
Log = Callable[[int, torch.Tensor, float, torch.Tensor, torch.Tensor], object]


class Steps(Ours):
    """``monitor.step``, called where the script would log to a tracker."""

    name, logs = "traingauge step()", True


class Watch(Ours):
    """``watch`` around the loop, in which nothing is logged."""

    name = "traingauge watch()"


RECORDERS = (Steps, Watch, TensorBoard, WeightsAndBiases, MLflow, Trackio)

#: What is timed, by row.
ROWS = {
    "µs a step, two numbers logged": Case(TIMED),
    "µs a step, accuracy logged too": Case(TIMED, accuracy=True),
}


def train(case: Case, by: Peer | Ours | None, stamps: Stamps) -> None:
    """The loop, with a tracker, the monitor, or none of them."""
    _train(case, by, stamps, torch.device("cpu"), nullcontext())


def waits(by: Peer | Ours) -> float:
    """How often a step waits for a device, one of PyTorch's lazy tensors, where two numbers are logged."""
    from tests.integrations.torch.lazy import DEVICE, Waits

    case, seen = Case(5), Waits()
    _train(case, by, Stamps(), DEVICE, seen)
    return len(seen.seen) / case.batches


def _train(
    case: Case,
    by: Peer | Ours | None,
    stamps: Stamps,
    device: torch.device,
    counting: AbstractContextManager[object],
) -> None:
    model, criterion = net().to(device), nn.CrossEntropyLoss()
    optimizer, schedule = optimizer_of(model)
    data = [(x.to(device), y.to(device)) for x, y in batches(case)]
    watched: Any = nullcontext()
    if isinstance(by, Watch):
        watched = watch(by.monitor, model, optimizer, criterion, accumulation=case.window)
    with watched, _script(by, accuracy=case.accuracy) as log, counting:
        step = 0
        for place, (x, y) in enumerate(data):
            stamps.begin(place)
            logits = model(x)
            loss = criterion(logits, y)
            (loss / case.window).backward()
            if place + 1 == case.batches:
                case.at_last()
            if updates(case, place):
                rate = schedule.get_last_lr()[0]
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                log(step, loss, rate, y, logits)
                step += 1


@contextmanager
def _script(by: Peer | Ours | None, *, accuracy: bool) -> Iterator[Log]:
    """How the script logs a step, if it does."""
    if isinstance(by, Steps):
        with by.monitor as monitor:
            yield _steps(monitor.step, accuracy=accuracy)
    elif isinstance(by, Peer):
        with by.script() as log:
            yield _numbers(log, accuracy=accuracy)
    else:
        yield lambda *_: None


def _steps(record: Callable[..., None], *, accuracy: bool) -> Log:
    if accuracy:
        return lambda _, loss, rate, y, logits: record(loss=loss, y_true=y, y_pred=logits, learning_rate=rate)
    return lambda _, loss, rate, y, logits: record(loss=loss, learning_rate=rate)


def _numbers(log: Callable[[dict[str, float], int], object], *, accuracy: bool) -> Log:
    if accuracy:
        return lambda step, loss, rate, y, logits: log(
            {
                "loss": loss.item(),
                "learning_rate": rate,
                "accuracy": (logits.argmax(1) == y).float().mean().item(),
            },
            step,
        )
    return lambda step, loss, rate, y, logits: log({"loss": loss.item(), "learning_rate": rate}, step)
