"""What a compiled Keras model is being scored on, told by its loss and the shapes of labels and outputs."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras

from traingauge.classification.tasks import Task

_REGRESSION = {
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
}
_SINGLE_LABEL = {
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "sparse_categorical_crossentropy",
}
_THRESHOLDED = {"binary_crossentropy", "binary_focal_crossentropy", "hinge", "squared_hinge"}


class Plan(NamedTuple):
    """How a model's outputs become predictions.

    Attributes:
        task: What it does.
        outputs: Classes K, or columns of a regression.
        threshold: Output above which a label is predicted; of binary and multi-label tasks.
    """

    task: Task
    outputs: int
    threshold: float = 0.5


def find_plan(loss: Any, y: Any, y_pred: Any, told: Task | None, threshold: float | None) -> Plan | None:
    """Find out what to score.

    Args:
        loss: As given to ``compile``.
        y: Labels, with a static rank.
        y_pred: Outputs, with a static rank and last dimension.
        told: What the user says it is, ``None`` to find out.
        threshold: The user's decision threshold, a probability; ``None`` for 0.5.

    Returns:
        The plan; ``None`` for several outputs, and where nothing tells.
    """
    if not (_is_array(y) and _is_array(y_pred)) or not len(y_pred.shape) or y_pred.shape[-1] is None:
        return None
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    name = getattr(getattr(loss, "fn", loss), "__name__", "")
    outputs = int(y_pred.shape[-1]) if len(y_pred.shape) > 1 else 1
    task = told or _task(name, outputs, y)
    if task is None or (task == "multiclass" and outputs == 1):
        return None
    return Plan(
        task, 2 if task == "binary" else outputs, _cut(loss, name, 0.5 if threshold is None else threshold)
    )


def _cut(loss: Any, name: str, threshold: float) -> float:
    """The output that a probability of ``threshold`` has: itself, or its log-odds. A hinge loss decides by the sign."""
    if "hinge" in name:
        return 0.0
    return math.log(threshold / (1 - threshold)) if getattr(loss, "from_logits", False) else threshold


def _task(loss: str, outputs: int, y: Any) -> Task | None:
    if loss in _REGRESSION:
        return "regression"
    if loss in _SINGLE_LABEL:
        return "binary" if outputs == 2 else "multiclass"
    if loss in _THRESHOLDED:
        return "binary" if outputs == 1 else "multilabel"
    whole = keras.backend.standardize_dtype(y.dtype).startswith(("int", "uint"))
    if whole and outputs > 1 and (len(y.shape) == 1 or y.shape[-1] == 1):
        return "binary" if outputs == 2 else "multiclass"
    return None


def _is_array(value: Any) -> bool:
    """Whether it is one tensor of known rank; several outputs come as a list or a dictionary."""
    return hasattr(value, "dtype") and hasattr(value, "shape") and getattr(value.shape, "rank", 0) is not None
