"""Encodes a step: converts user input to class codes and counts, which is all that scores need."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import (
    InvalidArgumentError,
    InvalidTypeError,
    LabelError,
    ShapeError,
    UnknownNameError,
)
from traingauge.stats.arrays import Array, as_array
from traingauge.stats.classification.alignment import align, spread
from traingauge.stats.classification.classes import ClassSet
from traingauge.stats.classification.clean_batch import CleanBatch
from traingauge.stats.classification.counts import Counts, count_indicators, count_labels
from traingauge.stats.classification.decisions import Decision
from traingauge.stats.classification.labels import Labels
from traingauge.stats.classification.probabilities import (
    PROBABILITY_CLASSES,
    SCORES_KEPT,
    Probabilities,
    ProbabilitySums,
    reduce_probabilities,
)
from traingauge.stats.classification.tasks import TASKS, Task, find_task

if TYPE_CHECKING:
    from traingauge.stats.regression import Residuals

#: Maximum number of rows of a step whose labels are kept; a larger step is counted immediately, as counts take less memory.
LABELS_KEPT = 8192

#: Maximum number of scores kept for unfinished passes; beyond it, steps are reduced immediately.
SCORES_OUTSTANDING = 1 << 23

_ROW_SUM_TOLERANCE = 1e-3

_ONE_LABEL = ("binary", "multiclass")


class Encoded(NamedTuple):
    """A step reduced to what its scores need.

    Attributes:
        samples: Number of samples in the step.
        nonfinite: Number of samples left out because a label or a prediction was NaN or infinite.
        content: Labels or counts, or residuals of a regression model; ``None`` while the task is unknown.
        probabilities: Predicted probabilities or logits, or their sums; ``None`` for hard labels and regression.
    """

    samples: int
    nonfinite: int
    content: Labels | Counts | Residuals | None
    probabilities: Probabilities | ProbabilitySums | None = None


class Encoder:
    """Reduces steps to labels or counts, and infers the task and the classes. Thread-safe.

    Args:
        task: One of :data:`~traingauge.stats.classification.tasks.TASKS`; ``None`` infers it from the first step.
        classes: Number of classes, or their names or integer labels; ``None`` discovers them.
        threshold: Probability above which the positive class (binary) or a label (multi-label) is predicted. ``None`` is 0.5
            or, if both classes have a score, the higher one.
        from_logits: Whether scores are logits. ``None`` infers it from whether those of the first step are in [0, 1]; later
            steps that contradict it raise.
        ignore_index: Rows with this label (multi-label: in any column) are left out.

    Attributes:
        task: The task; ``None`` while unknown.
        classes: The classes, a :class:`~traingauge.stats.classification.classes.ClassSet`.

    Raises:
        UnknownNameError: The task is unknown.
        InvalidArgumentError: The threshold is not in (0, 1), or the classes do not fit the task.

    >>> encoder = Encoder(); step = encoder.clean([2, 0], [[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]])
    >>> encoder.task, encoder.reduce(step).content
    ('multiclass', Labels(true=array([2, 0], dtype=uint8), predicted=array([2, 0], dtype=uint8), weight=None))
    """

    def __init__(
        self,
        *,
        task: Task | None = None,
        classes: int | Sequence[str] | Sequence[int] | None = None,
        threshold: float | None = None,
        from_logits: bool | None = None,
        ignore_index: int | str | None = None,
    ) -> None:
        if task is not None and task not in TASKS:
            raise UnknownNameError("task", task, TASKS)
        self.task: Task | None = None
        self.classes = ClassSet(classes)
        self._decision = Decision(threshold, from_logits)
        self._ignore_index = ignore_index
        self._task_fixed = False
        self._outstanding = 0
        self._lock = threading.Lock()
        if task is not None:
            self.set_task(task)

    def set_task(self, task: Task, classes: int | Sequence[str] | None = None) -> None:
        """Set the task, and the classes unless they are fixed, before the first step.

        Raises:
            InvalidArgumentError: The classes do not fit the task.
        """
        with self._lock:
            if classes is not None and not self.classes.fixed:
                self.classes = ClassSet(classes)
            if task == "binary":
                if not self.classes.fixed:
                    self.classes.fix_count(2)
                if len(self.classes) != 2:
                    raise InvalidArgumentError(
                        f"task='binary' has two classes, but {len(self.classes)} were given"
                    )
            self.task, self._task_fixed = task, True

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values."""
        return {
            "task": self.task,
            "task_fixed": self._task_fixed,
            "logits": self._decision.logits,
            "classes": self.classes.save(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`.

        Raises:
            InvalidArgumentError: The task or the classes given now differ from the saved ones.
        """
        if self._task_fixed and self.task != saved["task"]:
            raise InvalidArgumentError(f"the task was {saved['task']} and is now {self.task}")
        self.classes.restore(saved["classes"])
        self.task, self._task_fixed = saved["task"], saved["task_fixed"]
        if self._decision.logits is None:
            self._decision.logits = saved["logits"]

    def set_class_count(self, count: int) -> None:
        """Fix the number of classes, and infer the task, for counts that were computed elsewhere."""
        self.classes.fix_count(count)
        if self.task is None:
            self.task = "binary" if count == 2 else "multiclass"

    def encode_codes(self, true: Array, predicted: Array) -> Encoded | None:
        """A fast path for small steps in which every label is a known class code; ``None`` for others.

        It equals :meth:`clean` and :meth:`reduce` at half the cost, as the overhead of numpy calls dominates small steps.
        """
        if true.ndim != 1 or true.shape != predicted.shape or self._ignore_index is not None:
            return None
        both = self.classes.known_codes(true, predicted) if self.task in _ONE_LABEL else None
        return None if both is None else Encoded(len(true), 0, Labels(*both, None))

    def clean(self, y_true: object, y_pred: object, sample_weight: object = None) -> CleanBatch:
        """Convert and align the arrays of a step, and drop ignored and non-finite rows. Infers the task if it is unknown.

        The result may share memory with the arguments.

        Raises:
            TrainGaugeError: The arguments do not fit; the message says what was given and what was expected.
        """
        raw = as_array(y_true, "y_true")
        true, predicted = align(raw, as_array(y_pred, "y_pred"), self.task)
        kinds = true.dtype.kind + predicted.dtype.kind
        if "U" in kinds:
            self._check_names(true, predicted)
        weight = None
        if sample_weight is not None:
            weight = spread(as_array(sample_weight, "sample_weight"), len(raw), len(true), raw.shape)
        step = CleanBatch(true, predicted, weight, len(raw))
        if self._ignore_index is not None:
            step = step.without(self._ignore_index)
        if "f" in kinds:
            step = step.finite()
        if self.task is None:
            self._find_task(step)
        return step

    def reduce(self, step: CleanBatch) -> Encoded:
        """Reduce a step of a classification task; the result shares no memory with the arrays of the step.

        Raises:
            LabelError: A label is not one of the classes.
            ShapeError: The shapes do not fit the task.
        """
        if self.task == "multilabel":
            return self._reduce_indicators(step)
        predicted = self._predicted_codes(step.predicted)
        true = self._true_codes(step.true)
        if self.task == "binary" and len(self.classes) > 2 and not self._task_fixed:
            self.task = "multiclass"  # the first hard labels happened to be 0 and 1 only
        content: Labels | Counts = Labels(true, predicted, step.weight)
        if len(true) > LABELS_KEPT:
            content = count_labels(true, predicted, len(self.classes), step.weight)
        probabilities = self._probabilities(true, step.predicted, step.weight)
        return Encoded(step.samples, step.nonfinite, content, probabilities)

    def release(self, steps: Iterable[Encoded]) -> None:
        """Stop counting the scores of steps as outstanding, because a window or a finished pass now holds them."""
        sizes = [
            step.probabilities.scores.size for step in steps if isinstance(step.probabilities, Probabilities)
        ]
        if sizes:
            with self._lock:
                self._outstanding -= sum(sizes)

    def reduce_probabilities(
        self, probabilities: Sequence[Probabilities | ProbabilitySums]
    ) -> ProbabilitySums | None:
        """Sums over the probabilities of several steps; ``None`` if there are none."""
        logits = self._decision.guess(
            each.scores for each in probabilities if isinstance(each, Probabilities)
        )
        return reduce_probabilities(probabilities, logits=logits)

    def _check_names(self, true: Array, predicted: Array) -> None:
        """Raise if strings are used for anything but one label per sample."""
        for what, array in (("y_true", true), ("y_pred", predicted)):
            if array.dtype.kind == "U" and (array.ndim == 2 or self.task in ("multilabel", "regression")):
                raise InvalidTypeError(
                    f"{what} holds strings such as {array.ravel()[:1].tolist()} in shape {array.shape}: "
                    "expected numbers, or one label per sample"
                )

    def _find_task(self, step: CleanBatch) -> None:
        with self._lock:
            if self.task is None:
                known = len(self.classes) if self.classes.fixed else 0
                self.task = find_task(step.true, step.predicted, known)
                if self.task == "binary":
                    self.classes.widen_to(2)

    def _true_codes(self, true: Array) -> Array:
        if true.ndim == 1:
            return self.classes.codes(true, "y_true")
        self.classes.fix_count(true.shape[1])
        _check_one_label_a_row(true)
        return _highest(true, self.classes.dtype)

    def _predicted_codes(self, predicted: Array) -> Array:
        if predicted.ndim == 2:
            self.classes.fix_count(predicted.shape[1])
            if self.task == "binary":
                return self._decision.of_two(predicted).view(np.uint8)
            return _highest(predicted, self.classes.dtype)
        if self.task == "binary" and predicted.dtype.kind == "f":
            self.classes.fix_count(2)
            return self._decision.above(predicted).view(np.uint8)
        return self.classes.codes(predicted, "y_pred")

    def _probabilities(
        self, true: Array, scores: Array, weight: NDArray[np.float64] | None
    ) -> Probabilities | ProbabilitySums | None:
        if scores.dtype.kind != "f" or not len(scores) or (scores.ndim == 1 and self.task != "binary"):
            return None
        if self.task == "multiclass":
            return self._kept(Probabilities(true, scores, weight))
        if scores.ndim == 2:
            self._decision.check(scores)
            scores = scores[:, 1] - scores[:, 0] if self._decision.logits else scores[:, 1]
        return self._kept(Probabilities(true[:, np.newaxis] == 1, scores[:, np.newaxis], weight))

    def _kept(self, probabilities: Probabilities) -> Probabilities | ProbabilitySums | None:
        scores = probabilities.scores
        if scores.dtype == np.float16:
            scores = scores.astype(np.float32)
        if scores.shape[1] > PROBABILITY_CLASSES and probabilities.true.ndim == 1:
            # Only ranks are evaluated, which are the same for logits.
            return reduce_probabilities([probabilities._replace(scores=scores)], logits=False)
        if scores.size > SCORES_KEPT or self._outstanding > SCORES_OUTSTANDING:
            return self.reduce_probabilities([probabilities._replace(scores=scores)])
        with self._lock:
            self._outstanding += scores.size
        return probabilities._replace(scores=scores.copy())

    def _reduce_indicators(self, step: CleanBatch) -> Encoded:
        if step.true.ndim != 2 or step.predicted.shape != step.true.shape:
            raise ShapeError(
                f"y_true and y_pred have shapes {step.true.shape} and {step.predicted.shape}: "
                "multi-label needs one column per class in both"
            )
        self.classes.fix_count(step.true.shape[1])
        true = step.true != 0
        if not np.array_equal(true, step.true):
            wrong = step.true[true != step.true][0].item()
            raise LabelError(f"y_true holds {wrong!r}: multi-label needs 0 or 1 in every column")
        counts = count_indicators(true, self._decision.above(step.predicted), step.weight)
        hard = step.predicted.dtype.kind != "f" or not len(true)
        probabilities = None if hard else self._kept(Probabilities(true, step.predicted, step.weight))
        return Encoded(step.samples, step.nonfinite, counts, probabilities)


def _highest(rows: Array, dtype: np.dtype[Any]) -> Array:
    codes: Array = rows.argmax(axis=1).astype(dtype)
    return codes


def _check_one_label_a_row(rows: Array) -> None:
    """Raise unless rows are one-hot, or soft labels that sum to 1."""
    if np.count_nonzero(rows) == len(rows) and (rows.max(axis=1) == 1).all():
        return
    sums = rows.sum(axis=1, dtype=np.float64)
    wrong = np.abs(sums - 1) > _ROW_SUM_TOLERANCE
    if wrong.any():
        raise LabelError(
            f"y_true has a row that sums to {sums[wrong][0].item():g}: "
            "expected one label per sample (one-hot rows), or pass task='multilabel'"
        )
