"""How long a step of a TensorFlow graph waits for its batch.

``fit`` hands the iterator over its dataset to the compiled function, which asks it for the batch before the step. So the
time is taken in there: the iterator goes in as one of a class of its own, whose ``get_next`` adds two readings of the clock.

That is the wait of a step where an execution is one step. Of several, TensorFlow fetches the next batch while a step runs,
and how much of that the next step still waits for, no clock around the fetch shows. So these have no waits. Nor have steps
under a strategy of ``tf.distribute``, whose iterators fetch ahead into buffers of their own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import tensorflow as tf
from tensorflow.python.data.ops.iterator_ops import IteratorSpec, OwnedIterator

from traingauge.integrations.keras.variable import variable


class GraphWaits:
    """Takes the time that the step of an execution waits for its batch.

    Args:
        guarded: Runs the integration's own work.
    """

    def __init__(self, guarded: Callable[[Callable[[], Any]], Any]) -> None:
        self._seconds = variable()
        self._forget()
        self._kind = _timed(self._seconds, guarded)
        self._twins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def around(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A train function whose steps have waits where its batches come from a dataset's iterator."""

        @functools.wraps(function)
        def train_function(iterator: Any) -> Any:
            if type(iterator) is OwnedIterator:
                self._known = True
                return function(self._twin(iterator))
            if self._known:  # from here on batches come without an iterator
                self._forget()
            return function(iterator)

        return train_function

    def of_step(self) -> Any:
        """Inside the graph, in a step: the seconds that it waited, a scalar of float64; NaN if that is not known."""
        return tf.identity(self._seconds)

    def _forget(self) -> None:
        self._known = False
        self._seconds.assign(math.nan)

    def _twin(self, iterator: Any) -> Any:
        """One over the same data that is timed; it lives as long as the other, which owns the data."""
        twin = self._twins.get(iterator)
        if twin is None:
            parts = iterator._type_spec._to_components(iterator)
            twin = self._twins[iterator] = self._kind(None, parts, iterator.element_spec)
        return twin


def _timed(seconds: tf.Variable, guarded: Callable[[Callable[[], Any]], Any]) -> type[Any]:
    """A class of iterators that write the time that a batch took.

    Args:
        seconds: Where to.
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
                seconds.assign(tf.timestamp() - began, read_value=False)

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
