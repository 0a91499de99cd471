"""A trainer of Lightning on a small network: what the callback adds to a step, next to Lightning's own loggers.

The time is that of the training thread. Lightning does not go with the other peers into one environment: run it where
``make test-integrations`` has installed it, in ``.venv-integrations``.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from typing import Any

from benchmarks.cost.harness import NULL, Arm, Check, Row, race
from benchmarks.peers import missing_apart
from traingauge import ModelMonitor

#: Samples in a step, inputs and classes; steps of one ``fit``.
BATCH, INPUTS, CLASSES, STEPS = 64, 64, 10, 300

ALONE, OURS, OUR_LOSS = (
    "the trainer alone",
    "traingauge: MonitorCallback, loss and scores",
    "traingauge: MonitorCallback, loss alone",
)
PEERS = {
    "CSVLogger": "CSVLogger: loss of each step",
    "TensorBoardLogger": "TensorBoardLogger: loss of each step",
}


def measure(seconds: float) -> Row:
    """A step with the callback, with each logger, and with neither."""
    title = f"A trainer of Lightning: a step of {BATCH} samples"
    absent = missing_apart(["lightning", "tensorboard"])
    if "lightning" in absent:
        return Row(title, "a step", [], missing=absent)
    import torch

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="lightning")
    with tempfile.TemporaryDirectory() as folder, ModelMonitor("bench", delivery=[]) as monitor:
        arms = [
            Arm(ALONE, _fit(), at_once=1, each=STEPS),
            *(
                Arm(name, _fit(returns=returns, callback=monitor), ours=True, at_once=1, each=STEPS)
                for name, returns in ((OURS, "y_true y_pred"), (OUR_LOSS, ""))
            ),
            *(
                Arm(shown, _fit(logger=(name, folder)), at_once=1, each=STEPS)
                for name, shown in PEERS.items()
                if name != "TensorBoardLogger" or "tensorboard" not in absent
            ),
        ]
        found = race(arms, seconds)
    base = found[ALONE].seconds
    added = {
        name: (figure.ratio - 1) * base * 1e6 for name, figure in found.items() if name not in {NULL, ALONE}
    }
    least = min(micro for name, micro in added.items() if name in PEERS.values())
    return Row(
        title,
        "a step",
        list(found.values()),
        [Check("µs that the callback adds ÷ µs that the cheapest logger adds", added[OURS] / least, 1.0)],
        absent,
        note="Added to the trainer: "
        + ", ".join(f"{name} {micro:.0f} µs" for name, micro in added.items())
        + ".",
    )


def _fit(
    *, returns: str = "", callback: Any = None, logger: tuple[str, str] | None = None
) -> Callable[[int], None]:
    import lightning.pytorch as pl
    from lightning.pytorch import loggers

    from traingauge.integrations.lightning import MonitorCallback

    module, batches = _module(returns, logs=logger is not None), _batches()

    def fit(count: int) -> None:
        for _ in range(count):
            pl.Trainer(
                max_epochs=1,
                accelerator="cpu",
                log_every_n_steps=1,
                logger=getattr(loggers, logger[0])(logger[1]) if logger else False,
                callbacks=[MonitorCallback(callback)] if callback is not None else [],
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            ).fit(module, batches)

    return fit


def _batches() -> Any:
    import torch

    torch.manual_seed(0)
    batch = torch.randn(BATCH, INPUTS), torch.randint(CLASSES, (BATCH,))
    return torch.utils.data.DataLoader([batch] * STEPS, batch_size=None)


def _module(returns: str, *, logs: bool) -> Any:
    import lightning.pytorch as pl
    import torch

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            layers = torch.nn.Linear(INPUTS, 32), torch.nn.ReLU(), torch.nn.Linear(32, CLASSES)
            self.net, self.criterion = torch.nn.Sequential(*layers), torch.nn.CrossEntropyLoss()

        def training_step(self, batch: Any) -> Any:
            logits = self.net(batch[0])
            loss = self.criterion(logits, batch[1])
            if logs:
                self.log("loss", loss)
            return {"loss": loss, "y_true": batch[1], "y_pred": logits.detach()} if returns else loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=1e-3)

    return Module()
