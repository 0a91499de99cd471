"""Iterators over a TensorFlow dataset that note when an execution asks for its first batch.

A compiled function makes its own iterator of the one that it is called with, by what that says of its type. So each class of
iterators comes with one of types.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakValueDictionary

import tensorflow as tf
from tensorflow.python.data.ops.iterator_ops import IteratorSpec, OwnedIterator
from tensorflow.python.distribute.input_lib import DistributedIterator, DistributedIteratorSpec


class Listener(Protocol):
    """What is of one model."""

    def asked(self) -> list[Any]:
        """Add the note; what it returns has to run before the batch is asked for."""


#: By their numbers. TensorFlow never forgets a class of iterators that it has seen, so there is one for all models, and its
#: objects refer to what is of one model by a number.
_ALL: WeakValueDictionary[int, Listener] = WeakValueDictionary()
_NUMBERS = itertools.count()


def number_of(listener: Listener) -> int:
    """Its number, by which it is found as long as it lives."""
    number = next(_NUMBERS)
    _ALL[number] = listener
    return number


class _Noting:
    """Mixed into a class of iterators.

    Attributes:
        fresh: Whether an execution has not asked yet: true of what a function makes for itself.
    """

    fresh = True
    _number: int

    def get_next(self) -> Any:
        """The next batch."""
        with tf.control_dependencies(self._first()):
            return super().get_next()  # type: ignore[misc]  # of the class that this is mixed into

    def get_next_as_optional(self) -> Any:
        """The next batch, or nothing."""
        with tf.control_dependencies(self._first()):
            return super().get_next_as_optional()  # type: ignore[misc]

    def _first(self) -> list[Any]:
        fresh, self.fresh = self.fresh, False
        return (
            _ALL[self._number].asked() if fresh else []
        )  # it outlives the model's functions, which alone ask


class _Iterator(_Noting, OwnedIterator):  # type: ignore[misc]  # TensorFlow's has no types
    """Over a dataset."""

    def __init__(self, parts: Any, element_spec: Any, number: int) -> None:
        super().__init__(None, parts, element_spec)
        self._number = number

    @property
    def _type_spec(self) -> _Spec:
        return _Spec(self._element_spec, self._number)


class _Spec(IteratorSpec):  # type: ignore[misc]
    def __init__(self, element_spec: Any, number: int) -> None:
        super().__init__(element_spec)
        self._number = number

    @property
    def value_type(self) -> type[_Iterator]:
        return _Iterator

    def _serialize(self) -> tuple[Any, int]:
        return self._element_spec, self._number

    def _from_components(self, parts: Any) -> _Iterator:
        return _Iterator(parts, self._element_spec, self._number)


class _ReplicasIterator(_Noting, DistributedIterator):  # type: ignore[misc]
    """Over the dataset of the replicas of a strategy."""

    @property
    def _type_spec(self) -> _ReplicasSpec:
        return _replicas_spec(super()._type_spec, self._number)


class _ReplicasSpec(DistributedIteratorSpec):  # type: ignore[misc]
    _number = -1  # set once it is made: TensorFlow copies it without what it does not know

    @property
    def value_type(self) -> type[_ReplicasIterator]:
        return _ReplicasIterator

    def _serialize(self) -> tuple[Any, ...]:
        return (*super()._serialize(), self._number)

    def _from_components(self, parts: Any) -> _ReplicasIterator:
        made = object.__new__(_ReplicasIterator)
        made.__dict__.update(super()._from_components(parts).__dict__)
        made._number = self._number
        return made

    def most_specific_common_supertype(self, others: Any) -> _ReplicasSpec | None:
        return self._numbered(super().most_specific_common_supertype(others))

    def _with_tensor_ranks_only(self) -> _ReplicasSpec | None:
        return self._numbered(super()._with_tensor_ranks_only())

    def _without_tensor_names(self) -> _ReplicasSpec | None:
        return self._numbered(super()._without_tensor_names())

    def _numbered(self, made: _ReplicasSpec | None) -> _ReplicasSpec | None:
        if made is not None:
            made._number = self._number
        return made


def _replicas_spec(given: Any, number: int) -> _ReplicasSpec:
    made = _ReplicasSpec(
        given._input_workers,
        given._element_spec,
        given._strategy,
        given._options,
        given._cardinality,
        given._enable_get_next_as_optional,
        given._replica_order,
    )
    made._number = number
    return made


def _twin(iterator: OwnedIterator, number: int) -> _Iterator:
    given = iterator._type_spec
    return _Iterator(given._to_components(iterator), given._element_spec, number)


def _replicas_twin(iterator: DistributedIterator, number: int) -> _ReplicasIterator:
    given = iterator._type_spec
    return _replicas_spec(given, number)._from_components(given._to_components(iterator))


#: By class of iterators, what makes one that notes, over the same data as a given one, for the listener of a number.
TWINS: dict[type, Callable[[Any, int], Any]] = {OwnedIterator: _twin, DistributedIterator: _replicas_twin}
