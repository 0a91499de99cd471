"""How long a step of a TensorFlow graph waits for its batch.

``fit`` hands the iterator over its dataset to the compiled function, which asks it for the batch before the step. So the
time is taken in there: the iterator goes in as one of a class of its own, whose ``get_next`` adds two readings of the clock.

That is the wait of a step where an execution is one step. Of several, TensorFlow fetches the next batch while a step runs,
and how much of that the next step still waits for, no clock around the fetch shows. So these have no waits. Nor have steps
under a strategy of ``tf.distribute``, whose iterators fetch ahead into buffers of their own.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

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
        number: By which :data:`_ALL` has it.
        guarded: As given.
        ring: The last waits, in seconds.
        written: How many there were.
    """

    def __init__(self, guarded: Callable[[Callable[[], Any]], Any]) -> None:
        self.number, self.guarded = next(_NUMBERS), guarded
        _ALL[self.number] = self
        self.ring, self.written = variable(SLOTS), variable(dtype=tf.int64)
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
            twin = self._twins[iterator] = _TimedIterator(parts, iterator.element_spec, self.number)
        return twin

    def write(self, began: Any, batch: Any) -> None:
        """Inside the graph: a batch has come that was asked for at this time."""
        with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
            wait = tf.timestamp() - began
            done = self.ring.scatter_nd_update([[tf.math.floormod(self.written, SLOTS)]], [wait])
        with tf.control_dependencies([done]):
            self.written.assign_add(1, read_value=False)


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


#: By their numbers. TensorFlow never forgets a class of iterators that it has seen, so there is one for all models, and its
#: objects refer to what is of one model by a number.
_ALL: WeakValueDictionary[int, GraphWaits] = WeakValueDictionary()
_NUMBERS = itertools.count()


class _TimedIterator(OwnedIterator):  # type: ignore[misc]  # TensorFlow's has no types
    """Writes the time that a batch took."""

    def __init__(self, components: Any, element_spec: Any, number: int) -> None:
        super().__init__(None, components, element_spec)
        self._number = number

    def get_next(self) -> Any:
        waits = _ALL[self._number]  # they outlive the model's functions, which alone ask
        began = waits.guarded(tf.timestamp)
        with tf.control_dependencies([] if began is None else [began]):
            batch = super().get_next()
        waits.guarded(functools.partial(waits.write, began, batch))
        return batch

    @property
    def _type_spec(self) -> _TimedSpec:
        return _TimedSpec(self.element_spec, self._number)


class _TimedSpec(IteratorSpec):  # type: ignore[misc]
    """By which a traced function makes its own iterator of the one that it is called with."""

    def __init__(self, element_spec: Any, number: int) -> None:
        super().__init__(element_spec)
        self._number = number

    @property
    def value_type(self) -> type[_TimedIterator]:
        return _TimedIterator

    def _serialize(self) -> tuple[Any, int]:
        return self._element_spec, self._number

    def _from_components(self, components: Any) -> _TimedIterator:
        return _TimedIterator(components, self._element_spec, self._number)
