"""A trainer of Lightning, whose module logs its loss with ``self.log``, as loggers need."""

from __future__ import annotations

import warnings
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import LearningRateMonitor
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.trackers.ours import Ours
from benchmarks.trackers.peers import CSV, MLflow, Peer, TensorBoard, WeightsAndBiases
from benchmarks.trackers.training import TIMED, Case, Stamps, batches, net, optimizer_of
from traingauge.integrations.lightning import MonitorCallback

RECORDERS = (Ours, CSV, TensorBoard, WeightsAndBiases, MLflow)

#: What is timed, by row.
ROWS = {"µs a step": Case(TIMED)}


class _Module(pl.LightningModule):
    def __init__(self, case: Case, *, logs: bool) -> None:
        super().__init__()
        self.net, self.criterion = net(), nn.CrossEntropyLoss()
        self.case, self.logs = case, logs

    def training_step(self, batch: Any, place: int) -> Any:
        if place + 1 == self.case.batches:
            self.case.at_last()
        loss = self.criterion(self.net(batch[0]), batch[1])
        if self.logs:
            self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        optimizer, schedule = optimizer_of(self.net)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


class _Stamping(pl.Callback):
    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._stamps.begin(batch_idx)


def train(case: Case, by: Peer | Ours | None, stamps: Stamps) -> None:
    """``fit`` with a logger, the callback, or neither."""
    warnings.simplefilter("ignore")
    callbacks: list[Any] = [_Stamping(stamps)]
    if isinstance(by, Ours):
        callbacks.append(MonitorCallback(by.monitor))
    if isinstance(by, Peer):
        callbacks.append(LearningRateMonitor("step"))
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        log_every_n_steps=1,
        accumulate_grad_batches=case.window,
        logger=by.logger() if isinstance(by, Peer) else False,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(_Module(case, logs=isinstance(by, Peer)), DataLoader(batches(case), batch_size=None))
    if by is not None:
        by.finish()
