"""Draining: events of the queue become batches of steps for the collectors.

The order is the point. Steps that follow each other are one batch. Every other event comes after the steps before it, except
for those in :data:`~traingauge.core.events.UNORDERED`. A batch is cut where diagnostic intervals end, and scores are read
there, after the steps of the slice and before those of the next. So they are what they were at that step, independent of
scrapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import SPLITS
from traingauge.core.collectors import Collectors
from traingauge.core.collectors.base import Collector, Handler, Reading
from traingauge.core.collectors.diagnostics import Diagnostics
from traingauge.core.collectors.loss import Loss
from traingauge.core.collectors.outputs import Outputs
from traingauge.core.collectors.restarts import Restarts
from traingauge.core.collectors.scalars import Scalars
from traingauge.core.collectors.scores import Scores
from traingauge.core.collectors.self_metrics import SelfMetrics
from traingauge.core.deferred_scores import encoded
from traingauge.core.device_numbers import fetched
from traingauge.core.epochs import Epochs
from traingauge.core.events import (
    SINGLE_STEPS,
    UNORDERED,
    EpochEnd,
    Numbers,
    OfOutput,
    OptimizerCounted,
    Pass,
    RolledBack,
    Scored,
    Steps,
    WasBusy,
)
from traingauge.core.guard import Guard
from traingauge.core.scalar_names import RESERVED, SCORES, no_score, range_of, refused
from traingauge.core.step_batch import StepBatch, columns
from traingauge.core.step_log import Block, StepLog
from traingauge.errors import InvalidArgumentError, InvalidTypeError
from traingauge.stats.classification.encoding import Encoded
from traingauge.stats.streaming.not_given import NOT_GIVEN, Floats, is_given
from traingauge.validation import MOST_COUNTED

#: The tables of the step log for what was published at the end of epochs and passes.
EPOCHS = {split: f"{split} epochs" for split in SPLITS}

#: Arguments of a step that are no number by name.
ARRAYS = frozenset(["y_true", "y_pred", "features", "sample_weight"])

#: Arguments of a step that are counts, and what they are if they are not given.
_COUNTS = {"samples": 0, "steps": 1}


class Drain:
    """Hands events to the collectors, and keeps what was recorded step by step and epoch by epoch.

    One thread at a time, under the recorder's lock.

    Args:
        collectors: Those of the run.
        guard: An event that cannot be taken, or a collector that fails, must not take the others with it.

    Attributes:
        step_log: Everything recorded, step by step and pass by pass.
        epochs: What was published at the end of each epoch and pass.
    """

    def __init__(self, collectors: Collectors, guard: Guard) -> None:
        self.step_log, self.epochs = StepLog(), Epochs()
        collectors[SelfMetrics].step_log = self.step_log
        self._guard = guard
        self._scores, self._loss = collectors[Scores], collectors[Loss]
        self._by_output = collectors[Outputs]
        self._diagnostics, self._scalars = collectors[Diagnostics], collectors[Scalars]
        self._restarts = collectors[Restarts]
        self._on_batch = [one.on_batch for one in collectors if _has(one, "on_batch")]
        self._on_slice = [one.on_slice for one in collectors if _has(one, "on_slice")]
        self._on_reading = [one.on_reading for one in collectors if _has(one, "on_reading")]
        self._handlers: dict[type, list[Handler]] = {}
        for one in collectors:
            for event, handler in one.handlers.items():
                self._handlers.setdefault(event, []).append(handler)
        self._afterwards: Mapping[type, Callable[[Any], None]] = {
            Pass: self._end_pass,
            EpochEnd: self._end_epoch,
            RolledBack: self._roll_back,
            OptimizerCounted: self._agree,
        }
        self._previous = math.nan  # end of what came before the next step
        self._stepped = -math.inf  # end of the last step
        self._unix = 0.0

    def take(self, events: Sequence[Any], unix: float) -> None:
        """Take events in their order.

        Args:
            events: At least one.
            unix: What added to a clock reading gives Unix time.
        """
        self._unix = unix
        if SINGLE_STEPS.issuperset(map(type, events)):
            self._guard.shield("digest", self._add_single, events)
            return
        steps: list[Numbers | Scored] = []
        for event in events:
            if type(event) in SINGLE_STEPS:
                steps.append(event)
            elif type(event) in UNORDERED:
                self._handle(event)
            else:
                self._guard.shield("digest", self._add_single, steps)
                steps = []
                self._guard.shield("digest", self._add_many if type(event) is Steps else self._between, event)
        self._guard.shield("digest", self._add_single, steps)

    def save(self) -> dict[str, Any]:
        """What survives the process besides the rows, as a tree of plain values."""
        return {"history": self.step_log.save()}

    def restore(self, saved: Mapping[str, Any], written: Any, blocks: Iterable[Block]) -> None:
        """Take what :meth:`save` gave, what is on disk, and the blocks there of :data:`EPOCHS`."""
        self.step_log.restore(saved["history"], written)
        found = list(blocks)
        for split, table in EPOCHS.items():
            self.epochs.restore(split, self.step_log.table(table, found))

    # Training steps

    def _add_single(self, steps: Sequence[Numbers | Scored]) -> None:
        """Add steps that are one event each."""
        if not steps:
            return
        at = np.array([step[0] for step in steps])
        counts = {name: np.full(len(steps), usual, dtype=np.int64) for name, usual in _COUNTS.items()}
        detailed: list[tuple[int, Scored]] = []
        if Scored in set(map(type, steps)):
            detailed = [(place, step) for place, step in enumerate(steps) if isinstance(step, Scored)]
        for place, step in detailed:
            counts["samples"][place], counts["steps"][place] = step.samples, step.steps
        outputs = self._outputs([(place, one) for place, step in detailed for one in step.outputs])
        numbers = columns(_rows(steps, detailed, self._guard), self._admits)
        for name in _COUNTS.keys() & numbers.keys():
            self._take_counts(name, numbers.pop(name), counts[name])
        for name in SCORES & numbers.keys():
            self._leave_out_of_range(name, numbers)
        self._add(
            at,
            counts["samples"],
            numbers,
            steps=None if (counts["steps"] == 1).all() else counts["steps"],
            scored=self._encoded(detailed),
            binned=[step.binned for _, step in detailed if step.binned is not None],
            nonfinite=_nonfinite(outputs),
            outputs=outputs,
        )

    def _encoded(self, detailed: Sequence[tuple[int, Scored]]) -> list[tuple[int, Encoded]]:
        """The scores of the steps that have some, each with its place."""
        placed = [
            (place, one)
            for place, step in detailed
            if step.scored is not None
            for one in (step.scored, *step.more)
        ]
        found = encoded([scored for _, scored in placed], self._scores, self._guard)
        return [
            (place, scored) for (place, _), scored in zip(placed, found, strict=True) if scored is not None
        ]

    def _outputs(self, placed: Sequence[tuple[int, OfOutput]]) -> list[tuple[int, OfOutput]]:
        """Outputs of steps, each with its place, with nothing left on a device."""
        rows = [{str(at): loss for at, loss in enumerate(one.losses)} for _, one in placed]
        losses = fetched(rows, self._guard) if rows else ()
        return [
            (place, one._replace(losses=np.array([*found.values()]), scored=self._encoded_output(one)))
            for (place, one), found in zip(placed, losses, strict=True)
        ]

    def _encoded_output(self, one: OfOutput) -> list[Encoded]:
        scores = self._by_output.scores(one.name)
        found = [] if scores is None else encoded(one.scored, scores, self._guard)
        return [step for step in found if step is not None]

    def _admits(self, name: str) -> bool:
        """Whether a number gets a column; what took the shortcut was not checked by name."""
        if name in ARRAYS:
            wrong = InvalidTypeError(f"{name} is one number: expected an array with a row a sample")
            self._guard.report("data", wrong)
            return False
        if name in _COUNTS:
            return True
        if name in RESERVED:
            self._guard.report("data", refused([name]))
            return False
        return self._scalars.admits(name)

    def _take_counts(self, name: str, given: Floats, counts: NDArray[np.int64]) -> None:
        """Take counts that came as floats by the shortcut."""
        there = is_given(given)
        fits = (given >= 0) & (given <= MOST_COUNTED) & (given == np.floor(given))
        counts[fits] = given[fits].astype(np.int64)
        wrong = given[there & ~fits]
        if len(wrong):
            self._guard.report(
                "data",
                InvalidArgumentError(f"{name} is {wrong[0]}: expected a whole number of at least 0"),
            )

    def _leave_out_of_range(self, name: str, numbers: dict[str, Floats]) -> None:
        """Leave out what cannot be the value of a score; what took the shortcut, or was on a device, was not checked."""
        lowest, highest = range_of(name)
        wrong = (numbers[name] < lowest) | (numbers[name] > highest)
        if wrong.any():
            self._guard.report("data", no_score(name, numbers[name][wrong][0]))
            numbers[name] = np.where(wrong, NOT_GIVEN, numbers[name])
            if not is_given(numbers[name]).any():
                del numbers[name]

    def _add_many(self, steps: Steps) -> None:
        """Add steps that one event holds."""
        count = len(steps.at)
        scalars = {name: values for name, values in steps.scalars.items() if self._admits(name)}
        until = np.linspace(0, steps.samples, count + 1).round()
        # Which of the steps were scored is not known if not all were: then the last one stands for them.
        whole = len(steps.measured) == count
        self._add(
            steps.at,
            (until[1:] - until[:-1]).astype(np.int64),  # each its share
            {**({} if steps.losses is None else {"loss": steps.losses}), **scalars},
            measured=[(place if whole else count - 1, one) for place, one in enumerate(steps.measured)],
            binned=[] if steps.binned is None else [steps.binned],
            nonfinite=steps.nonfinite,
            outputs=[(count - 1, output) for output in steps.outputs],
        )

    def _add(
        self,
        at: Floats,
        samples: Any,
        numbers: Mapping[str, Floats],
        steps: NDArray[np.int64] | None = None,
        **more: Any,
    ) -> None:
        seconds = self._seconds(at, steps)
        batch = StepBatch(at, at + self._unix, seconds, samples, numbers, steps=steps, **more)
        for on_batch in self._on_batch:
            self._guard.shield("digest", on_batch, batch)
        self._add_slices(batch)

    def _seconds(self, at: Floats, steps: NDArray[np.int64] | None) -> Floats:
        """Duration of each step: it lasts from the end of what came before it."""
        if steps is None:
            seconds = np.diff(at, prepend=self._previous)
            self._previous = self._stepped = float(at[-1])
            return seconds
        seconds, counted = np.full(len(at), math.nan), steps > 0
        if counted.any():
            seconds[counted] = np.diff(at[counted], prepend=self._previous) / steps[counted]
            self._previous = self._stepped = float(at[counted][-1])
        return seconds

    def _add_slices(self, batch: StepBatch) -> None:
        rows = self._rows(batch)
        for piece, ends_interval in self._diagnostics.intervals.slices(batch.at):
            for on_slice in self._on_slice:
                on_slice(batch, piece)
            scores = self._scores.headline("train") if ends_interval else {}
            if ends_interval:
                self._guard.shield("digest", self._read, Reading("train", scores))  # the rows are kept anyway
            read = {
                name: value for name, value in scores.items() if name not in rows
            }  # a given one stands there
            self.step_log.add("train", {name: values[piece] for name, values in rows.items()}, read)

    def _rows(self, batch: StepBatch) -> dict[str, Floats]:
        return {
            "step": self._diagnostics.position.steps
            + (np.arange(1.0, len(batch.at) + 1) if batch.steps is None else batch.steps.cumsum()),
            "time": batch.times,
            "samples": batch.samples.astype(np.float64),
            "seconds": np.where(np.isnan(batch.seconds), NOT_GIVEN, batch.seconds),
            "loss": batch.column("loss"),
            **batch.numbers,
        }

    def _read(self, reading: Reading) -> None:
        for on_reading in self._on_reading:
            on_reading(reading)

    # Other events

    def _between(self, event: Any) -> None:
        """Take an event between steps: the time up to its end is no part of the next step."""
        if isinstance(event, Pass):
            event = self._brought_over(event)
        self._handle(event)
        if type(event) in self._afterwards:
            self._afterwards[type(event)](event)
        if type(event) is WasBusy and self._stepped > event.began:
            return  # another thread was: training took steps meanwhile
        self._previous = getattr(event, "at", self._previous)

    def _brought_over(self, done: Pass) -> Pass:
        """A pass with nothing left on a device."""
        scored = [one for one in encoded(done.scored, self._scores, self._guard) if one is not None]
        numbers = {"loss": done.loss} if done.loss is not None else {}
        (read,) = fetched([numbers], self._guard)
        outputs = self._outputs([(0, one) for one in done.outputs])
        return done._replace(
            scored=scored,
            loss=read.get("loss"),
            nonfinite=done.nonfinite + _nonfinite(outputs),
            outputs=[one for _, one in outputs],
        )

    def _handle(self, event: Any) -> None:
        for handler in self._handlers.get(type(event), ()):
            self._guard.shield("digest", handler, event, self._unix)

    def _end_pass(self, done: Pass) -> None:
        split, loss = done.split, done.loss
        # Without any of these the scores are those of the pass before.
        scored = done.measured is not None or bool(done.scored) or not SCORES.isdisjoint(done.scalars)
        self._read(Reading(split, self._scores.headline(split) if scored else {}, loss))
        self._remember(split)
        scalars = {name: value for name, value in done.scalars.items() if self._scalars.admits(name, split)}
        row = {
            "step": self._diagnostics.position.steps,
            "time": done.at + self._unix,
            "samples": done.samples,
            **({} if loss is None else {"loss": loss}),
            **(self._scores.current(split) if scored else {}),
            **scalars,
        }
        self.step_log.add(split, _row(row), {})

    def _end_epoch(self, _: EpochEnd) -> None:
        self._remember("train")

    def _roll_back(self, event: RolledBack) -> None:
        self.step_log.roll_back(event.step)
        self.epochs.roll_back(event.step)

    def _agree(self, event: OptimizerCounted) -> None:
        self._restarts.agree(event.steps, self._diagnostics.position.steps)

    def _remember(self, split: str) -> None:
        values = {**self._loss.current(split), **self._scores.current(split)}
        step = self._diagnostics.position.steps
        self.epochs.add(split, step, values)
        self.step_log.add(EPOCHS[split], _row({"step": step, **values}), {})


def _has(collector: Collector, hook: str) -> bool:
    """Whether a collector has a hook of its own: a call that does nothing is paid for, too."""
    return getattr(type(collector), hook) is not getattr(Collector, hook)


def _nonfinite(outputs: Sequence[tuple[int, OfOutput]]) -> int:
    """Predictions of outputs that were not finite."""
    return sum(step.nonfinite for _, one in outputs for step in cast("Sequence[Encoded]", one.scored))


def _row(values: Mapping[str, Any]) -> dict[str, Floats]:
    return {name: np.array([float(value)]) for name, value in values.items()}


def _rows(
    steps: Sequence[Numbers | Scored], detailed: Sequence[tuple[int, Scored]], guard: Guard
) -> list[Mapping[str, Any]]:
    """The numbers of each step; tensors, which only detailed ones have, are brought over together."""
    rows = [step[1] for step in steps]
    found = fetched([step.numbers for _, step in detailed], guard) if detailed else ()
    for (place, _), row in zip(detailed, found, strict=True):
        rows[place] = row
    return rows
