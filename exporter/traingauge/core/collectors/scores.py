"""Scores of the rolling window of training steps, and of the last whole evaluation pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from traingauge.catalog import CATALOG
from traingauge.core.collectors.base import Collector, Reading
from traingauge.core.collectors.class_scores import OTHER, ClassScores
from traingauge.core.collectors.key_cache import KeyCache
from traingauge.core.collectors.scored_split import ScoredSplit
from traingauge.core.events import Pass
from traingauge.core.families import Family
from traingauge.core.guard import Guard
from traingauge.core.scalar_names import SCORES
from traingauge.core.step_batch import StepBatch, within
from traingauge.core.task_hints import TaskHints
from traingauge.errors import InvalidArgumentError, ShapeError, TrainGaugeError
from traingauge.options import Scoring
from traingauge.stats import regression
from traingauge.stats.arrays import as_array
from traingauge.stats.classification.clean_batch import CleanBatch
from traingauge.stats.classification.counts import Counts
from traingauge.stats.classification.encoding import Encoded, Encoder
from traingauge.stats.classification.labels import Labels, tally
from traingauge.stats.classification.outputs import check_one_output
from traingauge.stats.classification.probabilities import Probabilities, ProbabilitySums
from traingauge.stats.classification.ranking import Ranking
from traingauge.stats.classification.scores import Average
from traingauge.stats.classification.tasks import Task
from traingauge.stats.regression import Residuals
from traingauge.stats.run_scores import (
    HEADLINES,
    PUBLISHED_AS,
    Measured,
    headline_scores,
    ranked,
    remember_best,
    run_scores,
)
from traingauge.stats.streaming.not_given import is_given

P = ParamSpec("P")
T = TypeVar("T")

#: Types that a saved state of the scores contains.
RECORDS = (Encoded, Labels, Counts, Residuals, Measured, Probabilities, ProbabilitySums, Ranking)


class Scores(Collector):
    """Scores of every split that recorded labels and predictions.

    :meth:`encode` may be called from any thread; everything else runs under the recorder's lock.

    Args:
        scoring: Settings; ``None`` is ``Scoring()``.
        guard: Says which guesses were made about the model.
        class_cap: Maximum number of classes that are all published. With more classes, half of that number is published by
            name and the rest as ``other``.

    Raises:
        InvalidArgumentError: The cap is below 2, or there are more classes than it and one is named ``other``.

    >>> scores = Scores(Scoring(window=2))
    >>> scores.add_steps("train", [scores.encode([0, 1, 1, 1], [0.1, 0.9, 0.2, 0.8])])
    >>> current = scores.current("train"); list(current)[:5]
    ['accuracy', 'precision', 'recall', 'f1', 'specificity']
    >>> round(current["recall"], 3), round(current["roc_auc"], 3)
    (0.667, 1.0)
    """

    def __init__(
        self, scoring: Scoring | None = None, guard: Guard | None = None, *, class_cap: int = 100
    ) -> None:
        if class_cap < 2:
            raise InvalidArgumentError(f"class_cap={class_cap!r}: expected at least 2")
        scoring = self._scoring = Scoring() if scoring is None else scoring
        self._encoder = Encoder(
            task=scoring.task,
            classes=scoring.classes,
            threshold=scoring.decision_threshold,
            from_logits=scoring.from_logits,
            ignore_index=scoring.ignore_index,
        )
        if len(self._encoder.classes) > class_cap and OTHER in self._encoder.classes.names:
            raise InvalidArgumentError(
                f"a class is named {OTHER!r}, which stands for the rest of more than {class_cap} classes: rename it"
            )
        self._guard = Guard() if guard is None else guard
        self._encoding = threading.Lock()  # a refused step is undone, which another's must not see
        self._class_cap, self._revision = class_cap, 0
        self._by_class = ClassScores(class_cap)
        self._splits: dict[str, ScoredSplit] = {}
        self._outputs: int | None = None  # of a regression model
        self._key_cache = KeyCache()
        self.handlers = {Pass: self.on_pass}

    @property
    def task(self) -> Task | None:
        """Task of the model; ``None`` while unknown."""
        return self._encoder.task

    @property
    def hints(self) -> TaskHints:
        """The user's settings for the model, and the task once it is known."""
        given = self._scoring
        return TaskHints(self.task, given.decision_threshold, given.from_logits, given.ignore_index)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes given or discovered so far."""
        return self._encoder.classes.names

    @property
    def dropped(self) -> dict[str, int]:
        """Number of classes left out because of the cap."""
        return {"class": self._by_class.dropped}

    def found_task(
        self,
        task: Task,
        classes: int | Sequence[str] | None = None,
        *,
        from_logits: bool | None = None,
        ignore_index: int | None = None,
    ) -> None:
        """Set the task and the classes, unless they are known, and what the user left open of the rest.

        Raises:
            LabelError: The number of classes differs from the known one.
        """
        if self.task is None:
            self._encoder.set_task(task, classes)
            self._check_average()
        self._encoder.found(from_logits, ignore_index)
        if isinstance(classes, int):
            self._encoder.classes.fix_count(classes)

    def encode(self, y_true: object, y_pred: object, sample_weight: object = None) -> Encoded:
        """Reduce a step to small arrays, none of which shares memory with the arguments.

        Args:
            y_true: Labels, one-hot rows, or quantities.
            y_pred: Labels, probabilities or logits, or quantities.
            sample_weight: Shape (n,); ``None`` weights every sample 1.

        Raises:
            TrainGaugeError: The arguments do not fit; the message says what was given and what was expected.
        """
        if type(y_true) is not np.ndarray or type(y_pred) is not np.ndarray:
            check_one_output(y_true, y_pred)
            y_true, y_pred = _unmasked(y_true, "y_true"), _unmasked(y_pred, "y_pred")
        if sample_weight is None and type(y_true) is np.ndarray and type(y_pred) is np.ndarray:
            plain = self._encoder.encode_codes(y_true, y_pred)
            if plain is not None:
                return plain
        return self._learning(self._encode, y_true, y_pred, sample_weight)

    def encode_together(
        self, y_true: object, y_pred: object, lengths: Sequence[int]
    ) -> Sequence[Encoded] | None:
        """Reduce steps of one label a sample, given as one; ``None`` if they have to be reduced one by one.

        Args:
            y_true: Labels of all steps, shape (n,).
            y_pred: Predictions, shape (n,) or (n, C).
            lengths: Samples in each step.

        Raises:
            TrainGaugeError: One of the steps does not fit.
        """
        return self._learning(self._encode_together, y_true, y_pred, lengths)

    def _learning(self, encode: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``encode`` returns, which learns from what it takes; nothing is learned from what is refused."""
        with self._encoding:
            mark = self._encoder.mark(), self._outputs
            try:
                encoded = encode(*args, **kwargs)
            except BaseException:
                before, self._outputs = mark
                self._encoder.undo(before)
                raise
        for guess in self._encoder.guesses.take():
            self._guard.guessed(guess.says, changed=guess.changed)
        return encoded

    def _encode_together(
        self, y_true: object, y_pred: object, lengths: Sequence[int]
    ) -> Sequence[Encoded] | None:
        """Encode steps together that leave out no row, and are made of labels; a guess changes for one step alone."""
        if self.task not in ("binary", "multiclass"):
            return None
        step = self._encoder.clean(_unmasked(y_true, "y_true"), _unmasked(y_pred, "y_pred"))
        return self._reduce(step).split(lengths) if len(step.true) == sum(lengths) else None

    def _encode(self, y_true: object, y_pred: object, sample_weight: object) -> Encoded:
        """Encode a step; if it contradicts a guess that may change, change it and encode the step again."""
        step = self._encoder.clean(y_true, y_pred, sample_weight)
        try:
            return self._reduce(step)
        except TrainGaugeError:
            if not self._encoder.reconsider(step):
                raise
        self._outputs = None
        return self._reduce(self._encoder.clean(y_true, y_pred, sample_weight))

    def _reduce(self, step: CleanBatch) -> Encoded:
        revision = self._encoder.guesses.revision
        if self.task == "regression":
            return Encoded(step.samples, step.nonfinite, self._measure(step), None, revision)
        if self.task is None:
            return Encoded(step.samples, step.nonfinite, None, None, revision)
        encoded = self._encoder.reduce(step)
        self._check_average()  # a third label may just have shown that the task is not binary
        return encoded

    def on_slice(self, batch: StepBatch, piece: slice) -> None:
        """Add the steps of a slice to the rolling window."""
        if batch.scored:
            self.add_steps("train", within(batch.scored, piece))
        if batch.measured:
            self.add_measured_steps("train", within(batch.measured, piece))
        if not SCORES.isdisjoint(batch.numbers):
            self._take_given(batch, piece)

    def on_reading(self, reading: Reading) -> None:
        """Take note that scores were read."""
        if reading.split in self._splits:
            self._splits[reading.split].unread = frozenset()

    def on_pass(self, done: Pass, unix: float) -> None:
        """Replace the scores of a split by those of a pass."""
        if done.measured is not None:
            self.add_measured_pass(done.split, done.measured)
        if done.scored:
            self.add_pass(done.split, done.scored)
        given = {name: float(done.scalars[name]) for name in SCORES & done.scalars.keys()}
        if given:
            self._split(done.split).replace(None)
            self._split(done.split).give(given)

    def add_steps(self, split: str, encoded: Sequence[Encoded]) -> None:
        """Add steps to the rolling window, in order."""
        steps = self._valid(encoded)
        if steps:
            self._count(split, self._content(steps))
            self._split(split).add_steps(steps)

    def add_measured_steps(self, split: str, measured: Sequence[Measured]) -> None:
        """Add steps whose totals were computed elsewhere to the rolling window, in order."""
        self._take_classes(measured)
        self.add_steps(split, [self._encoded_elsewhere(each) for each in measured])

    def add_pass(self, split: str, encoded: Sequence[Encoded]) -> None:
        """Replace the scores of a split by those of one whole evaluation pass."""
        steps = self._valid(encoded)
        if steps:
            measured = self._measured(steps)
            self._count(split, measured.content)
            self._split(split).replace(measured)
            self.current(split)

    def add_measured_pass(self, split: str, measured: Measured) -> None:
        """Replace the scores of a split by those of a pass whose totals were computed elsewhere."""
        self._take_classes([measured])
        self.add_pass(split, [self._encoded_elsewhere(measured)])

    def current(self, split: str) -> dict[str, float]:
        """The published scores of a split, by name; NaN where undefined, empty if nothing was recorded."""
        self._drop_what_was_guessed_wrong()
        if split not in self._splits:
            return {}
        state, measured = self._splits[split], self._current(split)
        if measured is None:
            return dict(state.given)
        assert self.task is not None, "what is recorded has a task"
        if state.scores is None:
            state.scores = run_scores(measured, self.task, self._averaging)
            if state.complete:
                remember_best(state.best, state.scores)
        return {**state.scores, **state.given}

    def headline(self, split: str) -> dict[str, float]:
        """The main scores, which use labels or residuals only and are thus cheap enough for every few steps."""
        self._drop_what_was_guessed_wrong()
        if split not in self._splits:
            return {}
        state = self._splits[split]
        given = {name: state.given[name] for name in HEADLINES & state.given.keys() & state.unread}
        if state.empty:
            return given
        content = self._content(state.recent) if state.recent else cast("Measured", state.measured).content
        return {**headline_scores(content, self._averaging), **given}

    def families(self) -> Iterator[Family]:
        """Those of :meth:`summary`, and for classifiers the scores by class and the confusion matrix."""
        yield from self.summary()
        counts = {
            split: measured.content
            for split in self._splits
            if (measured := self._current(split)) is not None and isinstance(measured.content, Counts)
        }
        if counts:
            yield from self._by_class.families(counts, self.classes)
            yield from self._confusion(counts)

    def summary(self) -> Iterator[Family]:
        """Scores, and the best and the error of each."""
        self._drop_what_was_guessed_wrong()
        if not self._splits:
            return
        yield from self._run_level()
        yield self._best()
        yield from self._error_bounds()

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values, arrays and :data:`RECORDS`."""
        return {
            "encoder": self._encoder.save(),
            "by_class": self._by_class.save(),
            "outputs": self._outputs,
            "revision": self._revision,
            "splits": {
                split: [
                    list(state.recent),
                    None if state.recent else state.measured,
                    dict(state.given),
                    dict(state.best),
                ]
                for split, state in self._splits.items()
            },
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`.

        Raises:
            InvalidArgumentError: The task or the classes given now differ from the saved ones.
        """
        self._encoder.restore(saved["encoder"])
        self._check_average()
        self._by_class.restore(saved["by_class"])
        self._outputs, self._revision = saved["outputs"], saved["revision"]
        for split, (recent, measured, given, best) in saved["splits"].items():
            state = self._split(split)
            state.recent.extend(recent)
            state.measured, state.given = measured, dict(given)
            state.best.update(best)

    @property
    def _averaging(self) -> Average:
        return self._scoring.average or ("binary" if self.task == "binary" else "macro")

    def _valid(self, encoded: Sequence[Encoded]) -> list[Encoded]:
        """Steps that have scores, and were encoded after the last change of a guess."""
        self._encoder.release(encoded)
        self._drop_what_was_guessed_wrong()
        return [step for step in encoded if step.content is not None and step.revision == self._revision]

    def _drop_what_was_guessed_wrong(self) -> None:
        """Forget all scores if a guess was changed since."""
        revision = self._encoder.guesses.revision
        if revision != self._revision:
            self._revision = revision
            self._by_class = ClassScores(self._class_cap)
            self._splits = {split: state.only_given() for split, state in self._splits.items() if state.given}

    def _encoded_elsewhere(self, measured: Measured) -> Encoded:
        revision = self._encoder.guesses.revision
        return Encoded(0, 0, measured.content, measured.probabilities, revision)

    def _split(self, split: str) -> ScoredSplit:
        return self._splits.setdefault(split, ScoredSplit(self._scoring.window))

    def _take_given(self, batch: StepBatch, piece: slice) -> None:
        """Take scores that the script computed; labels of a later step count instead of them."""
        placed = [place for place, _ in (*batch.scored, *batch.measured) if piece.start <= place < piece.stop]
        first = max(placed, default=piece.start - 1) + 1
        state, later = self._split("train"), slice(first, piece.stop)
        for name in SCORES & batch.numbers.keys():
            column = batch.numbers[name][piece]
            known = column[~np.isnan(column)]
            if len(known):
                remember_best(state.best, {name: float(known.min())})
                remember_best(state.best, {name: float(known.max())})
            column = batch.numbers[name][later]
            there = column[is_given(column)]
            if len(there):
                state.give({name: float(there[-1])})

    def _current(self, split: str) -> Measured | None:
        """Current totals of a split, over all classes known now; ``None`` if nothing was computed from labels."""
        state = self._splits[split]
        if state.empty:
            return None
        if state.measured is None:
            state.measured = self._measured(state.recent)
        content = state.measured.content
        if isinstance(content, Counts) and content.classes < len(self.classes):
            state.measured = state.measured._replace(content=content.widened(len(self.classes)))
            state.scores = None
        return state.measured

    def _measured(self, steps: Collection[Encoded]) -> Measured:
        scored = [step.probabilities for step in steps if step.probabilities is not None]
        sums = self._encoder.reduce_probabilities(scored, keep=True)
        return ranked(self._content(steps), sums, self._averaging)

    def _content(self, steps: Collection[Encoded]) -> Counts | Residuals:
        contents = [step.content for step in steps]
        if isinstance(contents[0], Residuals):
            return regression.merge(cast("list[Residuals]", contents))
        return tally(cast("list[Labels | Counts]", contents), len(self.classes))

    def _count(self, split: str, content: Counts | Residuals) -> None:
        if isinstance(content, Counts):
            self._by_class.count(split, content)

    def _run_level(self) -> Iterator[Family]:
        current = {split: self.current(split) for split in self._splits}
        families: dict[str, dict[tuple[str, ...], float]] = {}
        for split, values in current.items():
            for name, value in values.items():
                metric, labels = PUBLISHED_AS.get(name, (f"model_{name}", ()))
                families.setdefault(metric, {})[split, *labels] = value
        for metric, samples in families.items():
            yield Family(
                CATALOG[metric], self._key_cache.keys(metric, tuple(samples)), tuple(samples.values())
            )

    def _best(self) -> Family:
        best = {
            (name, split): value
            for split, state in self._splits.items()
            for name, value in state.best.items()
        }
        return Family(
            CATALOG["model_score_best"], self._key_cache.keys("best", tuple(best)), tuple(best.values())
        )

    def _error_bounds(self) -> Iterator[Family]:
        """How far the areas under the curves may be off where too many samples had to be ranked."""
        bounds = {
            (name, split): bound
            for split in self._splits
            if (measured := self._current(split)) is not None and measured.ranking is not None
            for name, bound in measured.ranking.error_bounds.items()
            if name not in self._splits[split].given
        }
        if bounds:
            keys = self._key_cache.keys("error bounds", tuple(bounds))
            yield Family(CATALOG["model_score_error_bound"], keys, tuple(bounds.values()))

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
        yield Family(CATALOG["model_confusion"], self._key_cache.keys("confusion", labels), values)

    def _measure(self, step: CleanBatch) -> Residuals:
        residuals = regression.measure(step.true, step.predicted, step.weight)
        outputs = len(residuals.absolute)
        if self._outputs not in (None, outputs):
            raise ShapeError(
                f"y_true has {outputs} outputs per sample, but earlier steps had {self._outputs}"
            )
        self._outputs = outputs
        return residuals

    def _take_classes(self, measured: Sequence[Measured]) -> None:
        for one in measured:
            if isinstance(one.content, Counts):
                self._encoder.set_class_count(one.content.classes)

    def _check_average(self) -> None:
        if self._scoring.average == "binary" and self.task not in (None, "binary"):
            raise InvalidArgumentError(
                f"average='binary' is the score of the positive class, but the task is {self.task}: "
                "expected 'macro', 'weighted' or 'micro'"
            )


def _unmasked(values: object, what: str) -> object:
    """An array of numbers or labels; one with masked entries is left to the encoder."""
    return values if isinstance(values, np.ndarray) else as_array(values, what)
