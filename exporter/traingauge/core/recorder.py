"""A run's state: a queue that training appends to, drained into collectors by whatever reads them.

Training appends one event a step to a list, which is atomic and needs no lock. Draining takes what the list holds as one
slice and deletes as much from its head, each as atomic, under a lock that training never waits for. So a scrape sees whole
steps, and in order: loss and step counter belong together. :mod:`traingauge.core.drain` says what becomes of the events.

An argument that does not fit raises at once, in the call that gave it; :class:`~traingauge.core.guard.Guard` takes care of
any other error.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG
from traingauge.core.collectors import Collectors, Setup
from traingauge.core.collectors.base import Collector
from traingauge.core.collectors.diagnostics import Diagnostics
from traingauge.core.collectors.loss import Loss
from traingauge.core.collectors.model_info import ModelInfo
from traingauge.core.collectors.progress import Progress
from traingauge.core.collectors.restarts import Restarts
from traingauge.core.collectors.run import RunInfo
from traingauge.core.collectors.scores import Scores
from traingauge.core.collectors.self_metrics import SelfMetrics
from traingauge.core.drain import Drain
from traingauge.core.events import Event, FeaturesSeen, RolledBack, Scored, Steps
from traingauge.core.families import Family
from traingauge.core.reference_bins import ReferenceBins
from traingauge.core.task_hints import TaskHints
from traingauge.errors import ClosedError
from traingauge.stats.arrays import as_scalar

if TYPE_CHECKING:
    from traingauge.core.model_description import ModelDescription
    from traingauge.core.step_log import Segment
    from traingauge.stats.classification.encoding import Encoded
    from traingauge.stats.classification.tasks import Task
    from traingauge.stats.curves import LearningCurves, Position
    from traingauge.stats.drift.binning import Binned

#: Steps, and samples in them, from which the training thread drains by itself: memory stays bounded without a scrape.
BACKLOG_STEPS = 4096
BACKLOG_SAMPLES = 1 << 20

#: Events that a scrape drains without a pause.
DRAINED_AT_ONCE = 256

_ORDER = {name: at for at, name in enumerate(CATALOG)}


class Recorder:
    """Takes what training says, and gives what the run reads.

    Args:
        setup: What its collectors are made from.
        digest_every: Steps from which the training thread drains by itself.

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
        enabled: Whether anything is recorded: whether monitoring is not switched off.
        when_read: Called after each reading by :meth:`families`.
    """

    enabled = True

    def __init__(self, setup: Setup, *, digest_every: int = BACKLOG_STEPS) -> None:
        self.guard, self.drift = setup.guard, setup.drift
        self.collectors = Collectors(setup)
        self.run, self.scores = self.collectors[RunInfo], self.collectors[Scores]
        self.progress, self.diagnostics = self.collectors[Progress], self.collectors[Diagnostics]
        self.restarts, self.model_info = self.collectors[Restarts], self.collectors[ModelInfo]
        self.self_metrics = self.collectors[SelfMetrics]
        self.when_read: Callable[[], None] | None = None
        self._drain = Drain(self.collectors, self.guard)
        self._pending: list[Event] = []
        self._pending_samples = self._pending_inside = 0  # samples, and steps that one event holds many of
        self._digest_every = digest_every
        self._draining = threading.Lock()
        self._before_end: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._numbers_only = False  # whether the last steps gave nothing but numbers

    # Write side

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
                self._drain_if_free()
            return None

        return shortcut

    def record(self, event: Event) -> None:
        """Append one event.

        Raises:
            ClosedError: The run has ended.
        """
        if self.ended:
            raise ClosedError(
                f"the run is {self.run.state}: it takes no further steps; make a new ModelMonitor"
            )
        self._pending.append(event)
        if type(event) is Steps:
            self._pending_inside += len(event.at)
        steps = len(self._pending) + self._pending_inside
        if steps >= self._digest_every or self._pending_samples >= BACKLOG_SAMPLES:
            self._drain_if_free()

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

    # What integrations use: traingauge.integrations.base.Session

    @property
    def state(self) -> str:
        """``running``, ``finished``, ``failed`` or ``interrupted``."""
        return self.run.state

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return self.run.ended is not None

    @property
    def hints(self) -> TaskHints:
        """What the user said about the model's task."""
        return self.scores.hints

    def found_task(self, task: Task, classes: int | Sequence[str] | None = None) -> None:
        """Take what an integration found out about the task; what the user said stays.

        Raises:
            LabelError: Another number of classes than is known.
        """
        self.scores.found_task(task, classes)

    @property
    def bins(self) -> ReferenceBins | None:
        """The reference's bins; ``None`` without a reference."""
        return None if self.drift is None else ReferenceBins(self.drift)

    def agree_on_step(self, counted: int, at_once: int = 1) -> None:
        """Compare with the steps that the model's optimizer has counted; a resumed run rolls back to where its model is."""
        position = self.position().steps
        restored = self.restarts.restored_step(counted, position - at_once)
        if restored is not None:
            self.record(RolledBack(restored))
            position = restored
        self.restarts.agree(counted, position)

    def resume_at(self, step: int) -> None:
        """Continue after an earlier step, as the user says."""
        self.record(RolledBack(step))
        self.restarts.resumed = False

    def describe_framework(self, name: str, version: str) -> None:
        """Say with what the model is trained."""
        self.run.describe(framework=name, framework_version=version)

    def describe(self, description: ModelDescription) -> None:
        """Say what is being trained."""
        with self._draining:
            self.model_info.update(description)
            self.run.describe(
                architecture=description.architecture,
                optimizer=description.optimizer,
                loss_function=description.loss,
            )

    def before_end(self, method: Callable[[], None]) -> None:
        """Call a bound method before the run ends; only a weak reference to its object is kept."""
        self._before_end.append(weakref.WeakMethod(method))

    def end(self, state: str, exception: str = "") -> None:
        """End the run, with all that a framework's integration still holds back."""
        for reference in self._before_end:
            method = reference()
            if method is not None:
                self.guard.run("step", method)
        self._numbers_only = False
        self.run.end(state, exception=exception)

    # Read side

    def families(self, maybe_yield: Callable[[], None] = lambda: None) -> list[Family]:
        """What the run reads now, in the catalogue's order.

        Args:
            maybe_yield: Called now and then, so that a caller that is not training may pause.
        """
        with self._draining:
            self._drain_pending(maybe_yield)
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
        with self._draining:
            self._drain_pending()
            return self._drain.epochs.values()

    def rows(self, split: str, read: Callable[[str, int], Mapping[str, NDArray[np.float64]]]) -> Segment:
        """Everything recorded of a split, by column; see :meth:`traingauge.core.step_log.StepLog.columns`."""
        with self._draining:
            self._drain_pending()
            return self._drain.step_log.columns(split, partial(read, split))

    def curves(self) -> LearningCurves:
        """How the run went so far, as a copy."""
        with self._draining:
            self._drain_pending()
            return self.diagnostics.curves.copy()

    def position(self) -> Position:
        """How far the model has come."""
        with self._draining:
            self._drain_pending()
            return self.diagnostics.position

    def last_loss(self, split: str = "train") -> float:
        """The last loss of a split, NaN if there is none."""
        with self._draining:
            self._drain_pending()
            return self.collectors[Loss].last(split)

    def steps_taken(self, split: str = "train") -> int:
        """Steps recorded so far."""
        with self._draining:
            self._drain_pending()
            return self.progress.steps[split]

    # What survives the process

    def save(self) -> tuple[dict[str, Any], dict[tuple[str, int], Segment]]:
        """The run's state as a tree of plain values, arrays and records, and segments of its history that it refers to."""
        with self._draining:
            self._drain_pending()
            tree = {name: one.save() for name, one in self.collectors.by_name.items()}
            tree = {name: saved for name, saved in tree.items() if saved is not None}
            return {**tree, **self._drain.save()}, self._drain.step_log.sealed()

    def saved(self, segments: Iterable[tuple[str, int]], at: float) -> None:
        """What :meth:`save` gave is on disk: its segments may leave memory."""
        with self._draining:
            self._drain.step_log.drop(segments)
            self.restarts.saved = at

    def restore(self, tree: Mapping[str, Any]) -> None:
        """Continue from what :meth:`save` gave, before the first step; one that cannot starts empty, which is counted."""
        for name, one in self.collectors.by_name.items():
            if name in tree:
                self.guard.shield("state", one.restore, tree[name])
        self.guard.shield("state", self._drain.restore, tree)

    # Draining: one thread at a time, under the lock

    def _drain_if_free(self) -> None:
        """Drain, unless another thread does already: training never waits."""
        if self._draining.acquire(blocking=False):
            try:
                self._drain_pending()
            finally:
                self._draining.release()

    def _drain_pending(self, maybe_yield: Callable[[], None] | None = None) -> None:
        """Drain what is pending, with pauses if a scrape does it; what is appended meanwhile is left to the next."""
        started = time.perf_counter()
        unix = time.time() - started
        self._pending_samples = self._pending_inside = 0
        left = len(self._pending)
        while left:
            count = left if maybe_yield is None else min(left, DRAINED_AT_ONCE)
            events = self._pending[:count]
            del self._pending[:count]
            left -= count
            self._drain.take(events, unix)
            if maybe_yield is not None:
                maybe_yield()
        self.self_metrics.spent("digest", time.perf_counter() - started)

    # Reading

    def _read(self, maybe_yield: Callable[[], None]) -> Iterator[Family]:
        task = self.scores.task
        if task is not None and "task" not in self.run.info:
            self.run.describe(task=task)
        for collector in self.collectors:
            yield from self._read_one(collector, maybe_yield)

    def _read_one(self, collector: Collector, maybe_yield: Callable[[], None]) -> list[Family]:
        """What a collector publishes; one that cannot be read must not take the others with it."""

        def read() -> list[Family]:
            found = []
            for family in collector.families():
                found.append(family)
                maybe_yield()
            return found

        return self.guard.shield("scrape", read) or []


def as_scalars(scalars: Mapping[str, Any]) -> dict[str, Any]:
    """Scalars given by name, each as one number; those that are ``None`` are left out.

    Raises:
        TrainGaugeError: One that is no number.
    """
    return {name: as_scalar(value, name) for name, value in scalars.items() if value is not None}


def _samples(scored: Encoded | None, binned: Binned | None) -> int:
    samples = 0 if scored is None else scored.samples
    return samples if binned is None else max(samples, binned.samples)
