"""What is computed inside a Keras model's graph, so that nothing has to leave it every step.

A training step writes one row into a ring variable: its loss, its samples, the predictions that were not finite, and the
counts its scores are made of. The rows of an evaluation pass are added up in another variable, and the bins of the features
are counted in a third. The callback reads them once in a while.

Keras' own logs are not used: they hold the running mean of the epoch, and turning them into numbers waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.classification.counts import Counts
from traingauge.classification.tasks import Task
from traingauge.errors import ReferenceMismatchError, TrainGaugeError
from traingauge.integrations.keras_counts import as_counts, comparable, count_predictions, counts_width
from traingauge.integrations.keras_task import Plan, find_plan

#: Steps the ring holds at least.
SLOTS = 128

# Columns of a row before its counts.
_LOSS, _SAMPLES, _NONFINITE, _COUNTS = range(4)


class Call(NamedTuple):
    """Arguments and result of ``compute_loss`` in the step that is being traced."""

    loss: Any
    x: Any
    y: Any
    y_pred: Any
    sample_weight: Any


class Rows(NamedTuple):
    """Training steps read from the ring; or one pass, added up.

    Attributes:
        rows: How many, n.
        losses: Shape (n,); ``None`` if the model's ``train_step`` never calls ``compute_loss``, so that nothing is known.
        samples: In all of them.
        nonfinite: Predictions that were not finite.
        counts: One a row; ``None`` if nothing is classified.
    """

    rows: int
    losses: NDArray[np.float64] | None
    samples: int
    nonfinite: int
    counts: list[Counts] | None


class Table:
    """A variable of rows, written inside a graph and read outside of it.

    Args:
        slots: Rows it holds.
        find: Finds out what is scored.
    """

    def __init__(self, slots: int, find: Callable[[Call], Plan | None]) -> None:
        self.slots = slots
        self._find = find
        self._plan: Plan | None = None
        self._rows: tf.Variable | None = None
        self._weighted = self._known = False

    def write(self, slot: Any, call: Call | None, samples: Any, *, add: bool = False) -> None:
        """Inside the graph: replace a row by that of a step, or add the step to it."""
        counts, nonfinite = self._settle(call)
        loss = (
            tf.constant(np.nan, tf.float64)
            if call is None
            else tf.cast(tf.reduce_mean(call.loss), tf.float64)
        )
        samples = tf.cast(samples, tf.float64)
        head = tf.stack([loss * samples if add else loss, samples, nonfinite])
        row = [tf.concat([head, counts], axis=0)]
        assert self._rows is not None
        if add:
            self._rows.scatter_nd_add([[slot]], row)
        else:
            self._rows.scatter_nd_update([[slot]], row)

    def read(self, where: NDArray[np.intp]) -> Rows | None:
        """Outside of the graph: the rows of the given slots; ``None`` before the first was written."""
        if self._rows is None:
            return None
        rows = self._rows.numpy()[where]
        plan, weighted = self._plan, self._weighted
        counts = (
            [as_counts(plan, row[_COUNTS:], weighted=weighted) for row in rows] if plan is not None else None
        )
        losses = rows[:, _LOSS] if self._known else None
        return Rows(len(rows), losses, int(rows[:, _SAMPLES].sum()), int(rows[:, _NONFINITE].sum()), counts)

    def clear(self) -> None:
        """Outside of the graph: set every row to 0."""
        if self._rows is not None:
            self._rows.assign(tf.zeros_like(self._rows))

    def _settle(self, call: Call | None) -> tuple[Any, Any]:
        """While tracing: find out what is scored, make the variable for it, and give its counts."""
        self._plan = None if call is None else self._find(call)
        self._known = call is not None
        self._weighted = call is not None and call.sample_weight is not None
        width = _COUNTS + (counts_width(self._plan) if self._plan is not None else 0)
        if self._rows is None or self._rows.shape[1] != width:
            with tf.init_scope():  # a variable outlives the function that is being traced
                self._rows = tf.Variable(tf.zeros([self.slots, width], tf.float64), trainable=False)
        if call is None or self._plan is None:
            return tf.zeros([0], tf.float64), tf.constant(0.0, tf.float64)
        return count_predictions(self._plan, call.y, call.y_pred, call.sample_weight)


class Bins:
    """Counts of the features' bins, written inside a graph.

    Args:
        edges: Shape (F, E); see :mod:`traingauge.drift.binning`.
    """

    def __init__(self, edges: NDArray[np.float64]) -> None:
        self._edges = edges
        features, width = edges.shape
        self._counts = tf.Variable(tf.zeros([features, width + 2], tf.int64), trainable=False)
        self._read = np.zeros((features, width + 2), np.int64)

    def add(self, x: Any) -> None:
        """Inside the graph: count one batch.

        Raises:
            ReferenceMismatchError: Not as many values a sample as the reference has features.
        """
        features, width = self._edges.shape
        if not tf.is_tensor(x):
            raise ReferenceMismatchError(
                f"the model has several inputs and the reference {features} features: give the features to monitor.step"
            )
        if x.shape.rank is None or None in x.shape[1:] or np.prod(x.shape[1:]) != features:
            raise ReferenceMismatchError(
                f"the model's input has shape {tuple(x.shape)} and the reference {features} features: expected (n, …) with "
                f"{features} values a sample"
            )
        values = tf.cast(tf.reshape(x, [-1, features]), tf.float64)
        where = tf.reduce_sum(tf.cast(values[:, :, None] > self._edges, tf.int64), axis=2)
        where = tf.where(tf.math.is_finite(values), where, width + 1)
        flat = where + np.arange(features) * (width + 2)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(flat), flat, features * (width + 2))
        self._counts.assign_add(tf.reshape(counts, [features, width + 2]))

    def read(self) -> NDArray[np.int64]:
        """Outside of the graph: what was counted since the last reading, shape (F, E + 2)."""
        now = self._counts.numpy()
        fresh, self._read = now - self._read, now
        return np.asarray(fresh)


class Probe:
    """Watches one model from inside of its graph.

    Args:
        model: A compiled Keras model on the TensorFlow backend.
        task: What the user says it does, ``None`` to find out.
        threshold: The user's decision threshold, a probability; ``None`` for 0.5.
        edges: Edges of the reference's bins, ``None`` without a reference.
        found: Is told what is scored, once that is known.
        owner: Whom it watches for.
        failed: Is told of errors while a step is traced; the step then runs without being watched.
    """

    def __init__(
        self,
        model: Any,
        *,
        task: Task | None,
        threshold: float | None,
        edges: NDArray[np.float64] | None,
        found: Callable[[Plan], None],
        owner: object,
        failed: Callable[[BaseException], None],
    ) -> None:
        self.model, self.owner = model, owner
        self._task, self._threshold, self._found, self._failed = task, threshold, found, failed
        self._steps = Table(max(SLOTS, 2 * int(model.steps_per_execution)), self._find)
        self._pass = Table(1, self._find)
        self._bins = None if edges is None else Bins(edges)
        self._seen = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._read = 0
        self._call: Call | None = None
        self._install()

    @staticmethod
    def of(model: Any, owner: object) -> Probe | None:
        """The probe that already watches a model for an owner, if there is one."""
        step = model.__dict__.get("train_step")
        while isinstance(probe := getattr(step, "__self__", None), Probe):
            if probe.owner is owner:
                return probe
            step = probe._train_step
        return None

    @property
    def slots(self) -> int:
        """Steps that may pass between two readings."""
        return self._steps.slots

    def read_steps(self) -> tuple[Rows, int] | None:
        """Training steps since the last reading, and how many were overwritten before it; ``None`` if there were none."""
        seen = int(self._seen.numpy())
        fresh = min(seen - self._read, self.slots)
        lost = seen - self._read - fresh
        where = np.arange(seen - fresh, seen) % self.slots
        self._read = seen
        rows = self._steps.read(where) if fresh else None
        return None if rows is None else (rows, lost)

    def read_bins(self) -> NDArray[np.int64] | None:
        """Bins counted since the last reading; ``None`` without a reference."""
        return None if self._bins is None else self._bins.read()

    def begin_pass(self) -> None:
        """Forget the last pass."""
        self._pass.clear()

    def read_pass(self) -> Rows | None:
        """The pass since :meth:`begin_pass`, added up; its loss is the mean a sample."""
        rows = self._pass.read(np.zeros(1, np.intp))
        if rows is None or rows.losses is None or not rows.samples:
            return rows
        return rows._replace(losses=rows.losses / rows.samples)

    # Around the model's own steps

    def _install(self) -> None:
        """Wrap what a step calls, before it is traced; what was traced without us is dropped."""
        model = self.model
        self._compute_loss, self._train_step, self._test_step = (
            model.compute_loss,
            model.train_step,
            model.test_step,
        )
        self._wrappers = {
            "compute_loss": self._watched_compute_loss,
            "train_step": self._watched_train_step,
            "test_step": self._watched_test_step,
        }
        for name, wrapper in self._wrappers.items():
            setattr(model, name, wrapper)
        model.train_function = model.test_function = None

    def remove(self) -> None:
        """Give the model its own steps back, unless somebody has wrapped ours since."""
        own = self.model.__dict__
        if all(own.get(name) == wrapper for name, wrapper in self._wrappers.items()):
            for name in self._wrappers:
                del own[name]
            self.model.train_function = self.model.test_function = None

    def _watched_compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        loss = self._compute_loss(x, y, y_pred, sample_weight, **kwargs)
        self._call = Call(loss, x, y, y_pred, sample_weight)
        return loss

    def _watched_train_step(self, data: Any) -> Any:
        return self._watched(self._train_step, self._write_step, data)

    def _watched_test_step(self, data: Any) -> Any:
        return self._watched(self._test_step, self._write_pass, data)

    def _watched(
        self, step: Callable[[Any], Any], write: Callable[[Call | None, Any], None], data: Any
    ) -> Any:
        self._call = None
        logs = step(data)
        call, self._call = self._call, None
        try:
            write(call, _samples(data))
        except TrainGaugeError:  # a wrong argument, and the first step has not been taken
            raise
        except Exception as error:  # noqa: BLE001 monitoring never breaks training
            self._failed(error)
        return logs

    def _write_step(self, call: Call | None, samples: Any) -> None:
        self._steps.write(tf.math.floormod(self._seen, self.slots), call, samples)
        self._seen.assign_add(1)
        if call is not None and self._bins is not None:
            self._bins.add(call.x)

    def _write_pass(self, call: Call | None, samples: Any) -> None:
        self._pass.write(tf.constant(0), call, samples, add=True)

    def _find(self, call: Call) -> Plan | None:
        plan = find_plan(self.model.loss, call.y, call.y_pred, self._task, self._threshold)
        if plan is None or plan.task == "regression" or not comparable(plan, call.y, call.y_pred):
            return None
        self._found(plan)
        return plan


def _samples(data: Any) -> Any:
    return tf.shape(next(leaf for leaf in tf.nest.flatten(data) if leaf is not None))[0]
