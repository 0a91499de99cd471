"""How long a step of a TensorFlow graph waits for its batch.

An execution asks its iterator for the first batch when it begins, and for the next one while a step runs. A step begins once
its batch is there and the step before has ended. So what it waits is the time since the step before ended, or since the
execution asked, if it is the first. These moments are noted in the graph, around the function of a step: inside it, where
XLA may compile it, there is no clock.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import tensorflow as tf

from traingauge.integrations.keras.noting_iterators import TWINS, number_of
from traingauge.integrations.keras.variable import variable

#: Steps that may pass between two readings, unless an execution has more.
SLOTS = 1024

#: Where the clock is: a note elsewhere would wait for the device.
_HOST = "CPU:0"

#: The method by which Keras wraps the function of a step.
_WRAPS = "_autoconvert_optionals"


class Notes:
    """A ring of moments in pairs, in seconds of the clock: a step began and ended; or NaN, and an execution asked.

    A step itself touches none of its variables: TensorFlow would order all of the step after what writes them, and with it
    updates that do without the batch. Nor does fetching a batch touch one: then it could not run while a step does.

    Args:
        steps: That may pass between two readings. Each may be an execution.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._pairs = variable(2 * steps, 2, device=_HOST)
        self._written = variable(dtype=tf.int64, device=_HOST)

    def write(self, began: Any, ended: Any) -> None:
        """Inside the graph: put a pair in the place of the oldest."""
        count = tf.raw_ops.ResourceCountUpTo(
            resource=self._written.handle, limit=tf.int64.max, T=tf.int64
        )  # one operation that reads and adds
        where = tf.math.floormod(count, 2 * self.steps)
        tf.raw_ops.ResourceScatterUpdate(
            resource=self._pairs.handle, indices=where, updates=tf.stack([began, ended])
        )

    @property
    def written(self) -> int:
        """Outside of the graph: how many pairs there were."""
        return int(self._written.numpy())

    def read(self, first: int, last: int) -> Any:
        """Outside of the graph: the pairs from one to before another, of those that are still there."""
        places = np.arange(max(first, last - 2 * self.steps), last)
        return self._pairs.numpy()[places % (2 * self.steps)]


class GraphWaits:
    """Notes when the steps of a model begin and end, and when their executions ask for a batch.

    Args:
        guarded: Runs the integration's own work.

    Attributes:
        notes: What was noted.
    """

    def __init__(self, guarded: Callable[[Callable[[], Any]], Any]) -> None:
        self._guarded = guarded
        self.notes = Notes(SLOTS)
        self._number = number_of(self)
        self._twins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self._asks = False  # whether the execution takes its batches from an iterator that notes

    @contextmanager
    def of(self, model: Any) -> Iterator[None]:
        """Within it, the functions that a model makes note their steps."""
        together, wraps = int(model.steps_per_execution), getattr(model, _WRAPS, None)
        if together > self.notes.steps:
            self.notes = Notes(together)
        if wraps is None:  # another Keras
            yield
            return
        model.__dict__[_WRAPS] = lambda step: self._noting(wraps(step))
        try:
            yield
        finally:
            del model.__dict__[_WRAPS]

    def around(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A train function whose executions note when they ask for a batch."""

        @functools.wraps(function)
        def train_function(iterator: Any) -> Any:
            self._asks = type(iterator) in TWINS
            return function(self._twin(iterator) if self._asks else iterator)

        return train_function

    def _twin(self, iterator: Any) -> Any:
        """One over the same data that notes; it lives as long as the other, which owns the data."""
        twin = self._twins.get(iterator)
        if twin is None:
            twin = self._twins[iterator] = TWINS[type(iterator)](iterator, self._number)
        twin.fresh = True  # for a function that runs eagerly: what a compiled one makes of it is
        return twin

    def asked(self) -> list[Any]:
        """Inside the graph: note that an execution asks, before it does."""
        return self._guarded(self._note_asked) or []

    def _note_asked(self) -> list[Any]:
        with tf.device(_HOST):
            now = tf.timestamp()
            self.notes.write(tf.constant(np.nan, tf.float64), now)
        return [now]

    def _noting(self, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The function of a step, between two notes."""

        @functools.wraps(step)
        def noted(batch: Any) -> Any:
            if not self._asks:
                return step(batch)
            began = self._guarded(functools.partial(_now, batch))
            logs = step(batch)
            self._guarded(functools.partial(self._note_step, began, logs))
            return logs

        return noted

    def _note_step(self, began: Any, logs: Any) -> None:
        ended = _now(logs)
        with tf.device(_HOST), tf.control_dependencies([ended]):
            self.notes.write(began, ended)


class WaitsRead:
    """Reads the waits of a model for one watcher.

    Args:
        waits: Those of the model.
    """

    def __init__(self, waits: GraphWaits) -> None:
        self._waits, self._notes, self._read = waits, waits.notes, 0
        self._last = np.full((1, 2), np.nan)

    def take(self) -> list[float]:
        """The waits since the last reading, in seconds; the last of them if there were more than there is room for."""
        found = self._rest()
        if self._notes is not self._waits.notes:
            self._notes, self._read = self._waits.notes, 0
            found += self._rest()
        return found

    def _rest(self) -> list[float]:
        before, self._read = self._read, self._notes.written
        if self._read == before:
            return []
        pairs = self._notes.read(before, self._read)
        if len(pairs) == self._read - before:  # none is missing in between
            pairs = np.concatenate([self._last, pairs])
        self._last = pairs[-1:]
        waits = pairs[1:, 0] - pairs[:-1, 1]
        found: list[float] = waits[~np.isnan(waits)].clip(0).tolist()  # the clock may be set back
        return found


def _now(after: Any) -> Any:
    """Inside the graph: the time when everything of a structure is there."""
    parts = [part for part in tf.nest.flatten(after, expand_composites=True) if tf.is_tensor(part)]
    with tf.device(_HOST), tf.control_dependencies(parts):
        return tf.timestamp()
