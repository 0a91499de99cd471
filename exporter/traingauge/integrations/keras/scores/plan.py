"""What a compiled Keras model is scored on, found from its loss and the static shapes of labels and outputs."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras

from traingauge.core.task_hints import TaskHints
from traingauge.errors import InvalidArgumentError
from traingauge.stats.classification.tasks import Task

#: Outputs that are scored at most: the counts of a step would take more room than is worth it.
SCORED_OUTPUTS = 10_000

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
_BY_SHAPE = {"crossentropy", "ce"}


class UnclearError(Exception):
    """Nothing says how a model is to be scored, or it cannot be; the message says why. Never leaves the integration.

    Args:
        reason: Why.
        advice: What helps where it is the whole that is not scored, and not one of several outputs.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice


class ScoringPlan(NamedTuple):
    """How a model's labels and outputs become classes or quantities.

    Attributes:
        task: What it does.
        columns: Outputs a row that is scored: of each class, or 1 for a score of the positive class.
        cut: Output above which a label is predicted; ``None`` for the class with the highest output.
        logits: Whether outputs are logits.
        positive: Value above which a label of one column is positive.
        ignored: Labels that are left out.
        probabilities: Whether outputs are probabilities, or logits of them.
    """

    task: Task
    columns: int
    cut: float | None = None
    logits: bool = False
    positive: float = 0.5
    ignored: tuple[int, ...] = ()
    probabilities: bool = True

    @property
    def classes(self) -> int:
        """Number of classes K; 0 of a regression.

        >>> ScoringPlan("binary", columns=1, cut=0.5).classes
        2
        """
        return {"regression": 0, "binary": 2}.get(self.task, self.columns)


def find_plan(loss: Any, y: Any, y_pred: Any, hints: TaskHints) -> ScoringPlan:
    """Find out what to score.

    A loss that Keras knows gives the task. With any other loss, integer labels and several outputs mean classes. The loss's
    ``from_logits`` says whether outputs are logits, its ``ignore_class`` which labels are left out.

    Args:
        loss: As given to ``compile``.
        y: Labels, a tensor with a static rank.
        y_pred: Outputs, a tensor with a static rank and last dimension.
        hints: What the user says.

    Raises:
        UnclearError: Several outputs, unknown shapes, or nothing that says which.
        InvalidArgumentError: A task that the model's outputs do not fit.

    >>> import numpy as np
    >>> find_plan("mse", np.zeros((8, 1)), np.zeros((8, 1)), TaskHints())
    ScoringPlan(task='regression', columns=1, cut=None, logits=False, positive=0.5, ignored=(), probabilities=False)
    """
    if not (_is_tensor(y) and _is_tensor(y_pred)) or y_pred.shape[-1] is None:
        raise UnclearError("it has several outputs, or outputs and labels of unknown shape")
    loss = _single(loss)
    name, last = _name(loss), int(y_pred.shape[-1]) if len(y_pred.shape) > 1 else 1
    task = hints.task or _task(name, last, y)
    if task is None:
        raise UnclearError(
            "neither its loss nor its labels say what it does", "pass scoring=Scoring(task=…) to ModelMonitor"
        )
    columns = _columns(task, last, y, y_pred)
    if columns > SCORED_OUTPUTS:
        raise UnclearError(f"it has {columns} outputs, more than {SCORED_OUTPUTS}")
    logits = hints.from_logits if hints.from_logits is not None else bool(getattr(loss, "from_logits", False))
    plan = plan_of(hints._replace(task=task, from_logits=logits), columns)
    ignored = getattr(loss, "ignore_class", None)
    if ignored is not None:
        plan = plan._replace(ignored=(*plan.ignored, int(ignored)))
    if "hinge" in name:  # decides by the sign
        plan = plan._replace(cut=None if plan.cut is None else 0.0, positive=0.0, probabilities=False)
    return plan


def plan_of(hints: TaskHints, columns: int) -> ScoringPlan:
    """The plan when everything is known.

    Args:
        hints: With a task; outputs are probabilities unless they are said to be logits.
        columns: Outputs a row.

    >>> plan_of(TaskHints("binary", from_logits=True), 1)
    ScoringPlan(task='binary', columns=1, cut=0.0, logits=True, positive=0.5, ignored=(), probabilities=True)
    """
    assert hints.task is not None
    if hints.task == "regression":
        return ScoringPlan(hints.task, columns, probabilities=False)
    logits = bool(hints.from_logits)
    cut = _cut(hints.task, columns, hints.threshold, logits=logits)
    ignored = (hints.ignore_index,) if isinstance(hints.ignore_index, int) else ()
    return ScoringPlan(hints.task, columns, cut, logits, ignored=ignored)


def comparable(plan: ScoringPlan, y: Any, y_pred: Any) -> bool:
    """Whether labels and outputs go together, in every dimension that is static.

    >>> import numpy as np
    >>> plan = ScoringPlan("multiclass", columns=3)
    >>> [comparable(plan, np.zeros(shape), np.zeros((8, 4, 3))) for shape in ((8, 4), (8, 4, 1), (8, 4, 3), (8, 3))]
    [True, True, True, False]
    """
    labels, outputs = list(y.shape[1:]), list(y_pred.shape[1:])
    if labels == outputs:
        return True
    if plan.task == "multilabel" or (plan.task == "regression" and plan.columns > 1):
        return False
    positions = outputs[:-1] if outputs and outputs[-1] == plan.columns else outputs
    return labels in (positions, [*positions, 1])


def positions_rank(plan: ScoringPlan, y_pred: Any) -> int:
    """How many axes of the outputs count rows that are scored one by one; the axis of the columns is not among them."""
    rank = len(y_pred.shape)
    return rank - 1 if rank > 1 and y_pred.shape[-1] == plan.columns else rank


def _task(loss: str, outputs: int, y: Any) -> Task | None:
    if loss in _REGRESSION:
        return "regression"
    if loss in _SINGLE_LABEL or (loss in _BY_SHAPE and outputs > 1):
        return "binary" if outputs == 2 else "multiclass"
    if loss in _THRESHOLDED or loss in _BY_SHAPE:
        return "binary" if outputs == 1 else "multilabel"
    whole = keras.backend.standardize_dtype(y.dtype).startswith(("int", "uint"))
    if whole and outputs > 1 and (len(y.shape) == 1 or y.shape[-1] == 1):
        return "binary" if outputs == 2 else "multiclass"
    return None


def _columns(task: Task, last: int, y: Any, y_pred: Any) -> int:
    """Outputs a row.

    Raises:
        InvalidArgumentError: A task that the model's outputs do not fit.
    """
    if task == "multiclass" and last == 1:
        raise InvalidArgumentError(
            "task='multiclass', but the model has one output: expected one for each class"
        )
    if task == "binary" and last > 2:
        if list(y.shape) != list(y_pred.shape):
            raise InvalidArgumentError(
                f"task='binary', but the model has {last} outputs: expected one or two"
            )
        return 1
    return last


def _cut(task: Task, columns: int, threshold: float | None, *, logits: bool) -> float | None:
    """The output, or of two classes' logits the difference, that a probability of ``threshold`` has."""
    if task == "multiclass" or (columns == 2 and task == "binary" and threshold is None):
        return None
    threshold = 0.5 if threshold is None else threshold
    return math.log(threshold / (1 - threshold)) if logits else threshold


def _single(loss: Any) -> Any:
    """The loss of a single output; a function or a ``Loss`` object where its name was given."""
    if isinstance(loss, dict):
        loss = list(loss.values())
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        loss = loss[0]
    return keras.losses.get(loss) if isinstance(loss, str) and loss.lower() not in _BY_SHAPE else loss


def _name(loss: Any) -> str:
    return loss.lower() if isinstance(loss, str) else getattr(getattr(loss, "fn", loss), "__name__", "")


def _is_tensor(value: Any) -> bool:
    """Whether it is one dense tensor of known rank, with an axis of samples."""
    if not (hasattr(value, "dtype") and hasattr(value, "shape")):
        return False
    if hasattr(value, "dense_shape") or hasattr(value, "flat_values"):  # sparse or ragged
        return False
    return getattr(value.shape, "rank", 0) is not None and len(value.shape) > 0
