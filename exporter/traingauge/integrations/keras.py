"""Keras: a callback that records ``fit`` and ``evaluate``, and ``fit`` with everything recorded.

The values come from inside of the graph (:mod:`traingauge.integrations.keras_probe`). The callback only notes when steps
ended, and reads the graph's variables when many steps, or a fraction of a second, have passed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import keras
import numpy as np
from numpy.typing import NDArray

from traingauge.errors import ClosedError, InvalidArgumentError, UnsupportedBackendError
from traingauge.events import EpochEnd, Pass, Resumed, Steps
from traingauge.integrations.keras_probe import Probe, Rows
from traingauge.recorder import Recorder

Hook = TypeVar("Hook", bound=Callable[..., None])
Logs = Mapping[str, Any] | None

#: Seconds after which the graph's variables are read, at the next step's end.
READ_EVERY = 0.25


def _never_breaks(hook: Hook) -> Hook:
    """A hook of the callback whose own errors are counted, and that does nothing once the run has ended."""

    @functools.wraps(hook)
    def guarded(self: MonitorCallback, *args: Any, **kwargs: Any) -> None:
        if self.recorder.run.ended is None:
            try:
                hook(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 monitoring never breaks training
                self.recorder.watchdog.failed("integration", error)

    return cast("Hook", guarded)


class MonitorCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Records what a model does in ``fit`` and ``evaluate``; made by :meth:`traingauge.ModelMonitor.keras`.

    It leaves the model's steps wrapped when ``fit`` ends, so that the next ``fit`` need not trace them again; the end of the
    run takes the wrapping off.

    Args:
        recorder: The run.
        split: Where ``evaluate`` outside of ``fit`` belongs: ``validation`` or ``test``.

    Raises:
        UnsupportedBackendError: Keras does not run on TensorFlow.
    """

    #: Keras may dispatch steps without waiting for this callback.
    async_safe = True

    def __init__(self, recorder: Recorder, split: str = "test") -> None:
        super().__init__()
        if keras.backend.backend() != "tensorflow":
            raise UnsupportedBackendError(
                f"Keras runs on {keras.backend.backend()!r}: the callback needs its 'tensorflow' backend; "
                "in a loop of your own, monitor.step(…) takes any framework"
            )
        self.recorder, self._split = recorder, split
        self._fitting = False
        self._first_epoch: int | None = None
        self._ends: list[float] = []
        self._resumed = self._last_read = 0.0
        self._batches = 0
        recorder.at_end(self._read)

    def set_model(self, model: Any) -> None:
        """Keras calls it before it traces anything: the moment to wrap the model's steps.

        Raises:
            ClosedError: The run has ended.
            UnsupportedBackendError: The model is spread over several devices by ``tf.distribute``.
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
        self._probe = _probe(model, self.recorder)
        self._read_at = max(1, self._probe.slots // (2 * int(model.steps_per_execution)))

    @_never_breaks
    def on_train_begin(self, logs: Logs = None) -> None:
        """Leave out the steps of a ``fit`` that was recorded by nobody."""
        self._fitting, self._first_epoch = True, None
        self._ends.clear()
        self._probe.read_steps()

    @_never_breaks
    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """What came before is no part of the epoch's first step."""
        planned = None
        if self._first_epoch is None:
            self._first_epoch = epoch
            if self.params.get("epochs") and self.params.get("steps"):
                planned = (self.params["epochs"] - epoch) * self.params["steps"]
        self._resumed = time.perf_counter()
        self.recorder.record(Resumed(self._resumed, planned))

    @_never_breaks
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Note the time; once in a while, read."""
        now = time.perf_counter()
        self._ends.append(now)
        if len(self._ends) >= self._read_at or now - self._last_read > READ_EVERY:
            self._read()

    @_never_breaks
    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Complete the epoch."""
        self._read()
        self.recorder.record(EpochEnd(time.perf_counter()))

    @_never_breaks
    def on_train_end(self, logs: Logs = None) -> None:
        """Outside of ``fit`` again."""
        self._fitting = False

    @_never_breaks
    def on_test_begin(self, logs: Logs = None) -> None:
        """Begin a pass."""
        self._read()
        self._probe.begin_pass()
        self._batches = 0

    @_never_breaks
    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Count the batches."""
        self._batches = batch + 1

    @_never_breaks
    def on_test_end(self, logs: Logs = None) -> None:
        """Publish the pass, all at once."""
        rows = self._probe.read_pass()
        if rows is not None and rows.samples:
            done = Pass(
                split="validation" if self._fitting else self._split,
                at=time.perf_counter(),
                loss=None if rows.losses is None else float(rows.losses[0]),
                steps=self._batches,
                samples=rows.samples,
                counts=None if rows.counts is None else rows.counts[0],
                nonfinite=rows.nonfinite,
            )
            self.recorder.record(done)

    def _read(self) -> None:
        """Record the steps since the last reading."""
        if not self._ends:
            return
        ends, self._ends = np.array(self._ends), []
        began, self._resumed = self._resumed, float(ends[-1])
        read = self._probe.read_steps()
        if read is not None:
            rows, lost = read
            if lost:
                error = RuntimeError(f"{lost} steps were overwritten before they were read")
                self.recorder.watchdog.failed("integration", error)
            self.recorder.record(self._steps(rows, _spread(ends, began, rows.rows)))
        self._last_read = time.perf_counter()

    def _steps(self, rows: Rows, at: NDArray[np.float64]) -> Steps:
        binned = None
        bins = self._probe.read_bins()
        if bins is not None and self.recorder.drift is not None:
            binned = self.recorder.drift.from_counts(bins[:, :-1], int(bins[0].sum()), bins[:, -1])
        rate = getattr(self.model.optimizer, "learning_rate", None)
        scalars = {} if rate is None else {"learning_rate": float(keras.ops.convert_to_numpy(rate))}
        return Steps(at, rows.losses, rows.samples, rows.counts, binned, rows.nonfinite, scalars)


def fit(
    model: Any, recorder: Recorder, args: tuple[Any, ...], kwargs: Mapping[str, Any], test_data: Any = None
) -> None:
    """``model.fit`` with the callback beside the given ones, then one pass over the test data.

    Args:
        model: A compiled Keras model.
        recorder: The run.
        args: As of ``fit``.
        kwargs: As of ``fit``.
        test_data: ``(x, y)``, ``(x, y, sample_weight)``, or anything that ``evaluate`` takes as ``x``.
    """
    options = dict(kwargs)
    given = options.pop("callbacks", None)
    others = (
        []
        if given is None
        else list(getattr(given, "callbacks", given if hasattr(given, "__iter__") else [given]))
    )
    model.fit(*args, callbacks=[MonitorCallback(recorder), *others], **options)
    if test_data is not None:
        x, y, sample_weight = _unpacked(test_data)
        callbacks = [MonitorCallback(recorder, "test")]
        batch_size, verbose = options.get("batch_size"), options.get("verbose", "auto")
        model.evaluate(
            x, y, batch_size=batch_size, sample_weight=sample_weight, verbose=verbose, callbacks=callbacks
        )


def _unpacked(data: Any) -> tuple[Any, Any, Any]:
    if not isinstance(data, tuple):
        return data, None, None
    if not 2 <= len(data) <= 3:
        raise InvalidArgumentError(
            f"test_data is a tuple of {len(data)}: expected (x, y) or (x, y, sample_weight)"
        )
    return data[0], data[1], data[2] if len(data) == 3 else None


def _probe(model: Any, recorder: Recorder) -> Probe:
    probe = Probe.of(model, recorder)
    if probe is not None and probe.slots >= 2 * int(model.steps_per_execution):
        return probe
    if probe is not None:  # compiled anew, with more steps an execution than its ring has room for
        probe.remove()
    scores, drift = recorder.scores, recorder.drift
    probe = Probe(
        model,
        task=scores.task,
        threshold=scores.threshold,
        edges=None if drift is None else drift.edges,
        found=lambda plan: scores.tell(plan.task, plan.outputs),
        owner=recorder,
        failed=lambda error: recorder.watchdog.failed("integration", error),
    )
    recorder.at_end(probe.remove)
    return probe


def _spread(ends: NDArray[np.float64], began: float, count: int) -> NDArray[np.float64]:
    """When each of ``count`` steps ended, spread evenly between the hooks, which see the end of an execution of several.

    >>> _spread(np.array([2.0, 3.0]), 0.0, 4)
    array([1. , 2. , 2.5, 3. ])
    """
    if count == len(ends):
        return ends
    each = -(-count // len(ends))  # the last execution of an epoch may be shorter
    hooks = np.minimum(np.arange(len(ends) + 1) * each, count)
    return np.asarray(np.interp(np.arange(1, count + 1), hooks, [began, *ends]))
