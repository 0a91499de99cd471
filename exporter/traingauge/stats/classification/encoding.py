"""Encodes a step: converts user input to class codes and counts, which is all that scores need."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
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
from traingauge.stats.arrays import Array, as_array, split_mask
from traingauge.stats.classification.alignment import align, are_masks, spread
from traingauge.stats.classification.classes import ClassSet
from traingauge.stats.classification.clean_batch import CleanBatch, known_labels
from traingauge.stats.classification.counts import Counts, count_indicators, count_labels
from traingauge.stats.classification.decisions import Decision, DecisionMark
from traingauge.stats.classification.guesses import Guesses
from traingauge.stats.classification.labels import Labels
from traingauge.stats.classification.probabilities import (
    PROBABILITY_CLASSES,
    SCORES_KEPT,
    Probabilities,
    ProbabilitySums,
    reduce_probabilities,
)
from traingauge.stats.classification.tasks import TASKS, Task, find_task, reconsider

if TYPE_CHECKING:
    from traingauge.stats.regression import Residuals

#: Maximum number of rows of a step whose labels are kept; a larger step is counted immediately, as counts take less memory.
LABELS_KEPT = 8192

#: Maximum number of scores kept for unfinished passes; beyond it, steps are reduced immediately.
SCORES_OUTSTANDING = 1 << 23

_ROW_SUM_TOLERANCE = 1e-3

#: Label that PyTorch's losses, and the data collators of Hugging Face, leave out.
IGNORED_BY_CUSTOM = -100

_ONE_LABEL = ("binary", "multiclass")


class Encoded(NamedTuple):
    """A step reduced to what its scores need.

    Attributes:
        samples: Number of samples in the step.
        nonfinite: Number of samples left out because a label or a prediction was NaN or infinite.
        content: Labels or counts, or residuals of a regression model; ``None`` while the task is unknown.
        probabilities: Predicted probabilities or logits, or their sums; ``None`` for hard labels and regression.
        revision: Number of times that a guess about the model had been changed.
    """

    samples: int
    nonfinite: int
    content: Labels | Counts | Residuals | None
    probabilities: Probabilities | ProbabilitySums | None = None
    revision: int = 0

    def split(self, lengths: Sequence[int]) -> list[Encoded] | None:
        """The steps of these lengths that were encoded as one; ``None`` if only their sums are known.

        >>> codes = np.array([0, 1, 1])
        >>> whole = Encoded(3, 0, Labels(codes, codes, None))
        >>> [step.content.true.tolist() for step in whole.split([1, 2])]
        [[0], [1, 1]]
        """
        content, probabilities = self.content, self.probabilities
        if not isinstance(content, Labels) or isinstance(probabilities, ProbabilitySums):
            return None
        ends = [*accumulate(lengths)]
        return [
            Encoded(
                length,
                0,
                Labels(content.true[end - length : end], content.predicted[end - length : end], None),
                probabilities
                and Probabilities(
                    probabilities.true[end - length : end], probabilities.scores[end - length : end], None
                ),
                self.revision,
            )
            for length, end in zip(lengths, ends, strict=True)
        ]


class Encoder:
    """Reduces steps to labels or counts, and infers the task and the classes. Thread-safe.

    Args:
        task: One of :data:`~traingauge.stats.classification.tasks.TASKS`; ``None`` infers it from the first step.
        classes: Number of classes, or their names or integer labels; ``None`` discovers them.
        threshold: Probability above which the positive class (binary) or a label (multi-label) is predicted. ``None`` is 0.5
            or, if both classes have a score, the higher one.
        from_logits: Whether scores are logits. With ``None`` they are probabilities until the first one outside [0, 1].
        ignore_index: Rows with this label are left out; of multi-label rows, the labels that have it.

    Attributes:
        task: The task; ``None`` while unknown.
        classes: The classes, a :class:`~traingauge.stats.classification.classes.ClassSet`.
        guesses: What was inferred and may be wrong.

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
        self.guesses = Guesses()
        self._classes_given = classes is not None
        self._ignore_index = ignore_index
        self._class_axis: int | None = None  # of images and sequences, where it was clear
        self._task_fixed = False
        self._by_predictions = False  # whether whole predictions alone made the task multi-class
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

    def found(self, from_logits: bool | None, ignore_index: int | None) -> None:
        """Take what a framework knows of the predictions, where the user said nothing; ``None`` is not known."""
        if from_logits is not None:
            self._decision.found(from_logits)
        if self._ignore_index is None:
            self._ignore_index = ignore_index

    def mark(self) -> tuple[Any, ...]:
        """What :meth:`undo` goes back to."""
        inferred = self.task, self._ignore_index, self._class_axis, self._by_predictions
        return inferred, self.classes, self.classes.mark(), self._decision.mark(), self.guesses.mark()

    def undo(self, mark: tuple[Any, ...]) -> None:
        """Forget all that was learned since, from a step that was refused."""
        inferred, self.classes, classes, decision, guesses = mark
        self.task, self._ignore_index, self._class_axis, self._by_predictions = inferred
        self.classes.undo(classes)
        self._decision.undo(decision)
        self.guesses.undo(guesses)

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values."""
        return {
            "task": self.task,
            "task_fixed": self._task_fixed,
            "decision": list(self._decision.mark()),
            "revision": self.guesses.revision,
            "samples": self.guesses.samples,
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
        self.guesses.revision, self.guesses.samples = saved["revision"], saved["samples"]
        if self._decision.logits is None:
            self._decision.undo(tuple(saved["decision"]))

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
        return (
            None if both is None else Encoded(len(true), 0, Labels(*both, None), None, self.guesses.revision)
        )

    def clean(self, y_true: object, y_pred: object, sample_weight: object = None) -> CleanBatch:
        """Convert and align the arrays of a step, and drop ignored and non-finite rows. Infers the task if it is unknown.

        The result may share memory with the arguments.

        Raises:
            TrainGaugeError: The arguments do not fit; the message says what was given and what was expected.
        """
        step, gaps = self._align(y_true, y_pred, sample_weight)
        if self.task is None and self._holds_ignored(step.true) and (step.true >= 0).any():
            self._ignore_by_custom()
        if gaps is not None or self._ignore_index is not None or step.true.ndim == 2:
            step = self._without_gaps(step, gaps)
        if step.true.dtype.kind == "f" or step.predicted.dtype.kind == "f":
            step = step.finite()
        if self.task is None:
            self._find_task(step)
        return step

    def _align(
        self, y_true: object, y_pred: object, sample_weight: object
    ) -> tuple[CleanBatch, NDArray[np.bool_] | None]:
        """The arrays of a step row by row, and which of its labels or predictions are masked; ``None`` if none are."""
        raw, masked = split_mask(y_true, "y_true")
        raw_predicted, masked_predicted = split_mask(y_pred, "y_pred")
        task = self.task
        if task is None and raw.ndim > 2 and self._take_for_masks(raw, raw_predicted, masked):
            task = "binary"
        how = align(raw, raw_predicted, task, self._class_axis)
        if raw_predicted.ndim > 2 and len(how.predicted) == 2:
            self._class_axis = 1 if how.move_predicted else -1
        true, predicted = how.of_true(raw), how.of_predicted(raw_predicted)
        if true.dtype.kind == "U" or predicted.dtype.kind == "U":
            self._check_names(true, predicted)
        weight = None
        if sample_weight is not None:
            weight = spread(as_array(sample_weight, "sample_weight"), len(raw), len(true), raw.shape)
        gaps = None if masked is None else how.of_true(masked)
        if masked_predicted is not None:
            gaps = _either(gaps, how.of_predicted(masked_predicted))
        return CleanBatch(true, predicted, weight, len(raw)), gaps

    def _take_for_masks(self, true: Array, predicted: Array, masked: NDArray[np.bool_] | None) -> bool:
        """Whether labels that could also be multi-label are taken for binary masks."""
        if self._classes_given and len(self.classes) != 2:
            return False
        known = ~np.isnan(true) if true.dtype.kind == "f" else np.ones(true.shape, np.bool_)
        if masked is not None:
            known &= ~masked
        for ignored in (self._ignore_index, IGNORED_BY_CUSTOM):
            if ignored is not None:
                known &= true != ignored
        if not are_masks(true, predicted, known):
            return False
        if 1 in (true.shape[1], true.shape[-1]):  # a channel: nothing else is possible
            return True
        self.guesses.say(
            "masks",
            f"y_true and y_pred have shape {true.shape}, and y_true holds 0 and 1: each position is scored as a binary "
            "sample; pass Scoring(task='binary') to say so, or task='multilabel' if the last axis holds labels",
        )
        return True

    def reduce(self, step: CleanBatch) -> Encoded:
        """Reduce a step of a classification task; the result shares no memory with the arrays of the step.

        Raises:
            LabelError: A label is not one of the classes.
            ShapeError: The shapes do not fit the task.
        """
        if self.task == "multilabel":
            return self._reduce_indicators(step)
        predicted = self._predicted_codes(step)
        true = self._true_codes(step.true)
        if self.task == "binary" and len(self.classes) > 2 and not self._task_fixed:
            self.task = "multiclass"  # the first hard labels happened to be 0 and 1 only
        content: Labels | Counts = Labels(true, predicted, step.weight)
        if len(true) > LABELS_KEPT:
            content = count_labels(true, predicted, len(self.classes), step.weight)
        probabilities = self._probabilities(true, step.predicted, step.weight)
        return self._encoded(step, content, probabilities)

    def reconsider(self, step: CleanBatch) -> bool:
        """Change a guess that a step contradicts; the step is then to be cleaned and reduced again.

        Returns:
            Whether a guess was changed. If not, the step does not fit.
        """
        true = step.true
        if self._holds_ignored(true):
            self._ignore_by_custom()
            return True
        if self._task_fixed or self._classes_given or self.guesses.settled or self.task is None:
            return False
        if self.task == "multiclass" and not self._by_predictions:
            return False
        task = reconsider(self.task, true, step.predicted, logits=self._decision.logits)
        if task is None:
            return False
        self._change_task(task, step)
        return True

    def _holds_ignored(self, true: Array) -> bool:
        """Whether labels hold what is left out by custom, and no other negative number: those are quantities."""
        if self._ignore_index is not None or true.dtype.kind != "i":
            return False
        negative = true[true < 0]
        return bool(len(negative)) and bool((negative == IGNORED_BY_CUSTOM).all())

    def _ignore_by_custom(self) -> None:
        self._ignore_index = IGNORED_BY_CUSTOM
        self.guesses.say(
            "ignore_index",
            f"y_true holds {IGNORED_BY_CUSTOM}, which is taken for labels to leave out; "
            f"pass Scoring(ignore_index={IGNORED_BY_CUSTOM}) to say so",
        )

    def _change_task(self, task: Task, step: CleanBatch) -> None:
        shown = f"y_true such as {_example(step.true)} and y_pred such as {_example(step.predicted)}"
        self.guesses.change(
            "task",
            f"{shown} show that the task is {task}, not {self.task}; scores recorded before are dropped. "
            f"Pass Scoring(task={task!r}) to say so",
        )
        self.task, self.classes = task, ClassSet()
        self._by_predictions = task == "multiclass" and step.predicted.dtype.kind == "f"
        self._decision.forget()
        if task == "binary":
            self.classes.widen_to(2)

    def release(self, steps: Iterable[Encoded]) -> None:
        """Stop counting the scores of steps as outstanding, because a window or a finished pass now holds them."""
        sizes = [
            step.probabilities.scores.size for step in steps if isinstance(step.probabilities, Probabilities)
        ]
        if sizes:
            with self._lock:
                self._outstanding -= sum(sizes)

    def reduce_probabilities(
        self, probabilities: Sequence[Probabilities | ProbabilitySums], *, keep: bool = False
    ) -> ProbabilitySums | None:
        """Sums over the probabilities of several steps; ``None`` if there are none.

        Args:
            probabilities: Those of the steps.
            keep: Whether to keep few scores instead of counting them in histograms.
        """
        logits = self._decision.guess(
            each.scores for each in probabilities if isinstance(each, Probabilities)
        )
        return reduce_probabilities(probabilities, logits=logits, keep=keep)

    def _check_names(self, true: Array, predicted: Array) -> None:
        """Raise if strings are used for anything but one label per sample."""
        for what, array in (("y_true", true), ("y_pred", predicted)):
            if array.dtype.kind == "U" and (array.ndim == 2 or self.task in ("multilabel", "regression")):
                raise InvalidTypeError(
                    f"{what} holds strings such as {array.ravel()[:1].tolist()} in shape {array.shape}: "
                    "expected numbers, or one label per sample"
                )

    def _without_gaps(self, step: CleanBatch, masked: NDArray[np.bool_] | None) -> CleanBatch:
        """The step without what is masked or ignored: single labels of multi-label rows, else whole rows."""
        if step.true.ndim == 2 and step.true.shape == step.predicted.shape and step.true.dtype.kind != "U":
            cells = masked if masked is None or masked.shape == step.true.shape else None
            known = known_labels(step.true, cells, self._ignore_index)
            if known is not None and self._is_multilabel(step.true, known):
                return step.by_label(known)
        if masked is not None:
            step = step.only(~masked)
        return step if self._ignore_index is None else step.without(self._ignore_index)

    def _is_multilabel(self, true: Array, known: NDArray[np.bool_]) -> bool:
        """Whether rows with gaps are multi-label: one-hot rows and quantities are given whole or not at all."""
        if self.task is not None:
            return self.task == "multilabel"
        partly = known.any(axis=1) & ~known.all(axis=1)
        labels = true[known]
        if partly.any() and bool(((labels == 0) | (labels == 1)).all()):
            self.task = "multilabel"
        return self.task == "multilabel"

    def _find_task(self, step: CleanBatch) -> None:
        with self._lock:
            if self.task is not None:
                return
            known = len(self.classes) if self.classes.fixed else 0
            self.task = find_task(step.true, step.predicted, known)
            if self.task == "binary":
                self.classes.widen_to(2)
            self._by_predictions = self.task == "multiclass" and step.predicted.dtype.kind == "f"
            if self.task in _ONE_LABEL and _mixtures_with_logits(step):
                self.guesses.say(
                    "task",
                    "the rows of y_true are mixtures of classes and y_pred holds logits: scores compare the highest "
                    "of each; pass Scoring(task='multiclass') to say so, or task='regression' for quantities",
                )

    def _encoded(
        self,
        step: CleanBatch,
        content: Labels | Counts,
        probabilities: Probabilities | ProbabilitySums | None,
    ) -> Encoded:
        if self._decision.wrong:
            self._decision.wrong = False
            self.guesses.change(
                "logits",
                "y_pred holds scores outside of 0 and 1, so it holds logits, not probabilities; scores recorded before "
                "are dropped. Pass Scoring(from_logits=True) to say so",
            )
        self.guesses.samples += step.samples
        return Encoded(step.samples, step.nonfinite, content, probabilities, self.guesses.revision)

    def _true_codes(self, true: Array) -> Array:
        if true.ndim == 1:
            return self.classes.codes(true, "y_true")
        self.classes.fix_count(true.shape[1])
        _check_one_label_a_row(true)
        return _highest(true, self.classes.dtype)

    def _predicted_codes(self, step: CleanBatch) -> Array:
        predicted = step.predicted
        if predicted.ndim == 2:
            self.classes.fix_count(predicted.shape[1])
            if self.task == "binary":
                return self._decision.of_two(predicted).view(np.uint8)
            return _highest(predicted, self.classes.dtype)
        if self.task == "binary" and predicted.dtype.kind == "f":
            self.classes.fix_count(2)
            before = self._decision.mark()
            above = self._decision.above(predicted).view(np.uint8)
            if before[0] is None and self._decision.logits and not self._task_fixed:
                self._check_logits(step, before)
            return above
        return self.classes.codes(predicted, "y_pred")

    def _check_logits(self, step: CleanBatch, before: DecisionMark) -> None:
        """Raise if the first scores outside [0, 1] are labels rather than logits."""
        if reconsider("binary", step.true, step.predicted, logits=None) == "multiclass":
            self._decision.undo(before)
            raise LabelError(f"y_pred holds labels such as {_example(step.predicted)}: expected two classes")

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
        true, scores, weight = probabilities
        if scores.dtype == np.float16:
            scores = scores.astype(np.float32)
        if scores.shape[1] > PROBABILITY_CLASSES and true.ndim == 1:
            # Only ranks are evaluated, which are the same for logits.
            return reduce_probabilities([Probabilities(true, scores, weight)], logits=False)
        if scores.size > SCORES_KEPT or self._outstanding > SCORES_OUTSTANDING:
            return self.reduce_probabilities([Probabilities(true, scores, weight)])
        with self._lock:
            self._outstanding += scores.size
        return Probabilities(true, scores.copy(), weight)

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
        weight, known = step.weight, step.known
        counts = count_indicators(true, self._decision.above(step.predicted), weight, known)
        if known is not None:
            weight = known.astype(np.float64) if weight is None else known * weight[:, np.newaxis]
        hard = step.predicted.dtype.kind != "f" or not len(true)
        probabilities = None if hard else self._kept(Probabilities(true, step.predicted, weight))
        return self._encoded(step, counts, probabilities)


def _either(gaps: NDArray[np.bool_] | None, others: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where either of two masks is set; of masks of different shapes, in which rows."""
    if gaps is None or gaps.shape == others.shape:
        return others if gaps is None else gaps | others
    by_row: NDArray[np.bool_] = _in_rows(gaps) | _in_rows(others)
    return by_row


def _in_rows(gaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return gaps if gaps.ndim == 1 else np.asarray(gaps.any(axis=1))


def _example(values: Array) -> object:
    """The number in an array that is least like a label or a probability."""
    return (
        values[np.abs(values - 0.5).argmax()].item() if values.ndim == 1 and len(values) else values.tolist()
    )


def _mixtures_with_logits(step: CleanBatch) -> bool:
    """Whether rows of labels are not one-hot, and rows of predictions do not sum to 1."""
    true, predicted = step.true, step.predicted
    if true.ndim < 2 or predicted.ndim < 2 or true.dtype.kind != "f":
        return False
    mixed = bool((true.max(axis=1) != 1).any())
    return mixed and bool((np.abs(predicted.sum(axis=1, dtype=np.float64) - 1) > _ROW_SUM_TOLERANCE).any())


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
