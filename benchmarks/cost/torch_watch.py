"""A PyTorch loop on a small network: what ``watch`` adds to a step, next to TensorBoard's writer.

The time is that of the training thread. TensorBoard writes its file in a thread of its own, and traingauge digests its steps
in the thread of a scrape; neither counts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.cost.harness import NULL, Arm, Check, Row, race
from benchmarks.peers import missing
from traingauge import ModelMonitor

#: Samples in a step, inputs and classes.
BATCH, INPUTS, CLASSES = 64, 64, 10

#: Steps between two scrapes.
PENDING = 500

LOOP, PEER, OURS, LOSS_ALONE = (
    "the loop alone",
    "SummaryWriter: loss, learning rate, accuracy",
    "traingauge: watch(model, optimizer, criterion)",
    "traingauge: watch(model, optimizer), watched.loss(loss)",
)


def measure(seconds: float) -> Row:
    """A step alone, with ``watch``, and with TensorBoard's ``SummaryWriter``."""
    title = f"A PyTorch loop: a step of {BATCH} samples, with everything that is recorded of it"
    absent = missing(["torch", "tensorboard"])
    if "torch" in absent:
        return Row(title, "a step", [], missing=absent)
    import torch

    torch.set_num_threads(1)
    with ExitStack() as stack:
        arms = [
            Arm(LOOP, _loop(lambda training: lambda loss, logits: None)),
            *(_watched(name, stack) for name in (OURS, LOSS_ALONE)),
        ]
        if "tensorboard" not in absent:
            arms.append(Arm(PEER, _loop(stack.enter_context(_written()))))
        found = race(arms, seconds)
    base = found[LOOP].seconds
    added = {name: (figure.ratio - 1) * base * 1e6 for name, figure in found.items() if name != NULL}
    checks = []
    if PEER in added:
        checks = [Check("µs that watch adds ÷ µs that SummaryWriter adds", added[OURS] / added[PEER], 1.0)]
    shown = ", ".join(f"{name} {micro:.0f} µs" for name, micro in added.items() if name != LOOP)
    return Row(
        title,
        "a step",
        list(found.values()),
        checks,
        absent,
        note=f"Added to the loop: {shown}. Watched, a step also has the labels and logits behind every score.",
    )


class _Training:
    """A model that is trained on one batch."""

    def __init__(self) -> None:
        import torch

        torch.manual_seed(0)
        self.model = torch.nn.Sequential(
            torch.nn.Linear(INPUTS, 32), torch.nn.ReLU(), torch.nn.Linear(32, CLASSES)
        )
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3)
        self.criterion = torch.nn.CrossEntropyLoss()
        self.inputs, self.labels = torch.randn(BATCH, INPUTS), torch.randint(CLASSES, (BATCH,))

    def run(self, count: int, after: Callable[[Any, Any], Any]) -> None:
        for _ in range(count):
            self.optimizer.zero_grad()
            logits = self.model(self.inputs)
            loss = self.criterion(logits, self.labels)
            after(loss, logits)
            loss.backward()
            self.optimizer.step()


def _loop(logger: Callable[[_Training], Callable[[Any, Any], Any]]) -> Callable[[int], None]:
    training = _Training()
    after = logger(training)
    return lambda count: training.run(count, after)


def _watched(name: str, stack: ExitStack) -> Arm:
    from traingauge.integrations.torch import watch

    training = _Training()
    monitor = stack.enter_context(ModelMonitor("bench", delivery=[]))
    criterion = training.criterion if name == OURS else None
    watched = stack.enter_context(watch(monitor, training.model, training.optimizer, criterion))
    after = (lambda loss, logits: None) if name == OURS else (lambda loss, logits: watched.loss(loss))
    return Arm(
        name,
        lambda count: training.run(count, after),
        monitor.collector.families,
        ours=True,
        at_once=PENDING,
    )


@contextmanager
def _written() -> Iterator[Callable[[_Training], Callable[[Any, Any], Any]]]:
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:

        def logger(training: _Training) -> Callable[[Any, Any], Any]:
            step = 0

            def write(loss: Any, logits: Any) -> None:
                nonlocal step
                step += 1
                writer.add_scalar("loss", loss.item(), step)
                writer.add_scalar("learning rate", training.optimizer.param_groups[0]["lr"], step)
                right = (logits.argmax(1) == training.labels).float().mean()
                writer.add_scalar("accuracy", right.item(), step)

            return write

        yield logger
