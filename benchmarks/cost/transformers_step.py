"""A Trainer of Hugging Face on a small network: what the callback adds to a step, next to what the Trainer logs itself.

The time is that of the training thread. Transformers does not go with the other peers into one environment: run it where
``make test-integrations`` has installed it, in ``.venv-integrations``.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from typing import Any

from benchmarks.cost.harness import NULL, Arm, Check, Row, race
from benchmarks.peers import missing_apart
from traingauge import ModelMonitor

#: Samples in a step, inputs and classes; steps of one ``train``.
BATCH, INPUTS, CLASSES, STEPS = 16, 64, 10, 300

ALONE, OURS, LOGGED, WRITTEN = (
    "the Trainer alone",
    "traingauge: MonitorCallback",
    "the Trainer's own log of each step, logging_steps=1",
    "TensorBoardCallback: that log",
)


def measure(seconds: float) -> Row:
    """A step with the callback, with the log of each step, with TensorBoard, and with none of them."""
    title = f"A Trainer of Hugging Face: a step of {BATCH} samples"
    absent = missing_apart(["transformers", "tensorboard"])
    if "transformers" in absent:
        return Row(title, "a step", [], missing=absent)
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, ModelMonitor("bench", delivery=[]) as monitor:
        arms = [
            Arm(ALONE, _train(folder), at_once=1, each=STEPS),
            Arm(OURS, _train(folder, monitor=monitor), ours=True, at_once=1, each=STEPS),
            Arm(LOGGED, _train(folder, logs=True), at_once=1, each=STEPS),
        ]
        if "tensorboard" not in absent:
            written = _train(folder, logs=True, report_to="tensorboard")
            arms.append(Arm(WRITTEN, written, at_once=1, each=STEPS))
        found = race(arms, seconds)
    base = found[ALONE].seconds
    added = {
        name: (figure.ratio - 1) * base * 1e6 for name, figure in found.items() if name not in {NULL, ALONE}
    }
    return Row(
        title,
        "a step",
        list(found.values()),
        [
            Check(
                "µs that the callback adds ÷ µs that a log of each step adds",
                added[OURS] / added[LOGGED],
                1.0,
            )
        ],
        absent,
        note="Added to the Trainer: "
        + ", ".join(f"{name} {micro:.0f} µs" for name, micro in added.items())
        + ".",
    )


def _train(
    folder: str, *, monitor: Any = None, logs: bool = False, report_to: str = "none"
) -> Callable[[int], None]:
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments

    from traingauge.integrations.transformers import MonitorCallback

    model = _model()
    data = [{"x": torch.randn(INPUTS), "labels": place % CLASSES} for place in range(BATCH * STEPS)]

    def train(count: int) -> None:
        for _ in range(count):
            trainer = Trainer(
                model,
                TrainingArguments(
                    folder,
                    per_device_train_batch_size=BATCH,
                    num_train_epochs=1,
                    logging_strategy="steps" if logs else "no",
                    logging_steps=1,
                    save_strategy="no",
                    report_to=report_to,
                    use_cpu=True,
                    disable_tqdm=True,
                    dataloader_pin_memory=False,
                ),
                train_dataset=data,
                callbacks=[MonitorCallback(monitor)] if monitor is not None else [],
            )
            trainer.remove_callback(PrinterCallback)
            with contextlib.redirect_stdout(io.StringIO()):
                trainer.train()

    return train


def _model() -> Any:
    import torch

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers = torch.nn.Linear(INPUTS, 32), torch.nn.ReLU(), torch.nn.Linear(32, CLASSES)
            self.net, self.criterion = torch.nn.Sequential(*layers), torch.nn.CrossEntropyLoss()

        def forward(self, x: Any, labels: Any) -> Any:
            logits = self.net(x)
            return {"loss": self.criterion(logits, labels), "logits": logits}

    torch.manual_seed(0)
    return Model()
