"""From what training code has at hand to class codes and counts: a step reduced to what its scores need."""

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

#: Steps of more rows than this are counted when they are encoded: labels would take more room than counts.
LABELS_KEPT = 8192

#: Scores kept outside of a window, as those of a pass that is not over; beyond it steps are reduced at once.
SCORES_OUTSTANDING = 1 << 23

_ROW_SUM_TOLERANCE = 1e-3

_ONE_LABEL = ("binary", "multiclass")


class Encoded(NamedTuple):
    """A step reduced to what its scores need.

    Attributes:
        samples: Samples in the step.
        nonfinite: Samples left out because a label or a prediction was NaN or infinite.
        content: Labels, counts or, of a regression model, residuals; ``None`` if the task is unknown yet.
        probabilities: The scores that labels were predicted by, or their sums; ``None`` where there are none.
    """

    samples: int
    nonfinite: int
    content: Labels | Counts | Residuals | None
    probabilities: Probabilities | ProbabilitySums | None = None


class Encoder:
    """Reduces steps to labels or counts, and remembers what it found out: the task and the classes.

    Safe to use from several threads.

    Args:
        task: One of :data:`~traingauge.stats.classification.tasks.TASKS`; ``None`` to find out from the first step.
        classes: How many classes there are, or their names or integer labels; ``None`` to find out.
        threshold: Probability above which the positive class (binary) or a label (multi-label) is predicted;
            ``None`` for 0.5, and for the higher score where both classes have one.
        from_logits: Whether scores are logits; ``None`` to tell by whether those of the first step lie in [0, 1]: of
            a later step that says otherwise an error is made.
        ignore_index: Rows with this label (multi-label: with it in any column) are left out.

    Attributes:
        task: What is scored, ``None`` while that is unknown.
        classes: The classes.

    Raises:
        UnknownNameError: An unknown task.
        InvalidArgumentError: A threshold that is no probability, or classes that do not fit the task.

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
        self._told = False
        self._outstanding = 0
        self._lock = threading.Lock()
        if task is not None:
            self.tell(task)

    def tell(self, task: Task, classes: int | Sequence[str] | None = None) -> None:
        """Say what is scored before the first step does.

        Raises:
            InvalidArgumentError: Classes that do not fit the task.
        """
        with self._lock:
            if classes is not None and not self.classes.told:
                self.classes = ClassSet(classes)
            if task == "binary":
                if not self.classes.told:
                    self.classes.settle(2)
                if len(self.classes) != 2:
                    raise InvalidArgumentError(
                        f"task='binary' has two classes, but {len(self.classes)} were given"
                    )
            self.task, self._told = task, True

    def save(self) -> dict[str, Any]:
        """What was found out, as a tree of plain values."""
        return {
            "task": self.task,
            "told": self._told,
            "logits": self._decision.logits,
            "classes": self.classes.save(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take what :meth:`save` gave.

        Raises:
            InvalidArgumentError: Another task or other classes were told since.
        """
        if self._told and self.task != saved["task"]:
            raise InvalidArgumentError(f"the task was {saved['task']} and is now {self.task}")
        self.classes.restore(saved["classes"])
        self.task, self._told = saved["task"], saved["told"]
        if self._decision.logits is None:
            self._decision.logits = saved["logits"]

    def take_classes(self, count: int) -> None:
        """Learn from counts that were made elsewhere that there are ``count`` classes."""
        self.classes.settle(count)
        if self.task is None:
            self.task = "binary" if count == 2 else "multiclass"

    def plain(self, true: Array, predicted: Array) -> Encoded | None:
        """A step whose labels are plainly right: both a few known class codes; ``None`` for any other.

        That is :meth:`clean` and :meth:`reduce` for most steps of hard labels, at half the price: for so few numbers a call
        costs more than what it does.
        """
        if true.ndim != 1 or true.shape != predicted.shape or self._ignore_index is not None:
            return None
        both = self.classes.plain_codes(true, predicted) if self.task in _ONE_LABEL else None
        return None if both is None else Encoded(len(true), 0, Labels(*both, None))

    def clean(self, y_true: object, y_pred: object, sample_weight: object = None) -> CleanBatch:
        """Arrays of a step, aligned, without ignored and non-finite rows.

        They may share memory with what was given. Finds out the task if it is not known yet.

        Raises:
            TrainGaugeError: Whatever does not fit, with what was given and what fits.
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
        """Reduce a step of a classification task; what comes back shares no memory with the step's arrays.

        Raises:
            LabelError: A label outside of the classes.
            ShapeError: A step of another form than the task has.
        """
        if self.task == "multilabel":
            return self._reduce_indicators(step)
        predicted = self._predicted_codes(step.predicted)
        true = self._true_codes(step.true)
        if self.task == "binary" and len(self.classes) > 2 and not self._told:
            self.task = "multiclass"  # hard labels of 0 and 1 were only the first of more
        content: Labels | Counts = Labels(true, predicted, step.weight)
        if len(true) > LABELS_KEPT:
            content = count_labels(true, predicted, len(self.classes), step.weight)
        probabilities = self._probabilities(true, step.predicted, step.weight)
        return Encoded(step.samples, step.nonfinite, content, probabilities)

    def take(self, steps: Iterable[Encoded]) -> None:
        """Say that steps have arrived where there is a bound on how many are kept."""
        sizes = [
            step.probabilities.scores.size for step in steps if isinstance(step.probabilities, Probabilities)
        ]
        if sizes:
            with self._lock:
                self._outstanding -= sum(sizes)

    def reduce_probabilities(
        self, probabilities: Sequence[Probabilities | ProbabilitySums]
    ) -> ProbabilitySums | None:
        """Sums of several steps' probabilities; ``None`` if there is none."""
        logits = self._decision.guess(
            each.scores for each in probabilities if isinstance(each, Probabilities)
        )
        return reduce_probabilities(probabilities, logits=logits)

    def _check_names(self, true: Array, predicted: Array) -> None:
        """Strings are labels, one a sample; no scores, no quantities."""
        for what, array in (("y_true", true), ("y_pred", predicted)):
            if array.dtype.kind == "U" and (array.ndim == 2 or self.task in ("multilabel", "regression")):
                raise InvalidTypeError(
                    f"{what} holds strings such as {array.ravel()[:1].tolist()} in shape {array.shape}: "
                    "expected numbers, or one label a sample"
                )

    def _find_task(self, step: CleanBatch) -> None:
        with self._lock:
            if self.task is None:
                told = len(self.classes) if self.classes.told else 0
                self.task = find_task(step.true, step.predicted, told)
                if self.task == "binary":
                    self.classes.at_least(2)

    def _true_codes(self, true: Array) -> Array:
        if true.ndim == 1:
            return self.classes.codes(true, "y_true")
        self.classes.settle(true.shape[1])
        _check_one_label_a_row(true)
        return _highest(true, self.classes.dtype)

    def _predicted_codes(self, predicted: Array) -> Array:
        if predicted.ndim == 2:
            self.classes.settle(predicted.shape[1])
            if self.task == "binary":
                return self._decision.of_two(predicted).view(np.uint8)
            return _highest(predicted, self.classes.dtype)
        if self.task == "binary" and predicted.dtype.kind == "f":
            self.classes.settle(2)
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
            return reduce_probabilities(
                [probabilities._replace(scores=scores)], logits=False
            )  # ranks are the same
        if scores.size > SCORES_KEPT or self._outstanding > SCORES_OUTSTANDING:
            return self.reduce_probabilities([probabilities._replace(scores=scores)])
        with self._lock:
            self._outstanding += scores.size
        return probabilities._replace(scores=scores.copy())

    def _reduce_indicators(self, step: CleanBatch) -> Encoded:
        if step.true.ndim != 2 or step.predicted.shape != step.true.shape:
            raise ShapeError(
                f"y_true and y_pred have shapes {step.true.shape} and {step.predicted.shape}: "
                "multi-label needs a column for each class in both"
            )
        self.classes.settle(step.true.shape[1])
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
    """One-hot rows, or soft labels that add up to 1."""
    if np.count_nonzero(rows) == len(rows) and (rows.max(axis=1) == 1).all():
        return
    sums = rows.sum(axis=1, dtype=np.float64)
    wrong = np.abs(sums - 1) > _ROW_SUM_TOLERANCE
    if wrong.any():
        raise LabelError(
            f"y_true has a row that adds up to {sums[wrong][0].item():g}: "
            "expected one label a sample (one-hot rows), or pass task='multilabel'"
        )
