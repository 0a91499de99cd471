"""Keras on TensorFlow: values are reduced inside of the graph, and its variables are read once in a while."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.core.events import DataWaits, OfOutput, Pass, Steps
from traingauge.errors import ShapeError
from traingauge.integrations.keras.probe import GraphProbe
from traingauge.integrations.keras.probe import attach as attach_probe
from traingauge.logs import logger
from traingauge.stats.streaming.not_given import NOT_GIVEN

if TYPE_CHECKING:
    from traingauge.integrations.base import Session
    from traingauge.integrations.keras.rows import Rows
    from traingauge.reference.canary import Predict
    from traingauge.stats.drift.binning import Binned

#: A hook at the end of a batch is called in the training thread, and gets logs that nothing has waited for.
HOOKS_AT_END = True


class GraphWatch:
    """Records what a probe in the model's graph has written."""

    def __init__(self, probe: GraphProbe, session: Session) -> None:
        self._probe, self._session = probe, session
        self._together = int(probe.model.steps_per_execution)
        self.steps = 0

    @property
    def before_end(self) -> Callable[[], None] | None:
        """Called before the probe leaves the model."""
        return self._probe.before_end

    @before_end.setter
    def before_end(self, before_end: Callable[[], None] | None) -> None:
        self._probe.before_end = before_end

    @property
    def room(self) -> int:
        """Steps of the ring."""
        return self._probe.room

    def begin_fit(self) -> None:
        """Leave out what was written before."""
        self._probe.skip_steps()

    def read(self, ends: Sequence[float], began: float) -> int:
        """Record the rows that were written since the last reading."""
        rows, lost = self._probe.read_steps()
        if lost:
            error = RuntimeError(f"{lost} steps were overwritten before they were read")
            self._session.guard.report("integration", error)
        if rows is None:
            if ends:  # what they computed is not known, but they were taken
                self._session.record(Steps(np.array(ends), None, 0))
            return 0
        # Without an end if fit was interrupted before it called the hook.
        at = _spread(np.array(ends or [time.perf_counter()]), began, rows.steps, self._together)
        self._session.record(self._event(rows, at))
        waits = self._probe.read_waits()
        if waits:
            self._session.record(DataWaits(waits))
        self.steps += rows.steps
        return rows.steps

    def begin_pass(self) -> None:
        """Forget the last pass."""
        self._probe.begin_pass()

    def end_pass(self, split: str) -> Pass | None:
        """What the graph has added up."""
        rows = self._probe.read_pass()
        if rows is None:
            return None
        outputs = self._probe.read_pass_of_outputs()
        return Pass(
            split=split,
            at=time.perf_counter(),
            loss=None if rows.losses is None or not rows.samples else float(rows.losses[0]),
            steps=rows.steps,
            samples=rows.samples,
            measured=rows.scored[0] if len(rows.scored) == 1 else None,
            nonfinite=_nonfinite(rows, outputs),
            outputs=_events(outputs),
        )

    def look_at_weights(self, *, now: bool = False) -> int | None:
        """Count them once in a while."""
        return self._probe.weights.look(now=now)

    def _event(self, rows: Rows, at: NDArray[np.float64]) -> Steps:
        scalars = dict(rows.logs)
        if not np.isnan(rows.rates[-1]):
            scalars["learning_rate"] = rows.rates
        unknown = rows.norms < 0
        if not unknown.all():
            scalars["gradient_norm"] = np.where(unknown, NOT_GIVEN, rows.norms)
        outputs = self._probe.read_outputs()
        return Steps(
            at,
            rows.losses,
            rows.samples,
            rows.scored,
            self._binned(),
            _nonfinite(rows, outputs),
            scalars,
            _events(outputs),
        )

    def _binned(self) -> Binned | None:
        """What was counted since the last reading."""
        bins = self._session.bins
        if bins is None:
            return None
        counts, infinite = self._probe.read_bins() or (None, None)
        return bins.binned(counts, infinite, self._probe.read_targets())


def _nonfinite(rows: Rows, outputs: Mapping[str, Rows]) -> int:
    """Predictions that were not finite, of all outputs."""
    return rows.nonfinite + sum(one.nonfinite for one in outputs.values())


def _events(outputs: Mapping[str, Rows]) -> list[OfOutput]:
    """What was read of each output, without the losses of steps if one is unknown."""
    return [
        OfOutput(name, () if rows.losses is None else rows.losses, measured=rows.scored)
        for name, rows in outputs.items()
    ]


class CountedSteps:
    """Records the steps that a model's optimizer counts, where what they compute cannot be read.

    Args:
        model: A compiled Keras model.
        session: The run.

    Attributes:
        before_end: Called before the run ends.
        room: Steps that may pass between two readings.
        steps: Steps that were recorded so far.
    """

    room = 1 << 16

    def __init__(self, model: Any, session: Session) -> None:
        self.before_end: Callable[[], None] | None = None
        self._model, self._session = model, session
        self.steps = self._counted = 0
        session.before_end(self.end)

    def end(self) -> None:
        """Have the last steps read."""
        if self.before_end is not None:
            self.before_end()

    def begin_fit(self) -> None:
        """Leave out what was counted before."""
        self._counted = self._count()

    def read(self, ends: Sequence[float], began: float) -> int:
        """Record the steps that were counted since the last reading."""
        before, self._counted = self._counted, self._count()
        taken = self._counted - before
        if taken > 0:
            together = int(self._model.steps_per_execution)
            at = _spread(np.array(ends or [time.perf_counter()]), began, taken, together)
            self._session.record(Steps(at, None, 0))
            self.steps += taken
        return taken

    def begin_pass(self) -> None:
        """Nothing is known of a pass."""

    def end_pass(self, split: str) -> Pass | None:
        """Nothing is known of it."""
        return None

    def look_at_weights(self, *, now: bool = False) -> int | None:
        """They are not looked at."""
        return None

    def _count(self) -> int:
        return int(keras.ops.convert_to_numpy(self._model.optimizer.iterations))


def make_readable(model: Any) -> None:
    """Nothing: they have their values at any time."""


def attach(model: Any, session: Session, *, gradients: bool) -> GraphWatch | CountedSteps:
    """Put a probe into the model's graph, unless a strategy of ``tf.distribute`` keeps it from being read."""
    strategy = model.distribute_strategy
    if strategy.num_replicas_in_sync > 1 and not isinstance(strategy, tf.distribute.MirroredStrategy):
        _say_that_steps_are_counted(type(strategy).__name__)
        return CountedSteps(model, session)
    return GraphWatch(attach_probe(model, session, gradients=gradients), session)


def predictor(model: Any) -> Predict:
    """What gives a model's outputs for a batch, as ``predict`` does, and leaves no trace in it.

    The model is called for inference in a scope in which it reads its own variables, while what it would write, such as the
    state of a random generator or of a recurrent layer, goes nowhere. It is traced once, apart from its own functions.
    """

    def outputs(batch: Any) -> Any:
        with keras.StatelessScope():
            return model(batch, training=False)

    call = outputs if model.run_eagerly else tf.function(outputs)

    def predict(inputs: NDArray[Any]) -> Any:
        try:
            given = call(tf.convert_to_tensor(inputs))
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            raise ShapeError(
                f"model {model.name!r} does not take the canary's inputs of shape {inputs.shape}: {error}"
            ) from error
        return keras.tree.map_structure(keras.ops.convert_to_numpy, given)

    return predict


@functools.cache  # once for each strategy
def _say_that_steps_are_counted(strategy: str) -> None:
    logger.warning(
        "%s of tf.distribute is not supported: steps are counted, but their loss, scores and features are not recorded",
        strategy,
    )


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
