"""A ``Trainer`` of Hugging Face that logs each step, as its callbacks need to have more than means."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from benchmarks.trackers.peers import MLflow, Peer, TensorBoard, Trackio, WeightsAndBiases
from benchmarks.trackers.training import BATCH, Case, Stamps, batches, net, optimizer_of
from traingauge import ModelMonitor
from traingauge.integrations.transformers import MonitorCallback

PEERS = (TensorBoard, WeightsAndBiases, MLflow, Trackio)


class _Model(nn.Module):
    def __init__(self, case: Case) -> None:
        super().__init__()
        self.net, self.criterion, self.case, self.calls = net(), nn.CrossEntropyLoss(), case, 0

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> Any:
        self.calls += 1
        if self.calls == self.case.batches:
            self.case.at_last()
        logits = self.net(x)
        return {"loss": self.criterion(logits, labels), "logits": logits}


class _Stream(torch.utils.data.IterableDataset[Any]):
    """The samples in their order."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def __iter__(self) -> Iterator[Any]:
        for x, y in batches(self._case):
            yield from ({"x": one, "labels": label} for one, label in zip(x, y, strict=True))


class _Stamping(TrainerCallback):  # type: ignore[misc]
    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._stamps.begin(state.global_step)


def train(case: Case, peer: Peer | None, monitor: ModelMonitor | None, stamps: Stamps) -> None:
    """``train`` with a callback of the ``Trainer``, ours, or neither."""
    model = _Model(case)
    callbacks: list[Any] = [_Stamping(stamps)]
    if monitor is not None:
        callbacks.append(MonitorCallback(monitor))
    args = TrainingArguments(
        "build/trackers" if peer is None else str(peer.folder),
        per_device_train_batch_size=BATCH,
        max_steps=-(-case.batches // case.window),
        gradient_accumulation_steps=case.window,
        max_grad_norm=0,
        logging_strategy="no" if peer is None else "steps",
        logging_steps=1,
        save_strategy="no",
        report_to="none" if peer is None else peer.reports_to,
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **({} if peer is None else {"project": peer.folder.name}),
    )
    trainer = Trainer(
        model, args, train_dataset=_Stream(case), callbacks=callbacks, optimizers=optimizer_of(model.net)
    )
    trainer.remove_callback(PrinterCallback)
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.train()
    if peer is not None:
        peer.finish()
