"""What training reports to a run.

An argument that does not fit raises in the first call that gives one of its kind, and is left out and counted later;
:class:`~traingauge.core.guard.Guard` decides, and takes care of any other error. What is recorded waits in an
:class:`~traingauge.core.event_queue.EventQueue` until something reads the run (:mod:`traingauge.core.reader`) or saves it
(:mod:`traingauge.core.snapshot`).
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from traingauge.catalog import SPLITS
from traingauge.core import scalar_names
from traingauge.core.collectors import Collectors, Setup
from traingauge.core.collectors.activity import Activity
from traingauge.core.collectors.diagnostics import Diagnostics
from traingauge.core.collectors.model_info import ModelInfo
from traingauge.core.collectors.outputs import Outputs
from traingauge.core.collectors.progress import Progress
from traingauge.core.collectors.restarts import Restarts
from traingauge.core.collectors.run import RunInfo
from traingauge.core.collectors.scores import Scores
from traingauge.core.collectors.self_metrics import SelfMetrics
from traingauge.core.copies import Unique
from traingauge.core.deferred_scores import Unencoded, deferred, encoded
from traingauge.core.drain import Drain
from traingauge.core.event_queue import BACKLOG_STEPS, EventQueue
from traingauge.core.events import Event, FeaturesSeen, OptimizerCounted, RolledBack, Scored, WasBusy
from traingauge.core.numbers import admitted
from traingauge.core.reader import RunReader
from traingauge.core.snapshot import Snapshot
from traingauge.core.task_hints import TaskHints
from traingauge.errors import ClosedError
from traingauge.forks import leave_to_parent_after_fork
from traingauge.logs import logger
from traingauge.process.runs import live_runs

if TYPE_CHECKING:
    from traingauge.core.model_description import ModelDescription
    from traingauge.core.reference_bins import ReferenceBins
    from traingauge.stats.classification.encoding import Encoded
    from traingauge.stats.classification.tasks import Task
    from traingauge.stats.curves import Position
    from traingauge.stats.drift.binning import Binned


#: Kinds of data that a step gives; see :meth:`traingauge.core.guard.Guard.fitted`.
NUMBERS, FEATURES = "numbers", "features"
SCORES = {split: f"scores of {split}" for split in SPLITS}

#: Those of a step, by whether it gave scores and features.
_KINDS = {
    (False, False): (NUMBERS,),
    (True, False): (NUMBERS, SCORES["train"]),
    (False, True): (NUMBERS, FEATURES),
    (True, True): (NUMBERS, SCORES["train"], FEATURES),
}

_FLOAT = frozenset([float])


class Recorder(Unique):
    """Takes what training and its framework report.

    Args:
        setup: What its collectors are made from.
        digest_every: Steps from which the training thread drains by itself.

    Attributes:
        run: Info and state.
        progress: Counters and heartbeats.
        activity: Signs of life.
        scores: Scores.
        outputs: Loss and scores of each output of a model with several.
        drift: Drift, or ``None``.
        guard: Keeps errors inside monitoring away from training.
        self_metrics: Counters of what monitoring itself did.
        diagnostics: Statistics of the signals, the course of the run, and its health.
        restarts: Restarts and savings of the run.
        model_info: Structure of the model.
        enabled: Whether anything is recorded: whether monitoring is not switched off.
        in_training: See :class:`traingauge.integrations.base.Session`.
        queue: What waits to be drained.
        reader: Reads the run.
        snapshot: Saves and restores it.
    """

    enabled = True

    def __init__(self, setup: Setup, *, digest_every: int = BACKLOG_STEPS) -> None:
        self.guard, self.drift = setup.guard, setup.drift
        self.collectors = Collectors(setup)
        self.run, self.scores = self.collectors[RunInfo], self.collectors[Scores]
        self.outputs = self.collectors[Outputs]
        self.progress, self.diagnostics = self.collectors[Progress], self.collectors[Diagnostics]
        self.restarts, self.model_info = self.collectors[Restarts], self.collectors[ModelInfo]
        self.self_metrics, self.activity = self.collectors[SelfMetrics], self.collectors[Activity]
        self.queue = EventQueue(Drain(self.collectors, self.guard), self.self_metrics, digest_every)
        self.reader = RunReader(self.collectors, self.queue, self.guard)
        self.snapshot = Snapshot(self.collectors, self.queue, self.guard)
        self._before_end: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._trained: weakref.ref[object] | None = None  # the last model
        self._said_another = False
        self.in_training = False
        self._numbers_only = False  # whether the last steps gave nothing but numbers
        leave_to_parent_after_fork(self)

    def stand_in(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """In another process, a recorder that records nothing."""
        from traingauge.core.disabled import recorder_of_nothing  # a kind of recorder itself

        return recorder_of_nothing, ()

    def leave_to_parent(self) -> None:
        """Record nothing from now on: a forked child has a copy of the run that nothing reads."""
        self.retire(
            "this process is a fork of the one that made the monitor, and what it records is lost: make a monitor in it"
        )

    def retire(self, why: str) -> None:
        """Record nothing from now on, and count what the script still reports.

        Args:
            why: What is lost, and what to do.
        """
        from traingauge.core.retired import RetiredRecorder  # a kind of recorder itself

        self._numbers_only = False  # the shortcut of steps was handed out and cannot be replaced
        self.__class__ = RetiredRecorder
        self.why = why

    def step(  # noqa: PLR0917 by position: this is the hot path
        self,
        loss: Any,
        y_true: Any,
        y_pred: Any,
        features: Any,
        sample_weight: Any,
        samples: int,
        scalars: Mapping[str, Any],
        steps: int = 1,
    ) -> None:
        """Record one training step; see :meth:`traingauge.ModelMonitor.step`."""
        at = time.perf_counter()
        if scalars:
            scalar_names.check(scalars)
        numbers, samples, steps = admitted(self.guard, NUMBERS, {"loss": loss, **scalars}, samples, steps)
        scored = binned = None
        if y_true is not None or y_pred is not None or features is not None or sample_weight is not None:
            if scalars and (y_true is not None or y_pred is not None):
                scalar_names.check_source(scalars)
            binned = self.bin(features, y_true, y_pred)
            scored = self.encode(y_true, y_pred, sample_weight)  # last, as it learns from what it takes
            samples = samples or _samples(scored, binned)
        plain = scored is None and binned is None and not samples and steps == 1
        if plain and _FLOAT.issuperset(map(type, numbers.values())):
            self.record((at, numbers))
            self._numbers_only = not self.guard.strict  # the shortcut checks nothing
        else:
            self.record(Scored(at, numbers, scored, binned, samples, steps))
        self.guard.fitted(_KINDS[scored is not None, binned is not None])

    def shortcut(self, step: Callable[..., None]) -> Callable[..., None]:
        """A faster way for steps that give floats by name and nothing else; all others go the way that is given.

        It names no parameters: to match four keywords against seven of them costs as much as all the rest of a step. So the
        run's first step, and whatever is no float, goes the other way, on which every argument is checked.
        """
        pending, append, clock = self.queue.pending, self.queue.pending.append, time.perf_counter
        limit = self.queue.digest_every

        @wraps(step)
        def shortcut(*args: Any, **numbers: Any) -> None:
            if args or not self._numbers_only:
                return step(*args, **numbers)
            for number in numbers.values():
                if type(number) is not float:
                    return step(*args, **numbers)
            append((clock(), numbers))
            if len(pending) >= limit:
                self.queue.drain_if_free()
            return None

        return shortcut

    def record(self, event: Event) -> None:
        """Append one event.

        Raises:
            ClosedError: The run has ended.
        """
        self._refuse_if_ended()
        self.queue.append(event)

    def alive(self) -> None:
        """Note a sign of life that is no event, such as a batch of an evaluation; it costs as much as reading the clock."""
        self.activity.alive = time.perf_counter()

    @contextmanager
    def busy(self, what: str, at_most: float) -> Iterator[None]:
        """Count the run as alive inside the ``with``; see :meth:`traingauge.ModelMonitor.busy`.

        Raises:
            ClosedError: The run has ended before.
        """
        self._refuse_if_ended()
        began = time.perf_counter()
        try:
            with self.activity.busy(what, at_most):
                yield
        finally:
            if not self.ended:
                self.alive()
                # Not recorded as other events are, which would be refused if the run ends meanwhile.
                self.queue.append(WasBusy(began, time.perf_counter()))

    def _refuse_if_ended(self) -> None:
        if self.run.ended is not None:
            live_runs.leave_dying_process()
            raise ClosedError(
                f"the run is {self.run.state}: it takes no further steps; make a new ModelMonitor"
            )

    def encode(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any,
        split: str = "train",
        output: str = "",
        *,
        later: bool = False,
    ) -> Encoded | Unencoded | None:
        """Labels and predictions reduced to what scores are made of; ``None`` where there is nothing to score.

        Those on a device are reduced there, and checked when they are read; so are small tensors of PyTorch, if ``later``,
        or once those that do not fit raise no more.

        Raises:
            TrainGaugeError: Arguments that do not fit, while a person is looking.
        """
        if y_true is None and y_pred is None and sample_weight is None:
            return None
        scores = self._scores_of(output)
        if scores is None:
            return None
        kind = SCORES[split]
        small = later or not self.guard.raises(kind)
        waits = self.guard.admit(kind, deferred, y_true, y_pred, sample_weight, small=small)
        if waits is not None:
            return waits
        return self.guard.admit(kind, scores.encode, y_true, y_pred, sample_weight)

    def bring_over(self, steps: Sequence[Encoded | Unencoded], output: str = "") -> list[Encoded | Unencoded]:
        """Steps as they are encoded, for which a device is waited for; those that do not fit are left out and counted."""
        scores = self._scores_of(output)
        if scores is None:
            return []
        return [step for step in encoded(steps, scores, self.guard) if step is not None]

    def _scores_of(self, output: str) -> Scores | None:
        """What scores an output, the whole if it is empty; ``None`` for an output that is left out."""
        return self.outputs.scores(output) if output else self.scores

    def see(self, features: Any) -> None:
        """Compare the features of a batch, apart from its step; without a reference nothing is done.

        Raises:
            TrainGaugeError: Features that do not fit the reference, while a person is looking.
        """
        binned = self.bin(features, None, None)
        if binned is not None:
            self.record(FeaturesSeen(binned))
            self.guard.fitted([FEATURES])

    def bin(self, features: Any, y_true: Any, y_pred: Any) -> Binned | None:
        """Features, labels and predictions reduced to bin counts; ``None`` where no reference has anything to compare.

        Raises:
            TrainGaugeError: Features that do not fit the reference, while a person is looking.
        """
        drift = self.drift
        if drift is None or (features is None and not drift.targets):
            return None
        return self.guard.admit(FEATURES, drift.encode, features, y_true, y_pred)

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

    def found_task(
        self,
        task: Task,
        classes: int | Sequence[str] | None = None,
        *,
        from_logits: bool | None = None,
        ignore_index: int | None = None,
        output: str = "",
    ) -> None:
        """Take what an integration found out about the task; what the user said stays.

        Raises:
            LabelError: Another number of classes than is known.
        """
        scores = self._scores_of(output)
        if scores is not None:
            scores.found_task(task, classes, from_logits=from_logits, ignore_index=ignore_index)

    @property
    def bins(self) -> ReferenceBins | None:
        """The reference's bins; ``None`` without a reference."""
        if self.drift is None:
            return None
        from traingauge.core.reference_bins import ReferenceBins  # what most runs need not load

        return ReferenceBins(self.drift)

    def position(self) -> Position:
        """How far the model has come."""
        return self.reader.position()

    def agree_on_step(self, counted: int, at_once: int = 1) -> None:
        """Compare with the steps that the model's optimizer has counted; a resumed run rolls back to where its model is.

        Only that needs to know at once how far the run has come.
        """
        if self.restarts.resumed:
            restored = self.restarts.restored_step(counted, self.position().steps - at_once)
            self.restarts.resumed = False
            if restored is not None:
                self.record(RolledBack(restored))
        self.record(OptimizerCounted(counted))

    def trains(self, model: object, *, fresh: bool) -> None:
        """Say once if a model begins from nothing in a run that has trained another one."""
        before, self._trained = self._trained, weakref.ref(model)
        if fresh and before is not None and before() is not model and not self._said_another:
            self._said_another = True
            logger.warning(
                "this run has trained another model before: best values, detectors, rows and steps continue across both; "
                "make a run for each fold, as MonitorCallback('name') and ModelMonitor('name') do"
            )

    def resume_at(self, step: int) -> None:
        """Continue after an earlier step, as the user says."""
        self.record(RolledBack(step))
        self.restarts.resumed = False

    def describe_framework(self, name: str, version: str) -> None:
        """Say with what the model is trained."""
        self.run.describe(framework=name, framework_version=version)

    def describe(self, description: ModelDescription) -> None:
        """Say what is being trained."""
        with self.queue.held():
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


def _samples(scored: Encoded | Unencoded | None, binned: Binned | None) -> int:
    samples = 0 if scored is None else scored.samples
    return samples if binned is None else max(samples, binned.samples)
