"""A run's state: a queue that training appends to, and parts that whoever scrapes digests it into.

Training appends one event a step to a list, which is atomic and needs no lock. Digesting takes what the list holds as one
slice and deletes as much from its head, each as atomic, under a lock that training never waits for. So a scrape sees whole
steps, and in order: loss and step counter belong together.

An argument that does not fit raises at once, in the call that gave it; :class:`~traingauge.core.guard.Guard` takes care of
any other error.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG
from traingauge.core import baseline, thresholds
from traingauge.core.collectors.canary import CanaryMetrics
from traingauge.core.collectors.loss import Loss
from traingauge.core.collectors.model_info import ModelInfo
from traingauge.core.collectors.progress import Progress
from traingauge.core.collectors.restarts import Restarts
from traingauge.core.collectors.run import RunInfo
from traingauge.core.collectors.scalars import Scalars
from traingauge.core.collectors.scores import Scores
from traingauge.core.collectors.self_metrics import SelfMetrics
from traingauge.core.columns import ScalarColumns
from traingauge.core.diagnostics import Diagnostics, StepBatch
from traingauge.core.events import (
    CanaryChecked,
    Checkpointed,
    DataWaits,
    EpochEnd,
    Event,
    FeaturesSeen,
    Numbers,
    Pass,
    Resumed,
    RolledBack,
    Scored,
    Steps,
    WeightsChecked,
)
from traingauge.core.families import Family
from traingauge.core.guard import Guard
from traingauge.core.step_log import StepLog
from traingauge.core.thresholds import Threshold
from traingauge.errors import ClosedError, InvalidTypeError
from traingauge.stats.arrays import as_scalar
from traingauge.stats.streaming.not_given import NOT_GIVEN

if TYPE_CHECKING:
    from traingauge.core.collectors.anomalies import Makers
    from traingauge.core.collectors.drift import FeatureDrift
    from traingauge.core.model_description import ModelDescription
    from traingauge.core.step_log import Segment
    from traingauge.reference.run import ReferenceRun
    from traingauge.stats.classification.encoding import Encoded
    from traingauge.stats.curves import LearningCurves, Position
    from traingauge.stats.drift.binning import Binned

#: Steps, and samples in them, from which the training thread digests by itself: memory stays bounded without a scrape.
BACKLOG_STEPS = 4096
BACKLOG_SAMPLES = 1 << 20

#: Events that whoever scrapes digests without a pause.
DIGESTED_AT_ONCE = 256

#: Before the names of a split's entries in the history, as Keras has it.
HISTORY_PREFIX = {"train": "", "validation": "val_", "test": "test_"}

_ORDER = {name: at for at, name in enumerate(CATALOG)}


class Recorder:
    """Takes what training says, and gives what the run reads.

    Args:
        run: Info and state.
        scores: Classification and regression scores.
        drift: Drift of the features; ``None`` without a reference.
        limits: Thresholds set in code.
        loss_window: Steps in the loss's window.
        warmup_steps: Training steps from which thresholds count for scores that were never reached.
        expected: A good run to compare with; ``None`` to expect nothing.
        to_beat: Scores that the run has to beat, by name.
        detectors: What makes the detectors that watch the signals, by name; the usual ones if ``None``.
        digest_every: Steps from which the training thread digests by itself.

    Attributes:
        run: Info and state.
        progress: Counters and heartbeats.
        scores: Scores.
        drift: Drift, or ``None``.
        guard: Keeps errors inside monitoring away from training.
        self_metrics: Counters of what monitoring itself did.
        diagnostics: Statistics of the signals, the course of the run, and its health.
        restarts: Restarts and savings of the run.
        model_info: Structure of the model.
        when_read: Called after each reading by :meth:`families`.
    """

    def __init__(
        self,
        run: RunInfo,
        scores: Scores,
        drift: FeatureDrift | None = None,
        limits: Iterable[Threshold] = (),
        *,
        loss_window: int = 100,
        warmup_steps: int | None = None,
        expected: ReferenceRun | None = None,
        to_beat: Mapping[str, float] | None = None,
        detectors: Makers | None = None,
        digest_every: int = BACKLOG_STEPS,
    ) -> None:
        self.run, self.scores, self.drift = run, scores, drift
        self.progress = Progress(warmup_steps)
        self.guard = Guard()
        self.self_metrics = SelfMetrics(self.guard)
        self.diagnostics = Diagnostics(loss_window, expected, detectors)
        self.restarts = Restarts()
        self.model_info = ModelInfo()
        self.when_read: Callable[[], None] | None = None
        self._loss = Loss(loss_window)
        self._scalars = Scalars()
        self._canary = CanaryMetrics()
        self._limits, self._calibrated = tuple(limits), dict[str, float]()
        self._thresholds = thresholds.family(self._limits)
        self._baseline = baseline.family(to_beat or {})
        self._history = StepLog()
        self._epochs: dict[str, list[tuple[int, float]]] = {}
        self._pending: list[Event] = []
        self._pending_samples = self._pending_inside = 0  # samples, and steps that one event holds many of
        self._digest_every = digest_every
        self._digesting = threading.Lock()
        self._lost = False  # weights, when they were looked at last
        self._at_end: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._previous = math.nan
        self._unix = 0.0
        self._numbers_only = False  # whether the last steps gave nothing but numbers

    # What training calls

    def step(  # noqa: PLR0917 by position: this is the hot path
        self,
        loss: Any,
        y_true: Any,
        y_pred: Any,
        features: Any,
        sample_weight: Any,
        samples: int,
        scalars: Mapping[str, Any],
    ) -> None:
        """Record one training step; see :meth:`traingauge.ModelMonitor.step`."""
        at = time.perf_counter()
        if type(loss) is not float and loss is not None:
            loss = as_scalar(loss, "loss")
        for value in scalars.values():
            if type(value) is not float:
                scalars = as_scalars(scalars)
                break
        scored = binned = None
        if y_true is not None or y_pred is not None or features is not None or sample_weight is not None:
            scored = self.encode(y_true, y_pred, sample_weight)
            binned = self.bin(features, y_true, y_pred)
            samples = samples or _samples(scored, binned)
            self._pending_samples += samples
        numbers = scalars if loss is None else {"loss": loss, **scalars}
        if scored is None and binned is None and not samples:
            self.record((at, numbers))
            self._numbers_only = True
        else:
            self.record(Scored(at, numbers, scored, binned, samples))

    def shortcut(self, step: Callable[..., None]) -> Callable[..., None]:
        """A faster way for steps that give floats by name and nothing else; all others go the way that is given.

        It names no parameters: to match four keywords against seven of them costs as much as all the rest of a step. So the
        run's first step, and whatever is no float, goes the other way, on which every argument is checked.
        """
        pending, append, clock = self._pending, self._pending.append, time.perf_counter
        limit = self._digest_every

        @wraps(step)
        def shortcut(*args: Any, **numbers: Any) -> None:
            if args or not self._numbers_only:
                return step(*args, **numbers)
            for number in numbers.values():
                if type(number) is not float:
                    return step(*args, **numbers)
            append((clock(), numbers))
            if len(pending) >= limit:
                self._relieve()
            return None

        return shortcut

    def record(self, event: Event) -> None:
        """Append one event.

        Raises:
            ClosedError: The run has ended.
        """
        if self.run.ended is not None:
            raise ClosedError(
                f"the run is {self.run.state}: it takes no further steps; make a new ModelMonitor"
            )
        self._pending.append(event)
        if type(event) is Steps:
            self._pending_inside += len(event.at)
        steps = len(self._pending) + self._pending_inside
        if steps >= self._digest_every or self._pending_samples >= BACKLOG_SAMPLES:
            self._relieve()

    def encode(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Encoded | None:
        """Labels and predictions reduced to what scores are made of; ``None`` where there is nothing to score.

        Raises:
            TrainGaugeError: Arguments that do not fit.
        """
        if y_true is None and y_pred is None and sample_weight is None:
            return None
        return self.guard.run("step", self.scores.encode, y_true, y_pred, sample_weight)

    def see(self, features: Any) -> None:
        """Compare the features of a batch, apart from its step; without a reference nothing is done.

        Raises:
            TrainGaugeError: Features that do not fit the reference.
        """
        binned = self.bin(features, None, None)
        if binned is not None:
            self._pending_samples += binned.samples
            self.record(FeaturesSeen(binned))

    def bin(self, features: Any, y_true: Any, y_pred: Any) -> Binned | None:
        """Features, labels and predictions reduced to bin counts; ``None`` where no reference has anything to compare.

        Raises:
            TrainGaugeError: Features that do not fit the reference.
        """
        drift = self.drift
        if drift is None or (features is None and not drift.targets):
            return None
        return self.guard.run("step", drift.encode, features, y_true, y_pred)

    def describe(self, description: ModelDescription) -> None:
        """Say what is being trained."""
        with self._digesting:
            self.model_info.update(description)
            self.run.describe(
                architecture=description.architecture,
                optimizer=description.optimizer,
                loss_function=description.loss,
            )

    def at_end(self, method: Callable[[], None]) -> None:
        """Have a bound method called before the run ends, unless its object is gone by then."""
        self._at_end.append(weakref.WeakMethod(method))

    def end(self, state: str, exception: str = "") -> None:
        """End the run, with all that a framework's integration still holds back."""
        for reference in self._at_end:
            method = reference()
            if method is not None:
                self.guard.run("step", method)
        self._numbers_only = False
        self.run.end(state, exception=exception)

    # What whoever looks calls

    def families(self, maybe_yield: Callable[[], None] = lambda: None) -> list[Family]:
        """What the run reads now, in the catalogue's order.

        Args:
            maybe_yield: Called now and then, so that a caller that is not training may pause.
        """
        with self._digesting:
            self._digest(maybe_yield)
            started = time.perf_counter()
            families = sorted(self._read(maybe_yield), key=lambda family: _ORDER[family.metric.name])
            self.self_metrics.spent("scrape", time.perf_counter() - started)
        if self.when_read is not None:
            self.when_read()
        return families

    def history(self) -> dict[str, list[float]]:
        """What was published at the end of each epoch and pass, as a copy.

        ``loss``, ``accuracy`` … are of ``train``; those of the other splits begin with ``val_`` and ``test_``.
        """
        with self._digesting:
            self._digest()
            return {name: [value for _, value in entries] for name, entries in self._epochs.items()}

    def rows(self, split: str, read: Callable[[str, int], Mapping[str, NDArray[np.float64]]]) -> Segment:
        """Everything recorded of a split, by column; see :meth:`traingauge.core.step_log.StepLog.columns`."""
        with self._digesting:
            self._digest()
            return self._history.columns(split, partial(read, split))

    def curves(self) -> LearningCurves:
        """How the run went so far, as a copy."""
        with self._digesting:
            self._digest()
            return self.diagnostics.curves.copy()

    def position(self) -> Position:
        """How far the model has come."""
        with self._digesting:
            self._digest()
            return self.diagnostics.position

    def last_loss(self, split: str = "train") -> float:
        """The last loss of a split, NaN if there is none."""
        with self._digesting:
            self._digest()
            return self._loss.last(split)

    def steps_taken(self, split: str = "train") -> int:
        """Steps recorded so far."""
        with self._digesting:
            self._digest()
            return self.progress.steps[split]

    # What survives the process

    def save(self) -> tuple[dict[str, Any], dict[tuple[str, int], Segment]]:
        """The run's state as a tree of plain values, arrays and records, and segments of its history that it refers to."""
        with self._digesting:
            self._digest()
            tree = {name: part.save() for name, part in self._saved_parts().items()}
            tree["epochs"] = {name: list(entries) for name, entries in self._epochs.items()}
            tree["history"] = self._history.save()
            return tree, self._history.sealed()

    def saved(self, segments: Iterable[tuple[str, int]], at: float) -> None:
        """What :meth:`save` gave is on disk: its segments may leave memory."""
        with self._digesting:
            self._history.drop(segments)
            self.restarts.saved = at

    def restore(self, tree: Mapping[str, Any]) -> None:
        """Go on from what :meth:`save` gave, before the first step; a part that cannot begins anew, and that is counted."""

        def restore_rest(rest: Mapping[str, Any]) -> None:
            self._epochs = {
                name: [(step, value) for step, value in entries] for name, entries in rest["epochs"].items()
            }
            self._history = StepLog.restored(rest["history"])

        for name, part in self._saved_parts().items():
            if name in tree:
                self.guard.shield("state", part.restore, tree[name])
        self.guard.shield("state", restore_rest, tree)

    def _saved_parts(self) -> dict[str, Any]:
        parts = {
            "run": self.run,
            "progress": self.progress,
            "loss": self._loss,
            "scalars": self._scalars,
            "scores": self.scores,
            "drift": self.drift,
            "diagnostics": self.diagnostics,
            "self_metrics": self.self_metrics,
            "restarts": self.restarts,
            "model_info": self.model_info,
        }
        return {name: part for name, part in parts.items() if part is not None}

    # Digesting: one thread at a time, under the lock

    def _relieve(self) -> None:
        """Digest, unless somebody does already: training never waits."""
        if self._digesting.acquire(blocking=False):
            try:
                self._digest()
            finally:
                self._digesting.release()

    def _digest(self, maybe_yield: Callable[[], None] | None = None) -> None:
        """Digest what is pending, with pauses if whoever scrapes does it; what is appended meanwhile is left to the next."""
        started = time.perf_counter()
        self._unix = time.time() - started
        self._pending_samples = self._pending_inside = 0
        left = len(self._pending)
        while left:
            count = left if maybe_yield is None else min(left, DIGESTED_AT_ONCE)
            events = self._pending[:count]
            del self._pending[:count]
            left -= count
            if _STEPS.issuperset(map(type, events)):
                self.guard.shield("digest", self._digest_each, cast("list[Numbers | Scored]", events))
            else:
                self._digest_in_order(events)
            if maybe_yield is not None:
                maybe_yield()
        self.self_metrics.spent("digest", time.perf_counter() - started)

    def _digest_in_order(self, events: Sequence[Event]) -> None:
        """Steps together, but no further than to the next event that has to come after them."""
        steps: list[Any] = []
        for event in events:
            if type(event) in _STEPS:
                steps.append(event)
            elif type(event) is DataWaits:
                self.guard.shield("digest", self._digest_waits, event)
            elif type(event) is FeaturesSeen:
                self.guard.shield("digest", self._add_binned, [event.binned])
            else:
                self.guard.shield("digest", self._digest_each, steps)
                steps = []
                self.guard.shield("digest", _HANDLERS[type(event)], self, event)
        self.guard.shield("digest", self._digest_each, steps)

    def _digest_each(self, steps: Sequence[Numbers | Scored]) -> None:
        if not steps:
            return
        at = np.array([step[0] for step in steps])
        given = self._give([step[1] for step in steps])
        detailed: list[tuple[int, Scored]] = []
        if Scored in set(map(type, steps)):
            detailed = [(index, step) for index, step in enumerate(steps) if isinstance(step, Scored)]
        samples = np.zeros(len(steps), dtype=np.int64)
        for index, step in detailed:
            samples[index] = step.samples
        seconds = self._advance(at, int(samples.sum()))
        if "loss" in given.names:
            self._add_losses(given.known("loss"), at[given.where("loss")])
        self._add_binned([step.binned for _, step in detailed if step.binned is not None])
        by_name = {name: given.column(name) for name in given.names if name != "loss" and name not in _ARRAYS}
        self._add_scalars("train", {name: given.known(name) for name in by_name})

        def score(piece: slice) -> None:
            scored = [step.scored for index, step in detailed if piece.start <= index < piece.stop]
            self._add_scored("train", [one for one in scored if one is not None], self.scores.add_steps)

        losses, norms = (
            given.column(name) if name in given.names else None for name in ("loss", "gradient_norm")
        )
        self._diagnose(StepBatch.of(at, losses, norms, seconds, samples), score, by_name)

    def _give(self, rows: Sequence[Mapping[str, Any]]) -> ScalarColumns:
        given = self.guard.shield("digest", ScalarColumns, rows)
        if given is None:  # a tensor whose device is lost, say, takes only itself
            given = ScalarColumns([_readable(row) for row in rows])
        for name in _ARRAYS.intersection(given.names):  # what took the shortcut was not checked by name
            wrong = InvalidTypeError(f"{name} is one number: expected an array with a row a sample")
            self.guard.report("step", wrong)
        return given

    def _digest_steps(self, steps: Steps) -> None:
        seconds = self._advance(steps.at, steps.samples)
        if steps.losses is not None:
            self._add_losses(steps.losses, steps.at)
        self._diagnose_steps(steps, seconds)
        if steps.binned is not None:
            self._add_binned([steps.binned])
        self.self_metrics.saw_nonfinite("train", "prediction", steps.nonfinite)
        self._add_scalars("train", steps.scalars)

    def _diagnose_steps(self, steps: Steps, seconds: NDArray[np.float64]) -> None:
        count = len(steps.at)
        until = np.linspace(0, steps.samples, count + 1).round()
        samples = (until[1:] - until[:-1]).astype(np.int64)  # each its share

        def score(piece: slice) -> None:
            if len(steps.measured) == count:
                self.scores.add_measured_steps("train", steps.measured[piece])
            elif piece.stop == count:  # which of the steps were scored is not known
                self.scores.add_measured_steps("train", steps.measured)

        columns = StepBatch.of(steps.at, steps.losses, steps.scalars.get("gradient_norm"), seconds, samples)
        if self._lost:
            columns = replace(columns, nonfinite=np.ones(count, dtype=np.bool_))
        self._diagnose(columns, score, steps.scalars)

    def _diagnose(
        self,
        steps: StepBatch,
        score: Callable[[slice], None],
        scalars: Mapping[str, NDArray[np.float64]],
    ) -> None:
        """Score the steps piece by piece, so that every mark reads what the scores were there."""
        self.diagnostics.add_steps(steps)
        columns = {
            "step": self.diagnostics.position.steps + np.arange(1.0, len(steps.at) + 1),
            "time": steps.at + self._unix,
            "samples": steps.samples.astype(np.float64),
            "seconds": np.where(np.isnan(steps.seconds), NOT_GIVEN, steps.seconds),
            "loss": steps.loss,
            **scalars,
        }
        for piece, marked in self.diagnostics.pieces(steps.at):
            score(piece)
            self.diagnostics.advance(steps, piece)
            scores = self.scores.headline("train") if marked else {}
            if marked:
                self.diagnostics.mark(float(steps.at[piece.stop - 1]), scores)
            self._history.add("train", {name: values[piece] for name, values in columns.items()}, scores)

    def _digest_pass(self, done: Pass) -> None:
        split = done.split
        at = np.array([done.at])
        unknown = np.full(1, math.nan)  # a pass has one end and no duration of its single steps
        last = done.at + self._unix
        self.progress.add_steps(split, count=done.steps, samples=done.samples, last=last, durations=unknown)
        self.progress.end_epoch(split)
        if done.loss is not None:
            loss = np.array([float(done.loss)])
            self.self_metrics.saw_nonfinite(split, "loss", int(not math.isfinite(loss[0])))
            self._loss.add(split, loss, at + self._unix)
        if done.measured is not None:
            self.scores.add_measured_pass(split, done.measured)
        self._add_scored(split, done.scored, self.scores.add_pass)
        self.self_metrics.saw_nonfinite(split, "prediction", done.nonfinite)
        scalars = {name: np.array([float(value)]) for name, value in done.scalars.items()}
        self._add_scalars(split, scalars)
        # Without either the scores are those of the pass before.
        scored = done.measured is not None or bool(done.scored)
        given_loss = {} if done.loss is None else {"loss": done.loss}
        self.diagnostics.add_pass(
            split,
            None if done.loss is None else float(done.loss),
            self.scores.headline(split) if scored else {},
        )
        self._remember(split)
        row = {
            "step": self.diagnostics.position.steps,
            "time": last,
            "samples": done.samples,
            **given_loss,
            **(self.scores.current(split) if scored else {}),
            **done.scalars,
        }
        self._history.add(split, {name: np.array([float(value)]) for name, value in row.items()}, {})
        self._previous = done.at

    def _digest_waits(self, waits: DataWaits) -> None:
        self.progress.add_waits("train", np.array(waits.seconds))

    def _digest_epoch(self, end: EpochEnd) -> None:
        self.progress.end_epoch("train")
        self._remember("train")
        self._previous = end.at

    def _digest_checkpointed(self, saved: Checkpointed) -> None:
        self.progress.checkpoints += 1
        self._previous = saved.at

    def _digest_resumed(self, resumed: Resumed) -> None:
        if resumed.planned is not None:
            self.progress.steps_planned = self.progress.steps["train"] + resumed.planned
        self._previous = resumed.at

    def _digest_checked(self, event: CanaryChecked) -> None:
        self._canary.update(event.reading, event.at + self._unix)
        self._previous = event.at  # the time that it took is no part of the next step

    def _digest_looked(self, event: WeightsChecked) -> None:
        self.self_metrics.saw_nonfinite("train", "weight", event.nonfinite)
        self._lost = event.nonfinite > 0
        self._previous = event.at  # the time that it took is no part of the next step

    def _digest_went_back(self, event: RolledBack) -> None:
        self.diagnostics.roll_back(event.step)
        self._history.roll_back(event.step)
        self._epochs = {
            name: [entry for entry in entries if entry[0] <= event.step]
            for name, entries in self._epochs.items()
        }

    def _advance(self, at: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
        """Count training steps, and their durations: a step lasts from the end of what came before it."""
        durations = np.diff(at, prepend=self._previous)
        last = float(at[-1])
        self.progress.add_steps(
            "train", count=len(at), samples=samples, last=last + self._unix, durations=durations
        )
        self._previous = last
        return durations

    def _add_losses(self, losses: NDArray[np.float64], at: NDArray[np.float64]) -> None:
        if len(losses):
            self.self_metrics.saw_nonfinite("train", "loss", int(np.count_nonzero(~np.isfinite(losses))))
            self._loss.add("train", losses, at + self._unix)

    def _add_scored(
        self, split: str, scored: Sequence[Encoded], add: Callable[[str, Sequence[Encoded]], None]
    ) -> None:
        if scored:
            self.self_metrics.saw_nonfinite(split, "prediction", sum(one.nonfinite for one in scored))
            add(split, scored)

    def _add_binned(self, binned: Sequence[Binned]) -> None:
        if binned and self.drift is not None:
            self.self_metrics.saw_nonfinite("train", "feature", sum(one.nonfinite for one in binned))
            self.drift.add(binned)

    def _add_scalars(self, split: str, scalars: Mapping[str, NDArray[np.float64]]) -> None:
        """Take numbers in the order in which they were given, by name; at least one of each."""
        norms = scalars.get("gradient_norm", np.zeros(0))
        self.self_metrics.saw_nonfinite(split, "gradient", int(np.count_nonzero(~np.isfinite(norms))))
        self._scalars.update(split, {name: float(values[-1]) for name, values in scalars.items()})

    def _remember(self, split: str) -> None:
        prefix, step = HISTORY_PREFIX[split], self.diagnostics.position.steps
        values = {"loss": self._loss.last(split), **self.scores.current(split)}
        for name, value in values.items():
            self._epochs.setdefault(prefix + name, []).append((step, value))

    # Reading

    def _read(self, maybe_yield: Callable[[], None]) -> Iterator[Family]:
        task = self.scores.task
        if task is not None and "task" not in self.run.info:
            self.run.describe(task=task)
        for part in (
            self.run,
            self.model_info,
            self.progress,
            self._loss,
            self._scalars,
            self.diagnostics,
            self.scores,
            self.drift,
            self._canary,
            self.restarts,
        ):
            if part is not None:
                yield from self._guard_read(part.families, maybe_yield)
        yield from self._guard_read(self._read_thresholds, maybe_yield)
        dropped = {"class": self.scores.dropped, "scalar": self._scalars.dropped}
        if self.drift is not None:
            dropped["feature"] = self.drift.dropped
        yield from self.self_metrics.families(dropped)

    def _read_thresholds(self) -> Iterator[Family]:
        """Thresholds set in code, those that the reference is calibrated to for the features shown, and the baseline."""
        calibrated = {} if self.drift is None else self.drift.thresholds()
        if calibrated != self._calibrated:
            own = [Threshold("feature_drift", "warning", value, name) for name, value in calibrated.items()]
            self._calibrated, self._thresholds = calibrated, thresholds.family([*self._limits, *own])
        if self._thresholds.keys:
            yield self._thresholds
        if self._baseline.keys:
            yield self._baseline

    def _guard_read(
        self, families: Callable[[], Iterable[Family]], maybe_yield: Callable[[], None]
    ) -> list[Family]:
        """A part that cannot be read must not take the others with it."""

        def read() -> list[Family]:
            found = []
            for family in families():
                found.append(family)
                maybe_yield()
            return found

        return self.guard.shield("scrape", read) or []


#: Events that are one training step each.
_STEPS = frozenset([tuple, Scored])

#: Arguments of a step that are no number by name.
_ARRAYS = frozenset(["y_true", "y_pred", "features", "sample_weight"])

_HANDLERS: dict[type, Callable[[Recorder, Any], None]] = {
    Steps: Recorder._digest_steps,
    Pass: Recorder._digest_pass,
    EpochEnd: Recorder._digest_epoch,
    Checkpointed: Recorder._digest_checkpointed,
    Resumed: Recorder._digest_resumed,
    RolledBack: Recorder._digest_went_back,
    CanaryChecked: Recorder._digest_checked,
    WeightsChecked: Recorder._digest_looked,
}


def as_scalars(scalars: Mapping[str, Any]) -> dict[str, Any]:
    """Scalars given by name, each as one number; those that are ``None`` are left out.

    Raises:
        TrainGaugeError: One that is no number.
    """
    return {name: as_scalar(value, name) for name, value in scalars.items() if value is not None}


def _readable(row: Mapping[str, Any]) -> dict[str, float]:
    numbers = {}
    for name, value in row.items():
        with suppress(Exception):
            numbers[name] = float(value)
    return numbers


def _samples(scored: Encoded | None, binned: Binned | None) -> int:
    samples = 0 if scored is None else scored.samples
    return samples if binned is None else max(samples, binned.samples)
