"""Loss and scores of each output of a model with several: what :class:`Loss` and :class:`Scores` are to the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from traingauge.core.collectors.base import Collector
from traingauge.core.collectors.key_cache import KeyCache
from traingauge.core.collectors.loss import Loss
from traingauge.core.collectors.scores import Scores
from traingauge.core.events import OfOutput, Pass
from traingauge.core.families import Family
from traingauge.core.guard import Guard
from traingauge.core.step_batch import StepBatch
from traingauge.options import Scoring
from traingauge.stats.streaming.not_given import Floats

if TYPE_CHECKING:
    from traingauge.stats.classification.encoding import Encoded

#: Outputs that are published; more are left out and counted, as labels must be bounded.
OUTPUT_CAP = 20


class _Output(NamedTuple):
    loss: Loss
    scores: Scores


class Outputs(Collector):
    """Each output has a loss and scores of its own, and a task of its own; the total loss is that of the whole.

    Of the settings of scoring, the threshold, the window and an average that fits every task apply to each output. Scores of
    single classes and the confusion matrix are those of a model with one output.

    Args:
        scoring: Settings; ``None`` is ``Scoring()``.
        guard: Says which guesses were made about an output.

    >>> outputs = Outputs()
    >>> outputs.add("train", OfOutput("age", np.array([4.0, 2.0])), np.array([0.0, 1.0]))
    >>> {family.metric.name: (family.keys[0].labels, list(family.values)) for family in outputs.families()}["model_loss"]
    (('train', 'age'), [2.0])
    """

    def __init__(self, scoring: Scoring | None = None, guard: Guard | None = None) -> None:
        scoring = Scoring() if scoring is None else scoring
        average = None if scoring.average == "binary" else scoring.average
        self._scoring = Scoring(
            average=average, decision_threshold=scoring.decision_threshold, window=scoring.window
        )
        self._guard = Guard() if guard is None else guard
        self._of: dict[str, _Output] = {}
        self._refused: set[str] = set()
        self._key_cache = KeyCache()
        self.handlers = {Pass: self.on_pass}

    @property
    def dropped(self) -> dict[str, int]:
        """Number of outputs left out because of :data:`OUTPUT_CAP`."""
        return {"output": len(self._refused)}

    def scores(self, name: str) -> Scores | None:
        """What scores an output; ``None`` if it is left out."""
        one = self._one(name)
        return None if one is None else one.scores

    def on_batch(self, batch: StepBatch) -> None:
        """Add training steps."""
        for place, given in batch.outputs:
            self.add("train", given, batch.times[: place + 1])

    def on_pass(self, done: Pass, unix: float) -> None:
        """Replace an output's scores of a split by those of a pass."""
        for given in done.outputs:
            self.add(done.split, given, np.array([done.at + unix]))

    def add(self, split: str, given: OfOutput, times: Floats) -> None:
        """Add training steps, or replace what was known of another split.

        Args:
            split: Split.
            given: Loss and scores of an output, with nothing left on a device.
            times: Unix times, of which the last are those of the losses.
        """
        one = self._one(given.name)
        if one is None:
            return
        if len(given.losses):
            one.loss.add(split, given.losses, times[-len(given.losses) :])
        self._add_scores(split, given, one.scores)

    def _add_scores(self, split: str, given: OfOutput, scores: Scores) -> None:
        found = cast("Sequence[Encoded]", given.scored)
        if split == "train":
            scores.add_steps(split, found)
            scores.add_measured_steps(split, given.measured)
        elif found:
            scores.add_pass(split, found)
        elif given.measured:
            scores.add_measured_pass(split, *given.measured)

    def families(self) -> Iterator[Family]:
        """The loss, the scores and what follows from them, of all outputs."""
        found: dict[str, list[tuple[str, Family]]] = {}
        for name, one in list(self._of.items()):
            for family in chain(one.loss.families(), one.scores.summary()):
                found.setdefault(family.metric.name, []).append((name, family))
        for metric, parts in found.items():
            labels = tuple((*key.labels, name) for name, family in parts for key in family.keys)
            values = [value for _, family in parts for value in family.values]
            yield Family(parts[0][1].metric, self._key_cache.keys(metric, labels), values)

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values, arrays and the records of scores."""
        return {name: [one.loss.save(), one.scores.save()] for name, one in list(self._of.items())}

    def restore(self, saved: Mapping[str, Sequence[Any]]) -> None:
        """Restore a state from :meth:`save`.

        Raises:
            InvalidArgumentError: The settings of scoring now differ from the saved ones.
        """
        for name, (loss, scores) in saved.items():
            one = self._one(name)
            if one is not None:
                one.loss.restore(loss)
                one.scores.restore(scores)

    def _one(self, name: str) -> _Output | None:
        if name not in self._of:
            if len(self._of) >= OUTPUT_CAP:
                self._refused.add(name)
                return None
            self._of.setdefault(name, _Output(Loss(self._scoring.window), Scores(self._scoring, self._guard)))
        return self._of[name]
