"""How long a step of a TensorFlow graph waits for its batch.

``fit`` hands the iterator over its dataset to the compiled function, which asks it for the batch before the step. So the
time is taken in there: the iterator goes in as one of a class of its own, whose ``get_next`` adds two readings of the clock.

That is the wait of a step where an execution is one step. Of several, TensorFlow fetches the next batch while a step runs,
and how much of that the next step still waits for, no clock around the fetch shows. So these have no waits. Nor have steps
under a strategy of ``tf.distribute``, whose iterators fetch ahead into buffers of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import tensorflow as tf
from tensorflow.python.data.ops.iterator_ops import IteratorSpec, OwnedIterator

from traingauge.integrations.keras.variable import variable

#: Waits that may pass between two readings: as many as steps.
SLOTS = 1024


class GraphWaits:
    """Takes the time that the step of an execution waits for its batch.

    The step itself touches none of its variables: TensorFlow would order all of the step after what writes them, and with it
    updates that do without the batch.

    Args:
        guarded: Runs the integration's own work.

    Attributes:
        ring: The last waits, in seconds.
        written: How many there were.
    """

    def __init__(self, guarded: Callable[[Callable[[], Any]], Any]) -> None:
        self.ring, self.written = variable(SLOTS), variable(dtype=tf.int64)
        self._kind = _timed(self.ring, self.written, guarded)
        self._twins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def around(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A train function whose steps have waits where its batches come from a dataset's iterator."""

        @functools.wraps(function)
        def train_function(iterator: Any) -> Any:
            return function(self._twin(iterator) if type(iterator) is OwnedIterator else iterator)

        return train_function

    def _twin(self, iterator: Any) -> Any:
        """One over the same data that is timed; it lives as long as the other, which owns the data."""
        twin = self._twins.get(iterator)
        if twin is None:
            parts = iterator._type_spec._to_components(iterator)
            twin = self._twins[iterator] = self._kind(None, parts, iterator.element_spec)
        return twin


class WaitsRead:
    """Reads the waits of a model for one watcher.

    Args:
        waits: Those of the model.
    """

    def __init__(self, waits: GraphWaits) -> None:
        self._waits, self._read = waits, 0

    def take(self) -> list[float]:
        """The waits since the last reading, in seconds; of more than :data:`SLOTS` the last."""
        before, self._read = self._read, int(self._waits.written.numpy())
        if self._read == before:
            return []
        places = np.arange(max(before, self._read - SLOTS), self._read)
        found: list[float] = self._waits.ring.numpy()[places % SLOTS].tolist()
        return found


def _timed(ring: tf.Variable, written: tf.Variable, guarded: Callable[[Callable[[], Any]], Any]) -> type[Any]:
    """A class of iterators that write the time that a batch took.

    Args:
        ring: Where to.
        written: Counts them.
        guarded: Runs the integration's own work.
    """

    class TimedIterator(OwnedIterator):  # type: ignore[misc]  # TensorFlow's has no types
        def get_next(self) -> Any:
            began = guarded(tf.timestamp)
            with tf.control_dependencies([] if began is None else [began]):
                batch = super().get_next()
            guarded(functools.partial(self._write, began, batch))
            return batch

        def _write(self, began: Any, batch: Any) -> None:
            with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
                wait = tf.timestamp() - began
                done = ring.scatter_nd_update([[tf.math.floormod(written, SLOTS)]], [wait])
            with tf.control_dependencies([done]):
                written.assign_add(1, read_value=False)

        @property
        def _type_spec(self) -> TimedSpec:
            return TimedSpec(self.element_spec)

    class TimedSpec(IteratorSpec):  # type: ignore[misc]
        """By which a traced function makes its own iterator of the one that it is called with."""

        @property
        def value_type(self) -> type[TimedIterator]:
            return TimedIterator

        def _from_components(self, components: Any) -> TimedIterator:
            return TimedIterator(None, components, self._element_spec)

    return TimedIterator
