"""How well the model does: scores of the rolling window, or of the last whole evaluation pass."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from traingauge import regression
from traingauge.catalog import CATALOG
from traingauge.classification import scores
from traingauge.classification.counts import Counts
from traingauge.classification.encoding import Encoded, Encoder
from traingauge.classification.labels import Labels, tally
from traingauge.classification.scores import AVERAGES, Average
from traingauge.classification.tasks import Task
from traingauge.errors import InvalidArgumentError, UnknownNameError
from traingauge.families import Family
from traingauge.parts.class_scores import OTHER, ClassScores
from traingauge.parts.keyring import Keyring
from traingauge.regression import Residuals

_AVERAGED = {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1}
_REGRESSION: dict[str, Callable[[Residuals], float]] = {
    "mean_absolute_error": regression.mean_absolute_error,
    "root_mean_squared_error": regression.root_mean_squared_error,
    "r2_score": regression.r2_score,
    "bias": regression.bias,
}
_LOWER_IS_BETTER = ("mean_absolute_error", "root_mean_squared_error")
_NO_BEST = ("bias",)


class _Split:
    """What is known of one split: the steps in the window, or the last pass."""

    def __init__(self, window: int) -> None:
        self.recent: deque[Labels | Counts | Residuals] = deque(maxlen=window)
        self.passed = False
        self.best: dict[str, float] = {}

    def add_steps(self, contents: Sequence[Labels | Counts | Residuals]) -> None:
        if self.passed:
            self.recent.clear()
        self.passed = False
        self.recent.extend(contents)

    def replace(self, total: Counts | Residuals) -> None:
        self.recent.clear()
        self.recent.append(total)
        self.passed = True

    @property
    def complete(self) -> bool:
        """Whether its scores are worth being remembered: a single lucky batch is not."""
        return self.passed or len(self.recent) == self.recent.maxlen


class Scores:
    """Scores of every split that recorded labels and predictions.

    :meth:`encode` may be called from any thread; everything else under the recorder's lock.

    Args:
        window: Steps in the rolling window.
        task: What is scored, ``None`` to find out: see :func:`~traingauge.classification.tasks.find_task`.
        classes: How many classes, or their names or integer labels; ``None`` to find out.
        average: How precision, recall and F1 become one number: ``binary`` (of class 1), ``macro``,
            ``weighted`` or ``micro``; ``None`` for ``binary`` in binary tasks and ``macro`` in others.
        threshold: Probability above which the positive class is predicted, ``None`` for 0.5.
        from_logits: Whether predictions are logits, ``None`` to find out.
        ignore_index: Samples with this label are left out.
        class_cap: Up to so many classes are all published; beyond it, half of that by name and the rest as
            ``other``.

    Raises:
        UnknownNameError: An unknown task or average.
        InvalidArgumentError: Arguments that do not go together.

    >>> part = Scores(window=2)
    >>> part.add_steps("train", [part.encode([0, 1, 1, 1], [0.1, 0.9, 0.2, 0.8])])
    >>> {name: round(score, 3) for name, score in part.current("train").items()}
    {'accuracy': 0.75, 'precision': 1.0, 'recall': 0.667, 'f1': 0.8}
    """

    def __init__(
        self,
        *,
        window: int = 100,
        task: Task | None = None,
        classes: int | Sequence[str] | Sequence[int] | None = None,
        average: Average | None = None,
        threshold: float | None = None,
        from_logits: bool | None = None,
        ignore_index: int | str | None = None,
        class_cap: int = 100,
    ) -> None:
        if window < 1:
            raise InvalidArgumentError(f"window={window!r}: expected at least one step")
        if class_cap < 2:
            raise InvalidArgumentError(f"class_cap={class_cap!r}: expected at least 2")
        if average is not None and average not in AVERAGES:
            raise UnknownNameError("average", average, AVERAGES)
        self._window = window
        self._average = average
        self._threshold, self._from_logits, self._ignore_index = threshold, from_logits, ignore_index
        self._encoder = Encoder(
            task=task,
            classes=classes,
            threshold=threshold,
            from_logits=from_logits,
            ignore_index=ignore_index,
        )
        if len(self._encoder.classes) > class_cap and OTHER in self._encoder.classes.names:
            raise InvalidArgumentError(
                f"more than {class_cap} classes: none may be called {OTHER!r}, as the rest is"
            )
        self._check_average()
        self._by_class = ClassScores(class_cap)
        self._splits: dict[str, _Split] = {}
        self._keyring = Keyring()

    @property
    def task(self) -> Task | None:
        """What is scored, ``None`` until it is known."""
        return self._encoder.task

    @property
    def threshold(self) -> float | None:
        """Probability above which the positive class is predicted, as it was told; ``None`` for 0.5."""
        return self._threshold

    @property
    def from_logits(self) -> bool | None:
        """Whether scores are logits, as it was told."""
        return self._from_logits

    @property
    def ignore_index(self) -> int | str | None:
        """Label that is left out, as it was told."""
        return self._ignore_index

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes seen or told so far."""
        return self._encoder.classes.names

    @property
    def dropped(self) -> int:
        """Series left out because there are more classes than the cap."""
        return self._by_class.dropped

    def tell(self, task: Task, classes: int | Sequence[str] | None = None) -> None:
        """Say what is scored; changes nothing where that was told before or is found out already.

        Raises:
            LabelError: Another number of classes than is known.
        """
        if self.task is None:
            self._encoder.tell(task, classes)
            self._check_average()
        if isinstance(classes, int):
            self._encoder.classes.settle(classes)

    def encode(self, y_true: object, y_pred: object, sample_weight: object = None) -> Encoded:
        """Reduce a step to small arrays of our own; nothing that the caller may change is kept.

        Args:
            y_true: Labels, one-hot rows, or quantities.
            y_pred: Labels, probabilities or logits, or quantities.
            sample_weight: Shape (n,), at least 0.

        Raises:
            TrainGaugeError: Whatever does not fit, with what was given and what fits.
        """
        step = self._encoder.clean(y_true, y_pred, sample_weight)
        content: Labels | Counts | Residuals | None = None
        if self.task == "regression":
            content = regression.measure(step.true, step.predicted, step.weight)
        elif self.task is not None:
            self._check_average()
            content = self._encoder.reduce(step)
        return Encoded(step.samples, step.nonfinite, content)

    def add_steps(self, split: str, encoded: Sequence[Encoded]) -> None:
        """Add steps to the rolling window, in their order."""
        self._add_steps(split, [step.content for step in encoded if step.content is not None])

    def add_step_counts(self, split: str, counts: Sequence[Counts] | Sequence[Residuals]) -> None:
        """Add steps that were counted or measured elsewhere to the rolling window, in their order."""
        self._take_classes(counts)
        self._add_steps(split, counts)

    def add_pass(self, split: str, encoded: Sequence[Encoded]) -> None:
        """Take one whole evaluation pass; its scores replace those of the split."""
        self._add_pass(split, [step.content for step in encoded if step.content is not None])

    def add_pass_counts(self, split: str, counts: Counts | Residuals) -> None:
        """Take one whole evaluation pass that was counted or measured elsewhere."""
        self._take_classes([counts])
        self._add_pass(split, [counts])

    def current(self, split: str) -> dict[str, float]:
        """The published scores of a split by name; NaN where undefined, empty if nothing was recorded."""
        if split not in self._splits:
            return {}
        state = self._splits[split]
        values = self._scores(self._total(state.recent))
        if state.complete:
            _remember_best(state.best, values)
        return values

    def families(self) -> Iterator[Family]:
        """Run-level scores, the best of each, and for classifiers what is known of every class."""
        if not self._splits:
            return
        current = {split: self.current(split) for split in self._splits}
        per_split = self._keyring.keys("split", tuple((split,) for split in current))
        for name in next(iter(current.values())):
            values = tuple(values[name] for values in current.values())
            yield Family(CATALOG[f"model_{name}"], per_split, values)
        yield self._best()
        counts = {
            split: total
            for split, state in self._splits.items()
            if isinstance(total := self._total(state.recent), Counts)
        }
        if counts:
            yield from self._by_class.families(counts, self.classes)
            yield from self._confusion(counts)

    def _add_steps(self, split: str, contents: Sequence[Labels | Counts | Residuals]) -> None:
        if contents:
            self._count(split, self._total(contents))
            self._splits.setdefault(split, _Split(self._window)).add_steps(contents)

    def _add_pass(self, split: str, contents: Sequence[Labels | Counts | Residuals]) -> None:
        if contents:
            total = self._total(contents)
            self._count(split, total)
            self._splits.setdefault(split, _Split(self._window)).replace(total)
            self.current(split)

    def _count(self, split: str, total: Counts | Residuals) -> None:
        if isinstance(total, Counts):
            self._by_class.count(split, total)

    def _total(self, contents: Sequence[Labels | Counts | Residuals]) -> Counts | Residuals:
        residuals = [content for content in contents if isinstance(content, Residuals)]
        if residuals:
            return regression.merge(residuals)
        counted = [content for content in contents if not isinstance(content, Residuals)]
        return tally(counted, len(self._encoder.classes))

    def _scores(self, total: Counts | Residuals) -> dict[str, float]:
        if isinstance(total, Residuals):
            return {name: score(total) for name, score in _REGRESSION.items()}
        average: Average = self._average or ("binary" if self.task == "binary" else "macro")
        averages = {name: scores.averaged(score, total, average) for name, score in _AVERAGED.items()}
        return {"accuracy": scores.accuracy(total), **averages}

    def _best(self) -> Family:
        best = {
            (name, split): value
            for split, state in self._splits.items()
            for name, value in state.best.items()
        }
        return Family(
            CATALOG["model_score_best"], self._keyring.keys("best", tuple(best)), tuple(best.values())
        )

    def _confusion(self, current: Mapping[str, Counts]) -> Iterator[Family]:
        cells = {split: counts.confusion for split, counts in current.items() if counts.confusion is not None}
        if not cells:
            return
        labels = tuple(
            (split, actual, predicted)
            for split in cells
            for actual in self.classes
            for predicted in self.classes
        )
        values = [float(cell) for matrix in cells.values() for cell in matrix.flat]
        yield Family(CATALOG["model_confusion"], self._keyring.keys("confusion", labels), values)

    def _take_classes(self, counts: Sequence[Counts | Residuals]) -> None:
        for each in counts:
            if isinstance(each, Counts):
                self._encoder.take_classes(each.classes)

    def _check_average(self) -> None:
        if self._average == "binary" and self.task not in (None, "binary"):
            raise InvalidArgumentError(
                f"average='binary' is the score of the positive class, but the task is {self.task}: "
                "expected 'macro', 'weighted' or 'micro'"
            )


def _remember_best(best: dict[str, float], values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if name in _NO_BEST or math.isnan(value):
            continue
        better = min if name in _LOWER_IS_BETTER else max
        best[name] = better(value, best.get(name, value))
