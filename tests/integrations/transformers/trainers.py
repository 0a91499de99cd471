"""Small trainers on random models and data, and a callback that notes what the Trainer itself computes."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

VERSION = tuple(int(part) for part in transformers.__version__.split(".")[:3])

#: Before 5.3 the Trainer computes no norm where it does not clip.
CLIPS_OR_HAS_NO_NORM = VERSION < (5, 3)

#: Before 4.52 the Trainer plans no step for a last window that is shorter, and so may stop in the last epoch.
PLANS_WHOLE_WINDOWS = VERSION < (4, 52)

#: Before 4.51 the Trainer logs the learning rate that the scheduler has set for the next step.
LOGS_NEXT_RATE = VERSION < (4, 51)

#: From 5.2 to 5.5.3 Accelerate, too, divides each loss by ``gradient_accumulation_steps``, after the Trainer has taken it
#: for its log.
DIVIDES_AGAIN = (5, 2) <= VERSION < (5, 5, 4)

#: 4.46 counts micro-batches from the first epoch on, so that a window may begin in one epoch and end in the next.
WINDOWS_CONTINUE = VERSION < (4, 47)

#: How close a loss is to the logged one, which Transformers before 5 rounds to four places.
LOGGED = {"abs": 5.1e-5} if VERSION < (5, 0) else {"rel": 1e-6}

#: The Trainer of 4.46 loads what it has saved of the random numbers in a way that PyTorch refuses since 2.6.
CANNOT_LOAD_RANDOM_NUMBERS = VERSION < (4, 47)

#: Each sequence of a data set.
LENGTH = 6


def classifier(seed: int = 0, layers: int = 1) -> Any:
    """A model whose loss is the mean of its batch, which the Trainer divides by the micro-batches."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 8, "num_hidden_layers": layers, "num_attention_heads": 1, "intermediate_size": 8}
    config = BertConfig(
        vocab_size=20, num_labels=3, hidden_dropout_prob=0, attention_probs_dropout_prob=0, **sizes
    )
    return BertForSequenceClassification(config)


def language_model(seed: int = 0) -> Any:
    """A model that divides the sum of its losses by the items of all micro-batches."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    return LlamaForCausalLM(LlamaConfig(vocab_size=20, max_position_embeddings=16, **sizes))


def sentences(count: int = 40, seed: int = 1) -> list[dict[str, Any]]:
    """Labelled sequences."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(20, (count, LENGTH), generator=generator)
    return [{"input_ids": row, "labels": int(row[0]) % 3} for row in tokens]


def texts(count: int = 40, seed: int = 1) -> list[dict[str, Any]]:
    """Sequences of which differently many tokens are labels."""
    found = []
    for place, row in enumerate(sentences(count, seed)):
        labels = row["input_ids"].clone()
        labels[: place % 5] = -100
        found.append({"input_ids": row["input_ids"], "labels": labels})
    return found


class Noted(TrainerCallback):
    """What the Trainer logs, with ``logging_steps=1`` of each step."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **given: Any) -> None:
        """Keep a copy."""
        self.logs.append(dict(logs))

    def of(self, name: str) -> list[float]:
        """The values of a number."""
        return [logs[name] for logs in self.logs if name in logs]


def divisor(window: int, taken: int) -> int:
    """What the Trainer divides the loss of a micro-batch by, where the model divides by its own samples.

    Args:
        window: Its setting, ``gradient_accumulation_steps``.
        taken: How many micro-batches it has loaded for the window, of which the last one of an epoch has fewer.
    """
    if VERSION < (4, 48):  # by nothing
        return 1
    return window if VERSION < (4, 55) else taken


def as_logged(losses: list[float], window: int, *, by_items: bool = False) -> list[float]:
    """The losses of steps as the Trainer logs them.

    Args:
        losses: Those that the gradients come from.
        window: Its setting, ``gradient_accumulation_steps``.
        by_items: Whether the model divides by the items of the window.
    """
    if DIVIDES_AGAIN:
        return [loss * window for loss in losses]
    if VERSION < (4, 47) and not by_items:  # divides what it logs, and not the gradients
        return [loss / window for loss in losses]
    return losses


def trainer(
    folder: Any,
    *callbacks: Any,
    model: Any = None,
    kind: type[Trainer] = Trainer,
    data: Any = None,
    **settings: Any,
) -> Trainer:
    """A trainer of the classifier on 40 sequences in batches of 4, where nothing else is said."""
    more = {
        name: settings.pop(name)
        for name in ("eval_dataset", "compute_metrics", "optimizers")
        if name in settings
    }
    args = {
        "per_device_train_batch_size": 4,
        "max_steps": -1,
        "num_train_epochs": 1,
        "learning_rate": 0.01,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        **settings,
    }
    return kind(
        model=model or classifier(),
        args=TrainingArguments(output_dir=str(folder), **args),
        train_dataset=sentences() if data is None else data,
        callbacks=list(callbacks),
        **more,
    )
