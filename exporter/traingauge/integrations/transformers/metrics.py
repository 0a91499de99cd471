"""The numbers by name that a ``Trainer`` shows its callbacks: metrics of evaluations, and what it logs."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, NamedTuple

from traingauge.core import scalar_names

#: What an evaluation took, which is no metric of the model.
_TIMES = (
    "runtime",
    "samples_per_second",
    "steps_per_second",
    "model_preparation_time",
    "jit_compilation_time",
)

#: What is recorded for each step, or belongs to none.
_KNOWN = frozenset(("loss", "grad_norm", "learning_rate", "epoch", "total_flos", "num_input_tokens_seen"))

#: Prefixes of metrics, and the splits that they belong to.
_SPLITS = {"eval": "validation", "test": "test"}


class Evaluated(NamedTuple):
    """What an evaluation has found.

    Attributes:
        split: ``validation`` or ``test``.
        loss: The loss; ``None`` without one, and of one of several evaluation sets.
        scalars: All other numbers.
    """

    split: str
    loss: float | None
    scalars: Mapping[str, float]


def evaluated(metrics: Mapping[str, Any]) -> Evaluated | None:
    """What an evaluation has found, by the names of its metrics; ``None`` if it found nothing but how long it took.

    Those of ``eval`` and ``test`` lose their prefix, where the name is then free. Those of one of several sets keep the name
    of the set: its loss and scores are not those of the split.

    >>> evaluated({"eval_loss": 0.5, "eval_accuracy": 0.75, "eval_runtime": 1.0, "eval_samples_per_second": 8.0})
    Evaluated(split='validation', loss=0.5, scalars={'accuracy': 0.75})
    >>> evaluated({"eval_old_loss": 0.5, "eval_old_runtime": 1.0, "eval_old_samples_per_second": 8.0})
    Evaluated(split='validation', loss=None, scalars={'old_loss': 0.5})
    >>> evaluated({"test_runtime": 1.0, "test_samples_per_second": 8.0})
    """
    prefix = _prefix(metrics)
    times = {f"{prefix}_{name}" for name in _TIMES}
    values = {name: value for name, value in _real(metrics).items() if name not in times and name != "epoch"}
    split = _SPLITS.get(prefix)
    loss = values.pop(f"{prefix}_loss", None) if split else None
    scalars = {_free(name, prefix if split else "eval", value): value for name, value in values.items()}
    if loss is None and not scalars:
        return None
    return Evaluated(split or "validation", loss, scalars)


def logged(logs: Mapping[str, Any]) -> dict[str, float]:
    """What a trainer logs in addition to the ``Trainer``, such as rewards; nothing of an evaluation.

    >>> logged({"loss": 0.5, "learning_rate": 0.1, "epoch": 1.0, "rewards/margins": 2.0, "time": 3.0})
    {'rewards/margins': 2.0, 'logged_time': 3.0}
    >>> logged({"eval_loss": 0.5, "eval_runtime": 1.0, "epoch": 1.0})
    {}
    """
    if any(name.endswith("_runtime") and name != "train_runtime" for name in logs):
        return {}
    values = {
        name: value
        for name, value in _real(logs).items()
        if name not in _KNOWN and not name.startswith("train_")
    }
    return {name if _fits(name, value) else f"logged_{name}": value for name, value in values.items()}


def _prefix(metrics: Mapping[str, Any]) -> str:
    """What the names of an evaluation begin with: the ``Trainer`` adds its speed to any."""
    ends = [name.removesuffix("_runtime") for name in metrics if name.endswith("_runtime")]
    return next((end for end in ends if f"{end}_samples_per_second" in metrics), "eval")


def _free(name: str, prefix: str, value: float) -> str:
    short = name.removeprefix(f"{prefix}_")
    return short if _fits(short, value) else name


def _fits(name: str, value: float) -> bool:
    """Whether a number may have that name: it is not reserved, nor that of a score with other values."""
    if name in scalar_names.RESERVED or name in _KNOWN or name in scalar_names.DEDICATED:
        return False
    return name not in scalar_names.SCORES or scalar_names.is_score(name, value)


def _real(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, Real) and not isinstance(value, bool)
    }
