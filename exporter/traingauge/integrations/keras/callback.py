"""Keras: a callback that records ``fit`` and ``evaluate``, and ``fit`` with everything recorded.

The values come from inside of the graph (:mod:`traingauge.integrations.keras.probe`). The callback only notes when steps
ended, and reads the graph's variables when many steps, or a fraction of a second, have passed.

Scores weigh samples as the model's own loss does: with ``sample_weight``, with the output's mask, and in training with
``class_weight``, which Keras makes sample weights of. Features are compared with the reference as the model gets them; what
is read at once enters the drift window at once.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import keras
import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import SPLITS
from traingauge.core.events import EpochEnd, Pass, Resumed, RolledBack, Steps, WeightsChecked
from traingauge.core.model_description import describe
from traingauge.core.recorder import Recorder
from traingauge.errors import (
    ClosedError,
    InvalidArgumentError,
    UnknownNameError,
    UnsupportedBackendError,
)

if TYPE_CHECKING:
    from traingauge.integrations.keras.canary import CanaryCheck
    from traingauge.integrations.keras.plan import ScoringPlan
    from traingauge.integrations.keras.probe import GraphProbe
    from traingauge.integrations.keras.tables import Rows
    from traingauge.stats.drift.binning import Binned

Hook = TypeVar("Hook", bound=Callable[..., None])
Logs = Mapping[str, Any] | None

#: Seconds after which the graph's variables are read, at the next step's end.
READ_EVERY = 0.25

#: Ends of steps that are kept until then: more than there is ever room for in the graph.
MOST_ENDS = 1 << 16


def _guarded(hook: Hook) -> Hook:
    """A hook of the callback whose own errors are counted, and that does nothing once the run has ended."""

    @functools.wraps(hook)
    def guarded(self: MonitorCallback, *args: Any, **kwargs: Any) -> None:
        if self.recorder.run.ended is None and self._probe is not None:
            self.recorder.guard.shield("integration", hook, self, *args, **kwargs)

    return cast("Hook", guarded)


class MonitorCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Records what a model does in ``fit`` and ``evaluate``; made by :meth:`traingauge.ModelMonitor.keras`.

    It leaves the model's steps wrapped when ``fit`` ends, so that the next ``fit`` need not trace them again; the end of the
    run takes the wrapping off.

    Args:
        recorder: The run.
        split: Where ``evaluate`` outside of ``fit`` belongs: ``validation`` or ``test``.
        gradient_norm: Whether to record the global norm of the gradients, before clipping.
        question: A canary that the model is asked while it trains.

    Raises:
        UnsupportedBackendError: Keras does not run on TensorFlow.
        UnknownNameError: Another split.
    """

    def __init__(
        self,
        recorder: Recorder,
        split: str = "test",
        *,
        gradient_norm: bool = False,
        question: CanaryCheck | None = None,
    ) -> None:
        super().__init__()
        if keras.backend.backend() != "tensorflow":
            raise UnsupportedBackendError(
                f"Keras runs on {keras.backend.backend()!r}: the callback needs its 'tensorflow' backend; "
                "in a loop of your own, monitor.step(…) takes any framework"
            )
        if split not in SPLITS[1:]:
            raise UnknownNameError("split of an evaluation", split, SPLITS[1:])
        self.recorder, self._split, self._gradient_norm = recorder, split, gradient_norm
        self._question = question
        self._probe: GraphProbe | None = None
        self._fitting = False
        self._ends: deque[float] = deque(maxlen=MOST_ENDS)  # a run that has ended reads them no more
        self._resumed = self._read_by = 0.0
        self._read_at = self._together = 1
        self._epoch_steps: int | None = None
        self._taken = 0
        self._planned = self._described = self._counted = False

    def set_model(self, model: Any) -> None:
        """Keras calls it before it traces anything: the moment to tap the model's steps.

        Raises:
            ClosedError: The run has ended.
            UnsupportedBackendError: The model is spread over several devices by ``tf.distribute``.
            ShapeError: The canary does not fit the model.
        """
        super().set_model(model)
        if self.recorder.run.ended is not None:
            raise ClosedError(f"the run is {self.recorder.run.state}: make a new ModelMonitor")
        if model.distribute_strategy.num_replicas_in_sync > 1:
            raise UnsupportedBackendError(
                f"the model runs in {model.distribute_strategy.num_replicas_in_sync} replicas of a tf.distribute strategy: "
                "the callback records one; in a loop of your own, monitor.step(…) takes any"
            )
        self.recorder.run.describe(framework="keras", framework_version=keras.__version__)
        self._together = int(model.steps_per_execution)
        self._probe = self.recorder.guard.shield(
            "integration", _probe, model, self.recorder, gradients=self._gradient_norm
        )
        if self._question is not None:
            self._question.begin(model)

    @_guarded
    def on_train_begin(self, logs: Logs = None) -> None:
        """Leave out the steps that were recorded by nobody."""
        probe = self._active
        self._fitting = True
        self._planned = self._described = self._counted = False
        self._epoch_steps = self.params.get("steps")
        self._ends.clear()
        probe.read_steps()
        probe.read_bins()
        probe.read_targets()
        probe.before_end = self._before_end
        self._read_at = 1  # what is scored, and so how much room there is, is known after the first

    @_guarded
    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """What came before is no part of the epoch's first step; all that restores a model has done so by now."""
        if not self._counted:
            self._counted = True
            self._agree_on_steps()
        planned = None
        if not self._planned and self._epoch_steps and self.params.get("epochs"):
            self._planned = True
            planned = (self.params["epochs"] - epoch) * self._epoch_steps
        self._taken = 0
        self._resumed = time.perf_counter()
        self.recorder.record(Resumed(self._resumed, planned))

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Nothing, without the detour that Keras' own takes to do nothing."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Note the time; once in a while, read. Only that is guarded: a guard costs as much as all the rest of a step."""
        now = time.perf_counter()
        self._ends.append(now)
        if len(self._ends) >= self._read_at or now > self._read_by:
            self._read_and_describe()
        if self._question is not None:
            self._ask(after=self._together)

    @_guarded
    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Complete the epoch; the first one tells how long those are of which nobody knew."""
        self._read()
        self._epoch_steps = self._epoch_steps or self._taken
        self.recorder.record(EpochEnd(time.perf_counter()))
        self._ask(after=0)

    @_guarded
    def on_train_end(self, logs: Logs = None) -> None:
        """Outside of ``fit`` again; steps that it did not take, because it was stopped early, are planned no more."""
        self._fitting = False
        self._look_at_weights(now=True)
        if self._planned:
            self.recorder.record(Resumed(time.perf_counter(), 0))

    @_guarded
    def on_test_begin(self, logs: Logs = None) -> None:
        """Begin a pass."""
        self._read()
        self._active.begin_pass()

    @_guarded
    def on_test_end(self, logs: Logs = None) -> None:
        """Publish the pass, all at once."""
        rows = self._active.read_pass()
        if rows is not None:
            done = Pass(
                split="validation" if self._fitting else self._split,
                at=time.perf_counter(),
                loss=None if rows.losses is None else float(rows.losses[0]),
                steps=rows.steps,
                samples=rows.samples,
                measured=rows.scored[0] if len(rows.scored) == 1 else None,
                nonfinite=rows.nonfinite,
            )
            self.recorder.record(done)

    @_guarded
    def _agree_on_steps(self) -> None:
        """Go back with a model that was restored from an older checkpoint, as the count of its optimizer tells."""
        counted, at_once = _counted(self.model.optimizer)
        if counted is None:
            return
        restarts, position = self.recorder.restarts, self.recorder.position().steps
        if restarts.resumed and restarts.ahead is not None and counted:
            restored = counted + restarts.ahead
            if 0 <= restored <= position - at_once:
                self.recorder.record(RolledBack(restored))
                position = restored
        restarts.resumed, restarts.ahead = False, position - counted

    def _ask(self, after: int) -> None:
        """Ask the canary where it is time; how long that takes is no part of a step."""
        if self._question is not None and self._question.due(after):
            self._read()
            self._question.ask()
            self._resumed = time.perf_counter()

    @_guarded
    def _read_and_describe(self) -> None:
        self._read()
        self._describe()

    def _describe(self) -> None:
        """Say what is trained, once it is built: after a step."""
        if not self._described:
            self._described = True
            self.recorder.describe(describe(self.model))

    @property
    def _active(self) -> GraphProbe:
        assert self._probe is not None  # no hook runs without
        return self._probe

    def _read(self) -> None:
        """Record the steps since the last reading."""
        ends = list(self._ends)
        self._ends.clear()
        began, self._resumed = self._resumed, ends[-1] if ends else self._resumed
        rows, lost = self._active.read_steps()
        if lost:
            error = RuntimeError(f"{lost} steps were overwritten before they were read")
            self.recorder.guard.report("integration", error)
        if rows is not None:  # without an end if fit was interrupted before it called the hook
            at = _spread(np.array(ends or [time.perf_counter()]), began, rows.steps, self._together)
            self.recorder.record(self._steps(rows, at))
            self._taken += rows.steps
        elif ends:  # what they computed is not known, but they were taken
            self.recorder.record(Steps(np.array(ends), None, 0))
        self._read_at = max(1, self._active.room // (2 * self._together))
        self._read_by = time.perf_counter() + READ_EVERY
        if rows is not None:
            self._look_at_weights()

    @_guarded
    def _look_at_weights(self, *, now: bool = False) -> None:
        """Once in a while, and when training ends; how long that takes is no part of a step."""
        found = self._active.weights.look(now=now)
        if found is not None:
            self._resumed = time.perf_counter()
            self.recorder.record(WeightsChecked(self._resumed, found))

    def _before_end(self) -> None:
        """Read the last steps; what fit left behind if it was interrupted is seen, too."""
        self._read()
        if self._fitting:
            self._look_at_weights(now=True)

    def _steps(self, rows: Rows, at: NDArray[np.float64]) -> Steps:
        scalars = {}
        if not np.isnan(rows.rates[-1]):
            scalars["learning_rate"] = rows.rates
        if not rows.norms[-1] < 0:
            scalars["gradient_norm"] = rows.norms
        return Steps(at, rows.losses, rows.samples, rows.scored, self._binned(), rows.nonfinite, scalars)

    def _binned(self) -> Binned | None:
        """What was counted since the last reading."""
        drift = self.recorder.drift
        if drift is None:
            return None
        binned, read = drift.encode(), self._active.read_bins()
        if read is not None:
            bins, infinite = read
            counted = drift.from_counts(bins[:, :-1], int(bins[0].sum()), bins[:, -1])
            binned = replace(counted, infinite=infinite)
        return replace(binned, others=self._active.read_targets())


def fit(
    model: Any,
    recorder: Recorder,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    test_data: Any = None,
    question: CanaryCheck | None = None,
) -> None:
    """``model.fit`` with the callback beside the given ones, then one pass over the test data.

    Args:
        model: A compiled Keras model.
        recorder: The run.
        args: As of ``fit``.
        kwargs: As of ``fit``.
        test_data: ``(x, y)``, ``(x, y, sample_weight)``, or anything that ``evaluate`` takes as ``x``.
        question: A canary that the model is asked while it trains.

    Raises:
        InvalidArgumentError: A tuple of another length.
    """
    test = None if test_data is None else _unpacked(test_data)
    options = inspect.signature(model.fit).bind(*args, **kwargs).arguments
    options["callbacks"] = [
        MonitorCallback(recorder, question=question),
        *_listed(options.get("callbacks")),
    ]
    model.fit(**options)
    if test is not None:
        model.evaluate(
            *test[:2],
            sample_weight=test[2],
            batch_size=options.get("batch_size"),
            verbose=options.get("verbose", "auto"),
            callbacks=[MonitorCallback(recorder, "test")],
        )


def _listed(callbacks: Any) -> list[Any]:
    """Callbacks as ``fit`` takes them: none, one, a list or a ``CallbackList``."""
    if callbacks is None:
        return []
    callbacks = getattr(callbacks, "callbacks", callbacks)
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _unpacked(data: Any) -> tuple[Any, Any, Any]:
    if not isinstance(data, tuple):
        return data, None, None
    if not 2 <= len(data) <= 3:
        raise InvalidArgumentError(
            f"test_data is a tuple of {len(data)}: expected (x, y) or (x, y, sample_weight)"
        )
    return data[0], data[1], data[2] if len(data) == 3 else None


def _probe(model: Any, recorder: Recorder, *, gradients: bool) -> GraphProbe:
    """The probe that watches the model for the run, made anew where it does not fit what is wanted."""
    from traingauge.integrations.keras.plan import TaskHints
    from traingauge.integrations.keras.probe import GraphProbe

    probe = GraphProbe.of(model, recorder)
    if probe is not None:
        if probe.serves(gradients=gradients):
            return probe
        probe.end()
    scores, drift = recorder.scores, recorder.drift
    ignored = scores.ignore_index
    probe = GraphProbe(
        model,
        recorder,
        told=TaskHints(
            scores.task, scores.threshold, scores.from_logits, None if isinstance(ignored, str) else ignored
        ),
        edges=None if drift is None else drift.edges,
        targets={} if drift is None else drift.target_edges,
        gradients=gradients,
        found=functools.partial(_tell, recorder),
        guard=recorder.guard,
    )
    recorder.before_end(probe.end)
    return probe


def _counted(optimizer: Any) -> tuple[int | None, int]:
    """Steps that an optimizer has counted, ``None`` if it does not count each, and how many it counts at once."""
    if optimizer is None or hasattr(optimizer, "inner_optimizer"):  # loss scaling leaves out steps
        return None, 1
    at_once = optimizer.gradient_accumulation_steps or 1
    return int(keras.ops.convert_to_numpy(optimizer.iterations)) * at_once, at_once


def _tell(recorder: Recorder, plan: ScoringPlan) -> None:
    recorder.scores.tell(plan.task, plan.classes or None)


def _spread(ends: NDArray[np.float64], began: float, count: int, together: int) -> NDArray[np.float64]:
    """When each of ``count`` steps ended, spread evenly between the hooks, which see the end of an execution of several.

    >>> _spread(np.array([2.0, 3.0]), 0.0, 3, 2)
    array([1., 2., 3.])
    """
    if count == len(ends):
        return ends
    hooks = np.minimum(np.arange(len(ends) + 1) * together, count)
    hooks[-1] = count  # the last execution of an epoch may be shorter
    return np.asarray(np.interp(np.arange(1, count + 1), hooks, [began, *ends]))
