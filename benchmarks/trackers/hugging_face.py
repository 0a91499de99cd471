"""A ``Trainer`` of Hugging Face that logs each step, as its callbacks need to have more than means."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import torch
import transformers
from accelerate.state import PartialState
from torch import nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from benchmarks.trackers.ours import Ours
from benchmarks.trackers.peers import MLflow, Peer, TensorBoard, Trackio, WeightsAndBiases
from benchmarks.trackers.training import TIMED, Case, Stamps, batches, net, optimizer_of
from traingauge.integrations.transformers import MonitorCallback

RECORDERS = (Ours, TensorBoard, WeightsAndBiases, MLflow, Trackio)

#: What is timed, by row.
ROWS = {"µs a step": Case(TIMED)}


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


class _Stamping(TrainerCallback):  # type: ignore[misc]  # untyped here
    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._stamps.begin(state.global_step)


class _OnDevice(TrainingArguments):
    """Settings of a training on PyTorch's lazy device, which is none of those that Accelerate knows."""

    @property
    def device(self) -> torch.device:
        from tests.integrations.torch.lazy import DEVICE

        _ = super().device  # Accelerate's state has begun
        PartialState._shared_state["device"] = DEVICE
        return DEVICE


def train(case: Case, by: Peer | Ours | None, stamps: Stamps) -> None:
    """``train`` with a callback of the ``Trainer``, the monitor's, or neither."""
    trainer = _trainer(TrainingArguments, case, _Model(case), batches(case), by)
    trainer.add_callback(_Stamping(stamps))
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.train()
    if by is not None:
        by.finish()


def waits(by: Peer | Ours) -> float:
    """How often a step waits for a device in addition to the ``Trainer`` alone."""
    alone, seen = _waits(None), _waits(by)
    return seen - alone


def _waits(by: Peer | Ours | None) -> float:
    from tests.integrations.torch.lazy import DEVICE, Waits

    case = Case(5)
    data = [(x.to(DEVICE), y.to(DEVICE)) for x, y in batches(case)]
    trainer = _trainer(_OnDevice, case, _Model(case).to(DEVICE), data, by)
    with contextlib.redirect_stdout(io.StringIO()), Waits() as seen:
        trainer.train()
    if by is not None:
        by.finish()
    return len(seen.seen) / case.batches


def _trainer(
    settings: type[TrainingArguments], case: Case, model: Any, data: list[Any], by: Peer | Ours | None
) -> Trainer:
    transformers.logging.set_verbosity_error()
    args = settings(
        ".",
        per_device_train_batch_size=1,  # each item of the data set is a batch
        num_train_epochs=1,
        gradient_accumulation_steps=case.window,
        train_sampling_strategy="sequential",
        logging_strategy="steps" if isinstance(by, Peer) else "no",
        logging_steps=1,
        save_strategy="no",
        report_to=by.reports_to if isinstance(by, Peer) else "none",
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    trainer = Trainer(
        model,
        args,
        data_collator=lambda items: items[0],
        train_dataset=[{"x": x, "labels": y} for x, y in data],
        callbacks=[MonitorCallback(by.monitor)] if isinstance(by, Ours) else [],
        optimizers=optimizer_of(model.net),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
